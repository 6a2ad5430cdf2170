"""The gate in front of the proof: what is proved, with nothing taken for granted.

judge() looks at a command and what it printed, source() at the annotations of a file, hidden() at
what the prover and the compiler see differently. Each returns sentences; none: it holds.
Frama-C ends with 0 whatever is proved, so its exit code says nothing here.
"""
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# The two that define the sum of a row (fits.c). Nothing else is taken for granted.
AXIOMS = {"carried_none", "carried_next"}
# Functions that only the prover sees, and such that it does not see: the self-test of the start,
# whose failing branches are dead, and what the compiler alone can assert.
PROVER_ONLY, COMPILER_ONLY = {"envelope_monotone"}, {"envelope_self_test"}
# Options that leave goals out or take something for granted.
NARROW = re.compile(r"-wp-(fct|prop|skip-fct|no-\S*|bound-\S*|unalias\S*|dry-run|cache\S*)\b|-wp-prop=|"
                    r"-wp-fct=|-no-wp\S*|-wp-gen|-warn-\S*|-no-warn\S*")
NEEDED = ("-wp", "-wp-rte", "-wp-smoke-tests")
# The box of an offer is read as an offer: its contract says where that is valid.
CASTS = re.compile(r"bridge/core/envelope\.c:\d+: Warning:\s+Cast with incompatible pointers types "
                   r"\(source: (offer_box\*|sint8\*)\) \(target: (sint8\*|offer\*)\)")
ANNOTATION = re.compile(r"/\*@.*?\*/|//@[^\n]*", re.S)


def stored():
    """{file: goals} of goals.txt."""
    with open(os.path.join(HERE, "goals.txt"), encoding="utf-8") as f:
        rows = [line.split() for line in f if line.strip() and line[0] != "#"]
    return {name: int(n) for name, n in rows}


def command(path, timeout=10, smoke=True, jobs=1):
    """Frama-C on one file, from the root. z3 alone does not prove all of it, nor does cvc4."""
    return ["frama-c", "-wp", "-wp-rte", *(["-wp-smoke-tests", "-wp-smoke-timeout", "1"] if smoke else []),
            "-wp-model", "Typed+Cast", "-wp-prover", "z3,cvc4", "-wp-timeout", str(timeout), "-wp-par", str(jobs),
            "-cpp-extra-args=-I.", path]


def judge(cmd, output, wanted):
    """A run of the whole proof of one file, of which at least wanted goals have to be proved."""
    bad = [f"{a} narrows the proof" for a in cmd if NARROW.match(a)]
    bad += [f"{a} is missing in the command" for a in NEEDED if a not in cmd]
    found = re.findall(r"^\[wp\] Proved goals:\s*(\d+) / (\d+)\s*$", output, re.M)
    if len(found) != 1:
        return bad + [f"'Proved goals: N / N' stands {len(found)} times in the output, not once"]
    proved, all_goals = map(int, found[0])
    if proved != all_goals:
        bad.append(f"{all_goals - proved} of {all_goals} goals are open: " + ", ".join(open_goals(output)))
    if proved < wanted:
        bad.append(f"{proved} goals are proved, {wanted} were before (goals.txt)")
    for text in re.findall(r"^\[\S+\](?: \S+)? (?:Warning|User Error|Failure|Error):[^\n]*(?:\n  [^\n]*)*",
                           output, re.M):
        if not CASTS.search(text):
            bad.append("Frama-C says: " + " ".join(text.split()))
    return bad


def open_goals(output):
    """Names of goals, and of smoke tests, that failed."""
    names = re.findall(r"^\[wp\] \[[^]]*\] Goal (\S+)(?! : Valid)(?=\s)", output, re.M)
    names += re.findall(r"^\[wp\] \[Failed\] Smoke-test (\S+)", output, re.M)
    return list(dict.fromkeys(names))


def annotations(path, root=ROOT):
    """The annotations of a file and of the headers of the house that it includes."""
    with open(os.path.join(root, path), encoding="utf-8") as f:
        text = f.read()
    out = "\n".join(ANNOTATION.findall(text))
    for header in re.findall(r'^#include "([^"]+)"', text, re.M):
        out += "\n" + annotations(header, root)
    return out


def source(path, root=ROOT):
    """No axiom but the two of the sum, and nothing admitted."""
    text = annotations(path, root)
    bad = [f"{path}: the axiom {a} is not one of the two that define the sum"
           for a in re.findall(r"\baxiom\s+(\w+)", text) if a not in AXIOMS]
    twice = re.findall(r"\baxiom\s+(\w+)", text)
    bad += [f"{path}: the axiom {a} stands there twice" for a in sorted(set(twice)) if twice.count(a) > 1]
    bad += [f"{path}: '{w}' takes for granted what is to be proved"
            for w in re.findall(r"\b(admit|inductive)\b", text)]
    return bad


def _preprocessed(path, root, *flags):
    cmd = ["gcc", "-E", "-P", "-I.", *flags, path]
    text = subprocess.run(cmd, cwd=root, capture_output=True, text=True, check=True).stdout
    text = re.sub(r"\b_Static_assert\s*\([^;]*;", "", text)
    return re.sub(r"\s+", " ", text)


