"""What tests/data/ems/**/*.expected.json claims stands where it says (see tests/support/ems_cases.py).

A place (`at`) is, by the kind of file:
  JSON      a path: Body.Data.0.P, list[2].x, "a key.with dots".x; in .jsonl the first index is the line: [3].x
  XML       a path with the root's name first: LiveData.Power.MTU1, Item[1].@name, a.#text
  binary    byte 123: `raw` stands at that offset; all text files may be pointed into like that as well
  Modbus    40083: `raw` is the register there, or several in a row ("65535 65036"); unit 2 fc 4 40083 where it
            is not plain which one
`how` makes the value of what stands at the places, a, b, c... in their order; it rounds half away from zero.
"""
import ast
import decimal
import json
import os
import re
import sys
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

import ems_cases  # noqa: E402
import ems_lists  # noqa: E402

CASE = {"adapter", "options", "now", "serve", "modbus", "line", "mqtt", "ws", "expect", "exit", "stderr", "remark"}
VALUE = {"value", "file", "at", "raw", "how", "why", "source_time", "remark"}
PLACE = {"at", "raw", "file"}
STEP = re.compile(r'\.?(?:"((?:[^"\\]|\\.)*)"|([^.\[\]"]+))|\[(-?\d+)\]')


class Missing(Exception):
    pass


def xml_tree(e):
    """An element as base/xml has it: an object, or its text; elements of one name are a list."""
    out = {"@" + k.split("}")[-1]: v for k, v in e.attrib.items()}
    for child in e:
        name, v = child.tag.split("}")[-1], xml_tree(child)
        if name not in out:
            out[name] = v
        elif isinstance(out[name], list):
            out[name].append(v)
        else:
            out[name] = [out[name], v]
    text = "".join([e.text or ""] + [child.tail or "" for child in e]).strip()
    if not out:
        return text
    if text:
        out["#text"] = text
    return out


def parsed(data):
    return json.loads(data, parse_float=str, parse_int=str, parse_constant=str)


def at_path(v, path):
    end = 0
    while end < len(path):
        m = STEP.match(path, end)
        if not m:
            raise Missing(f"'{path[end:]}' is no path")
        end = m.end()
        key = m.group(2) if m.group(1) is None else json.loads(f'"{m.group(1)}"')
        try:
            v = v[int(m.group(3))] if m.group(3) else v[key]
        except (KeyError, IndexError, TypeError):
            raise Missing(f"'{path[:end]}' is not there") from None
    return {None: "null", True: "true", False: "false"}.get(v, v) if not isinstance(v, (dict, list)) else v


def registers(data, place, raw):
    image = json.loads(data)
    blocks = image if isinstance(image, list) else image["blocks"]
    m = re.fullmatch(r"(?:unit (\d+) )?(?:fc (\d) )?(\d+)", place)
    first, n = int(m.group(3)), max(1, len(raw.split()))
    for b in blocks:
        if (m.group(1) or str(b["unit"])) == str(b["unit"]) and (m.group(2) or str(b["function"])) == str(b["function"]):
            i = first - b["start"]
            if 0 <= i and i + n <= len(b["registers"]):
                return " ".join(str(x) for x in b["registers"][i:i + n])
    raise Missing(f"no block has register {place}")


def read(path, place, raw):
    with open(path, "rb") as f:
        data = f.read()
    if place.startswith("byte "):
        i = int(place[5:])
        return data[i:i + len(raw.encode())].decode(errors="replace")
    if re.fullmatch(r"(unit \d+ )?(fc \d )?\d+", place) and path.endswith(".json") and b'"registers"' in data:
        return registers(data, place, raw)
    if path.endswith(".jsonl"):
        return at_path([parsed(line) for line in data.splitlines() if line.strip()], place)
    try:
        return at_path(parsed(data), place)
    except ValueError:
        pass
    try:
        root = ET.fromstring(data)
    except ET.ParseError:
        raise Missing("it is neither JSON nor XML: use byte N") from None
    return at_path({root.tag.split("}")[-1]: xml_tree(root)}, place)


