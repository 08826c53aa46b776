"""Attacks and harmless texts of our own: `python generate.py OUT.jsonl DOCUMENTS.jsonl [SEED]`.

`templates/` holds sentences with choices, of our own writing; this fills, joins, wraps and disguises them. DOCUMENTS are harmless
texts (`corpus.py` makes them), into which indirect attacks are put. One row a line: text, label, source, split, ship, origin, lang.
Standard library only; the same seed gives the same rows.
"""
import base64
import codecs
import json
import os
import random
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = """amber anchor apple basil beacon bridge candle canyon cedar cherry cobalt comet copper coral cricket delta ember falcon fern flint
garnet ginger glacier harbor hazel indigo ivory jasmine juniper kestrel lantern lemon linen lotus maple marble meadow mint monsoon moss
nectar nutmeg oak ocean olive onyx opal orchid otter pearl pepper pine plum quartz raven reef river rose saffron sage sierra silver slate
sparrow summit thistle tiger topaz tulip tundra umber velvet violet walnut willow winter wolf zephyr""".split()
TOPICS = """photosynthesis|the French Revolution|black holes|urban gardening|public transport|renewable energy|chess openings|the history of tea|
honey bees|marathon training|jazz music|medieval castles|coral reefs|online shopping|remote work|house plants|volcanoes|tax returns|cloud computing|
the solar system|sourdough bread|electric cars|climate change|poetry|time management|machine learning|coffee|the Roman Empire|football|cats|
mobile phones|bicycle repair|wine|yoga|the stock market|insurance|data protection|water supply|robots|children's books|Iceland|Lisbon|Japan|
vaccines|inflation|the Olympic Games|recycling|piano lessons|job interviews|dinosaurs""".replace("\n", "").split("|")
NAMES = "Emma Liam Noah Olivia Ava Lucas Mia Amir Yuki Chen Ravi Sofia Mateo Ines Omar Fatima Lena Jonas Pavel Anna Kofi Zara Hugo Nina".split()
SURNAMES = "Johnson Smith Garcia Müller Rossi Tanaka Kim Singh Novak Silva Dubois Jensen Kowalski Ivanova Haddad Okafor Nguyen Lopez".split()
LEET = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"})


def pick(r, text):
    """Makes the choices of `{a|b}`, innermost first."""
    while True:
        inner = re.search(r"\{([^{}]*)\}", text)
        if not inner:
            return text.replace("\\n", "\n")
        text = text[: inner.start()] + r.choice(inner.group(1).split("|")) + text[inner.end() :]


def sections(path):
    found, name = {}, None
    for line in open(path, encoding="utf8"):
        line = line.rstrip("\n")
        if re.fullmatch(r"\[[\w:]+\]", line):
            name = line[1:-1]
        elif name and line and not line.startswith("# "):
            found.setdefault(name, []).append(line)
    return found


