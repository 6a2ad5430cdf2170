"""The rules of the house as functions: each takes a root (and objects) and returns sentences.

No sentence: the rule holds. test_lint.py asks them about the project, test_lint_self.py about
copies with a seeded fault.
"""
import json
import os
import re
import subprocess

FILE_MAX, FUNCTION_MAX, PARAMETERS_MAX, BYTES_MAX = 600, 60, 6, 2 * 1024 * 1024

# Tables and generated files that may be longer. One line each: path, why.
LONG_FILES = {}
LONG_FUNCTIONS = {}
# Functions that take more; "path:function": why.
MANY_PARAMETERS = {"bridge/core/lease.c:lease_drop": "kind, scope, index and owner are one key"}

TOP = {"CMakeLists.txt", "README.md", "LICENSE", "CHANGELOG.md", "repository.yaml", "bridge", "discovery",
       "adapters", "schemas", "addon", "tests", "docs"}

PURE = "assert ctype errno inttypes limits stdarg stdbool stddef stdint string".split()
STANDARD = PURE + "stdatomic stdio stdlib time signal math locale".split()
SYSTEM = (STANDARD + "dirent dlfcn fcntl ifaddrs netdb poll pthread pty sched termios unistd".split())
SYSTEM_FOLDERS = ("sys/", "netinet/", "arpa/", "net/")
# Outside libraries: header -> files that may include it.
OUTSIDE = {
    r"json-c/.*": r"bridge/base/(json_|opt)\w*\.c",
    r"crypt\.h": r"adapters/ems/solarlog/login\.c",
    r"expat\.h": r"bridge/base/json_xml\.c",
    r"uv\.h": r"(bridge/(io|store)|adapters/(?!ems/)\w+)/.*|adapters/\w+\.[ch]|bridge/[^/]*",
    r"MQTT\w+\.h": r"bridge/io/mqtt\w*\.[ch]",
    r"libserialport\.h": r"bridge/io/port_serial\.c",
    r"openssl/evp\.h": r"(bridge/io/(tls|mqtt_probe|websocket_head)|adapters/vehicle/|adapters/ems/dsmr/cipher|adapters/ems/growatt/password)\S*\.[ch]",
    r"openssl/.*": r"bridge/io/(tls|mqtt_probe|websocket_head)\w*\.[ch]",
    r"curl/.*": r"bridge/io/http_client\w*\.[ch]",
    r"libwebsockets\.h": r"bridge/io/web\w*\.[ch]",
    r"modbus/.*": r"bridge/io/modbus\w*\.[ch]",
    r"sqlite3\.h": r"bridge/store/.*",
    r"(mysql|mariadb)/.*": r"adapters/logging/.*",
}
# Layer: path of its files -> (own headers it may include, system headers it may include).
LAYERS = [
    ("bridge/base/", r"bridge/base/", STANDARD),
    ("bridge/core/", r"bridge/(base|core)/", PURE),
    ("bridge/io/", r"bridge/(base|io)/", SYSTEM),
    ("bridge/store/", r"bridge/(base|core|store)/|bridge/io/(loop|worker|mailbox)\.h|migrations\.h", SYSTEM),
    ("discovery/", r"bridge/(base|core)/|discovery/", PURE),
    ("adapters/ems/", r"bridge/(base|core)/|adapters/ems/ems((_\w+)?\.h|_rows\.def)", PURE),
    ("adapters/", r"bridge/(base|core|io|store)/|discovery/|adapters/adapter(\.h|s\.def)", SYSTEM),
    ("bridge/", r"bridge/|discovery/|adapters/", SYSTEM),
]
CODE = ("bridge/", "discovery/", "adapters/")

BANNED = ("strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atoll atof alloca system popen rand "
          "srand localtime gmtime ctime asctime sleep usleep").split()
# Function -> the only product files that may call it.
ONLY_IN = {
    r"strto(l|ul|ll|ull|d|f|ld|imax|umax)": r"bridge/base/str\w*\.c",
    r"v?f?printf|f?puts|putchar|putc|fputc": r"bridge/[^/]*\.c",
    r"dlopen": r"bridge/io/(http_client|modbus_link)\.c",
}


# ---- files ----

