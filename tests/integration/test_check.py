# SPDX-License-Identifier: MIT
"""The command line without a bus: check, schema, version, help.

Runs the program $TWCBRIDGE (default: build/twcbridge) on the files of tests/data/settings.
"""
import json
import os
import subprocess
import tempfile
import unittest

import jsonschema

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROGRAM = os.environ.get("TWCBRIDGE", os.path.join(TOP, "build", "twcbridge"))
SMALLEST = (
    '{"mqtt":{"url":"mqtt://127.0.0.1:1883"},"circuits":[{"name":"garage","limit_a":32}],'
    '"buses":[{"port":"/dev/ttyUSB0","circuit":"garage"}]}'
)


def run(*args):
    return subprocess.run(
        [PROGRAM, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
    )


def cases(name):
    """(name, text of the file, sentences) of each block."""
    with open(os.path.join(TOP, "tests", "data", "settings", name), encoding="utf-8") as f:
        blocks = f.read().split("\n## ")[1:]
    for block in blocks:
        title, _, rest = block.partition("\n")
        lines = rest.splitlines(keepends=True)
        wanted = [line[3:].rstrip("\n") for line in lines if line.startswith("=> ")]
        text = "".join(line for line in lines if not line.startswith("=> "))
        yield title, text, wanted


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "settings.json")

    def check(self, text, *args):
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text)
        return run("check", *args, self.file)

    def test_every_malformed_file_is_refused_in_these_words(self):
        n = 0
        for title, text, wanted in cases("bad.txt"):
            with self.subTest(title):
                done = self.check(text)
                errors = [
                    line
                    for line in done.stderr.splitlines()
                    if not line.startswith(self.file + ": warning: ")
                ]
                self.assertEqual(errors, [f"{self.file}: {w}" for w in wanted])
                self.assertEqual(done.returncode, 64)
                self.assertEqual(done.stdout, "")
                self.assertNotIn("hunter2", done.stderr)
                n += 1
        self.assertGreaterEqual(n, 20)

    def test_every_unwise_file_is_taken_with_these_warnings(self):
        for title, text, wanted in cases("unwise.txt"):
            with self.subTest(title):
                done = self.check(text)
                self.assertEqual(
                    done.stderr.splitlines(), [f"{self.file}: warning: {w}" for w in wanted]
                )
                self.assertEqual(done.returncode, 0)
                self.assertTrue(done.stdout.startswith(f"{self.file}: ok\n"))
                self.assertNotIn("hunter2", done.stdout)

    def test_the_summary_names_limits_and_buses(self):
        done = self.check(SMALLEST)
        self.assertIn("circuit garage: at most 32 A on each phase", done.stdout)
        self.assertIn("/dev/ttyUSB0", done.stdout)

    def test_a_missing_file_is_66(self):
        done = run("check", self.file)
        self.assertEqual(done.returncode, 66)
        self.assertEqual(done.stderr, f"{self.file}: there is no such file\n")
        self.assertEqual(done.stdout, "")

    def test_no_port_is_opened(self):
        os.mkfifo(os.path.join(os.path.dirname(self.file), "port"))
        port = os.path.join(os.path.dirname(self.file), "port")
        done = self.check(SMALLEST.replace("/dev/ttyUSB0", port))  # an open would wait
        self.assertEqual(done.returncode, 0)

    def test_a_fifo_is_no_settings_file(self):
        os.mkfifo(self.file)
        self.assertEqual(run("check", self.file).returncode, 74)

    def test_arguments_that_mean_nothing(self):
        for args in (("check",), ("check", "--strict", "x"), ("check", "a", "b"), ("schema", "x")):
            with self.subTest(args):
                done = run(*args)
                self.assertEqual(done.returncode, 64)
                self.assertEqual(done.stdout, "")
                self.assertNotEqual(done.stderr, "")

    def test_more_mistakes_than_are_shown_are_counted(self):
        text = json.dumps({"chargers": [{"id": "zz"} for _ in range(64)] + [{}, {}]})
        done = self.check(text)
        self.assertRegex(done.stderr, r": and [0-9]+ more\n")


class Line(unittest.TestCase):
    def test_version(self):
        done = run("--version")
        self.assertRegex(done.stdout, r"^twcbridge [0-9]+\.[0-9]+\.[0-9]+\n$")
        self.assertEqual(done.returncode, 0)

    def test_help_names_every_verb_and_each_has_its_own(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        for verb in ("run", "check", "schema", "simulate"):
            self.assertRegex(done.stdout, rf"(?m)^ +{verb} ")
            own = run(verb, "--help")
            self.assertEqual(own.returncode, 0, verb)
            self.assertIn(f"usage: twcbridge {verb}", own.stdout)

    def test_an_unknown_verb_is_64_with_a_hint(self):
        done = run("chekc", "x")
        self.assertEqual(done.returncode, 64)
        self.assertIn("did you mean check?", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(run().returncode, 64)

    def test_an_unknown_option_is_64_with_a_hint(self):
        done = run("schema", "--entitis")
        self.assertEqual(done.returncode, 64)
        self.assertIn("did you mean --entities?", done.stderr)


class Generated(unittest.TestCase):
    def same(self, path, *args):
        done = run(*args)
        self.assertEqual(done.returncode, 0)
        with open(os.path.join(TOP, path), encoding="utf-8") as f:
            self.assertEqual(done.stdout, f.read(), f"{path} is stale: {' '.join(args)}")
        return done.stdout

    def test_the_files_in_the_tree_are_what_the_program_prints(self):
        self.same("schemas/settings.schema.json", "schema")
        self.same("docs/settings.md", "schema", "--docs")

    def test_the_schema_takes_what_check_takes(self):
        schema = json.loads(run("schema").stdout)
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for title, text, _ in cases("unwise.txt"):
            with self.subTest(title):
                validator.validate(json.loads(text))
        for bad in ('{"lease":{"grace_s":-1}}', '{"x":{}}', '{"buses":[{"port":"/dev/a"}]}'):
            self.assertFalse(validator.is_valid(json.loads(bad)), bad)


if __name__ == "__main__":
    unittest.main()
