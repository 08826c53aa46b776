"""Numbers of a file of scores: `python report.py SCORES.jsonl [MISSES]`. What is measured is said in docs/guardrails.md."""
import bisect
import collections
import json
import math
import random
import sys

CATEGORIES = ("hate", "sexual", "violence", "self_harm", "weapons_and_crime")


def wilson(hits, of, z=1.96):
    if not of:
        return "-"
    p = hits / of
    middle, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return f"{p:.3f} ({(middle - half) / (1 + z * z / of):.3f}-{(middle + half) / (1 + z * z / of):.3f}) {hits} of {of}"


def auc(harms, others):
    others = sorted(others)
    return sum(bisect.bisect_left(others, h) + (bisect.bisect_right(others, h) - bisect.bisect_left(others, h)) / 2 for h in harms) / max(1, len(harms) * len(others))


def main(path, misses="0"):
    rows = [json.loads(line) for line in open(path, encoding="utf8")]
    random.seed(1)
    for category in CATEGORIES:
        harms = [r for r in rows if r["is"][category]]
        others = sorted((r["score"][category] for r in rows if r["is"][category] is False), reverse=True)
        limit = {rate: others[int(len(others) * rate)] for rate in (0.001, 0.005, 0.01, 0.05)}
        found = [r for r in harms if r["score"][category] > limit[0.005]]
        print(f"== {category}: {len(harms)} texts of it, {len(others)} others, AUC {auc([r['score'][category] for r in harms], others):.4f}")
        for rate, least in limit.items():
            print(f"   recall at {rate}: {wilson(sum(r['score'][category] > least for r in harms), len(harms))}  limit {least:.4f}")
        false = sum(s > limit[0.005] for s in others)
        precision = len(found) / max(1, len(found) + false)
        recall = len(found) / max(1, len(harms))
        print(f"   at 0.005: precision {wilson(len(found), len(found) + false)}, recall {recall:.3f}, F1 {2 * precision * recall / max(1e-9, precision + recall):.3f}")
        by = collections.defaultdict(list)
        for r in rows:
            if r["is"][category] is not None:
                by[(r["is"][category], r["source"])].append(r["score"][category])
        for (is_harm, source), scores in sorted(by.items(), reverse=True):
            flagged = sum(s > limit[0.005] for s in scores)
            if is_harm or (len(scores) >= 100 and flagged / len(scores) > 0.01):
                print(f"     {'of it' if is_harm else 'other'} {source:36} at 0.005: {wilson(flagged, len(scores))}")
        for r in sorted((r for r in rows if r["is"][category] is False), key=lambda r: -r["score"][category])[: int(misses)]:
            print("   FALSE", round(r["score"][category], 3), r["source"], repr(r["text"][:160]))
        missed = [r for r in harms if r["score"][category] <= limit[0.005]]
        for r in random.sample(missed, min(len(missed), int(misses))):
            print("   MISSED", round(r["score"][category], 3), r["source"], repr(r["text"][:160]))


main(*sys.argv[1:])
