#!/usr/bin/env python3
"""Turns the numbering plans of Google's libphonenumber into one table for `privet-pii`.

    python3 training/phones/build.py METADATA.bin crates/privet-pii/lexicon/phones.bin

METADATA.bin is `src/generated/metadata/metadata.bin` of the crate rlibphonenumber 2.2.15 (Apache-2.0), whose SHA-256 is checked.
It holds, for each country, regular expressions of valid national numbers, of prefixes that are dialled before them, and possible
lengths. What the library makes of a row of digits depends on them alone and on at most 15 digits, so it is an acyclic
automaton over digits: a start for digits behind `+`, and one for digits as they are dialled in each of REGIONS. This program
walks through all states that rows of digits can lead to and writes each different one once.

An answer is 0: none, 1: possible (the length is right), 2: valid. The tests of `privet-pii` compare the table with the library.

File, little endian: u16 number of nodes; u16 start of international numbers; u16 starts of REGIONS, in order; then for each node, which has
only greater numbers than its parents, a u8 with the answer in its two lowest bits and the number of different children above
them; the children, u16 each; for more than one of them, five bytes of ten nibbles that say which digit leads to which.
"""

import functools
import hashlib
import struct
import sys

try:
    from re import _parser as sre
except ImportError:
    import sre_parse as sre

SHA256 = "62362deceaee888d0f7b94ce42b2d429ef71774f8c37c2a61761632b12dc42f2"
# As in `recognizers/phone.rs`: a region, the lengths and the first digits that it is asked about.
REGIONS = [
    ("US", 10, 11, "123456789"), ("GB", 10, 11, "0"), ("FR", 10, 10, "0"), ("DE", 7, 12, "0"), ("IT", 8, 11, "03"),
    ("NL", 10, 10, "0"), ("CH", 10, 10, "0"), ("AU", 10, 10, "0"), ("ES", 9, 9, "6789"), ("PL", 9, 9, "12345678"),
    ("IN", 10, 10, "6789"), ("BR", 10, 11, "123456789"),
]
# ITU-T E.164, section 6.2.1; fewer than seven digits nobody asks about.
FEWEST, MOST = 7, 15
NONE, POSSIBLE, VALID = 0, 1, 2
DESCS = [5, 4, 6, 8, 7, 21, 25, 28]  # premium, toll free, shared cost, voip, personal, pager, uan, voicemail
FIXED, MOBILE, GENERAL = 2, 3, 1


