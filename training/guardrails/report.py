"""Numbers of a file of scores: `python report.py SCORES.jsonl [MISSES]`. What is measured is said in docs/guardrails.md."""
import collections
import json
import math
import sys


def wilson(hits, of, z=1.96):
    if not of:
        return "-"
    p = hits / of
    middle, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return f"{p:.3f} ({(middle - half) / (1 + z * z / of):.3f}-{(middle + half) / (1 + z * z / of):.3f}) {hits} of {of}"


def auc(attacks, benign):
    import bisect
    benign = sorted(benign)
    return sum(bisect.bisect_left(benign, a) + (bisect.bisect_right(benign, a) - bisect.bisect_left(benign, a)) / 2 for a in attacks) / (len(attacks) * len(benign))


def main(path, misses="0"):
    rows = [json.loads(line) for line in open(path, encoding="utf8")]
    benign = sorted((r["score"] for r in rows if not r["label"]), reverse=True)
    prompts = sorted((r["score"] for r in rows if not r["label"] and r["origin"] == "user"), reverse=True)
    attacks = [r for r in rows if r["label"]]
    print(len(attacks), "attacks,", len(benign), "harmless,", len(prompts), "of them prompts")
    for name, harmless in (("all harmless", benign), ("prompts", prompts)):
        print(f"against {name}: AUC {auc([r['score'] for r in attacks], harmless):.4f}")
        for rate in (0.05, 0.01, 0.001):
            limit = harmless[int(len(harmless) * rate)]
            print(f"  recall at {rate}: {wilson(sum(r['score'] > limit for r in attacks), len(attacks))}  limit {limit:.3f}")
    one, tenth = benign[int(len(benign) * 0.01)], benign[int(len(benign) * 0.001)]
    sources = collections.defaultdict(list)
    for r in rows:
        sources[(r["label"], r["source"])].append(r["score"])
    for (label, source), scores in sorted(sources.items()):
        if label or len(scores) >= 100:
            print(f"  {label} {source:44} {len(scores):6}  above 1 %: {sum(s > one for s in scores) / len(scores):.3f}  0.1 %: {sum(s > tenth for s in scores) / len(scores):.3f}")
    for r in sorted((r for r in rows if not r["label"]), key=lambda r: -r["score"])[: int(misses)]:
        print("FALSE", round(r["score"], 2), r["source"], repr(r["text"][:200]))
    import random
    random.seed(1)
    missed = [r for r in attacks if r["score"] <= one]
    for r in random.sample(missed, min(len(missed), int(misses))):
        print("MISSED", round(r["score"], 2), r["source"], repr(r["text"][:260]))


main(*sys.argv[1:])
