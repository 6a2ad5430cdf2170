"""Each rule turns red on a seeded fault: a copy of the tree without git, one fault at a time."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import rules  # noqa: E402

LICENSE = "/* SPDX-License-Identifier: MIT */\n"
LONG = "int seeded(void)\n{\n    int x = 0;\n\n" + "    x++;\n" * 57 + "    return x;\n}\n"


class Copy(unittest.TestCase):
    """What all tests share: a copy of the tree, and the seed that is taken away again."""

    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="twcbridge-lint-")
        cls.addClassCleanup(shutil.rmtree, cls.root, True)
        for name in rules.files(ROOT):
            target = os.path.join(cls.root, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), target)

    def path(self, name):
        return os.path.join(self.root, name)

    def seed(self, name, text, append=False):
        path = self.path(name)
        before = None
        if os.path.exists(path):
            with open(path, "rb") as f:
                before = f.read()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write((before if append else b"") + text.encode())

        def undo():
            if before is None:
                os.remove(path)
            else:
                with open(path, "wb") as f:
                    f.write(before)
        self.addCleanup(undo)

    def red(self, rule, name, text, *words, append=False):
        """The rule says one thing more after the seed, and that has the words in it."""
        before = set(rule(self.root))
        self.seed(name, text, append)
        new = "\n".join(set(rule(self.root)) - before)
        self.doCleanups()
        self.assertTrue(new, f"{rule.__name__} did not see it")
        for word in words:
            self.assertIn(word, new)
        self.assertEqual(set(rule(self.root)), before)

    def green(self, rule, name, text):
        before = set(rule(self.root))
        self.seed(name, text)
        self.assertEqual(set(rule(self.root)) - before, set())
        self.doCleanups()


class Includes(Copy):
    def inc(self, name, header):
        self.red(rules.includes, name, f"{LICENSE}#include {header}\n", name)

    def test_the_core_may_not_read_a_clock_or_a_file(self):
        for header in ("<time.h>", "<stdio.h>", "<stdlib.h>", "<math.h>", "<uv.h>", "<unistd.h>", "<sys/socket.h>"):
            self.inc("bridge/core/seeded.c", header)

    def test_discovery_sends_nothing(self):
        self.inc("discovery/seeded.c", '"bridge/io/mqtt.h"')
        self.inc("discovery/seeded.c", "<stdio.h>")

    def test_lower_layers_do_not_know_higher_ones(self):
        self.inc("bridge/base/seeded.c", '"bridge/core/model.h"')
        self.inc("bridge/core/seeded.c", '"discovery/discovery.h"')
        self.inc("bridge/core/seeded.h", '"bridge/io/loop.h"')
        self.inc("bridge/io/seeded.c", '"bridge/core/charger.h"')
        self.inc("bridge/store/seeded.c", '"bridge/io/mqtt.h"')
        self.inc("bridge/store/seeded.c", '"bridge/daemon.h"')

    def test_adapters_know_neither_each_other_nor_the_daemon(self):
        self.inc("adapters/ems/seeded.c", '"adapters/charger/twc_gen2.h"')
        self.inc("adapters/status/seeded.c", '"adapters/logging/console.h"')
        self.inc("adapters/status/seeded.c", '"bridge/daemon.h"')
        self.inc("adapters/status/seeded.c", '"bridge/command.h"')

    def test_each_library_has_its_files(self):
        self.inc("bridge/seeded.c", "<sqlite3.h>")
        self.inc("bridge/io/seeded.c", "<sqlite3.h>")
        self.inc("adapters/status/seeded.c", "<MQTTAsync.h>")
        self.inc("bridge/io/port_seeded.c", "<MQTTAsync.h>")
        self.inc("bridge/io/mqtt_seeded.c", "<openssl/ssl.h>")
        self.inc("bridge/base/buf_seeded.c", "<json-c/json.h>")
        self.inc("bridge/base/seeded.c", "<uv.h>")
        self.inc("bridge/seeded.c", "<curl/curl.h>")
        self.inc("bridge/seeded.c", "<nobody/knows.h>")

    def test_an_energy_system_is_pure(self):
        for header in ('"adapters/adapter.h"', '"bridge/io/loop.h"', "<uv.h>", "<time.h>", "<stdio.h>", "<unistd.h>"):
            self.inc("adapters/ems/seeded.c", header)

    def test_the_slave_and_the_policies_are_for_few(self):
        self.inc("adapters/charger/seeded.c", '"bridge/core/twc/message_slave.h"')
        self.inc("bridge/daemon_seeded.c", '"bridge/core/twc/message_slave.h"')
        self.inc("bridge/core/lease_seeded.c", '"bridge/core/policy/surplus.h"')

    def test_includes_are_from_the_root(self):
        self.inc("bridge/core/seeded.c", '"model.h"')
        self.inc("tests/unit/test_seeded.c", '"../support/test.h"')

    def test_what_is_allowed_stays_allowed(self):
        for name, header in (("bridge/core/seeded.c", "<string.h>"), ("bridge/io/seeded.c", "<uv.h>"),
                             ("bridge/io/tls_seeded.c", "<openssl/ssl.h>"), ("bridge/store/seeded.c", "<sqlite3.h>"),
                             ("adapters/charger/seeded.c", '"adapters/adapter.h"'),
                             ("adapters/ems/seeded.c", '"adapters/ems/ems.h"'),
                             ("adapters/ems/deep/seeded.c", '"adapters/ems/deep/seeded.h"'),
                             ("bridge/seeded.c", '"adapters/charger/twc_gen2.h"')):
            with self.subTest(name=name, header=header):
                own = {r for r in rules.includes(self.root)}
                self.seed(name, f"{LICENSE}#include {header}\n")
                new = {r for r in set(rules.includes(self.root)) - own if "does not exist" not in r}
                self.doCleanups()
                self.assertEqual(new, set())


class Texts(Copy):
    def test_a_long_file(self):
        self.red(rules.file_length, "bridge/seeded.c", LICENSE + "\n" * 600, "601 lines")
        self.red(rules.file_length, "tests/support/seeded.py", "\n" * 601, "601 lines")
        self.green(rules.file_length, "docs/seeded.md", "\n" * 900)

    def test_a_long_function(self):
        self.red(rules.function_length, "bridge/seeded.c", LICENSE + LONG, "bridge/seeded.c:2", "seeded has 62 lines")
        self.green(rules.function_length, "bridge/seeded.c", LICENSE + LONG.replace("    x++;\n" * 3, ""))

    def test_a_function_with_a_brace_in_quotes_is_measured_to_its_end(self):
        text = LONG.replace("x = 0;", "x = '}';\n    const char *s = \"\\n}\\n\"; /* } */\n    (void)s;")
        self.red(rules.function_length, "bridge/seeded.c", LICENSE + text, "seeded has")

    def test_a_function_with_seven_parameters(self):
        head = "static void seeded(int a, int b,\n        void (*c)(int, int), int d, int e, int f, int g)\n{\n}\n"
        self.red(rules.function_length, "bridge/seeded.c", LICENSE + head, "7 parameters")
        self.green(rules.function_length, "bridge/seeded.c", LICENSE + head.replace(", int g", ""))

    def test_a_banned_function(self):
        self.red(rules.banned, "bridge/seeded.c", "".join(f"    {fn}(0);\n" for fn in rules.BANNED),
                 *(f"bridge/seeded.c:{i}: {fn} is banned" for i, fn in enumerate(rules.BANNED, 1)))
        self.red(rules.banned, "tests/unit/test_seeded.c", "void f(void)\n{\n    strcpy(a, b);\n}\n", "strcpy")

    def test_a_function_outside_of_its_files(self):
        for fn, name in (("strtol", "bridge/settings_seeded.c"), ("strtod", "adapters/ems/seeded.c"),
                         ("printf", "bridge/io/seeded.c"), ("fprintf", "adapters/status/seeded.c"),
                         ("fputs", "bridge/store/seeded.c"), ("dlopen", "bridge/seeded.c")):
            with self.subTest(fn=fn):
                self.red(rules.banned, name, f"void f(void)\n{{\n    {fn}(0);\n}}\n", fn)

    def test_another_library_that_is_opened_by_name(self):
        self.red(rules.opened, "bridge/io/seeded.c", 'void *p = dlopen("libcurl-gnutls.so.4", RTLD_NOW);\n', "gnutls")
        self.green(rules.opened, "bridge/io/seeded.c", 'void *p = dlopen("libcurl.so.4", RTLD_NOW);\n')
        self.green(rules.opened, "bridge/io/seeded.c", 'void *p = dlopen("libmodbus.so.5", RTLD_NOW);\n')

    def test_words_in_comments_and_strings_are_not_calls(self):
        self.green(rules.banned, "bridge/seeded.c", '/* strcpy(a, b) */ const char *s = "strcpy(a)"; // atoi(x)\n'
                   "int x = my_atoi(2), y = s->system(3);\n")

    def test_a_file_without_a_license(self):
        self.red(rules.spdx, "bridge/seeded.c", "int x;\n", "seeded.c")
        self.red(rules.spdx, "tests/support/seeded.h", "/* SPDX-License-Identifier: */\n", "seeded.h")

    def test_a_stranger_at_the_root(self):
        self.red(rules.top_level, "Makefile", "all:\n", "Makefile")
        self.red(rules.top_level, "src/seeded.c", "int x;\n", "src")
        self.green(rules.top_level, ".clangd", "\n")

    def test_a_file_that_the_supervisor_would_take(self):
        for name in ("docs/config.json", "tests/data/config.yaml", "schemas/config.schema.json"):
            self.red(rules.no_config, name, "{}\n", name)
        self.green(rules.no_config, "addon/home-assistant/config.yaml", "name: x\n")

    def test_a_big_file(self):
        self.red(rules.big_files, "docs/images/seeded.png", "x" * (rules.BYTES_MAX + 1), "seeded.png")

    def test_a_registry_or_a_path_of_one_machine(self):
        # Taken apart, since this file is checked too.
        parts = (("https://py", "pi.org/simple"), ("https://registry.", "npmjs.org/x"), ("http://deb.", "debian.org/"),
                 ("--index-", "url https://example.com/simple"), ('"resol', 'ved": "https://example.com/x.tgz"'),
                 ("http://nex", "us.example:8081/x"), ("see /ho", "me/me/x.c"), ("in /wo", "rk/x"), ("in /ro", "ot/x"),
                 ("in /tm", "p/build-me"))
        self.red(rules.private, "docs/seeded.md", "".join(f"text {a}{b} text\n" for a, b in parts),
                 *(f"docs/seeded.md:{i}: " for i in range(1, len(parts) + 1)))
        self.green(rules.private, "docs/seeded.md", "".join(
            f"see {a}{b}/x\n" for a, b in (("docs/ho", "me"), ("src/wo", "rk"), ("$HOME/bu", "ild"), ("~/wo", "rk"))))

    def test_a_library_that_nobody_installs(self):
        self.red(rules.packages, "bridge/io/CMakeLists.txt", "pkg_check_modules(WS REQUIRED IMPORTED_TARGET libwebsockets)\n",
                 "libwebsockets-dev", append=True)
        self.red(rules.packages, "tests/packages.txt", "build libuv1-dev\n", "openssl is in libssl-dev", "paho")

    def test_a_link_that_leads_nowhere(self):
        for text in ("[x](nowhere.md)\n", "![x](images/none.png)\n", "[x]: ../none.md\n", "[x](../../README.md)\n",
                     '<img src="none.png">\n'):
            with self.subTest(text=text):
                self.red(rules.links, "docs/seeded.md", text, "docs/seeded.md")
        self.green(rules.links, "docs/seeded.md", "[a](../README.md#try) [b](https://example.com/x) [c](#d) [e](internals/)\n"
                   "```\n[x](nowhere.md)\n```\n`[y](nowhere.md)`\n")


    def test_a_table_of_safety_that_is_not_true(self):
        page = "docs/internals/safety-tests.md"
        row = "| a rule | `test_that_nobody_wrote` | |\n"
        self.red(rules.safety_tests, page, row, "there is no test test_that_nobody_wrote", append=True)
        self.red(rules.safety_tests, page, "| a rule | by `what_nobody_wrote_in_c` | |\n", "no test for: a rule",
                 "there is no test what_nobody_wrote_in_c", append=True)
        self.red(rules.safety_tests, "tests/integration/test_wire_x.py", "    def test_left_out(self):\n",
                 "does not name test_left_out")


class Git(unittest.TestCase):
    def test_the_list_is_gits_where_there_is_git_and_a_walk_elsewhere(self):
        with tempfile.TemporaryDirectory() as root:
            for name in ("README.md", "bridge/a.c", "build/x.o", "__pycache__/b.pyc", "build-test/y"):
                os.makedirs(os.path.dirname(os.path.join(root, name)) or root, exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="utf-8") as f:
                    f.write("x\n")
            self.assertEqual(rules.files(root), ["README.md", "bridge/a.c"])
            with open(os.path.join(root, ".gitignore"), "w", encoding="utf-8") as f:
                f.write("build*/\n*.pyc\nignored\n")
            with open(os.path.join(root, "ignored"), "w", encoding="utf-8") as f:
                f.write("x\n")
            subprocess.run(["git", "init", "-q", root], check=True)
            self.assertEqual(rules.files(root), [".gitignore", "README.md", "bridge/a.c"])
            os.remove(os.path.join(root, "README.md"))
            self.assertEqual(rules.files(root), [".gitignore", "bridge/a.c"])


class Objects(Copy):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.out = tempfile.mkdtemp(prefix="twcbridge-lint-")
        cls.addClassCleanup(shutil.rmtree, cls.out, True)
        cls.allowed = rules.allowed_symbols(os.path.join(HERE, "core-symbols.txt"))

    def built(self, text, name="bridge/core/seeded.c", flags=("-O2",)):
        self.seed(name, text)
        return rules.compile_one(self.root, name, self.out, flags)

    def obj(self, text, name="bridge/core/seeded.c"):
        path, complaint = self.built(text, name)
        self.assertEqual(complaint, "")
        return path

    def test_a_float_in_the_core(self):
        flags = rules.general_regs_only()
        self.assertTrue(flags)
        text = "int f(int x);\nint f(int x)\n{\n    return (int)(x * 1.5);\n}\n"
        self.assertIn("seeded.c", self.built(text, flags=["-O2", *flags])[1])
        self.assertEqual(self.built(text)[1], "")

    def test_a_clock_or_an_allocation_in_the_core(self):
        for call in ("time(0)", "malloc(8)", "read(0, 0, 0)", "getenv(p)", "puts(p)", "clock_gettime(0, (void *)p)"):
            with self.subTest(call=call):
                o = self.obj("#include <stdio.h>\n#include <stdlib.h>\n#include <time.h>\n#include <unistd.h>\n"
                             f"long f(char *p);\nlong f(char *p)\n{{\n    return (long){call} + (long)p;\n}}\n")
                call = call.split("(")[0]
                self.assertEqual(rules.symbols([o], self.allowed["core"]),
                                 [f"bridge+core+seeded.c.o: {call} is not in core-symbols.txt"])

    def test_the_list_grants_no_clock_file_socket_or_memory(self):
        for section, names in self.allowed.items():
            self.assertFalse(names & set("time clock_gettime open read write close socket malloc calloc realloc free "
                                         "getenv printf uv_now".split()), section)

    def test_a_listed_name_that_nobody_needs(self):
        o = self.obj("int f(void);\nint f(void)\n{\n    return 1;\n}\n")
        self.assertEqual(rules.unused_symbols([o], {"memcpy"}), ["core-symbols.txt: nobody needs memcpy"])

    def test_state_in_the_core(self):
        head = "int f(void);\nint f(void)\n{\n"
        for text in (head + "    static int n;\n    return n++;\n}\n", head + "    static int n = 3;\n    return n++;\n}\n",
                     "int seeded_global;\n", "int seeded_array[4] = {1};\n", "static _Thread_local int t;\n" + head +
                     "    return t++;\n}\n"):
            with self.subTest(text=text):
                self.assertEqual(len(rules.stateless([self.obj(text)])), 1)
        table = "extern const char *const seeded[];\nconst char *const seeded[] = {\"a\", \"b\"};\n"
        self.assertEqual(rules.stateless([self.obj(table)]), [])

    def test_a_second_maker_of_offers(self):
        text = "void envelope_make(void);\nvoid {0}(void);\nvoid {0}(void)\n{{\n    envelope_make();\n}}\n"
        right = self.obj(text.format("a"), "bridge/core/control.c")
        wrong = self.obj(text.format("b"), "adapters/status/seeded.c")
        self.assertEqual(rules.only_user([right], "envelope_make", "bridge/core/control.c"), [])
        self.assertIn("adapters+status+seeded.c.o",
                      rules.only_user([right, wrong], "envelope_make", "bridge/core/control.c")[0])
        self.assertIn("nobody", rules.only_user([], "envelope_make", "bridge/core/control.c")[0])

    def test_the_slaves_encoder_on_the_bus_path(self):
        name = "message_slave_pack"
        call = self.obj(f"void {name}(void);\nvoid f(void);\nvoid f(void)\n{{\n    {name}();\n}}\n")
        body = self.obj(f"void {name}(void);\nvoid {name}(void)\n{{\n}}\n", "bridge/core/seeded2.c")
        for o in (call, body):
            self.assertEqual(len(rules.absent([o], {name})), 1)

    def test_an_extern_that_escapes_the_include_rule(self):
        o = self.obj("extern int loop_of_the_daemon(void);\nint f(void);\nint f(void)\n{\n"
                     "    return loop_of_the_daemon();\n}\n")
        self.assertIn("loop_of_the_daemon", rules.shared(self.out, "seeded", [o], [], [])[0])
        self.assertEqual(rules.shared(self.out, "seeded", [self.obj("int f(void);\nint f(void)\n{\n    return 1;\n}\n")],
                                      [], []), [])

    def test_a_header_that_needs_another_one_first(self):
        self.seed("bridge/core/seeded.h", "#ifndef X_H\n#define X_H\nbool f(void);\n#endif\n")
        self.assertIn("seeded.h does not compile alone", rules.header_alone(self.root, "bridge/core/seeded.h")[0])

    def test_a_header_without_a_guard(self):
        self.seed("bridge/core/seeded.h", "struct seeded {\n    int x;\n};\n")
        self.assertTrue(rules.header_alone(self.root, "bridge/core/seeded.h"))


class Program(Copy):
    def test_a_stale_missing_or_broken_generated_file(self):
        program = self.path("bridge/seeded.sh")
        self.seed("bridge/seeded.sh", "#!/bin/sh\n[ \"$1\" = schema ] && printf '{\"of\": \"%s\"}\\n' \"$2\"\n")
        os.chmod(program, 0o755)
        self.seed("schemas/seeded.json", '{"of": "--x"}\n')
        self.assertEqual(rules.fresh(program, self.root, "schemas/seeded.json", ["--x"]), [])
        self.assertIn("stale", rules.fresh(program, self.root, "schemas/seeded.json", ["--y"])[0])
        self.assertIn("not there", rules.fresh(program, self.root, "schemas/none.json", ["--y"])[0])
        self.seed("schemas/seeded.json", "{")
        self.assertIn("not JSON", rules.fresh(program, self.root, "schemas/seeded.json", ["--x"])[0])
        self.assertIn("exit code", rules.fresh("/bin/false", self.root, "schemas/seeded.json", [])[0])

    def test_a_library_that_is_not_wanted(self):
        self.assertEqual(len(rules.no_library("/bin/sh", r"libc\.so")), 1)
        self.assertEqual(rules.no_library("/bin/sh", r"libcurl"), [])


if __name__ == "__main__":
    unittest.main()
