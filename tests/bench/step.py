#!/usr/bin/env python3
"""Instructions of one control step, counted by callgrind: the same on every machine of one kind.
See bench.py for the options."""
import re
import subprocess
import sys
import tempfile

from bench import Bench, tool


def instructions(chargers):
    """Instructions of one control_step with so many chargers."""
    with tempfile.NamedTemporaryFile() as out:
        p = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=control_step",
                            f"--callgrind-out-file={out.name}", tool("bench_step"), str(chargers)],
                           capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", p.stderr).group(1)) / int(p.stdout)


def main():
    b = Bench("step", "Instructions of one control step, all chargers charging, three on a circuit.")
    few, many = instructions(3), instructions(64)
    b.figure("3 chargers", few, "instructions")
    b.figure("64 chargers", many, "instructions", baseline=("3 chargers", few))
    b.figure("each of 64 chargers", many / 64, "instructions", baseline=("each of 3", few / 3))
    return b.finish()


if __name__ == "__main__":
    sys.exit(main())
