"""The rules of the house, asked about this tree: layers, lengths, the core's purity, what is
generated. Run by tests/run lint; TWCBRIDGE names the program whose generated files are compared."""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import ems_expected  # noqa: E402
import rules  # noqa: E402

PROGRAM = os.path.abspath(os.environ.get("TWCBRIDGE", os.path.join(ROOT, "build", "twcbridge")))
POOL = concurrent.futures.ThreadPoolExecutor(2)

# Layer -> (folder, those below it, libraries). The slave's encoder and the virtual charger are
# libraries of their own, so that the bus path cannot reach them.
LIBRARIES = {
    "base": (["base"], ["-ljson-c", "-lexpat"]),
    "core": (["base", "core"], []),
    "twc_slave": (["base", "core", "twc_slave"], []),
    "io": (["base", "io"], ["-luv", "-lpaho-mqtt3as", "-lserialport", "-lssl", "-lcrypto", "-lpthread"]),
    "store": (["base", "core", "io", "store"], ["-lsqlite3"]),
    "discovery": (["base", "core", "discovery"], []),
    "ems": (["base", "core", "ems"], ["-lcrypto", "-lcrypt"]),
    "adapters": (["base", "core", "io", "store", "discovery", "adapters"], ["-luv", "-lpthread"]),
    "virtual_charger": (["base", "core", "io", "twc_slave", "virtual_charger"], ["-luv"]),
}


def layer_of(name):
    if name == "bridge/core/twc/message_slave.c":
        return "twc_slave"
    if name.startswith("adapters/charger/virtual/"):
        return "virtual_charger"
    if name.startswith("adapters/ems/"):
        return "ems"
    if name.startswith(("adapters/", "discovery/")):
        return name.split("/")[0]
    return name.split("/")[1] if name.count("/") > 1 else "wiring"


class Tree(unittest.TestCase):
    """Rules about text and folders."""

    def holds(self, bad):
        self.assertFalse(bad, "\n" + "\n".join(bad))

    def test_each_layer_includes_only_what_it_may(self):
        self.holds(rules.includes(ROOT))

    def test_no_file_is_too_long(self):
        self.holds(rules.file_length(ROOT))

    def test_no_function_is_too_long_or_takes_too_much(self):
        self.holds(rules.function_length(ROOT))

    def test_no_banned_function_is_called(self):
        self.holds(rules.banned(ROOT))

    def test_the_only_libraries_that_are_opened_by_name_are_libcurl_and_libmodbus(self):
        self.holds(rules.opened(ROOT))

    def test_each_c_file_names_its_license(self):
        self.holds(rules.spdx(ROOT))

    def test_only_known_names_stand_at_the_root(self):
        self.holds(rules.top_level(ROOT))

    def test_no_file_is_taken_for_an_app_of_home_assistant(self):
        self.holds(rules.no_config(ROOT))

    def test_no_file_is_big(self):
        self.holds(rules.big_files(ROOT))

    def test_no_registry_and_no_path_of_one_machine_is_named(self):
        self.holds(rules.private(ROOT))

    def test_what_the_build_needs_is_installed(self):
        self.holds(rules.packages(ROOT))

    def test_every_link_of_a_page_leads_somewhere(self):
        self.holds(rules.links(ROOT))

    def test_the_table_of_safety_names_tests_that_exist(self):
        self.holds(rules.safety_tests(ROOT))

    def test_what_is_expected_of_energy_systems_stands_in_their_payloads(self):
        self.holds(ems_expected.check())

    def test_the_exceptions_are_still_needed(self):
        names = set(rules.files(ROOT))
        every = [*rules.LONG_FILES, *rules.LONG_FUNCTIONS, *rules.MANY_PARAMETERS]
        self.holds([f"{n} is an exception and is not there" for n in every
                    if n.split(":")[0] not in names or n.split(":")[-1] not in rules.read(ROOT, n.split(":")[0])])