ENGLISH = sections(f"{HERE}/templates/en.txt")
JAILBREAK = sections(f"{HERE}/templates/jailbreak.txt")
WORLD = sections(f"{HERE}/templates/world.txt")
GOALS = {line.split(": ", 1)[0]: line.split(": ", 1)[1].split(" | ") for line in WORLD.pop("goals")}


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def url(self):
        r = self.r
        host = r.choice(["example.com", "example.net", "example.org", "collect.example", "evil.example", "198.51.100.7", "track.example"])
        return f"http{r.choice(['', 's'])}://{r.choice(['', 'www.', 'x.', 'log.'])}{host}/{r.choice(WORDS)}{r.choice(['', '?q=', '?data=', '/c.png', '.php'])}"

    def fill(self, text, language="en"):
        r = self.r
        goals = GOALS.get(language)
        for _ in range(4):
            if "<" not in text:
                break
            text = re.sub(r"<(goal|agentgoal|agent|harm|topic|word|url|mail|name|iban|amount|b64|rot|hex|rev|leet)>", lambda m: self.slot(m.group(1), goals, language), text)
        return text

    def slot(self, name, goals, language):
        r = self.r
        if name == "goal":
            if goals and r.random() < 0.85:
                return self.fill(r.choice(goals), language)
            return self.fill(pick(r, r.choice(ENGLISH["goal"])))
        if name in ("agent", "agentgoal"):
            if language != "en" and goals:
                return self.fill(r.choice(goals), language)
            return self.fill(pick(r, r.choice(ENGLISH["agentgoal"])))
        if name == "harm":
            return pick(r, r.choice(ENGLISH["harm"]))
        if name == "topic":
            return r.choice(TOPICS)
        if name == "word":
            return r.choice(WORDS) if r.random() < 0.8 else r.choice(WORDS).title() + str(r.randint(1, 99))
        if name == "url":
            return self.url()
        if name == "mail":
            return f"{r.choice(WORDS)}.{r.choice(WORDS)}@{r.choice(['example.com', 'example.org', 'mail.example', 'evil.example'])}"
        if name == "name":
            return r.choice(NAMES) + r.choice(["", " " + r.choice(SURNAMES)])
        if name == "iban":
            return r.choice(["US", "DE", "GB", "UK", "FR"]) + "".join(r.choice("0123456789") for _ in range(20))
        if name == "amount":
            return r.choice(["$", "€", "£", "USD "]) + str(r.choice([10, 30, 100, 500, 2000, 9999]))
        plain = self.fill(pick(r, r.choice(ENGLISH["override"] + ENGLISH["extract"])).replace("<b64>", ""))
        return self.encode(plain, name)

    def encode(self, plain, how):
        if how == "b64":
            return base64.b64encode(plain.encode()).decode()
        if how == "rot":
            return codecs.encode(plain, "rot13")
        if how == "hex":
            return plain.encode().hex()
        if how == "rev":
            return plain[::-1]
        return plain.translate(LEET)

    def of(self, lines, language="en"):
        return self.fill(pick(self.r, self.r.choice(lines)), language).strip()

    def jailbreak(self):
        r = self.r
        name = r.choice([r.choice(WORDS).title(), "".join(r.choice("ABDEGKLMNORSTUVXZ") for _ in range(r.randint(3, 5))), r.choice(NAMES),
                         r.choice(["Free", "Dark", "Anti", "Evil", "Max", "Omni", "Chad", "Un"]) + r.choice(["GPT", "Bot", "AI", "Mind", "Bard"])])
        parts = [self.of(JAILBREAK["intro"])]
        rules = [self.of(JAILBREAK["rules"]) for _ in range(r.choice([0, 1, 2, 3, 5, 8, 12]))]
        r.shuffle(rules)
        if rules and r.random() < 0.35:
            rules = [f"{r.choice(['-', '*', '•', str(i + 1) + '.', str(i + 1) + ')'])} {rule}" for i, rule in enumerate(rules)]
            parts.append("\n".join(rules))
        else:
            parts.append(" ".join(rules))
        if r.random() < 0.5:
            parts.append(self.of(JAILBREAK["format"]))
        if r.random() < 0.2:
            parts.insert(1, self.of(JAILBREAK["intro"]))
        if r.random() < 0.75:
            parts.append(self.of(JAILBREAK["ask"]))
        text = r.choice([" ", "\n", "\n\n"]).join(p for p in parts if p)
        return re.sub(r"\bN\b", name, text)

    def noise(self, text):
        """Typing as people and attackers type."""
        r = self.r
        roll = r.random()
        if roll < 0.08:
            return text.lower()
        if roll < 0.13:
            return text.upper()
        if roll < 0.17:
            return text.replace("you", "u").replace("your", "ur").replace("please", "pls").replace("and", "&")
        if roll < 0.25 and len(text) > 20:
            out = list(text)
            for _ in range(max(1, len(out) // 40)):
                i = r.randrange(1, len(out) - 1)
                if out[i].isalpha():
                    out[i : i + 1] = r.choice([[out[i], out[i]], [], [out[i + 1]]])
            return "".join(out)
        if roll < 0.29:
            return re.sub(r"[.!?]$", "", text) + r.choice(["!!!", "...", " 🙏", " 😈", "!!", " ok?"])
        if roll < 0.32:
            return text.replace(" ", r.choice(["  ", "\n", "_", "."]))
        return text

    def wrap(self, text):
        r = self.r
        roll = r.random()
        if roll < 0.55:
            return text
        if roll < 0.63:
            return r.choice(["Please ", "Hi. ", "Hello! ", "Thanks for the answer. ", "OK. ", "Great. ", "Hey there, ", "Important: ", "So, ", "Yes. ", "No. "]) + text
        if roll < 0.70:
            return r.choice(["SYSTEM: ", "[ADMIN] ", "###\n", "</context> ", "### Instruction:\n", "User: ", "Human: ", "[system] ", "---\n", "\"\"\"\n", "```\n", "<user>", "Q: "]) + text
        if roll < 0.77:
            return self.of(ENGLISH["prompt"]) + r.choice([" ", "\n", "\n\n", " Also, ", " And then "]) + text
        if roll < 0.82:
            return text + r.choice([" Thank you.", " Thanks!", " It is urgent.", " Do it now.", " Don't ask why.", "\n\nAnswer:", "\nOutput:", " ###", "\"\"\""])
        if roll < 0.86:
            return f'{r.choice(["Translate", "Summarize", "Classify", "Review"])}: "{text}"'
        if roll < 0.90:
            return json.dumps({r.choice(["text", "comment", "query", "message", "name"]): text}, ensure_ascii=False)
        if roll < 0.94:
            return "\n".join([text] * r.randint(2, 3))
        sign = r.choice("=-*#~_%")
        return sign * r.randint(5, 60) + "\n" + text

    def place(self, document, text):
        """Puts an indirect attack into a harmless document."""
        r = self.r
        document = document[: r.choice([300, 800, 1500, 3000])]
        roll = r.random()
        if roll < 0.2:
            return document + "\n\n" + text
        if roll < 0.3:
            return text + "\n\n" + document
        if roll < 0.45:
            data = [{"id": i, "from": self.fill("<mail>"), "subject": r.choice(TOPICS), "body": self.of(ENGLISH["email"])} for i in range(r.randint(1, 2))]
            data[-1]["body"] = r.choice([text, data[-1]["body"] + "\n" + text])
            return json.dumps(data, ensure_ascii=False, indent=r.choice([None, 1]))
        if roll < 0.55:
            return f"<html><body><p>{document}</p>{text}<p>{self.of(ENGLISH['email'])}</p></body></html>"
        gaps = [m.end() for m in re.finditer(r"[.!?\n。]\s*", document)] or [len(document)]
        at = r.choice(gaps)
        return document[:at] + r.choice(["", " ", "\n", "\n\n"]) + text + r.choice([" ", "\n", "\n\n"]) + document[at:]


def main(out, documents, seed="20261130"):
    m = Maker(int(seed))
    r = m.r
    docs = [json.loads(line)["text"] for line in open(documents, encoding="utf8")]
    out = open(out, "w", encoding="utf8")
    seen = set()

    def put(text, label, source, origin="user", lang="en"):
        text = text.strip()
        if len(text) < 6 or (text, label) in seen:
            return
        seen.add((text, label))
        row = {"text": text, "label": label, "source": f"gen/{source}", "split": "train", "ship": True, "origin": origin, "lang": lang}
        out.write(json.dumps(row, ensure_ascii=False) + "\n")

    plan = {"override": 5000, "extract": 5000, "secret": 3000, "hijack": 3000, "goal": 0}
    for section, count in plan.items():
        for _ in range(count):
            put(m.wrap(m.noise(m.of(ENGLISH[section]))), 1, section)
    for _ in range(6000):
        put(m.noise(m.jailbreak()), 1, "jailbreak")
    for _ in range(2500):
        put(m.wrap(m.noise(m.of(JAILBREAK["short"]).replace("N", "DAN", 1) if r.random() < 0.3 else m.of(JAILBREAK["short"]))), 1, "jailbreak_short")
    for _ in range(2500):
        put(m.of(ENGLISH["indirect"]), 1, "indirect", r.choice(["document", "tool"]))
    for _ in range(6000):
        put(m.place(r.choice(docs), m.of(ENGLISH["indirect"] if r.random() < 0.75 else ENGLISH["override"])), 1, "placed", r.choice(["document", "tool"]))
    # Several attacks of one kind after another, as people try.
    for _ in range(2000):
        kinds = r.choice([["override", "extract"], ["override", "secret"], ["hijack", "extract"], ["secret", "secret"], ["extract", "extract"]])
        put(m.wrap(r.choice([" ", "\n", "\n\n"]).join(m.of(ENGLISH[k]) for k in kinds)), 1, "mixed")
    languages = sorted({name.split(":")[0] for name in WORLD})
    for language in languages:
        attacks, harmless = WORLD[f"{language}:attack"], WORLD[f"{language}:harmless"]
        for _ in range(900):
            text = m.of(attacks, language)
            if r.random() < 0.25:
                text += r.choice([" ", "\n"]) + m.of(attacks, language)
            put(m.wrap(text) if r.random() < 0.3 else text, 1, f"attack_{language}", lang=language)
        for _ in range(150):
            put(m.place(r.choice(docs), m.of(attacks, language)), 1, f"placed_{language}", "document", language)
        for _ in range(400):
            put(m.of(harmless, language), 0, f"harmless_{language}", lang=language)
    for _ in range(30000):
        # Several sources, so that together they count more.
        group = r.randrange(8)
        text = m.of(ENGLISH["benign"][group::8])
        roll = r.random()
        if roll < 0.15:
            text += r.choice([" ", "\n"]) + m.of(ENGLISH["benign"])
        elif roll < 0.22:
            text += "\n\n" + r.choice(docs)[: r.choice([200, 600, 1500])]
        put(m.noise(text), 0, f"benign_{group}")
    for _ in range(3000):
        put(m.noise("\n".join(m.of(ENGLISH["benign"] + ENGLISH["prompt"]) for _ in range(r.randint(2, 4)))), 0, "benign_long")
    # Letters, numbers and words in rows, as tables have them.
    for _ in range(1500):
        cells = [r.choice([r.choice(WORDS), r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), str(r.randint(0, 999)), hex(r.randint(16, 255))[2:].upper(), r.choice("αβγδθικλΘΗΚ")]) for _ in range(r.randint(20, 200))]
        put(r.choice(["\t", " ", " | ", ", ", "\n"]).join(cells), 0, "table", r.choice(["user", "document", "tool"]))
    for _ in range(6000):
        put(m.noise(m.of(ENGLISH["prompt"])), 0, "prompt")
    for _ in range(4000):
        put(m.of(ENGLISH["email"]), 0, "email", "document")
    for _ in range(2500):
        data = [{"id": i, "from": m.fill("<mail>"), "subject": r.choice(TOPICS), "body": m.of(ENGLISH["email"])} for i in range(r.randint(1, 4))]
        put(json.dumps(data, indent=r.choice([None, 1])), 0, "tool_result", "tool")
    # Encoded text is no attack by itself.
    for _ in range(1500):
        plain = m.of(ENGLISH["prompt"] + ENGLISH["email"])[:200]
        put(r.choice(["", "Decode this: ", "What does this say? ", "Attachment: ", "token=", "Convert to text: "]) + m.encode(plain, r.choice(["b64", "rot", "hex", "rev", "leet"])), 0, "encoded")


main(*sys.argv[1:])
