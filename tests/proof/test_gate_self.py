"""Each gate of the proof turns red: copies with a seeded fault, and what Frama-C said of them.

The sources here are small, so that each proof takes a second or two. Run by tests/run proof.
"""
import os
import re
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import gate  # noqa: E402
import mutants  # noqa: E402

GOOD = """#include <stdint.h>
/*@ requires 0 <= a <= 100;
    assigns \\nothing;
    ensures next: \\result == a + 1;
*/
int32_t next(int32_t a);
int32_t next(int32_t a)
{
    return a + 1;
}
"""


class Gate(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, text):
        name = os.path.join(self.folder.name, "x.c")
        with open(name, "w", encoding="utf-8") as f:
            f.write(text)
        return name

    def judge(self, text, wanted=1, *more):
        cmd = [*gate.command(self.file(text), timeout=2), *more]
        return " ".join(gate.judge(cmd, gate.run(cmd), wanted))

    def test_a_proof_passes(self):
        self.assertEqual(self.judge(GOOD), "")

    def test_a_wrong_line_leaves_a_goal_open(self):
        said = self.judge(GOOD.replace("return a + 1", "return a + 2"))
        self.assertIn("goals are open", said)
        self.assertIn("next_ensures_next", said)

    def test_a_run_time_error_is_an_open_goal(self):
        self.assertIn("rte_signed_overflow", self.judge(GOOD.replace("0 <= a <= 100", "0 <= a")))

    def test_contradictory_requires_are_found(self):
        self.assertIn("smoke", self.judge(GOOD.replace("0 <= a <= 100", "a < 0 && a > 100")))

    def test_fewer_goals_than_stored_are_refused(self):
        found = re.search(r"(\d+) goals are proved, 99 were before", self.judge(GOOD, 99))
        self.assertTrue(found)
        n = int(found.group(1))
        self.assertEqual(self.judge(GOOD, n), "")
        self.assertIn("were before", self.judge(GOOD.replace("ensures next: \\result == a + 1;", ""), n))

    def test_smoke_tests_and_run_time_checks_cannot_be_left_out(self):
        for option in ("-wp-smoke-tests", "-wp-rte", "-wp"):
            cmd = [a for a in gate.command("x.c") if a != option]
            self.assertIn(f"{option} is missing in the command", gate.judge(cmd, "", 1))

    def test_the_proof_cannot_be_narrowed(self):
        for option in ("-wp-fct", "-wp-fct=next", "-wp-prop=next", "-wp-prop", "-wp-skip-fct", "-wp-no-rte"):
            self.assertIn(f"{option} narrows the proof", gate.judge([*gate.command("x.c"), option], "", 1))

    def test_a_run_that_ends_early_is_red_though_its_exit_code_may_be_0(self):
        self.assertIn("stands 0 times", self.judge("int f(void) { return }\n"))
        self.assertIn("stands 0 times", " ".join(gate.judge(gate.command("x.c"), "", 1)))

    def test_a_function_without_a_body_is_not_believed(self):
        text = "/*@ assigns \\nothing; ensures \\result == 1; */\nint one(void);\nint f(void);\nint f(void) " \
               "{ return one(); }\n"
        self.assertIn("one is called and its body is not in the proof", gate.hidden(self.file(text))[0])
        self.assertEqual(gate.hidden(self.file(GOOD)), [])

    def test_other_code_for_the_prover_is_found(self):
        text = GOOD.replace("    return a + 1;", "#ifdef __FRAMAC__\n    return a + 1;\n#else\n    return a;\n#endif")
        self.assertIn("other code than the compiler", gate.hidden(self.file(text))[0])

    def test_an_axiom_and_an_admission_are_found(self):
        for more, said in (("/*@ axiomatic X { axiom easy: \\false; } */", "the axiom easy"),
                           ("/*@ axiomatic X { axiom carried_none: \\true; axiom carried_none: \\false; } */", "twice"),
                           ("//@ admit ensures \\false;", "'admit'"),
                           ("/*@ requires admit: \\true; admit requires \\false; */", "'admit'")):
            self.assertIn(said, " ".join(gate.source(self.file(GOOD + more))))
        self.assertEqual(gate.source(self.file(GOOD + "// admit nothing, axiom x\n")), [])

    def test_what_frama_c_warns_of_is_red(self):
        text = GOOD.replace("return a + 1;", "other(); return a + 1;").replace("int32_t next(int32_t a)\n{",
                                                                             "void other(void);\nint32_t next(int32_t a)\n{")
        self.assertIn("Frama-C says", self.judge(text))


