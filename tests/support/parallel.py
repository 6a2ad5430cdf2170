"""Runs the tests of a unittest file side by side, each in a process of its own.

    if __name__ == "__main__":
        parallel.main(__file__)          # all of them; with names as arguments: those, in order

A test that waits for half-minutes of a real bus costs no processor; several may wait at once.
The report has the last lines of unittest, so that tests/run counts it like any other file.
"""
import ast
import concurrent.futures
import dataclasses
import os
import re
import subprocess
import sys
import time
import unittest

TIME_OUT_S = 220


@dataclasses.dataclass
class Result:
    name: str
    word: str  # passed, failed, skipped
    seconds: float
    output: str


def names(path, prefix="test_"):
    """Class.method of each test of a file, in its order."""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read(), path)
    return [f"{c.name}.{m.name}" for c in tree.body if isinstance(c, ast.ClassDef)
            for m in c.body if isinstance(m, ast.FunctionDef) and m.name.startswith(prefix)]


def _one(path, name):
    begin = time.monotonic()
    cmd = [sys.executable, "-W", "ignore::ResourceWarning", os.path.abspath(path), name]
    try:
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=TIME_OUT_S)
        code, output = p.returncode, p.stdout
    except subprocess.TimeoutExpired as e:
        code, output = 1, f"{e.stdout or ''}\nnot done within {TIME_OUT_S} s"
    word = "passed" if code == 0 and re.search(r"^Ran 1 test in", output, re.M) else "failed"
    if word == "passed" and re.search(r"^OK \(.*skipped=", output, re.M):
        word = "skipped"
    return Result(name, word, time.monotonic() - begin, output)


def run(jobs, *tests):
    """tests: (path, name) each; gives their results as they come."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(_one, *t) for t in tests]):
            yield done.result()


def main(path, jobs=6):
    if len(sys.argv) > 1:
        unittest.main(module="__main__", verbosity=2)
    begin, count = time.monotonic(), {"passed": 0, "failed": 0, "skipped": 0}
    for r in run(jobs, *((path, n) for n in names(path))):
        count[r.word] += 1
        print(f"{r.name} ... {r.word} ({r.seconds:.0f} s)", flush=True)
        if r.word == "failed":
            print(r.output, flush=True)
    print(f"Ran {sum(count.values())} tests in {time.monotonic() - begin:.3f}s\n")
    words = [f"failures={count['failed']}"] * (count["failed"] > 0)
    words += [f"skipped={count['skipped']}"] * (count["skipped"] > 0)
    print(("FAILED" if count["failed"] else "OK") + (f" ({', '.join(words)})" if words else ""))
    sys.exit(count["failed"] > 0 or not sum(count.values()))
