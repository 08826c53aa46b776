"""Holds the index of advisories against a second reading of the same OSV data.

    pip install packaging
    python bench/peers/osv_ranges.py OSV.jsonl.gz [PAIRS]

Draws PAIRS (default 300) package versions with a fixed seed: half of them listed or named by an event, half nearby (a patch more or less,
pre- and post-releases). Each is evaluated with the `packaging` library as the OSV schema's "Evaluation" section says, and by
`cargo run --example advisories`. Prints every pair on which the two differ, and the share on which they agree; exit code 1 unless that
is all of them.
"""

import gzip
import json
import random
import re
import subprocess
import sys

from packaging.version import InvalidVersion, Version


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def version(text):
    try:
        return Version(text)
    except InvalidVersion:
        return None


def in_range(asked, events):
    affected = False
    keyed = []
    for event in events:
        ((kind, text),) = event.items()
        at = Version("0.dev0") if text == "0" else version(text)
        if at is not None:
            keyed.append((text != "0", at, kind))
    for is_bounded, at, kind in sorted(keyed, key=lambda one: one[:2]):
        if kind == "introduced" and (not is_bounded or asked >= at):
            affected = True
        elif kind == "fixed" and asked >= at:
            affected = False
        elif kind == "last_affected" and asked > at:
            affected = False
    return affected


def is_affected(advisory, name, text):
    asked = version(text)
    for affected in advisory["affected"]:
        package = affected["package"]
        if package["ecosystem"] != "PyPI" or normal(package["name"]) != name:
            continue
        listed = affected.get("versions", [])
        if text in listed or (asked is not None and any(version(one) == asked for one in listed)):
            return True
        ranges = [one["events"] for one in affected.get("ranges", []) if one["type"] != "GIT"]
        if asked is not None and any(in_range(asked, events) for events in ranges):
            return True
    return False


def neighbours(text):
    parsed = version(text)
    if parsed is None:
        return [text]
    release = list(parsed.release)
    up, down = release[:], release[:]
    up[-1] += 1
    down[-1] = max(0, down[-1] - 1)
    base = ".".join(map(str, release))
    return [".".join(map(str, up)), ".".join(map(str, down)), base + "rc1", base + ".dev1", base + ".post1", base + ".0"]


def main():
    path = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    advisories = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            advisory = json.loads(line)
            if advisory.get("withdrawn"):
                continue
            for affected in advisory["affected"]:
                if affected["package"]["ecosystem"] == "PyPI":
                    advisories.setdefault(normal(affected["package"]["name"]), {})[advisory["id"]] = advisory
    draw = random.Random(20241010)
    pairs = []
    names = sorted(advisories)
    while len(pairs) < count:
        name = draw.choice(names)
        texts = []
        for advisory in advisories[name].values():
            for affected in advisory["affected"]:
                texts += affected.get("versions", [])
                for one in affected.get("ranges", []):
                    if one["type"] != "GIT":
                        texts += [text for event in one["events"] for text in event.values()]
        text = draw.choice(texts)
        if len(pairs) % 2:
            text = draw.choice(neighbours(text))
        pairs.append((name, text))
    asked = "".join(f"{name}\t{text}\n" for name, text in pairs)
    command = ["cargo", "run", "--quiet", "--release", "-p", "privet-supplychain", "--example", "advisories", "--", path]
    ours = subprocess.run(command, input=asked, stdout=subprocess.PIPE, text=True, check=True).stdout
    same = hits = 0
    for (name, text), line in zip(pairs, ours.splitlines(), strict=True):
        ids = set(line.split("\t")[2].split(","))
        # Ours names aliases as well; what is compared is which of the file's advisories are among them.
        found = {one for one in advisories[name] if one in ids}
        wanted = {one for one, advisory in advisories[name].items() if is_affected(advisory, name, text)}
        # Advisories that are aliases of one another are one hit.
        wanted |= {one for one in found if wanted & set(advisories[name][one].get("aliases", []))}
        same += found == wanted
        hits += bool(wanted)
        if found != wanted:
            print(f"{name} {text}: ours {sorted(found)}, by packaging {sorted(wanted)}")
    print(f"{same} of {count} agree; {hits} of them have holes")
    return same != count


if __name__ == "__main__":
    sys.exit(main())
