"""How often findings of each score are right on held-out templates: `python reliability.py NER_FIND WORK`."""
import json
import subprocess
import sys

import numpy as np


def main(binary, work):
    rows = [r for r in map(json.loads, open(f"{work}/dev.jsonl")) if len(r["g"]) == 2]
    lines = "".join(json.dumps(r["t"]) + "\n" for r in rows)
    out = subprocess.run([binary], input=lines.encode(), capture_output=True, check=True).stdout.decode().splitlines()
    seen, same = [], {"STREET_ADDRESS": "LOCATION"}
    for row, line in zip(rows, out):
        for a, b, k, s in json.loads(line):
            hits = [x for x in row["s"] if x[0] < b and a < x[1]]
            if any(x[2] == "IGNORE" for x in hits):
                continue
            seen.append((s, any(same.get(x[2], x[2]) == same.get(k, k) for x in hits), any([a, b, k] == x for x in hits)))
    seen = np.array(seen, float)
    print("score        findings  mean score  right by overlap  exact")
    for low, high in zip((0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99), (0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01)):
        part = seen[(seen[:, 0] >= low) & (seen[:, 0] < high)]
        if len(part):
            print(f"{low:.2f}-{min(high, 1):.2f}  {len(part):8}  {part[:, 0].mean():10.3f}  {part[:, 1].mean():16.3f}  {part[:, 2].mean():5.3f}")


main(*sys.argv[1:])
