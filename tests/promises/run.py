"""The promises of docs/safety.md, one row each: NN  sentence ....... passed (k tests).

A promise is shown by every C test named promise_NN_* and every Python test named
test_promise_NN_*, wherever it stands under tests/. One without a test, with a test that was
skipped or that did not run at all, is broken. TWCBRIDGE names the program; the C tests are those
built beside it.
"""
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/support"))
import parallel  # noqa: E402

BUILD = os.path.dirname(os.path.abspath(os.environ.get("TWCBRIDGE", os.path.join(ROOT, "build/twcbridge"))))
WIDTH = 76


def sentences(text):
    """Number -> the bold sentence that begins each row of the list under "What it promises"."""
    part = text.split("## What it promises", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^(\d+)\. \*\*(.+?)\*\*", part, re.M | re.S)
    return {int(n): " ".join(s.split()).rstrip(".") for n, s in rows}


def c_tests():
    """(program, test) of each promise in C."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/*/*.c"))):
        with open(path, encoding="utf-8") as f:
            found = re.findall(r"^static void (promise_\d\d_\w+)\(", f.read(), re.M)
        program = os.path.join(BUILD, os.path.relpath(path, ROOT)[:-2])
        for name in found:
            yield program, name


def run_c(program):
    """Words of the promises of one program by their names, and all that it said."""
    env = dict(os.environ, TEST_FILTER="promise_*", CMOCKA_MESSAGE_OUTPUT="TAP")
    try:
        p = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace", timeout=120, env=env)
    except (OSError, subprocess.TimeoutExpired) as e:
        return {}, str(e)
    words = {}
    for no, name, skip in re.findall(r"^(not )?ok \d+ - (\w+)(.*# SKIP)?", p.stdout, re.M):
        words[name] = "failed" if no else "skipped" if skip else "passed"
    if p.returncode != 0 and "failed" not in words.values():
        words = {name: "failed" for name in words}  # a sanitizer spoke after the last test
    return words, p.stdout


def python_tests():
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/*/test_*.py"))):
        for name in parallel.names(path, "test_promise_"):
            yield path, name


def number(name):
    return int(re.search(r"promise_(\d\d)_", name).group(1))


def all_results():
    """(name, word, output) of every promise's tests."""
    wanted = {}
    for program, name in c_tests():
        wanted.setdefault(program, []).append(name)
    for program, tests in wanted.items():
        words, output = run_c(program)
        for name in tests:
            yield name, words.get(name, "did not run"), output
    for r in parallel.run(6, *python_tests()):
        yield r.name, r.word, r.output


def row(n, sentence, tests):
    bad = [(name, word) for name, word, _ in tests if word != "passed"]
    sentence = sentence if len(sentence) <= WIDTH - 4 else sentence[:WIDTH - 7] + "..."
    verdict = f"passed ({len(tests)} tests)" if tests and not bad else "BROKEN: "
    if not tests:
        verdict += "no test shows it"
    verdict += ", ".join(f"{name} {word}" for name, word in bad)
    return f"{n:02d}  {sentence} {'.' * (WIDTH - len(sentence))} {verdict}"


def main():
    with open(os.path.join(ROOT, "docs/safety.md"), encoding="utf-8") as f:
        promises = sentences(f.read())
    if sorted(promises) != list(range(1, 12)):
        sys.exit(f"docs/safety.md has the promises {sorted(promises)}, not 1 to 11")
    results = list(all_results())
    strangers = sorted({name for name, _, _ in results if number(name) not in promises})
    passed = sum(word == "passed" for _, word, _ in results)
    failed = len(results) - passed + len(strangers)
    for name, word, output in results:
        if word != "passed":
            print(f"---- {name}: {word}\n{output}")
    for name in strangers:
        print(f"{name}: there is no such promise")
    for n, sentence in sorted(promises.items()):
        tests = [r for r in results if number(r[0]) == n]
        failed += not tests
        print(row(n, sentence, tests))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