def files(root):
    """What belongs to the project, as paths from root: git's list, or a walk where there is no git."""
    if os.path.exists(os.path.join(root, ".git")):
        r = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
        names = sorted(n for n in r.stdout.decode().split("\0") if n)
        names = [n for n in names if os.path.isfile(os.path.join(root, n))]
        if r.returncode == 0 and names:
            return names
    out = []
    for folder, dirs, names in os.walk(root):
        rel = os.path.relpath(folder, root)
        dirs[:] = [d for d in dirs if d not in (".git", "__pycache__", "node_modules") and not (
            rel == "." and d.startswith("build"))]
        out += [os.path.normpath(os.path.join(rel, n)) for n in names if not n.endswith(".pyc")]
    return sorted(out)


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def texts(root):
    for name in files(root):
        with open(os.path.join(root, name), "rb") as f:
            data = f.read(BYTES_MAX + 1)
        if b"\0" not in data:
            yield name, data.decode("utf-8", "replace")


def sources(root, prefix=CODE, suffix=(".c", ".h")):
    return [n for n in files(root) if n.startswith(prefix) and n.endswith(suffix)]


_TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def bare(text):
    """C without comments and without what stands in quotes; the lines keep their numbers."""
    def swap(m):
        return ('""' if m.group()[0] == '"' else "0" if m.group()[0] == "'" else " ") + "\n" * m.group().count("\n")
    return _TOKENS.sub(swap, text)


# ---- layers ----

def _own_face(name, header):
    """An adapter may include its own header, and its own folder's."""
    stem = name.rsplit(".", 1)[0]
    deep = name.count("/") > 2
    return header == stem + ".h" or (deep and header.startswith(os.path.dirname(name) + "/"))


def _outside(name, header):
    for pattern, where in OUTSIDE.items():
        if re.fullmatch(pattern, header):
            if not re.fullmatch(where, name):
                return f"{name}: <{header}> has its own files and this is none of them"
            return ""
    return None


def includes(root):
    bad = []
    for name in sources(root, suffix=(".c", ".h", ".def")):
        own, system = next((o, s) for prefix, o, s in LAYERS if name.startswith(prefix))
        for kind, header in re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)', read(root, name), re.M):
            if kind == "<":
                said = _outside(name, header)
                known = header[:-2] in system or (system is SYSTEM and header.startswith(SYSTEM_FOLDERS))
                if said or (said is None and not known):
                    bad.append(said or f"{name}: <{header}> is not for this layer")
            elif not re.match(own, header) and not (name.startswith("adapters/") and _own_face(name, header)):
                bad.append(f'{name}: "{header}" is of a layer (or an adapter) it may not know')
            elif "/policy/" in header and not re.match(r"bridge/core/(control\w*\.c|policy/)", name):
                bad.append(f"{name}: only control.c may include a policy")
            elif header.endswith("/message_slave.h") and not re.match(
                    r"bridge/core/twc/message_slave\.c|adapters/charger/virtual/", name):
                bad.append(f"{name}: the slave's encoder is for the virtual charger alone")
            elif header != "migrations.h" and not os.path.isfile(os.path.join(root, header)):
                bad.append(f'{name}: "{header}" does not exist; includes are written from the root')
    for name in sources(root, ("tests/",)):
        for header in re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)', read(root, name), re.M):
            if not os.path.isfile(os.path.join(root, header)):
                bad.append(f'{name}: "{header}" does not exist; includes are written from the root')
    return bad


# ---- lengths ----

def file_length(root):
    out = []
    for name, text in texts(root):
        code = name.endswith((".c", ".h", ".def", ".py", ".sh", ".js", ".cmake", "CMakeLists.txt"))
        n = text.count("\n")
        if (code or text.startswith("#!")) and n > FILE_MAX and name not in LONG_FILES:
            out.append(f"{name}: {n} lines, more than {FILE_MAX}")
    return out


def functions(text):
    """(name, parameters, line, lines) of each function; relies on a brace in the first column."""
    lines = bare(text).split("\n")
    begin = None
    for i, line in enumerate(lines):
        if line.rstrip() == "{":
            begin = i
        elif begin is not None and re.match(r"}\s*$", line):
            k = begin - 1
            while k > 0 and lines[k - 1].strip() and not re.search(r"[;}]\s*$|^#", lines[k - 1]):
                k -= 1
            head = " ".join(lines[k:begin])
            m = re.search(r"(\w+)\s*\(", head)
            if m:
                yield m.group(1), _parameters(head[m.end():]), k + 1, i - begin + 1
            begin = None


def _parameters(text):
    depth, n = 0, 1
    for c in text:
        if c in "([{":
            depth += 1
        elif c in ")]}":
            if depth == 0:
                break
            depth -= 1
        elif c == "," and depth == 0:
            n += 1
    return n


