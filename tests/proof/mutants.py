"""Mutants of the proved files: small faults that the proof alone has to find.

mutants.py            lists the stored table and whether it still fits the sources
mutants.py --renew    makes 30 for each file anew, tries all, and writes mutants.txt (15 minutes);
                      the reasons of those that change nothing are kept, new ones are left as '?'

A mutant is dead once one goal is open after both provers had 5 s. No test is run on it.
"""
import concurrent.futures
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import gate  # noqa: E402

ROOT = gate.ROOT
TABLE = os.path.join(HERE, "mutants.txt")
FILES = ("bridge/core/envelope.c", "bridge/core/fits.c")
EACH, EQUIVALENT_MAX, TIMEOUT = 30, 3, 5
# Functions under a contract; the rest is no part of the proof.
FUNCTIONS = {
    FILES[0]: "least envelope_limit envelope_make offer_ma offer_stamp_ms".split(),
    FILES[1]: "row_sum share_fits row_fits fits".split(),
}
RELATIONS = ["<=", ">=", "==", "!=", "<", ">"]
FIELDS = [["hardware_ma", "charger_ma", "circuit_ma", "ceiling_ma", "in_force_ma", "want_ma", "floor_ma"],
          ["share_ma", "fixed_ma", "limit_ma"], ["floor_ma", "want_ma"], ["chargers", "rows"], ["->ma", "->stamp_ms"]]


def body(text, function):
    """(first, last) line of the body of a function, without its braces; lines count from 0."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if line == "{" and re.search(r"\b%s\(" % function, " ".join(lines[max(0, i - 2):i])):
            return i + 1, next(k for k in range(i, len(lines)) if lines[k] == "}") - 1
    raise KeyError(function)


def _swaps(line):
    """(operator, changed line) of one line of code."""
    for m in re.finditer(r"(?<![-<>=!])(<=|>=|==|!=|<|>)(?![<>=])", line):
        if line[m.start() - 1:m.start()] == " ":
            for to in RELATIONS:
                if to != m.group():
                    yield "relation", line[:m.start()] + to + line[m.end():]
    for a, b in (("&&", "||"), ("||", "&&"), (" + ", " - "), (" - ", " + "), ("-=", "+="), ("+=", "-="),
                 (" % ", " / "), ("true", "false"), ("false", "true"), ("~", ""), ("AMP", "FLOOR_MA"),
                 ("MA_MAX", "INT32_MAX"), ("INT64_MIN", "0")):
        for m in re.finditer(re.escape(a), line):
            yield "swap", line[:m.start()] + b + line[m.end():]
    for m in re.finditer(r"(?<![\w.])(\d+)(?!\w)", line):
        for to in (int(m.group()) + 1, int(m.group()) - 1):
            yield "constant", line[:m.start()] + str(to) + line[m.end():]
    for group in FIELDS:
        for a in group:
            for m in re.finditer(r"(?<!\w)%s(?!\w)" % re.escape(a), line):
                for b in group:
                    if a != b:
                        yield "field", line[:m.start()] + b + line[m.end():]
    m = re.search(r"\? (.+) : (.+);$", line)
    if m:
        yield "arms", line[:m.start()] + f"? {m.group(2)} : {m.group(1)};"
    m = re.match(r"(\s*)if \((.*)\) \{$", line)
    if m:
        yield "negation", f"{m.group(1)}if (!({m.group(2)})) {{"
    if re.match(r"\s*(?!return|break|int|struct|const)[\w>.\[\]-]+ (=|[-+]=) .*;$", line):
        yield "deletion", re.match(r"\s*", line).group() + ";"


def candidates(path, text):
    """Every mutant that the operators make: (function, line in its body, operator, before, after)."""
    lines = text.split("\n")
    for function in FUNCTIONS[path]:
        first, last = body(text, function)
        note = False
        for i in range(first, last + 1):
            note = note or "/*" in lines[i]
            if not note:
                for operator, after in _swaps(lines[i]):
                    yield function, i - first, operator, lines[i].strip(), after.strip()
            note = note and "*/" not in lines[i]


def change(text, function, offset, before, after):
    """text with this mutant in it; None where the source has become another."""
    lines = text.split("\n")
    try:
        first, last = body(text, function)
    except KeyError:
        return None
    i = first + offset
    if i > last or lines[i].strip() != before:
        return None
    lines[i] = lines[i].replace(before, after)
    return "\n".join(lines)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def compiles(text):
    cmd = ["gcc", "-std=c17", "-Wall", "-I.", "-fsyntax-only", "-xc", "-"]
    return subprocess.run(cmd, cwd=ROOT, input=text, capture_output=True, text=True).returncode == 0


def generate(path):
    """30 of the candidates, the same ones for the same source: sorted by their hash, at most two
    for each place so that they spread."""
    text, out, places = read(path), [], {}
    order = sorted(set(candidates(path, text)), key=lambda c: hashlib.sha256(repr(c).encode()).hexdigest())
    for c in order:
        place = c[:3]
        if places.get(place, 0) < 2 and compiles(change(text, *c[:2], *c[3:])):
            places[place] = places.get(place, 0) + 1
            out.append(c)
        if len(out) == EACH:
            break
    return out


def prove(text, path, function):
    """The first open goal of a changed function, with text as the file path; None: none is open.

    The goals of one function are enough: those that call it rely on its contract, not on its body.
    To leave goals out can only let a mutant live; the gate refuses the option."""
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, os.path.basename(path))
        with open(name, "w", encoding="utf-8") as f:
            f.write(text)
        env = {**os.environ, "FRAMAC_WP_CACHE": "none", "LC_ALL": "C"}
        cmd = [*gate.command(name, TIMEOUT, smoke=False), "-wp-fct", function]
        p = subprocess.Popen(cmd, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
        seen = ""
        try:
            for line in p.stdout:
                seen += line
                found = gate.open_goals(line)
                if found:
                    return found[0]
        finally:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)  # its own session: the provers go with it
            p.stdout.close()
            p.wait()
    m = re.search(r"^\[wp\] Proved goals:\s*(\d+) / (\d+)", seen, re.M)
    if not m:
        raise RuntimeError(f"Frama-C did not get to the end: {seen[-600:]}")
    return None if m.group(1) == m.group(2) else "unnamed"


def table():
    """[(path, number, function, line, operator, before, after, verdict)] of mutants.txt."""
    out = []
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            if line.strip() and line[0] != "#":
                path, number, function, offset, operator, before, after, verdict = line.rstrip("\n").split("\t")
                out.append((path, int(number), function, int(offset), operator, before, after, verdict))
    return out


def equivalent(row):
    return row[7].startswith("equivalent: ")


def mutated(row):
    """The source with this row's fault; None: the table is stale."""
    return change(read(row[0]), row[2], row[3], row[5], row[6])