def fields(data):
    """The fields of a protobuf message: number, value."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            size = varint()
            yield key >> 3, data[at:at + size]
            at += size
        else:
            raise ValueError(f"wire type {key & 7}")


def program(pattern):
    """A pattern as instructions of a matcher with priorities."""
    code = []

    def emit(tree):
        for op, arg in tree:
            name = str(op)
            if name == "LITERAL":
                code.append(("digits", frozenset([int(chr(arg))])))
            elif name == "IN":
                digits = set()
                for kind, value in arg:
                    if str(kind) == "LITERAL":
                        digits.add(int(chr(value)))
                    elif str(kind) == "RANGE":
                        digits.update(range(int(chr(value[0])), int(chr(value[1])) + 1))
                    else:
                        digits.update(range(10))
                code.append(("digits", frozenset(digits)))
            elif name == "CATEGORY":
                code.append(("digits", frozenset(range(10))))
            elif name == "BRANCH":
                ends = []
                for i, branch in enumerate(arg[1]):
                    if i + 1 < len(arg[1]):
                        split = len(code)
                        code.append(None)
                        emit(branch)
                        ends.append(len(code))
                        code.append(None)
                        code[split] = ("split", split + 1, len(code))
                    else:
                        emit(branch)
                for end in ends:
                    code[end] = ("jump", len(code))
            elif name == "SUBPATTERN":
                if arg[0] is not None:
                    code.append(("open", arg[0]))
                emit(arg[3])
                if arg[0] is not None:
                    code.append(("close", arg[0]))
            elif name in ("MAX_REPEAT",):
                least, most, body = arg
                for _ in range(least):
                    emit(body)
                splits = []
                for _ in range(min(int(most), MOST + 1) - least):
                    splits.append(len(code))
                    code.append(None)
                    emit(body)
                for split in splits:
                    code[split] = ("split", split + 1, len(code))
            elif name == "AT" and str(arg) == "AT_END":
                code.append(("end", frozenset()))
            else:
                raise ValueError(f"{name} in {pattern}")

    emit(sre.parse(pattern))
    code.append(("match",))
    return tuple(code)


@functools.lru_cache(None)
def compiled(pattern):
    return Pattern(pattern)


class Pattern:
    """Whether a pattern fits digits: a state is the set of places in its program."""

    def __init__(self, pattern):
        self.code = program(pattern)
        self.start = self.close({0})
        self.steps = {}

    def close(self, places):
        todo, seen = list(places), set()
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            op = self.code[at]
            if op[0] == "split":
                todo += op[1:]
            elif op[0] == "jump":
                todo.append(op[1])
            elif op[0] in ("open", "close"):
                todo.append(at + 1)
        return frozenset(p for p in seen if self.code[p][0] in ("digits", "match"))

    def step(self, state, digit):
        key = (state, digit)
        if key not in self.steps:
            self.steps[key] = self.close(
                p + 1 for p in state if self.code[p][0] == "digits" and digit in self.code[p][1])
        return self.steps[key]

    def fits(self, state):
        return any(self.code[p][0] == "match" for p in state)


class Desc:
    def __init__(self, data=b""):
        self.pattern, self.lengths, self.local = None, [], []
        for number, value in fields(data):
            if number == 2:
                text = value.decode()
                if text:
                    assert text.startswith("^(?:") and text.endswith(")$"), text
                    self.pattern = text[4:-2]
            elif number in (9, 10):
                values = [value] if isinstance(value, int) else list(value)
                values = [v - (1 << 64) if v >= 1 << 63 else v for v in values]
                (self.lengths if number == 9 else self.local).extend(values)


class Plan:
    """The numbering plan of a region."""

    def __init__(self, data):
        all_fields = list(fields(data))
        self.one = dict(all_fields)
        text = lambda n: self.one[n].decode() if n in self.one else ""
        bare = lambda s: s[4:-2] if s.startswith("^(?:") else s
        self.id, self.code = text(9), self.one.get(10)
        self.is_main = bool(self.one.get(22))
        self.idd, self.prefix, self.rule = bare(text(11)), bare(text(15)), text(16)
        self.leading = bare(text(23))
        self.general = Desc(self.one.get(GENERAL, b""))
        kinds = DESCS + [FIXED] + ([] if self.one.get(18) else [MOBILE])
        self.descs = [d for d in (Desc(self.one.get(k, b"")) for k in kinds) if d.pattern and d.lengths != [-1]]

    def length(self, count):
        """`local`, `possible`, `short`, `long` or `wrong`."""
        lengths = [v for v in self.general.lengths if v > 0]
        if not lengths:
            return "wrong"
        if count in self.general.local:
            return "local"
        if count < min(lengths):
            return "short"
        if count > max(lengths):
            return "long"
        return "possible" if count in lengths else "wrong"

    # Validity by this plan alone: a state of every description.
    @functools.cached_property
    def machines(self):
        return [compiled(d.pattern) for d in self.descs]

    @functools.cached_property
    def whole(self):
        return compiled(self.general.pattern or "")

    def v_start(self):
        return tuple(m.start for m in self.machines)

    @functools.lru_cache(None)
    def v_step(self, state, digit):
        return tuple(m.step(s, digit) for m, s in zip(self.machines, state))

    def is_valid(self, state, general, count):
        if self.general.lengths and count not in self.general.lengths or not self.whole.fits(general):
            return False
        return any(m.fits(s) and (not d.lengths or count in d.lengths)
                   for m, s, d in zip(self.machines, state, self.descs))


class Country:
    """The plans of one country calling code, and the digits behind it. A state: number of digits, states of the
    general description of the first plan, and for each plan of validity, its general description and leading digits."""

    def __init__(self, plans):
        self.plans, self.main = plans, plans[0]
        self.strips = Strip(self.main.prefix, self.main.rule, self) if self.main.prefix else None

    def n_start(self):
        return (0, self.main.whole.start, tuple(
            (p.v_start(), p.whole.start, self.lead_start(p)) for p in self.plans))

    @staticmethod
    def lead_start(plan):
        if not plan.leading:
            return False
        return compiled(plan.leading).start

    @functools.lru_cache(None)
    def n_step(self, state, digit):
        count, general, plans = state
        after = []
        for plan, (valid, own, lead) in zip(self.plans, plans):
            if isinstance(lead, frozenset):
                machine = compiled(plan.leading)
                lead = machine.step(lead, digit)
                if machine.fits(lead):
                    lead = True
                elif not lead:
                    lead = False
            after.append((plan.v_step(valid, digit), plan.whole.step(own, digit), lead))
        return (count + 1, self.main.whole.step(general, digit), tuple(after))

    def n_answer(self, state):
        count, _, plans = state
        if count < 2 or count > 17:
            return NONE
        for plan, (valid, own, lead) in zip(self.plans, plans):
            is_valid = plan.is_valid(valid, own, count)
            if is_valid or lead is True and len(self.plans) > 1:
                if is_valid:
                    return VALID
                break
        return POSSIBLE if self.main.length(count) in ("possible", "local") else NONE

    def n_general(self, state):
        return self.main.whole.fits(state[1])

    # With the prefix that is dialled before it. A state: of the digits as they are, and of the prefix.
    def start(self):
        return (self.n_start(), self.strips.start() if self.strips else None)

    @functools.lru_cache(None)
    def step(self, state, digit):
        plain, strip = state
        return (self.n_step(plain, digit), self.strips.step(strip, digit) if strip is not None else None)

    def stripped(self, state):
        """The state of the digits without the prefix, or of all of them."""
        plain, strip = state
        kept = self.strips.best(strip) if strip is not None else None
        if kept is None or self.n_general(plain) and not self.n_general(kept):
            return plain
        return kept

    def final(self, state):
        plain = state[0]
        if plain[0] < 2:
            return NONE
        kept = self.stripped(state)
        return self.n_answer(kept if self.main.length(kept[0]) in ("possible", "long") else plain)


class Strip:
    """Digits behind the best match of a pattern at the beginning; `rest` reads them. A thread: place in the program, states of
    what the rule makes of the match so far, of nothing, and which groups are open, closed and not empty."""

    def __init__(self, pattern, rule, rest):
        self.code, self.rest = program(pattern), rest
        self.literal, self.group = "", 0
        if rule:
            self.literal, _, group = rule.partition("$")
            self.group = int(group)
            assert rule == f"{self.literal}${self.group}", rule

    def begin(self):
        return self.rest.n_start()

    def start(self):
        made = self.begin()
        for digit in self.literal:
            made = self.rest.n_step(made, int(digit))
        return self.close([(0, made, frozenset(), frozenset())], None)

    def close(self, threads, best):
        """Threads at digits, in order of priority, and what the best match leaves."""
        kept, seen = [], set()
        todo = list(reversed(threads))
        while todo:
            at, made, opened, filled = todo.pop()
            # INVARIANT: of two threads at one place the first wins, whatever its groups.
            if at in seen:
                continue
            seen.add(at)
            op = self.code[at]
            if op[0] == "split":
                todo += [(op[2], made, opened, filled), (op[1], made, opened, filled)]
            elif op[0] == "jump":
                todo.append((op[1], made, opened, filled))
            elif op[0] == "open":
                todo.append((at + 1, made, opened | {op[1]}, filled))
            elif op[0] == "close":
                todo.append((at + 1, made, opened - {op[1]}, filled))
            elif op[0] == "match":
                return (tuple(kept), self.left(made, filled))
            else:
                kept.append((at, made, opened, filled))
        return (tuple(kept), best)

    def step(self, state, digit):
        threads, best = state
        after = []
        for at, made, opened, filled in threads:
            if digit in self.code[at][1]:
                if self.group in opened:
                    made = self.rest.n_step(made, digit)
                after.append((at + 1, made, opened, filled | opened))
        if best is not None:
            best = self.rest.n_step(best, digit)
        return self.close(after, best)

    def left(self, made, filled):
        """What is left of the digits when the pattern has matched."""
        return made if self.group and 1 in filled else self.begin()

    def best(self, state):
        """What is left of the digits if they end here."""
        for at, made, _, filled in state[0]:
            if self.code[at][0] == "end":
                return self.left(made, filled)
        return state[1]


class Intl:
    """Digits behind `+`."""

    def __init__(self, countries):
        self.countries = countries

    def n_start(self):
        return ("code", 0)

    def n_step(self, state, digit):
        kind, value = state
        if kind in ("none", "zero"):
            return state
        if kind == "code":
            if value == 0 and digit == 0:
                return ("zero", 0)
            value = 10 * value + digit
            if value in self.countries:
                return (value, self.countries[value].start())
            return ("code", value) if value < 100 else ("none", 0)
        return (kind, self.countries[kind].step(value, digit))

    def answer(self, state):
        if state[0] in ("code", "none", "zero"):
            return NONE
        return self.countries[state[0]].final(state[1])


class National:
    """Digits as they are dialled in a region."""

    def __init__(self, plan, country, intl):
        self.plan, self.country, self.intl = plan, country, intl
        self.idd = Strip(plan.idd, "", intl)
        self.calling = str(plan.code)

    def start(self):
        return (self.country.start(), self.idd.start(), self.calling, None)

    def step(self, state, digit):
        plain, idd, calling, inner = state
        idd = self.idd.step(idd, digit)
        if inner is not None:
            inner = self.country.step(inner, digit)
        elif calling and int(calling[0]) == digit:
            calling = calling[1:]
            if not calling:
                inner = self.country.start()
        else:
            calling = None
        return (self.country.step(plain, digit), idd, calling, inner)

    def answer(self, state):
        plain, (_, abroad), _, inner = state
        # No calling code begins with a zero: what stands before it is no prefix then.
        if abroad is not None and abroad[0] != "zero":
            return self.intl.answer(abroad)
        if inner is not None:
            before = plain[0]
            is_long = self.plan.length(before[0]) == "long"
            behind = self.country.stripped(inner)
            if not self.country.n_general(before) and self.country.n_general(behind) or is_long:
                return self.country.n_answer(behind) if is_long else self.country.final(inner)
        return self.country.final(plain)


def main():
    data = open(sys.argv[1], "rb").read()
    assert hashlib.sha256(data).hexdigest() == SHA256, "another metadata"
    plans = [Plan(value) for number, value in fields(data) if number == 1]
    by_code = {}
    for plan in plans:
        if plan.code is not None:
            own = by_code.setdefault(plan.code, [])
            own.insert(0, plan) if plan.is_main else own.append(plan)
    countries = {code: Country(own) for code, own in by_code.items()}
    by_id = {plan.id: plan for plan in plans}
    intl = Intl(countries)

    nodes, known = [], {}
    sys.setrecursionlimit(10000)

    def node(answer, children):
        key = (answer, children)
        if key not in known:
            known[key] = len(nodes)
            nodes.append(key)
        return known[key]

    dead = node(NONE, None)

    def build(step, final, state, depth, fewest, most, memo, first=None):
        key = (state, depth)
        if key in memo:
            return memo[key]
        children = []
        for digit in range(10):
            after = step(state, digit) if depth < most and (depth or first is None or str(digit) in first) else None
            children.append(dead if after is None else build(step, final, after, depth + 1, fewest, most, memo))
        answer = final(state) if depth >= fewest else NONE
        made = dead if answer == NONE and set(children) == {dead} else node(answer, tuple(children))
        memo[key] = made
        return made

    starts = [build(intl.n_step, intl.answer, intl.n_start(), 0, FEWEST, MOST, {})]
    print(f"international: {len(nodes)} nodes", file=sys.stderr)
    for name, fewest, most, first in REGIONS:
        plan = by_id[name]
        national = National(plan, countries[plan.code], intl)
        starts.append(build(national.step, national.answer, national.start(), 0, fewest, most, {}, first))
    print(f"all: {len(nodes)} nodes", file=sys.stderr)

    # Children were made before their parents; turned round, a node has a smaller number than its children.
    last = len(nodes) - 1
    out = struct.pack("<H", len(nodes)) + b"".join(struct.pack("<H", last - s) for s in starts)
    for answer, children in reversed(nodes):
        children = [last - c for c in (children or [dead])]
        different = sorted(set(children))
        out += struct.pack("<B", answer | len(different) << 2)
        out += b"".join(struct.pack("<H", c) for c in different)
        if len(different) > 1:
            places = [different.index(c) for c in children]
            out += bytes(a | b << 4 for a, b in zip(places[::2], places[1::2]))
    open(sys.argv[2], "wb").write(out)
    print(f"{len(out)} bytes", file=sys.stderr)


main()