def function_length(root):
    bad = []
    for name in sources(root, CODE + ("tests/",)):
        for fn, parameters, line, n in functions(read(root, name)):
            if n > FUNCTION_MAX and f"{name}:{fn}" not in LONG_FUNCTIONS:
                bad.append(f"{name}:{line}: {fn} has {n} lines, more than {FUNCTION_MAX}")
            if parameters > PARAMETERS_MAX and f"{name}:{fn}" not in MANY_PARAMETERS:
                bad.append(f"{name}:{line}: {fn} has {parameters} parameters, more than {PARAMETERS_MAX}")
    return bad


def banned(root):
    bad = []
    never = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
    only = [(re.compile(r"(?<![\w.>])(%s)\s*\(" % what), where) for what, where in ONLY_IN.items()]
    for name in sources(root, CODE + ("tests/",), (".c", ".h", ".def")):
        product = name.startswith(CODE)
        for i, line in enumerate(bare(read(root, name)).split("\n"), 1):
            m = never.search(line)
            # A test on a real descriptor may sleep; product code never.
            if m and (product or m.group(1) not in ("sleep", "usleep")):
                bad.append(f"{name}:{i}: {m.group(1)} is banned")
            for pattern, where in only:
                m = pattern.search(line)
                if m and product and not re.fullmatch(where, name):
                    bad.append(f"{name}:{i}: {m.group(1)} has its own files and this is none of them")
    return bad


def opened(root):
    """Two libraries are opened by name: libmodbus, and the build of libcurl with OpenSSL: the other loads every CA."""
    return [f"{name}: dlopen of {what}, not of libcurl.so.4 or libmodbus.so.5"
            for name in sources(root) for what in re.findall(r"\bdlopen\s*\(\s*([^,]+),", read(root, name))
            if what not in ('"libcurl.so.4"', '"libmodbus.so.5"')]


def spdx(root):
    return [f"{n}: no SPDX-License-Identifier" for n in files(root)
            if n.endswith((".c", ".h", ".def")) and "SPDX-License-Identifier: MIT" not in read(root, n)]


# ---- the folder ----

def top_level(root):
    names = {n.split("/")[0] for n in files(root)}
    return [f"{n}: nothing else stands at the root" for n in sorted(names) if n not in TOP and not n.startswith(".")]


def no_config(root):
    """Home Assistant's Supervisor takes each such file for the description of an app."""
    return [f"{n}: only the app's own file may be called config.*" for n in files(root)
            if os.path.basename(n).startswith("config.") and n != "addon/home-assistant/config.yaml"]


def big_files(root):
    return [f"{n}: more than {BYTES_MAX} bytes" for n in files(root)
            if os.path.getsize(os.path.join(root, n)) > BYTES_MAX]


# Where packages come from is the reader's affair: no registry, no mirror, no folder of a developer.
_PRIVATE = [
    (r"\b(?:files\.)?python(?:hosted)?\.org/(?:packages|simple)|\bpypi\.org\b|\btest\.pypi\b", "a registry"),
    (r"\bregistry\.(?:npmjs|yarnpkg)\b|\bnpm\.pkg\b", "a registry"),
    (r"\bdeb\.debian\.org\b|\b(?:ftp|security)\.\S*debian\.org\b|\barchive\.ubuntu\b|\braspbian\.\S+\.org\b", "a registry"),
    (r"\b(?:static\.|index\.)crates\.io\b|\bproxy\.golang\b|\bgoproxy\.\w", "a registry"),
    (r"(?:--?(?:extra-)?index-url|--find-links|--registry)[ =]+\w+:|^\s*registry\s*=|\"resolved\"\s*:", "a registry"),
    (r"://[^/\s\"']*\b(?:artifactory|nexus|verdaccio|devpi|mirror)\b", "a registry"),
    (r"(?<![\w.$}/)~-])/(?:home|Users|root|work\w*|builds?)/[\w.]", "a path of one machine"),
    (r"(?<![\w.$}/)~-])/tmp/(?:build|brief|bash)\w*", "a path of one machine"),
]


def private(root):
    bad = []
    for name, text in texts(root):
        for pattern, what in _PRIVATE:
            for m in re.finditer(pattern, text, re.M):
                bad.append(f"{name}:{text.count(chr(10), 0, m.start()) + 1}: '{m.group()}' names {what}")
    return bad


# What CMake asks for -> the Debian package that has it.
_PACKAGES = {"libuv": "libuv1-dev", "json-c": "libjson-c-dev", "expat": "libexpat1-dev",
             "sqlite3": "libsqlite3-dev",
             "libserialport": "libserialport-dev", "libcrypt": "libcrypt-dev", "openssl": "libssl-dev", "paho-mqtt3as": "libpaho-mqtt-dev",
             "libcurl": "libcurl4-openssl-dev", "libwebsockets": "libwebsockets-dev", "libmodbus": "libmodbus-dev", "cmocka": "libcmocka-dev"}