def number(text):
    words = text.split()
    if len(words) > 1 and all(w.isdigit() for w in words):  # registers, high word first
        n = 0
        for w in words:
            n = n << 16 | int(w)
        return decimal.Decimal(n)
    m = re.match(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", text.strip())
    return decimal.Decimal(m.group() if m else 0)


def compute(how, raws):
    """How without anything but numbers, names, + - * / ( ), min, max, and s16(a), s32(a), f32(a) for registers."""
    signed = {f"s{n}": lambda x, n=n: x - (1 << n) if x >= 1 << (n - 1) else x for n in (16, 32, 64)}
    names = {chr(97 + i): number(r) for i, r in enumerate(raws)}
    allowed = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.USub, ast.Name,
               ast.Load, ast.Constant, ast.Call)

    def f32(x):
        import struct
        return decimal.Decimal(struct.unpack(">f", int(x).to_bytes(4, "big"))[0])

    class ToDecimal(ast.NodeTransformer):
        def visit_Constant(self, node):
            return ast.copy_location(ast.Call(ast.Name("D", ast.Load()), [ast.Constant(str(node.value))], []), node)

    tree = ast.parse(how, mode="eval")
    for node in ast.walk(tree):
        if not isinstance(node, allowed):
            raise Missing(f"how '{how}' holds more than arithmetic")
    tree = ast.fix_missing_locations(ToDecimal().visit(tree))
    scope = {"__builtins__": {}, "D": decimal.Decimal, "min": min, "max": max, "abs": abs, "f32": f32, **signed, **names}
    v = eval(compile(tree, "how", "eval"), scope)  # nothing but arithmetic is left in it
    return int(v.quantize(decimal.Decimal(1), decimal.ROUND_HALF_UP))


def check_value(want, say, there):
    places = want["at"] if isinstance(want.get("at"), list) else [want] if "at" in want else []
    raws = []
    for unknown in sorted(set(want) - VALUE):
        say(f"'{unknown}' is no member of a value")
    if "value" in want and not places:
        say("has a value and no place (at, raw) where it was read")
    if "value" not in want and not want.get("why"):
        say("has neither value nor why")
    for p in places:
        name, raw = p.get("file", want.get("file")), p.get("raw")
        if not isinstance(raw, str) or not name or not p.get("at"):
            say("a place wants file, at and raw (texts)")
            continue
        path = ems_cases.find(name)
        if not path:
            if there:
                say(f"{name} is not there")
            return
        try:
            got = read(path, p["at"], raw)
            raws.append(raw)
            if got != raw:
                say(f"'{got}' stands at {p['at']} of {name}, not '{raw}'")
        except (Missing, ValueError) as e:
            say(f"{name}, {p['at']}: {e}")
    if "value" in want and len(raws) == len(places):
        if len(places) > 1 and "how" not in want:
            say("is computed from several places and does not say how")
        try:
            got = compute(want["how"], raws) if "how" in want else None
        except (Missing, NameError, SyntaxError, TypeError, decimal.DecimalException) as e:
            say(f"how '{want['how']}': {e}")
            return
        if got is not None and got != want["value"]:
            say(f"{want['how']} is {got}, not {want['value']}")


def check():
    """All cases; there: captures of others can be read, so that each of them must be named by a case."""
    bad, named, folders = [], set(), set()
    there = os.path.isdir(ems_cases.SHARED)
    cases = ems_cases.load()
    for name, case in cases:
        def say(text, name=name):
            bad.append(f"{name}: {text}")
        for unknown in sorted(set(case) - CASE):
            say(f"'{unknown}' is no member of a case")
        if not case.get("adapter") or ("expect" not in case and "exit" not in case):
            say("wants adapter, and expect or exit")
        for f in ems_cases.files(name, case):
            named.add(f)
            if there and not ems_cases.find(f):
                say(f"{f} is not there")
        folders.add(name.split("/")[0])
        for field, want in case.get("expect", {}).items():
            if field not in ems_cases.FIELDS:
                say(f"{field} is no field")
            elif want is not None and field in ems_lists.LISTS:
                ems_lists.check(field, want, name, lambda t, field=field, say=say: say(f"{field}: {t}"),
                                lambda v, said: check_value(v, said, there))
            elif want is not None:
                check_value(want, lambda t, field=field, say=say: say(f"{field}: {t}"), there)
    for folder in sorted(folders if there else ()):
        for at, _, names in os.walk(os.path.join(ems_cases.SHARED, folder)):
            paths = [os.path.relpath(os.path.join(at, n), ems_cases.SHARED) for n in sorted(names)]
            bad += [f"{p} is named by no case" for p in paths if p not in named]
    for at, _, names in os.walk(ems_cases.OWN):
        paths = [os.path.relpath(os.path.join(at, n), ems_cases.OWN) for n in sorted(names)]
        bad += [f"tests/data/ems/{p} is named by no case" for p in paths
                if "/" in p and not p.endswith(ems_cases.END) and p not in named]
    return bad
