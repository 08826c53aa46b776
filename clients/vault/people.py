"""Invented people. No two are alike, also from run to run."""

import random
import uuid

CHANCE = random.SystemRandom()
MODES = ["token", "login", "email", "phone", "custom"]
NOWHERE = "00000000-0000-4000-8000-000000000000"


def digits(count):
    return "".join(CHANCE.choice("0123456789") for _ in range(count))


def card_number():
    """An invented card number whose check digit is right."""
    body = "4" + digits(14)
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(body)]
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return body + str(-total % 10)


def luhn_holds(number):
    values = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in values) % 10 == 0


def person(**more):
    """A profile with all four indexed fields and a canary that is in no other."""
    mark = uuid.uuid4().hex[:12]
    return {
        "login": f"ada-{mark}",
        "email": f"ada.{mark}@example.org",
        "phone": f"+4930{digits(8)}",
        "custom": f"legacy-{mark}",
        "first": "Ada",
        "last": f"Canary{mark}",
        **more,
    }


def name(kind):
    """A name for a basis, an activity or an app: a letter, then letters and digits."""
    return f"{kind}{uuid.uuid4().hex[:12]}"


def identity(mode, token, profile):
    """How the person with `token` and `profile` is named in `mode`."""
    return token if mode == "token" else profile[mode]