def packages(root):
    """What a build needs is installed by it: each library of a CMakeLists.txt stands in tests/packages.txt."""
    group = {}
    for line in read(root, "tests/packages.txt").splitlines():
        if line and line[0] != "#":
            group.setdefault(line.split()[0], set()).update(line.split()[1:])
    bad = []
    for name in files(root):
        if not name.endswith("CMakeLists.txt"):
            continue
        for must, module, library in re.findall(
                r"pkg_check_modules\(\w+ (REQUIRED )?(?:IMPORTED_TARGET )?([\w.+-]+)|"
                r"find_library\(\w+ (?:NAMES )?([\w.+-]+)", read(root, name)):
            # What may be missing is for the tests.
            where = "build" if (must or library) and not name.startswith("tests/") else "test"
            want = module or library
            package = _PACKAGES.get(want, want)
            if package not in group.get(where, set()) | group.get("build", set()):
                bad.append(f"{name}: {want} is in {package}, which is not in the group {where} of tests/packages.txt")
    return bad


def links(root):
    """Every relative link of a page leads to a file or folder of the project."""
    known = set(files(root))
    known |= {os.path.dirname(n) for n in known} | {"."}
    for n in list(known):
        while os.path.dirname(n):
            n = os.path.dirname(n)
            known.add(n)
    bad = []
    for name in sorted(known):
        if not name.endswith(".md"):
            continue
        text = re.sub(r"```.*?```|`[^`\n]*`", "", read(root, name), flags=re.S)
        found = re.findall(r"\]\(\s*<?([^)\s>]+)", text) + re.findall(r"^\[[^\]]+\]:\s*(\S+)", text, re.M)
        found += re.findall(r"<(?:img|a)\b[^>]*\b(?:src|href)=\"([^\"]+)\"", text)
        for link in found:
            if re.match(r"[a-z][a-z0-9+.-]*:|#", link):
                continue
            target = os.path.normpath(os.path.join(os.path.dirname(name), link.split("#")[0]))
            if target not in known:
                bad.append(f"{name}: the link {link} leads nowhere")
    return bad


def safety_tests(root):
    """The table of rules and tests names tests that exist, all of the wire's, and no row is bare."""
    page = "docs/internals/safety-tests.md"
    defined_in = r"^static void (\w+)\(\s*void|^    def (test_\w+)\("
    there = {a or b for n in files(root) if n.startswith("tests/") and n.endswith((".c", ".py"))
             for a, b in re.findall(defined_in, read(root, n), re.M)}
    rows = [line.split("|") for line in read(root, page).split("\n") if line.startswith("| ")]
    rows = [(r[1].strip(), r[2]) for r in rows if r[1].strip() != "rule"]
    named = set(re.findall(r"`((?:test_|promise_)\w+|[a-z0-9]+(?:_[a-z0-9]+){3,})`", read(root, page)))
    bad = [f"{page}: there is no test {n}" for n in sorted(named - there)]
    bad += [f"{page}: no test for: {rule}" for rule, tests in rows if "`test_" not in tests and "not yet: " not in tests]
    for wire in (n for n in files(root) if n.startswith("tests/integration/test_wire")):
        tests = set(re.findall(r"^    def (test_\w+)\(", read(root, wire), re.M))
        bad += [f"{page} does not name {n} of {wire}" for n in sorted(tests - named)]
    return bad


# ---- objects ----

def _launcher():
    for folder in os.environ.get("PATH", "").split(":"):
        if os.access(os.path.join(folder, "ccache"), os.X_OK):
            return ["ccache"]
    return []


CFLAGS = ["-std=c17", "-D_GNU_SOURCE", '-DTWCBRIDGE_VERSION="0"', "-fPIC", "-Wall", "-Werror"]


def general_regs_only():
    """The flag that makes a float a compile error, where this compiler has it."""
    r = subprocess.run(["gcc", "-mgeneral-regs-only", "-xc", "-c", "-o", os.devnull, "-"], input=b"int x;",
                       capture_output=True)
    return ["-mgeneral-regs-only"] if r.returncode == 0 else []


def compile_one(root, name, out, flags=()):
    """Returns (object, complaint)."""
    obj = os.path.join(out, name.replace("/", "+") + ".o")
    cmd = _launcher() + ["gcc", *CFLAGS, *flags, "-I.", "-I" + out, "-c", name, "-o", obj]
    r = subprocess.run(cmd, cwd=root, capture_output=True, text=True)
    return obj, "" if r.returncode == 0 else f"{name}: {r.stderr.strip()[:600]}"