def faults(rows):
    """What is wrong with a table: sentences."""
    bad = []
    for path in FILES:
        mine = [r for r in rows if r[0] == path]
        if len(mine) != EACH or len({r[2:7] for r in mine}) != EACH:
            bad.append(f"{path}: {len(mine)} mutants, not {EACH} different ones")
        same = sum(map(equivalent, mine))
        if same > EQUIVALENT_MAX:
            bad.append(f"{path}: {same} mutants change nothing, more than {EQUIVALENT_MAX}")
        for r in mine:
            if mutated(r) is None:
                bad.append(f"{path}: mutant {r[1]} is of another source; renew with: tests/proof/mutants.py --renew")
            if not equivalent(r) and not r[7].startswith("dead: "):
                bad.append(f"{path}: mutant {r[1]} is neither dead nor equivalent with a reason: {r[7]}")
            if equivalent(r) and len(r[7]) < 30:
                bad.append(f"{path}: mutant {r[1]} is called equivalent without a reason")
    return bad


def draw(rows, path, seed, n=5):
    """n of the rows of a file that have to die, by a commit's hash."""
    mine = [r for r in rows if r[0] == path and not equivalent(r)]
    return sorted(mine, key=lambda r: hashlib.sha256(f"{seed} {r[1]}".encode()).hexdigest())[:n]


def verdict(job):
    path, number, c, old = job
    goal = prove(change(read(path), *c[:2], *c[3:]), path, c[0])
    row = "\t".join([path, str(number), c[0], str(c[1]), *c[2:], f"dead: {goal}" if goal else old])
    print(row, flush=True)
    return row + "\n"


def renew():
    old = {(r[0], *r[2:7]): r[7] for r in table() if equivalent(r)} if os.path.exists(TABLE) else {}
    jobs = [(path, number, c, old.get((path, *c), "equivalent: ?"))
            for path in FILES for number, c in enumerate(generate(path), 1)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(verdict, jobs))
    with open(TABLE + ".new", "w", encoding="utf-8") as f:
        f.write("# Mutants of the proved files, made by mutants.py --renew. Tabs between: file, number, function,\n"
                "# line of its body, operator, line before, line after, verdict.\n")
        f.writelines(rows)
    os.replace(TABLE + ".new", TABLE)


if __name__ == "__main__":
    if sys.argv[1:] == ["--renew"]:
        renew()
    wrong = faults(table())
    print("\n".join(wrong) or f"{len(table())} mutants, {sum(map(equivalent, table()))} of them change nothing")
    sys.exit(1 if wrong else 0)
