"""The proofs, the drawn mutants and the codec's run-time errors. Run by tests/run proof."""
import concurrent.futures
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import gate  # noqa: E402
import mutants  # noqa: E402

POOL = concurrent.futures.ThreadPoolExecutor(2)


def seed():
    """The commit's hash draws the mutants; outside of git there is one draw."""
    given = os.environ.get("PROOF_SEED")
    r = subprocess.run(["git", "-C", gate.ROOT, "rev-parse", "HEAD"], capture_output=True, text=True)
    return given or (r.stdout.strip() if r.returncode == 0 else "0")


class Proof(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """The long runs begin at once, two at a time."""
        cls.runs = {path: POOL.submit(gate.run, gate.command(path)) for path in gate.stored()}
        cls.eva = POOL.submit(gate.run, gate.eva_command())

    def holds(self, bad):
        self.assertFalse(bad, "\n" + "\n".join(bad))

    def test_every_goal_of_envelope_and_checker_is_proved(self):
        wanted = gate.stored()
        self.assertEqual(sorted(wanted), sorted(mutants.FILES))
        for path, n in wanted.items():
            with self.subTest(path):
                self.holds(gate.judge(gate.command(path), self.runs[path].result(), n))

    def test_nothing_is_taken_for_granted_but_the_sum_of_a_row(self):
        found = set()
        for path in mutants.FILES:
            self.holds(gate.source(path))
            found |= set(re.findall(r"\baxiom\s+(\w+)", gate.annotations(path)))
        self.assertEqual(found, gate.AXIOMS)

    def test_the_prover_reads_what_the_compiler_compiles(self):
        for path in mutants.FILES:
            self.holds(gate.hidden(path))

    def test_the_table_of_mutants_is_whole(self):
        self.holds(mutants.faults(mutants.table()))

    def test_five_mutants_of_each_file_die_by_proof(self):
        rows = mutants.table()
        drawn = [r for path in mutants.FILES for r in mutants.draw(rows, path, seed())]
        self.assertEqual(len(drawn), 10)
        goals = POOL.map(lambda r: mutants.prove(mutants.mutated(r), r[0], r[2]), drawn)
        for row, goal in zip(drawn, goals):
            with self.subTest(f"{row[0]} {row[1]}"):
                self.assertIsNotNone(goal, f"it lives: {row[5]}  ->  {row[6]}")

    def test_what_changes_nothing_stays_proved_under_the_same_time_out(self):
        """Else a mutant could die of a slow machine."""
        rows = [next(r for r in mutants.table() if r[0] == path and mutants.equivalent(r))
                for path in mutants.FILES]
        for goal in POOL.map(lambda r: mutants.prove(mutants.mutated(r), r[0], r[2]), rows):
            self.assertIsNone(goal)

    def test_the_codec_has_no_run_time_error_whatever_arrives(self):
        self.holds(gate.judge_eva(self.eva.result()))

    def test_control_alone_makes_offers_and_the_encoder_takes_nothing_else(self):
        objects = gate.objects(os.path.dirname(os.path.abspath(os.environ["TWCBRIDGE"])))
        self.holds(gate.makers(objects))
        with open(os.path.join(gate.ROOT, gate.ENCODER + ".h"), encoding="utf-8") as f:
            header = f.read()
        with open(os.path.join(gate.ROOT, gate.ENCODER + ".c"), encoding="utf-8") as f:
            self.holds(gate.amps(header, f.read()))


if __name__ == "__main__":
    unittest.main()
