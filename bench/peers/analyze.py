"""`POST /analyze`, asked of Presidio and of Privet with the same bodies.

Presidio's engine runs in this process behind the few lines that its REST service consists of (the package of PyPI has the
engine without the service). Privet is `privet serve` with `[presidio] listen` on a loopback port. Bodies are made up from a
fixed seed: every field of the request, lists of texts, characters outside the BMP, recognisers brought along, and requests
that are wrong in some way.

Three things are compared. *Shape*: status, JSON types and names of all fields, order, and that offsets are code points.
*Contract*: what a field asks for is obeyed; recognisers brought along find the same with the same scores. *Findings*: what
each finds in the same texts; two engines differ there, and the table says how.
"""

import collections
import json
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request

SEED = 20260127
REQUESTS = 1500

VALUES = [
    ("EMAIL_ADDRESS", "ann.lee@example.com"), ("EMAIL_ADDRESS", "müller.j@example.org"), ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("CREDIT_CARD", "5105105105105100"), ("IBAN_CODE", "DE89370400440532013000"), ("IP_ADDRESS", "192.0.2.117"),
    ("IP_ADDRESS", "2001:db8::8a2e:370:7334"), ("PHONE_NUMBER", "+1 202-555-0143"), ("US_SSN", "219-09-9999"),
    ("URL", "https://www.example.com/a?b=1"), ("CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), ("MAC_ADDRESS", "00:00:5e:00:53:01"),
    ("PERSON", "Maria Lopez"), ("PERSON", "John Smith"), ("LOCATION", "Berlin"), ("DATE_TIME", "12 March 2024"),
]
FILLERS = [
    "Please write to", "😀 漢字 then", "The customer", "e\u0301te\u0301 with", "paid with", "\n\nNew paragraph:", "my number is", "\tand also",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "call", "from", "lives in", "on", "badge", "part", "order",
]
BADGE = {
    "name": "Badge", "supported_language": "en", "supported_entity": "BADGE",
    "patterns": [{"name": "badge", "regex": r"\b[B-D]-\d{4}\b", "score": 0.3}, {"name": "long badge", "regex": r"\bBB-(?P<n>\d{6})\b", "score": 0.9}],
}
CITY = {"name": "City list", "supported_language": "en", "supported_entity": "CITY", "deny_list": ["New Ulm", "Ulm", "Köln"], "deny_list_score": 0.8}
FRENCH = dict(BADGE, name="Insigne", supported_language="fr")
OWN = ["B-1234", "c-9876", "BB-123456", "BB-12345", "New Ulm", "Ulm", "Ulmer", "Köln", "köln.", "B-12345"]


def text(chance, own=False):
    """Some fillers and values."""
    pieces = []
    for _ in range(chance.randint(1, 7)):
        pieces.append(chance.choice(FILLERS))
        pieces.append(chance.choice(OWN) if own else chance.choice(VALUES)[1])
    return " ".join(pieces)


def bodies(count):
    """Requests, each with the name of what it is about."""
    chance = random.Random(SEED)
    kinds = sorted({kind for kind, _ in VALUES})
    for _ in range(count):
        body = {"text": text(chance), "language": "en"}
        about = chance.choice([
            "text", "list of texts", "entities", "score_threshold", "allow_list", "allow_list regex", "return_decision_process",
            "correlation_id", "context", "ad_hoc_recognizers", "ad_hoc and list", "all at once",
        ])
        if about in ("list of texts", "ad_hoc and list"):
            body["text"] = [text(chance, about.startswith("ad_hoc")) for _ in range(chance.randint(1, 4))] + [""] * chance.randint(0, 1)
        if about in ("entities", "all at once"):
            body["entities"] = chance.sample(kinds, chance.randint(1, 4)) + ["NO_SUCH_KIND"] * chance.randint(0, 1)
        if about in ("score_threshold", "all at once"):
            body["score_threshold"] = chance.choice([0, 0.3, 0.5, 0.85, 1.0, 1])
        if about in ("allow_list", "all at once"):
            body["allow_list"] = [value for _, value in chance.sample(VALUES, 3)]
            body["allow_list_match"] = "exact"
        if about == "allow_list regex":
            body["allow_list"] = chance.choice([[r"@EXAMPLE\.", "^4111"], [r"\d{4}"], ["(?i)^john", "lopez$"], [""]])
            body["allow_list_match"] = "regex"
            if chance.random() < 0.5:
                body["regex_flags"] = chance.choice([0, 2, 26])
        if about in ("return_decision_process", "all at once"):
            body["return_decision_process"] = chance.random() < 0.8
        if about == "correlation_id":
            body["correlation_id"] = chance.choice(["7b3a", "", None])
        if about == "context":
            body["context"] = chance.choice([["phone"], ["card", "visa"], []])
        if about == "ad_hoc_recognizers":
            body["text"] = text(chance, own=True)
        if about.startswith("ad_hoc"):
            body["ad_hoc_recognizers"] = chance.choice([[BADGE], [CITY], [BADGE, CITY], [FRENCH, CITY]])
            body["entities"] = ["BADGE", "CITY"]
            if chance.random() < 0.4:
                body["return_decision_process"] = True
            if chance.random() < 0.3:
                body["score_threshold"] = chance.choice([0.3, 0.31, 0.8])
            if chance.random() < 0.3:
                body["allow_list"] = ["Ulm"]
        yield about, body


#: Requests that are wrong, or nearly so.
WRONG = [
    {"language": "en"}, {"text": "", "language": "en"}, {"text": [], "language": "en"}, {"text": None, "language": "en"}, {"text": "x"},
    {"text": "x", "language": ""}, {"text": "x", "language": None}, {"text": "x", "language": "en", "entities": ["NO_SUCH_KIND"]},
    {"text": "Ann", "language": "en", "entities": []}, {"text": "Ann", "language": "en", "entities": None},
    {"text": "Ann", "language": "en", "score_threshold": None}, {"text": "x", "language": "en", "unknown": 1},
    {"text": "x", "language": "en", "ad_hoc_recognizers": [{"name": "x", "supported_entity": "X"}]},
    {"text": "x", "language": "en", "ad_hoc_recognizers": [{"name": "x", "deny_list": ["a"]}]},
    {"text": "x", "language": "en", "ad_hoc_recognizers": [{"name": "x", "supported_entity": "X", "deny_list": ["a"], "colour": "red"}]},
    {"text": "x", "language": "en", "ad_hoc_recognizers": [dict(BADGE, patterns=[{"name": "p", "regex": "(", "score": 0.5}])]},
    {"text": "x", "language": "en", "ad_hoc_recognizers": [dict(BADGE, patterns=[{"name": "p", "regex": "x", "score": 7}])]},
    {"text": "x", "language": "en", "ad_hoc_recognizers": [dict(BADGE, patterns=[{"name": "p", "regex": "x"}])]},
    {"text": "x", "language": "en", "ad_hoc_recognizers": [dict(BADGE, patterns=[{"regex": "x", "score": 0.5}])]},
    {"text": "x", "language": "en", "ad_hoc_recognizers": []},
    {"text": "ann@example.com", "language": "en", "allow_list": ["x"], "allow_list_match": "neither"},
    {"text": "ann@example.com", "language": "en", "allow_list": [], "allow_list_match": "neither"},
    {"text": "ann@example.com", "language": "en", "allow_list": ["("], "allow_list_match": "regex"},
    {"text": "x", "language": "en", "score_threshold": "high"}, {"text": 5, "language": "en"}, {"text": "x", "language": "en", "entities": 7},
]


class Presidio:
    """Presidio's engine behind its service's few lines."""

    def __init__(self):
        import presidio
        from presidio_analyzer import BatchAnalyzerEngine
        from presidio_analyzer.analyzer_request import AnalyzerRequest

        self.batch = BatchAnalyzerEngine(presidio.engine())
        self.request = AnalyzerRequest

    def ask(self, body):
        """Status and JSON of the answer."""
        try:
            asked = self.request(json.loads(json.dumps(body)))
            if not asked.text:
                raise Exception("No text provided")
            if not asked.language:
                raise Exception("No language provided")
            is_batch = isinstance(asked.text, list)
            results = self.batch.analyze_iterator(
                texts=asked.text if is_batch else [asked.text], batch_size=8, language=asked.language,
                correlation_id=asked.correlation_id, score_threshold=asked.score_threshold, entities=asked.entities,
                return_decision_process=asked.return_decision_process, ad_hoc_recognizers=asked.ad_hoc_recognizers,
                context=asked.context, allow_list=asked.allow_list, allow_list_match=asked.allow_list_match,
                regex_flags=asked.regex_flags,
            )
            for result in (each for one in results for each in one):
                del result.recognition_metadata
            answer = json.dumps(results if is_batch else results[0], default=lambda o: o.__dict__)
            return 200, json.loads(answer)
        except TypeError as error:
            return 400, {"error": f"Failed to parse /analyze request for AnalyzerEngine.analyze(). {error.args[0]}"}
        except Exception as error:  # noqa: BLE001, as Presidio's service does
            return 500, {"error": str(error.args[0])}


class Privet:
    """`privet serve` on a loopback port."""

    def __init__(self, privet, folder):
        ports = []
        for _ in range(2):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                ports.append(free.getsockname()[1])
        folder.joinpath("privet.toml").write_text(f"""
listen = "127.0.0.1:{ports[0]}"
[keys]
root = {{ file = "{folder}/root.key" }}
[store]
path = "{folder}/privet.sqlite"
spool = "{folder}/spool"
[presidio]
listen = "127.0.0.1:{ports[1]}"
[[providers]]
name = "nobody"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
[[models]]
match = "*"
provider = "nobody"
""")
        self.url = f"http://127.0.0.1:{ports[1]}"
        self.log = folder.joinpath("serve.log").open("w")
        command = [privet, "serve", "--config", str(folder / "privet.toml")]
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                urllib.request.urlopen(self.url + "/health", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("privet serve does not answer: " + folder.joinpath("serve.log").read_text())

    def ask(self, body):
        """Status and JSON of the answer."""
        request = urllib.request.Request(self.url + "/analyze", json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as reply:
            return reply.code, json.load(reply)

    def stop(self):
        """Ends the process."""
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


def type_of(value):
    """The JSON type; whole numbers apart from others."""
    return "bool" if isinstance(value, bool) else type(value).__name__


def shapes(results):
    """Every (field, type) of a list of results."""
    for result in results:
        for key, value in result.items():
            yield key, type_of(value)
            if isinstance(value, dict):
                for inner, deep in value.items():
                    yield f"{key}.{inner}", type_of(deep)


def fields(results):
    """The sets of field names that results have."""
    names = {frozenset(r) for r in results}
    names |= {frozenset(r["analysis_explanation"]) for r in results if r["analysis_explanation"]}
    return names


def broken(body, one_text, results):
    """What a list of results breaks of what was asked."""
    order = [(-r["score"], r["start"], r["start"] - r["end"]) for r in results]
    if order != sorted(order):
        yield "order"
    for r in results:
        if not 0 <= r["start"] < r["end"] <= len(one_text):
            yield "offsets outside the text"
        value = one_text[r["start"] : r["end"]]
        if body.get("entities") and r["entity_type"] not in body["entities"]:
            yield "a kind that was not asked for"
        if r["score"] < (body.get("score_threshold") or 0):
            yield "a score below the threshold"
        if body.get("allow_list_match") != "regex" and value in (body.get("allow_list") or []):
            yield "an allowed value"
        if bool(r["analysis_explanation"]) != bool(body.get("return_decision_process")):
            yield "an explanation that was not asked for, or none"


def pairs(body, theirs, ours):
    """Texts with both lists of results."""
    if isinstance(body["text"], list):
        return list(zip(body["text"], theirs, ours, strict=True))
    return [(body["text"], theirs, ours)]


def count_found(found, theirs, ours):
    """Adds who found what, by kind."""
    for mine, other, side in ((theirs, ours, "Presidio alone"), (ours, theirs, "Privet alone")):
        for r in mine:
            same = [o for o in other if o["entity_type"] == r["entity_type"]]
            if any((o["start"], o["end"]) == (r["start"], r["end"]) for o in same):
                found[r["entity_type"]]["both"] += side == "Presidio alone"
            elif any(o["start"] < r["end"] and r["start"] < o["end"] for o in same):
                found[r["entity_type"]]["both, other ends"] += side == "Presidio alone"
            else:
                found[r["entity_type"]][side] += 1


def compare(privet, folder, requests=REQUESTS):
    """Asks both, and prints what is equal and what is not."""
    presidio = Presidio()
    server = Privet(privet, folder)
    try:
        report(presidio, server, requests)
    finally:
        server.stop()


def report(presidio, server, requests):
    """The comparison proper."""
    asked, other_status, other_frame = collections.Counter(), collections.Counter(), collections.Counter()
    names, types = [set(), set()], [set(), set()]
    breaks = [collections.Counter(), collections.Counter()]
    found = collections.defaultdict(collections.Counter)
    own, own_differs = 0, []
    for about, body in bodies(requests):
        asked[about] += 1
        (status, theirs), (our_status, ours) = presidio.ask(body), server.ask(body)
        if status != our_status:
            other_status[about] += 1
            continue
        if status != 200:
            continue
        is_batch = isinstance(body["text"], list)
        if is_batch and len(theirs) != len(ours):
            other_frame[about] += 1
            continue
        for one_text, a, b in pairs(body, theirs, ours):
            for side, results in enumerate((a, b)):
                names[side] |= fields(results)
                types[side] |= set(shapes(results))
                breaks[side].update(broken(body, one_text, results))
            count_found(found, a, b)
            if about.startswith("ad_hoc"):
                own += 1
                plain = [sorted((r["entity_type"], r["start"], r["end"], round(r["score"], 4)) for r in side) for side in (a, b)]
                if plain[0] != plain[1]:
                    own_differs.append((about, one_text, plain))
    total = sum(asked.values())
    print(f"\n`/analyze`: {total} requests (seed {SEED}): {dict(sorted(asked.items()))}")
    print(f"other status: {sum(other_status.values())} {dict(other_status)}; lists of other lengths: {sum(other_frame.values())}")
    print(f"fields of results and explanations: {'equal' if names[0] == names[1] else [sorted(map(sorted, n)) for n in names]}")
    new = sorted(types[1] - types[0])
    print(f"types: {len(types[0])} pairs of field and type in Presidio's answers; in Privet's alone: {new or 'none'}")
    print(f"broken contracts: Presidio {dict(breaks[0])}, Privet {dict(breaks[1])}")
    print(f"recognisers brought along: {own - len(own_differs)} of {own} texts with equal kinds, places and scores")
    for about, one_text, plain in own_differs[:8]:
        print(f"  {about}: {one_text!r}\n    Presidio {plain[0]}\n    Privet   {plain[1]}")
    errors(presidio, server)
    print("\n| found in the same texts | both | both, other ends | Presidio alone | Privet alone |\n|---|--:|--:|--:|--:|")
    for kind, counts in sorted(found.items()):
        row = [counts[c] for c in ("both", "both, other ends", "Presidio alone", "Privet alone")]
        print(f"| {kind} | " + " | ".join(map(str, row)) + " |", flush=True)


def errors(presidio, server):
    """Requests that are wrong in some way."""
    same_status = same_text = 0
    differences = []
    for body in WRONG:
        (status, theirs), (our_status, ours) = presidio.ask(body), server.ask(body)
        told = status == 200 or (set(ours) == {"error"} and isinstance(ours["error"], str))
        same_status += status == our_status and told
        text_is_same = status == our_status and (status == 200 or theirs == ours)
        same_text += text_is_same
        if not text_is_same:
            differences.append((body, status, theirs, our_status, ours))
    print(f"wrong requests: {same_status} of {len(WRONG)} with the same status and shape, {same_text} with the same text, too")
    for body, status, theirs, our_status, ours in differences:
        shown = theirs.get("error") if isinstance(theirs, dict) else "results"
        our = ours.get("error") if isinstance(ours, dict) else "results"
        print(f"  {json.dumps(body)[:150]}: Presidio {status} {str(shown)[:120]!r}; Privet {our_status} {str(our)[:120]!r}")