class Objects(unittest.TestCase):
    """Rules about what the compiler and the linker make of it: -O2, no sanitizer."""

    @classmethod
    def setUpClass(cls):
        cls.out = tempfile.mkdtemp(prefix="twcbridge-lint-")
        cls.addClassCleanup(shutil.rmtree, cls.out, True)
        with open(os.path.join(cls.out, "migrations.h"), "w", encoding="utf-8") as f:
            f.write(rules.read(ROOT, "bridge/store/migrations.h.in").replace("@MIGRATIONS@", '        "",\n'))
        cls.float_flag = rules.general_regs_only()
        cls.objects, cls.complaints, jobs = {}, {}, []
        for name in rules.sources(ROOT, suffix=(".c",)):
            layer = layer_of(name)
            flags = ["-O2"] if layer in ("core", "discovery", "twc_slave") else ["-O0"]
            flags += cls.float_flag if layer in ("core", "twc_slave") else []
            jobs.append((layer, POOL.submit(rules.compile_one, ROOT, name, cls.out, flags)))
        for layer, job in jobs:
            obj, complaint = job.result()
            if complaint:
                cls.complaints.setdefault(layer, []).append(complaint)
            else:
                cls.objects.setdefault(layer, []).append(obj)
        cls.allowed = rules.allowed_symbols(os.path.join(HERE, "core-symbols.txt"))

    def holds(self, bad):
        self.assertFalse(bad, "\n" + "\n".join(bad))

    def test_every_file_compiles_and_the_core_without_floats(self):
        self.assertTrue(self.float_flag, "this compiler has no -mgeneral-regs-only")
        self.holds(sum(self.complaints.values(), []))

    def test_the_core_needs_nothing_that_is_not_listed(self):
        core = self.objects["core"] + self.objects["twc_slave"]
        self.holds(rules.symbols(core, self.allowed["core"]))
        self.holds(rules.unused_symbols(core, self.allowed["core"]))

    def test_discovery_needs_nothing_that_is_not_listed(self):
        core = set().union(*map(rules.defined, self.objects["core"]))
        self.holds(rules.symbols(self.objects["discovery"], self.allowed["discovery"] | core))
        self.holds(rules.unused_symbols(self.objects["discovery"], self.allowed["discovery"]))

    def test_core_and_discovery_keep_no_state_of_their_own(self):
        self.holds(rules.stateless(self.objects["core"] + self.objects["twc_slave"] + self.objects["discovery"]))

    def test_only_control_makes_an_offer(self):
        every = sum(self.objects.values(), [])
        self.holds(rules.only_user(every, "envelope_make", "bridge/core/control.c"))

    def test_the_bus_path_has_no_encoder_of_a_slave(self):
        slave = set().union(*map(rules.defined, self.objects["twc_slave"]))
        self.assertIn("message_slave_pack", slave)
        self.holds(rules.absent(self.objects["core"] + self.objects["adapters"], slave))
        built = os.path.dirname(PROGRAM)
        archives = [os.path.join(built, a) for a in ("bridge/core/libcore.a", "adapters/libadapters.a")]
        self.holds(rules.absent([a for a in archives if os.path.exists(a)], slave))

    def test_each_layer_links_with_those_below_it(self):
        bad = []
        for name, (layers, libs) in LIBRARIES.items():
            below = [os.path.join(self.out, f"lib{b}.so") for b in layers if b != name]
            bad += rules.shared(self.out, name, self.objects[name], below, libs)
        self.holds(bad)

    def test_each_header_compiles_alone(self):
        names = rules.sources(ROOT, rules.CODE + ("tests/",), (".h",))
        self.holds(sum(POOL.map(lambda n: rules.header_alone(ROOT, n), names), []))


class Program(unittest.TestCase):
    """Rules about the program and what it prints."""

    def holds(self, bad):
        self.assertFalse(bad, "\n" + "\n".join(bad))

    def test_what_is_generated_is_what_the_program_prints(self):
        self.holds(sum((rules.fresh(PROGRAM, ROOT, path, arguments) for path, arguments in (
            ("schemas/settings.schema.json", []),
            ("docs/settings.md", ["--docs"]),
            ("docs/entities.md", ["--entities"]),
            ("schemas/state.schema.json", ["--state"]))), []))

    def test_each_energy_system_has_its_page(self):
        listed = json.loads(subprocess.run([PROGRAM, "adapters", "--json"], capture_output=True, check=True).stdout)
        names = {a["name"] for a in listed}
        pages = {os.path.splitext(f)[0] for f in os.listdir(os.path.join(ROOT, "docs/systems"))}
        self.holds([f"docs/systems/{n}.md is of no system" for n in sorted(pages - names)] +
                   sum((rules.fresh(PROGRAM, ROOT, f"docs/systems/{n}.md", ["--docs", n], verb="adapters")
                        for n in sorted(names)), []) +
                   rules.fresh(PROGRAM, ROOT, "docs/systems.md", ["--docs"], verb="adapters"))

    def test_the_program_does_not_link_what_it_opens(self):
        self.holds(rules.no_library(PROGRAM, r"libcurl|gnutls|libmodbus"))

    def test_every_verb_stands_in_the_help(self):
        text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
        for verb in ("run", "check", "schema", "simulate"):
            self.assertRegex(text, rf"(?m)^\s+{verb}\s")

    def test_the_sample_settings_of_the_service_are_fine(self):
        r = subprocess.run([PROGRAM, "check", os.path.join(ROOT, "addon/systemd/settings.sample.json")],
                           capture_output=True, text=True)
        self.assertEqual((r.returncode, r.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