def _without(text, names):
    """text without the functions of these names. Functions begin after '}' or ';'."""
    for name in names:
        m = re.search(r"(?<=[};]) (?:static )?\w+ %s\s*\([^)]*\) \{" % name, text)
        if not m:
            continue
        depth, end = 1, m.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[:m.start()] + text[end:]
    return re.sub(r"\s+", " ", text).strip()


def hidden(path, root=ROOT):
    """The prover reads what the compiler compiles, but for the functions named above; and what is
    proved calls nothing whose body the prover does not see."""
    prover = _without(_preprocessed(path, root, "-D__FRAMAC__"), PROVER_ONLY)
    compiler = _without(_preprocessed(path, root), COMPILER_ONLY)
    bad = [] if prover == compiler else [f"{path}: the prover reads other code than the compiler"]
    with tempfile.TemporaryDirectory() as folder:
        obj = os.path.join(folder, "x.o")
        subprocess.run(["gcc", "-std=c17", "-I.", "-c", "-o", obj, path], cwd=root, check=True)
        symbols = subprocess.run(["nm", "-u", obj], capture_output=True, text=True, check=True).stdout.split()
    return bad + [f"{path}: {s} is called and its body is not in the proof"
                  for s in symbols if s not in ("U", "_GLOBAL_OFFSET_TABLE_")]


def run(cmd, root=ROOT):
    """What a command printed. No stored result of an earlier run counts."""
    env = {**os.environ, "FRAMAC_WP_CACHE": "none", "LC_ALL": "C"}
    return subprocess.run(cmd, cwd=root, env=env, capture_output=True, text=True).stdout


def eva_command(*more):
    """Frama-C Eva on the codec: codec.c feeds it every byte, every frame and every length."""
    return ["frama-c", "-eva", "-eva-precision", "4", "-eva-auto-loop-unroll", "300", "-eva-no-results", "-main", "eva_main", "-machdep",
            "gcc_x86_64", "-cpp-extra-args=-I.", *more, "tests/proof/codec.c", "bridge/core/twc/frame.c",
            "bridge/core/twc/message.c"]


def judge_eva(output):
    """No alarm, and every statement that there is was reached."""
    bad = [" ".join(a.split()) for a in re.findall(r"^\[eva:alarm\] ([^\n]*(?:\n  [^\n]*)*)", output, re.M)]
    if "  0 alarms generated by the analysis." not in output and not bad:
        bad.append("Eva does not say that there is no alarm: " + output[-400:])
    if not re.search(r"^  \d+ functions? analyzed \(out of \d+\): \d+% coverage\.\n"
                     r"  In (?:these functions|this function), (\d+) statements? reached \(out of \1\)", output, re.M):
        bad.append("Eva did not reach every statement of the codec")
    return bad


# ---- who makes an offer, and what the encoder takes ----

ENCODER = "bridge/core/twc/message_master"


def objects(build):
    """{source: undefined symbols} of what the program is built of; tests are no part of it."""
    out = {}
    for folder, dirs, names in os.walk(build):
        dirs[:] = [d for d in dirs if os.path.join(folder, d) not in (
            os.path.join(build, "tests"), os.path.join(build, "fast"))]
        for name in names:
            if name.endswith(".c.o"):
                r = subprocess.run(["nm", "-u", os.path.join(folder, name)], capture_output=True, text=True,
                                   check=True)
                out[name[:-2]] = set(r.stdout.split())
    return out


def makers(undefined):
    users = sorted(n for n, symbols in undefined.items() if "envelope_make" in symbols)
    return [] if users == ["control.c"] else [f"envelope_make is needed by {users or 'nobody'}, not by control.c alone"]


def amps(header, source_text):
    """The encoder's amps come out of a struct offer: its input has no other place for a number that
    could be amps, and the two bytes of a limit are written from offer_ma() alone."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    fields = re.search(r"struct message_out \{(.*?)\};", text, re.S).group(1)
    known = {"uint8_t type, cmd", "uint8_t command", "uint8_t protocol", "uint16_t from, to", "uint8_t sign",
             "const struct offer *offer", "bool single_charger", "bool stop_allowed"}
    bad = [f"struct message_out has a field that nobody judged: {f}"
           for f in (" ".join(f.split()) for f in fields.split(";")) if f and f not in known]
    public = set(re.findall(r"^(?:bool|int|void|size_t)\s[^;]*?(\w+)\([^;]*\) ?(?:MUST_CHECK)?;", text, re.M))
    if public != {"message_master_pack", "message_master_self_test"}:
        bad.append(f"the encoder's functions are {sorted(public)}")
    code = re.sub(r"/\*.*?\*/", "", source_text, flags=re.S)
    if re.findall(r"\bint32_t ma = [^;]*;|\bma (?:[-+*/%]?=(?!=))[^;]*;", code) != ["int32_t ma = offer_ma(m->offer);"]:
        bad.append("amps of the encoder are not what offer_ma() says")
    if re.findall(r"put16\(body \+ [78][^;]*;|body\[[78]\] = [^;]*;", code) != ["put16(body + 7, (unsigned)(ma / 10));"]:
        bad.append("the limit's bytes are not written once, from the offer")
    return bad
