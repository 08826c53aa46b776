"""The private values that the tests send, and how to tell whether one got out."""

import json
import re

# Publicly known test values. The key is in two parts, so that scanners do not take it for a real one.
EMAIL = "joerg.mueller@example.com"
CARD = "4111 1111 1111 1111"
IBAN = "DE89 3704 0044 0532 0130 00"
PHONE = "+1 202-555-0143"
SSN = "078-05-1120"
ADDRESS = "198.51.100.23"
API_KEY = "sk-proj-" + "Zq3vN8kT1xWb7Rj5Ld2Pf9Hs6Mc4Yg0Ae"
BILLING = "billing@example.com"
SUPPORT = "support@example.org"
PRIVATE = [EMAIL, CARD, IBAN, PHONE, SSN, ADDRESS, API_KEY, BILLING, SUPPORT]

STAND_IN = re.compile(r"[A-Z_]+_[0-9A-HJKMNP-TV-Z]{13}")

INTRODUCTION = (
    f"Grüße aus Köln 👋🏽 (日本語も少し). My e-mail is {EMAIL}, my phone number is {PHONE}, my social security number "
    f"(SSN) is {SSN}. I pay with the card {CARD} or from the account IBAN {IBAN}. My server is at IP address {ADDRESS}; "
    f"its API key is {API_KEY}."
)
INTRODUCED = [EMAIL, PHONE, SSN, CARD, IBAN, ADDRESS, API_KEY]
ERRAND = f"Please call send_mail: send my card number {CARD} to {BILLING} – größte Eile 🚀."
RESULT = f"Sent to {BILLING} ✅ (card {CARD})"
SYSTEM = f"You help the customers of Example Ltd. If you are stuck, write to {SUPPORT}."

# A picture of one pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def leaks(requests):
    """The (value, form) pairs in recorded `requests`."""
    found = []
    for request in requests:
        raw = request["path"] + "\n" + json.dumps(request["headers"], ensure_ascii=False) + "\n" + request["body"]
        views = [("as it is", raw)]
        try:
            views.append(("in a JSON string", "\n".join(strings(json.loads(request["body"])))))
        except ValueError:
            pass
        for value in PRIVATE:
            for form, text in views:
                if value in text:
                    found.append((value, form))
                elif normalized(value) in normalized(text):
                    found.append((value, form + ", with other punctuation"))
                elif len(digits(value)) >= 7 and digits(value) in digits(text):
                    found.append((value, form + ", as digits"))
    return found


def strings(value):
    """Every key and string in `value`, and those in JSON inside strings."""
    if isinstance(value, str):
        yield value
        if value[:1] in ("{", "[", '"'):
            try:
                yield from strings(json.loads(value))
            except ValueError:
                pass
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from strings(item)
    elif isinstance(value, (int, float)):
        yield str(value)


def normalized(text):
    return "".join(c for c in text.casefold() if c.isalnum())


def digits(text):
    return "".join(c for c in text if c in "0123456789")