class Mutants(unittest.TestCase):
    def test_a_mutant_that_lives_is_seen(self):
        path = mutants.FILES[0]
        text = mutants.read(path)
        self.assertIsNone(mutants.prove(text, path, "offer_ma"))
        weak = re.sub(r"    ensures (exact|broken): [^\n]*-?> \\result == (o->ma|0);\n", "", text)
        self.assertNotEqual(weak, text)
        row = next(r for r in mutants.table() if r[2] == "offer_ma" and r[4] == "constant" and r[6].endswith(": 1;"))
        self.assertIsNotNone(mutants.prove(mutants.mutated(row), path, "offer_ma"))
        self.assertIsNone(mutants.prove(mutants.change(weak, row[2], row[3], row[5], row[6]), path, "offer_ma"))

    def test_a_table_that_is_stale_or_lax_is_refused(self):
        rows = mutants.table()
        self.assertEqual(mutants.faults(rows), [])
        self.assertIn("29 mutants", mutants.faults(rows[1:])[0])
        self.assertIn("29 mutants", mutants.faults(rows[:-1])[0])
        first = next(r for r in rows if not mutants.equivalent(r))
        at = rows.index(first)
        for changed, said in ((first[:5] + ("no such line",) + first[6:], "of another source"),
                              (first[:7] + ("alive",), "neither dead"),
                              (first[:7] + ("equivalent: ?",), "without a reason")):
            self.assertIn(said, " ".join(mutants.faults(rows[:at] + [changed] + rows[at + 1:])))
        lax = [r[:7] + ("equivalent: because it is said to be so",) for r in rows]
        self.assertIn("more than 3", mutants.faults(lax)[0])

    def test_the_draw_follows_the_seed_and_leaves_out_what_changes_nothing(self):
        rows = mutants.table()
        for path in mutants.FILES:
            draws = {tuple(r[1] for r in mutants.draw(rows, path, s)) for s in range(50)}
            self.assertGreater(len(draws), 40)
            self.assertEqual(mutants.draw(rows, path, "a"), mutants.draw(rows, path, "a"))
            self.assertFalse([r for s in range(50) for r in mutants.draw(rows, path, s) if mutants.equivalent(r)])


class Offers(unittest.TestCase):
    def test_another_maker_of_offers_is_found(self):
        self.assertEqual(gate.makers({"control.c": {"envelope_make"}, "bus.c": {"offer_ma"}}), [])
        self.assertTrue(gate.makers({"control.c": {"envelope_make"}, "bus.c": {"envelope_make"}}))
        self.assertTrue(gate.makers({}))

    def test_amps_from_elsewhere_are_found(self):
        with open(os.path.join(gate.ROOT, gate.ENCODER + ".h"), encoding="utf-8") as f:
            header = f.read()
        with open(os.path.join(gate.ROOT, gate.ENCODER + ".c"), encoding="utf-8") as f:
            source = f.read()
        self.assertEqual(gate.amps(header, source), [])
        self.assertTrue(gate.amps(header.replace("uint8_t sign;", "uint8_t sign; int32_t limit_ma;"), source))
        self.assertTrue(gate.amps(header + "\nbool raw_pack(const uint8_t *body, struct frame *out) MUST_CHECK;\n",
                                  source))
        self.assertTrue(gate.amps(header, source.replace("offer_ma(m->offer)", "m->to")))
        self.assertTrue(gate.amps(header, source.replace("(ma / 10)", "(m->to)")))
        self.assertTrue(gate.amps(header, source.replace("body[6] = m->command;", "body[7] = m->sign;")))


class Eva(unittest.TestCase):
    def test_a_run_time_error_is_found(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        name = os.path.join(folder.name, "x.c")
        for index, red in (("i & 3", False), ("i & 7", True)):
            with open(name, "w", encoding="utf-8") as f:
                f.write("extern volatile int any;\nint t[4];\nint eva_main(void);\n"
                        f"int eva_main(void) {{ int i = any; return t[{index}]; }}\n")
            cmd = [*gate.eva_command()[:-3], name]
            said = gate.judge_eva(gate.run(cmd))
            self.assertEqual(bool(said), red, said)

    def test_silence_is_no_success(self):
        self.assertTrue(gate.judge_eva(""))


if __name__ == "__main__":
    unittest.main()