def header_alone(root, name):
    cmd = ["gcc", *CFLAGS, "-Wextra", '-DTEST_DATA="."', "-I.", "-fsyntax-only", "-xc", "-"]
    r = subprocess.run(cmd, cwd=root, input=f'#include "{name}"\n#include "{name}"\n', capture_output=True, text=True)
    return [] if r.returncode == 0 else [f"{name} does not compile alone: {r.stderr.strip()[:400]}"]


def nm(obj):
    """[(type, symbol)] of an object or an archive."""
    r = subprocess.run(["nm", obj], capture_output=True, text=True, check=True)
    return [tuple(line.split()[-2:]) for line in r.stdout.splitlines() if len(line.split()) >= 2]


def undefined(obj):
    return {s for t, s in nm(obj) if t in "Uw" and s != "_GLOBAL_OFFSET_TABLE_"}


def defined(obj):
    return {s for t, s in nm(obj) if t in "TDBRVW"}


def allowed_symbols(path):
    """{section: names} of core-symbols.txt."""
    out, section = {}, None
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.split("#")[0].strip()
            if line.startswith("["):
                section = out.setdefault(line.strip("[]"), set())
            elif line:
                section.update(line.split())
    return out


def symbols(objects, allowed):
    """objects may need what they define among themselves and what is allowed; nothing else."""
    have = set().union(*map(defined, objects), allowed)
    return [f"{os.path.basename(o)}: {s} is not in core-symbols.txt"
            for o in objects for s in sorted(undefined(o) - have)]


def unused_symbols(objects, allowed):
    need = set().union(*map(undefined, objects))
    return [f"core-symbols.txt: nobody needs {s}" for s in sorted(allowed - need)]


def stateless(objects):
    """No writable data: .data and .bss are empty. .data.rel.ro (pointers in tables) is constant."""
    bad = []
    for o in objects:
        r = subprocess.run(["objdump", "-h", o], capture_output=True, text=True, check=True)
        for name, size in re.findall(r"^\s*\d+\s+(\S+)\s+([0-9a-f]+)", r.stdout, re.M):
            writable = re.match(r"\.(data|bss|tdata|tbss)\b", name) and not name.startswith(".data.rel.ro")
            if writable and int(size, 16) > 0:
                bad.append(f"{os.path.basename(o)}: {int(size, 16)} bytes in {name}")
    return bad


def only_user(objects, symbol, owner):
    """symbol is needed by the object of the file owner and by no other."""
    users = [os.path.basename(o) for o in objects if symbol in undefined(o)]
    want = owner.replace("/", "+") + ".o"
    return [] if users == [want] else [f"{symbol} is needed by {users or 'nobody'}, not by {want} alone"]


def absent(objects, names):
    return [f"{os.path.basename(o)}: {s} is not for the bus path"
            for o in objects for s in sorted({s for _, s in nm(o)} & names)]


def shared(out, name, objects, below, libs):
    """Links the objects as a library against those below; [] or the linker's words."""
    so = os.path.join(out, f"lib{name}.so")
    cmd = ["gcc", "-shared", "-o", so, *objects, "-Wl,-z,defs", "-Wl,--no-undefined", *below, *libs]
    r = subprocess.run(cmd, capture_output=True, text=True)
    words = re.findall(r"undefined reference to .*|cannot find .*", r.stderr)
    return [] if r.returncode == 0 else [f"{name}: {w}" for w in words] or [f"{name}: {r.stderr[-400:]}"]


# ---- the program ----

def fresh(program, root, path, arguments, verb="schema"):
    r = subprocess.run([program, verb, *arguments], capture_output=True)
    want = "twcbridge " + " ".join([verb, *arguments])
    if r.returncode != 0:
        return [f"{want}: exit code {r.returncode}: {r.stderr.decode()[-200:]}"]
    try:
        with open(os.path.join(root, path), "rb") as f:
            have = f.read()
    except OSError:
        return [f"{path} is not there; renew it with: {want} > {path}"]
    if path.endswith(".json"):
        try:
            json.loads(have)
        except ValueError as e:
            return [f"{path} is not JSON: {e}"]
    return [] if have == r.stdout else [f"{path} is stale; renew it with: {want} > {path}"]


def no_library(program, pattern):
    r = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    return [f"{program} links {line.split()[0]}" for line in r.stdout.splitlines() if re.search(pattern, line)]
