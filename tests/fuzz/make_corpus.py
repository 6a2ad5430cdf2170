#!/usr/bin/env python3
"""Writes tests/fuzz/corpus/<target>/: inputs built from what is known, one file a thought.

Run it again after a change here and commit what differs. Files it did not write (a finding kept as
a seed, name found-*) stay.
"""
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data")
PAYLOAD_MAX = 3000  # a longer page is no better a beginning


def put(target, seeds):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if not name.startswith("found-"):
            os.remove(os.path.join(folder, name))
    for name, data in seeds.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())


# ---- the bus ----

def sealed(body):
    body = bytes(body)
    return body + bytes([sum(body[1:]) & 255])


def wire(body):
    body = sealed(body)
    return b"\xc0" + body.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def frames():
    with open(os.path.join(DATA, "twc-vectors.json"), encoding="utf-8") as f:
        vectors = json.load(f)
    out, kinds = {}, set()
    for v in vectors:
        kind = (v.get("decoded", {}).get("kind"), len(v["wire"]), v.get("valid"))
        if kind not in kinds:  # one of each kind and length
            kinds.add(kind)
            out[v["name"]] = bytes.fromhex(v["wire"])
    out["all-escaped"] = wire([0xFD, 0xED] + [0xC0, 0xDB] * 8 + [0xC0])
    for n in range(11, 23):
        out["length-%d" % n] = wire([0xFD, 0xE2, 0x12, 0x34] + [7] * (n - 5))
    out["lost-mark"] = wire([0xFD, 0xE2, 1, 2] + [0] * 9)[:-1] + wire([0xFD, 0xE2, 1, 2] + [0] * 11)
    out["too-long"] = b"\xc0" + b"\xfd" * 60 + b"\xc0"
    out["bad-escape"] = b"\xc0\xfd\xe0\xdb" + bytes(14) + b"\xc0\xdb\xc0"
    out["every-kind"] = b"".join(
        wire([t, c, 0x12, 0x34, 0x56, 0x78, 9] + [0x20] * n) for t in (0xFB, 0xFC, 0xFD)
        for c in (0x19, 0x1A, 0x1B, 0x1D, 0xB1, 0xB2, 0xB4, 0xE0, 0xE1, 0xE2, 0xE5, 0xE8, 0xEB, 0xEC, 0xED, 0xEE,
                  0xEF, 0xF1, 0xA1, 0x55) for n in (6, 8, 12))
    return out


# Steps of fuzz_bus, one byte each where no more is needed.
SECOND, TEN = b"\xb0", b"\xa9"
PORT, STAMPS, FAILS, ADMIT, RESUME, LAST, LATE, HUNG = (bytes([0xA0 + i]) for i in range(8))
FOREIGN, FOREIGN2 = b"\xaa", b"\xab"


def linkready(unit):
    return bytes([0x30 + unit])


def offer(slot, amps):
    return bytes([0x70 + slot, amps])


def mood(unit, answers=1, protocol=2, plug=0, state=0, draw=0):
    return bytes([0x60 + unit, answers | (protocol == 1) << 1 | plug << 2 | state << 4, draw])


def says(unit, kind):
    return bytes([0x50 + unit, kind])


def buses():
    """First byte: 1 echo, 2 gateway, 4 no queries, 8*n known, 32 configured, 64 protocol 1, 128 told."""
    adopt = SECOND * 13 + linkready(0) + SECOND + linkready(0) + TEN
    three = SECOND * 13 + b"".join(linkready(u) + SECOND for u in (0, 1, 2)) * 2 + TEN
    out = {
        "one": b"\x00" + adopt + offer(0, 16) + TEN + offer(0, 0) + TEN,
        "one-protocol-1": b"\x40" + adopt + offer(0, 16) + TEN + offer(0, 0) + TEN + offer(0, 5) + TEN,
        "three": b"\x00" + three + offer(0, 16) + offer(1, 7) + offer(2, 32) + TEN * 2,
        "three-echo": b"\x01" + three + offer(0, 16) + TEN,
        "three-gateway": b"\x02" + three + offer(0, 16) + TEN,
        "fourth": b"\x00" + three + linkready(3) + SECOND + linkready(3) + TEN,
        "warm": b"\x18" + TEN + offer(0, 10) + TEN + PORT + TEN + PORT + TEN,
        "warm-told-protocol-1": b"\xd8" + TEN + offer(0, 0) + TEN,
        "configured": b"\x38" + SECOND * 13 + linkready(0) + TEN,
        "charges": b"\x08" + TEN + mood(0, plug=1, state=1, draw=15) + offer(0, 16) + TEN * 3,
        "silent": b"\x08" + TEN + mood(0, answers=0) + TEN * 62 + linkready(0) + TEN,
        "foreign": b"\x18" + TEN + FOREIGN + SECOND + FOREIGN + TEN * 13,
        "foreign-resumed": b"\x18" + TEN + FOREIGN + FOREIGN2 + SECOND + FOREIGN + SECOND + RESUME + TEN,
        "stale": b"\x18" + TEN + STAMPS + TEN + STAMPS + TEN,
        "no-writes": b"\x18" + TEN + FAILS + TEN + FAILS + TEN,
        "hung": b"\x18" + TEN + HUNG + SECOND + LATE + b"\x40" + TEN,
        "last-round": b"\x18" + TEN + offer(0, 6) + LAST + TEN,
        "not-linked": ADMIT.join([b"\x18", TEN]) + b"\x90" + TEN + b"\x94" + TEN,
        "second-unit": b"\x08" + TEN + mood(0, plug=1) + linkready(0) + SECOND + mood(0, plug=2) + linkready(0) + TEN,
        "tentative": b"\x00" + b"\x40" + TEN * 2 + b"\x41" + TEN,
        "noise": b"\x18" + TEN + (b"\x0f" + bytes(range(0xB8, 0xC8)) + b"\xc1") * 6 + TEN,
        "cut": b"\x08" + TEN + b"\x48" + SECOND + b"\x48\x40" + TEN,
        "kinds": b"\x08" + TEN + b"".join(says(0, k) + b"\xd0" for k in range(14)) + TEN,
        "vin": b"\x08" + TEN + mood(0, plug=1, state=4) + TEN * 2 + b"\xa8\x00" + TEN,
        "port-closed": b"\x18" + TEN + PORT + linkready(0) + b"\x02abc" + TEN,
        "slave-as-master": b"\x18" + TEN + b"\x0d" + wire([0xFB, 0xE2, 0xA1, 0xB0] + [0] * 9)[:14] + b"\x01" +
        wire([0xFB, 0xE2, 0xA1, 0xB0] + [0] * 9)[14:] + TEN,
        "half-a-frame": b"\x1c" + TEN + b"\x48" + b"\xfe" * 4 + b"\x40" + TEN,
        "foreign-and-answers": b"\x18" + TEN + FOREIGN + FOREIGN + linkready(0) + b"\x40" + TEN,
        "our-id": b"\x01" + SECOND * 3 + linkready(4) + SECOND * 8 + linkready(0) + SECOND * 2 + linkready(4) + TEN + linkready(0) + TEN,
        "our-id-late": b"\x01" + adopt + (linkready(4) + TEN) * 9 + b"\x44" + SECOND + FOREIGN + SECOND,
        "our-id-late-failing": b"\x00" + FAILS + adopt + linkready(4) + FAILS + TEN + linkready(4) + TEN,
        "too-much": b"\x18" + TEN + offer(0, 85) + TEN + offer(0, 80) + TEN,
    }
    return out


# ---- texts ----

URLS = """mqtt://broker mqtt://127.0.0.1:1884 mqtts://broker.lan:443/ mqtt://[fd00::2] mqtts://[::1]:1883 broker:1883
mqtt:// mqtt://broker:0 mqtt://broker:+5 mqtt://broker:99999 mqtt://me:secret@broker mqtt://a/b mqtt://[::1%eth0]
tcp://192.0.2.1:4001 tcp://[::1]:2000 tcp://host tcp://[fe80::1%25eth0]:1 tcp://host:+7 tcp://:1 tcp://[]:1 tcp://a_b:1
/dev/ttyUSB0 /dev/serial/by-id/usb-x-if00 /dev/ ttyUSB0 serial/by-id/x virtual:1 virtual:3 virtual:4 virtual:+2
rfc2217://h:1 tcp-listen://0.0.0.0:1 host host:1883 [::1] [::1]:1 [::1 h:x""".split()


def urls():
    out = {"%02d" % i: u for i, u in enumerate(URLS)}
    out["long-host"] = "tcp://" + "h" * 260 + ":1"
    out["long-path"] = "/dev/" + "x" * 540
    out["not-utf8"] = b"mqtt://br\xc3\x28ker:1"
    out["umlaut"] = "tcp://br\u00fccke:1"
    return out


TOPICS = [
    ("twcbridge", "twcbridge/charger/a1b2/current_limit/set", "twcbridge/charger/+/+/set", "Wall Connector A1B2"),
    ("twcbridge", "twcbridge/bridge/request/health", "twcbridge/bridge/request/#", "Gar\u00e4ge"),
    ("a/bridge/request/b", "a/bridge/request/b/bridge/request/x", "#", "__a__b__"),
    ("twcbridge", "twcbridge/site/mode/set", "twcbridge/site/+/set", "Site"),
    ("twcbridge", "twcbridge/circuit/garage/current_limit/set", "+/circuit/#", "-"),
    ("House/Ost", "House/Ost/site/mode/set", "+/+/site/+/set", "A" * 80),
    ("$x", "$SYS/broker", "+/broker", ""), ("a//b", "/a", "+/a", "x_y"), ("b", "b/set", "b/#", "1"),
    ("b", "b/charger//x/set", "a#", "\u00e9"), ("b", "b/bridge/request/x/", "a/#/b", "1 2"),
    ("b", "b/charger/" + "i" * 60 + "/k/set", "+a", "a1b2"), ("b", "b/nothing/x/set", "a+/b", ""),
    ("b", "b/site/" + "k" * 47 + "/set", "+", ""), ("bb", "b/site/k/set", "b/+/#", ""), ("b", "x" * 256, "", ""),
    ("b" * 63, "b" * 63 + "/charger/v1/boost/set", "b" * 63 + "/#", "z"), ("+", "a\x01b", "\x7f", ""),
]


def blocks(name):
    with open(os.path.join(DATA, "settings", name), encoding="utf-8") as f:
        for block in f.read().split("\n## ")[1:]:
            lines = block.split("\n")
            yield "".join(c if c.isalnum() else "-" for c in lines[0])[:60], "\n".join(
                x for x in lines[1:] if not x.startswith("=> ")).strip()


FULL = {
    "$schema": "x", "mqtt": {
        "url": "mqtts://broker:8883", "username": "me", "password": "hunter2", "ca_file": "/etc/ca.pem",
        "insecure": False, "client_id": "c", "base_topic": "twc/a", "discovery_prefix": "ha", "discovery": True,
        "birth_topic": "ha/status"},
    "site": {"name": "Haus", "region": "na"}, "lease": {"grace_s": 60}, "publish": {"interval_s": 2},
    "log": {"level": "info", "format": "json"},
    "sources": [{"name": "Meter", "adapter": "url_json", "url": "https://m/x?key=1", "grid_w": "a.b", "auth": "bearer",
                 "token": "t0ken", "fingerprint": "0A:" * 31 + "fF", "role": "primary", "max_age_s": 60},
                {"name": "Roof", "adapter": "url_json", "url": "https://m/", "pv_w": "p", "ca_file": "/c.pem", "post": True,
                 "body": "x", "header_name": "A", "header_value": "b", "time": "t", "auth": "digest", "username": "u", "password": "p"}],
    "circuits": [{"name": "main", "limit_a": 63}, {"name": "garage", "breaker_a": 40, "parent": "main", "area": "G"}],
    "buses": [{"port": "/dev/ttyUSB0", "circuit": "garage", "name": "east"}, {"port": "tcp://h:1", "circuit": "main"},
              {"port": "virtual:2", "circuit": "main"}],
    "chargers": [{"id": "A1B2", "bus": "east", "name": "Left", "max_a": 16.5, "default_a": 6, "min_a": 6,
                  "priority": 9, "phases": "L1", "nominal_v": 230}, {"id": "v1", "bus": "3"}]}


def settings():
    out = {}
    for name in ("bad.txt", "unwise.txt"):
        for n, (title, text) in enumerate(blocks(name)):
            if len(text) < 1500:
                out["%s-%02d" % (name[:-4], n)] = text
    out["full"] = json.dumps(FULL)
    for key, value in FULL.items():
        out["only-" + key.strip("$")] = json.dumps({key: value})
    out["delete-in-a-topic"] = json.dumps({"mqtt": {"base_topic": "a\x7fb"}}, ensure_ascii=False)
    out["plus-in-a-port"] = json.dumps({"circuits": [{"name": "g"}], "buses": [{"port": "tcp://h:+5", "circuit": "g"}]})
    return out


# First byte: row of command_rows.c; second: 1 another owner, 2 too many, 4 HA lives, 8 unknown device,
# 16 a limit of 16 A holds, 32 not allowed, 64 mode stop, 128 an offer of 20 A (else 10 A).
ROWS = 29


def commands():
    with open(os.path.join(DATA, "commands", "hostile.jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    out = {}
    for n, r in enumerate(rows):
        if isinstance(r.get("payload"), str) and len(r["payload"]) < 600:
            out["hostile-%02d" % n] = b"\0\0" + r["payload"].encode("utf-8", "surrogatepass")
    full = json.dumps({"value": 16, "for": 60, "owner": "solar", "reason": "sun", "priority": 4, "transaction": 7})
    for row in range(ROWS + 1):
        for name, text in (("number", "16"), ("json", full), ("word", "ON"), ("charger", '{"charger":"a1b2","name":"x"}')):
            if name in ("number", "json") or row in (1, 2, 17, 21):
                out["row-%02d-%s" % (row, name)] = bytes([row, 4 * (row & 1)]) + text.encode()
    for n, text in enumerate(("null", "release", "unavailable", " 6.5\n", "1e1", "-0", '{"value":null}', '{"value":true}',
                              '{"value":"16","owner":"x y"}', '{"vlue":1}', '{"value":16,"for":0}', "stop", "fast",
                              '{"value":16,"reason":"' + "\u00e4" * 60 + '"}', '{"transaction":{"a":[1]}}', "f\u00fcnf" * 40,
                              '{"for":"x"}', '{"priority":10,"value":1}', "x" * 300, "x" * 2200, "", "{", "false", "debug")):
        for row in (0, 1, 2, 5, 10, 11, 17):
            out["text-%02d-%02d" % (n, row)] = bytes([row, n & 1]) + text.encode()
    for n, text in enumerate(("15.999", "16", "16.001", '{"value":10,"owner":"sun","for":60}', '{"value":9,"owner":"mqtt"}', "release",
                              '{"value":"19","for":9}', "null")):
        for row in (0, 10, 11):
            for how in (0, 16, 17, 128, 144):
                out["held-%02d-%02d-%03d" % (n, row, how)] = bytes([row, how]) + text.encode()
    for n, text in enumerate(("OFF", "off", "false", "0", '{"value":false,"for":5}', "ON", '{"value":true}')):
        for row in (1, 12):
            for how in (0, 32):
                out["allowed-%02d-%02d-%03d" % (n, row, how)] = bytes([row, how]) + text.encode()
    for n, text in enumerate(("stop", '{"value":"stop","for":9}', "manual", "site")):
        for row in (2, 13):
            for how in (0, 64):
                out["mode-%02d-%02d-%03d" % (n, row, how)] = bytes([row, how]) + text.encode()
    for n, text in enumerate(("23.5", "24", "25", "6", "5", "33", "null")):
        out["most-%02d" % n] = b"\x05\x00" + text.encode()
    out["not-utf8"], out["nul"], out["cut"] = b"\0\0\xff", b"\0\0a\0b", b"\0\0\xe2\x82"
    out["long"], out["long-owner"] = b"\0\0" + b"1" * 5000, b'\0\0{"value":1,"owner":"' + b"o" * 40 + b'"}'
    out["reason-is-a-number"] = b'\0\0{"value":1,"reason":1}'
    out["too-many"] = b"\x00\x0216"
    out["no-such-charger"] = b"\x00\x0816"
    out["no-such-circuit"] = b"\x0a\x0816"
    return out


def jsons():
    out = {"%02d" % i: t for i, t in enumerate((
        '{"a":[1,2.5,-0,1e3,true,false,null,"x\\u00e9\\ud83d\\ude00\\n"],"b":{}}', "[]", "null", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
        "[" * 17, '{"a":1,"a":2}', '{"a"', '{"a":', '{"a":1', '{"a":1,}', "[1,]", '"open', '"\\u12"', '"\\ud800"', '"\\ud800\\u0041"',
        '"\\q"', '"a\nb"', "1 2", "01", "1.", "1e", "-", "1e999", "9223372036854775807", "-9223372036854775808", "9" * 70,
        "9223372036854775808", "0.0005", " 16.5 ", "+7", "1e-3", "1.5e+2", "tru", "{1:2}", '"' + "\u20ac" * 40 + '"',
        "2026-11-24T06:00:00Z", "2026-02-29T06:00:00Z", "2024-02-29T23:59:59.250+01:00", "1970-01-01T00:00:00-12:30", "2026-11-24T06:00:00",
        "[1, 2\n, x]", '{"\u00e4": "\\"\\\\\\/\\b\\f\\r\\t"}', '{"a\\u0000b":1}', '{"k":"' + "v" * 400 + '"}'))}
    out["mark"] = b"\xef\xbb\xbf[1]"
    out["not-utf8"] = b'["\xff"]'
    out["cut-character"] = b'["\xe2\x82"]'
    out["nul"] = b"[1\x00]"
    return out


def line(text):
    return b"\x60" + text.encode() + b"\n"


def heartbeat(unit, command, centi, head=0x90):
    return bytes([head, unit | command << 4, centi >> 8, centi & 255])


def sims():
    """First byte: chargers - 1, 8 protocol 1, 16 plugged in, 32 old firmware, 64 idle offset, 128 of 80 A."""
    wait, short = b"\x80", b"\x10"
    beat = b"".join(heartbeat(0, 9, 1600) + wait[:0] + b"\x3f\x3f" for _ in range(20))
    keys = ("max_a=16 ramp_a_s=2 lag_s=3 draw_a=auto phases=1", "state=asleep lock=on handshake=strict", "vin=none draw_a=5",
            "state=refuses", "lock=off handshake=easy phases=3", "vin=5YJ3E1EA0KF000316", "vin=x", "max_a=99", "ramp_a_s=-1",
            "lag_s=601", "draw_a=81", "phases=2", "state=x", "lock=x", "handshake=x", "nothing=1", "max_a", "max_a=1 phases=2")
    out = {"status": b"\x02" + line("status") + wait + line("status"), "words": b"\x00" + b"".join(
        line(t) for t in ("", "plug", "plug 1a2b x", "plug 9999", "plug 1A2B", "unplug 1a2b", "car", "car 1a2b", "x" * 200,
                          " ".join("abcdefghijklmn"), "status x")),
        "keys": b"\x00" + b"".join(line("car 1a2b " + k) for k in keys),
        "charges": b"\x10" + beat + line("status") + wait * 6 + line("status"),
        "charges-protocol-1": b"\x18" + beat.replace(b"\x90\x90", b"\x91\x50") + heartbeat(0, 5, 0, 0x91) + wait +
        heartbeat(0, 0, 0, 0x91) * 3 + wait,
        "more-and-less": b"\x10" + beat + heartbeat(0, 6, 0) + wait * 4 + beat + heartbeat(0, 7, 0) + wait * 4 + beat,
        "error": b"\x10" + beat + heartbeat(0, 2, 0x100) + heartbeat(0, 8, 0) + heartbeat(0, 15, 0),
        "lost": b"\x10" + beat + wait * 7 + beat + wait, "lock": b"\x10" + line("car 1a2b lock=on") + beat[:40] + heartbeat(0, 9, 700)
        + beat, "strict": b"\x00" + line("car 1a2b handshake=strict") + heartbeat(0, 9, 0) + line("plug 1a2b") + wait * 4 + beat,
        "asleep": b"\x00" + line("car 1a2b state=asleep") + line("plug 1a2b") + beat + wait * 4 + beat,
        "refuses": b"\x10" + beat + line("car 1a2b state=refuses") + wait + beat,
        "80-amps": b"\x90" + beat + heartbeat(0, 9, 8000) + wait, "noise": b"\x07" + (b"\x4f" + bytes(range(0xB8, 0xC8)) + short) * 5}
    for name, words in (
            ("reboot", ("reboot 1", "reboot 2 0.5", "reboot 9", "reboot 1 601", "reboot 1 x", "reboot")),
            ("duplicate", ("duplicate 1 on", "duplicate 1 on", "duplicate 2 on", "duplicate 1 off", "duplicate 1 off", "duplicate 1 x", "duplicate 7 on")),
            ("unit", ("unit 1 state=mute", "unit 1 state=deaf stops=never", "unit 1 stops=silence state=x", "unit 1 stops=x", "unit 1 state=well stops=normal",
                      "unit 1 nothing=1", "unit x state=well")),
            ("fault", ("fault noise=200 flips=1000 lost=1 collisions=2 missing=3 to=master", "fault late=5 late_ms=60000 echo=on echo_ms=1000 to=both", "fault off",
                       "fault noise=201", "fault noise=1.5", "fault flips=-1", "fault late_ms=60001", "fault echo=x", "fault to=x", "fault to=chargers noise=x", "fault x=1")),
            ("master", ("master on", "master on id=abcd offer_a=none every_s=0.1", "master off offer_a=81", "master on id=0000", "master on id=12345", "master on id=12",
                        "master on id=1 34", "master x", "master on every_s=601", "master off")),
            ("exit", ("exit", "exit now", "status")), ("over", ("car 1 over_a=80", "car 1 over_a=x"))):
        out["line-" + name] = b"\x11" + beat[:40] + b"".join(line(w) + short for w in words) + wait + line("status")
    out["twins-full"] = b"\x17" + line("duplicate 1 on") + line("status")
    for name, how in (("new", 0x10), ("old", 0x30), ("protocol-1", 0x18), ("eight", 0x57)):
        out["queries-" + name] = bytes([how]) + b"".join(bytes([0x90 + k, 0]) + (b"\0\0" if k < 2 else b"") + short + short for k in range(16))
    return out


def device(kind, name, features, amps, area="", values=b"\x00"):
    return (bytes([kind]) + name.encode() + b"\n" + features.to_bytes(2, "big") + bytes([amps]) + area.encode() + b"\n"
            + values)


def discoveries():
    """base, prefix, a document of somebody, then buses, site name, values of bridge and site, devices."""
    def one(base="twcbridge", prefix="homeassistant", raw="", site="Site", buses=1, devices=b"", values=b"\x00\x00"):
        return "\n".join((base, prefix, raw, "")).encode() + bytes([buses]) + site.encode() + b"\n" + values + devices
    many = bytes([15]) + b"".join(bytes([f * 5, 0x12, 0x34, f]) for f in range(15))
    out = {
        "plain": one(devices=device(5, "a1b2", 0x0F, 32) + device(4, "garage", 0x10, 32)),
        "every-feature": one(buses=3, devices=device(5, "Left", 0x1FF, 80, "Garage") + device(4, "Main", 0x1FF, 63)),
        "same-names": one(devices=device(5, "east", 0x0F, 32) + device(4, "east", 0x10, 16) + device(5, "East 2", 1, 6)),
        "no-letters": one(site="\u00e4\u00f6", devices=device(5, "\u4e2d\u6587", 3, 32)),
        "nothing-names": one(devices=device(5, "unknown", 0x0F, 32, "none") + device(4, "unavailable", 0x10, 32)),
        "long-names": one(base="b" * 63, prefix="p" * 63, site="s" * 63, devices=device(5, "n" * 63, 0x0F, 32, "a" * 63)),
        "levels": one(base="House/Ost", prefix="ha/x", devices=device(7, "a1b2", 0x08, 16)),
        "bridge-and-site": one(buses=2), "gone": one(devices=device(13, "a1b2", 0x0F, 32)), "values": one(values=many + many, devices=device(5, "a1b2", 0x0F, 32, "", many)),
        "quotes": one(site='a"b\\c{{x}}', devices=device(5, '{{ "x" }}', 0x0F, 32, '"')),
        "tombstones": one(raw=json.dumps({"components": {"old": {"platform": "sensor"}, "status": {"platform": "number"}}})),
        "no-components": one(raw='{"components":[1]}'), "not-json": one(raw="{"), "a-list": one(raw="[]"),
        "somebody": one(raw=json.dumps({"device": {"identifiers": ["x"], "name": "x"}, "origin": {"name": "other"}, "components": {
            "c": {"platform": "sensor", "unique_id": "u", "state_topic": "t"}}})),
        "nearly-ours": one(raw=json.dumps({"device": {"identifiers": ["twcbridge_bridge"]}, "origin": {"name": "twcbridge"},
                                           "availability": [{"topic": "twcbridge/bridge/state"}], "components": {}})),
    }
    for name, part in (("mode", {"platform": "number", "mode": "x"}), ("text", {"platform": "text", "min": 0, "max": 9}),
                       ("text-mode", {"platform": "text", "mode": "x"}), ("tombstone", {"platform": "sensor"}), ("no-object", 1),
                       ("template", {"platform": "sensor", "state_topic": "t", "value_template": "{{ value_json['a'] | x(\"b\") }}"}),
                       ("open-quote", {"platform": "sensor", "state_topic": "t", "value_template": "{{ 'a }}"}),
                       ("options", {"platform": "select", "command_topic": "t", "options": [1]})):
        if name not in ("tombstone", "no-object"):
            part = {"unique_id": "u", "command_topic": "t/set", **part}
        out["lint-" + name] = one(raw=json.dumps({"device": {"identifiers": ["x"], "name": "x"}, "origin": {"name": "o"},
                                                  "state_topic": "t", "components": {"c": part}}))
    for name, part in (("identifier", {"device": {"identifiers": [1], "name": "x"}}), ("availability", {"availability": 1}),
                       ("availability-mode", {"availability_mode": "x"}), ("connections", {"device": {"connections": [[1]]}})):
        out["lint-" + name] = one(raw=json.dumps({"device": {"identifiers": ["x"], "name": "x"}, "origin": {"name": "o"}, **part,
                                                  "components": {"c": {"platform": "sensor", "unique_id": "u", "state_topic": "t"}}}))
    for n, topic in enumerate(("ha/device/x/config", "ha/device/a/b/config", "ha/sensor/x/config", "ha/device//config", "x/y")):
        out["topic-%d" % n] = one(base=topic, raw="{}")
    for n, rest in enumerate(("charger_dead", "circuit_a_b", "charger_", "charger", "vehicle_x/y", "source_a+b", "site", "charger_a1b2",
                              "charger_dead/config", "circuit_x/config/x", "charger_" + "x" * 300, "bridge_charger_x")):
        out["swept-%02d" % n] = one(raw=rest, devices=device(5, "a1b2", 0x0F, 32))
    out["swept-topic"] = one(raw="homeassistant/device/twcbridge_charger_dead/config")
    out["prefix-with-config"] = one(prefix="ha/config", devices=device(5, "a1b2", 0x0F, 32))
    out["prefix-with-configs"] = one(prefix="ha/configs", raw="charger_dead")
    folder = os.path.join(DATA, "discovery", "bad")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            text = f.read()
        text = " ".join(text.split())
        if len(text) < 2900:
            out["bad-" + name[:-5]] = one(raw=text)
    return out


IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240


def port_says(code, *values):
    """A gateway's answer about its serial port."""
    return bytes([IAC, SB, 44, code, *values, IAC, SE])


def frame(first, data, second=0):
    n = len(data)
    size = bytes([n | second]) if n < 126 else bytes([126 | second]) + n.to_bytes(2, "big")
    return bytes([first]) + size + data


def streams():
    """First byte: how it is cut."""
    head = "HTTP/1.1 %s\r\nUpgrade: %s\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n"
    accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    cases = {
        "text": frame(0x81, b'{"type":"auth_required"}') + frame(0x81, b""),
        "pieces": frame(1, b"hel") + frame(0x89, b"ping") + frame(0, b"l") + frame(0x80, b"o"),
        "binary": frame(0x82, bytes(range(200))), "close": frame(0x88, b"\x03\xe9going away"), "pong": frame(0x8a, b""),
        "masked": frame(0x81, b"....x", 0x80), "reserved": frame(0xc1, b"x"), "kind": frame(0x83, b"x"),
        "latin": frame(0x81, b"\xe4"), "half": frame(1, b"\xc3") + frame(0x80, b"\xa4"), "no-start": frame(0x80, b"x"),
        "long-ping": frame(0x89, b"x" * 126), "too-long": frame(0x81, b"x" * 301), "most": frame(0x81, b"x" * 300),
        "huge": b"\x81\x7f" + b"\xff" * 8, "two": frame(1, b"x" * 200) + frame(0, b"x" * 101),
        "events": b"event: alive\r\ndata: a\rdata:b\n\n: comment\ndata\n\nid: 1\nretry: 5\n\n",
        "bom": b"\xef\xbb\xbfdata: x\n\n", "long-event": b"data: " + b"x" * 301 + b"\n\n",
        "long-name": b"event: " + b"n" * 90 + b"\ndata: x\n\n" + b"f" * 40 + b": y\n\n",
        "accepted": head % ("101 Switching", "websocket", accept, ""), "refused": head % ("401 No", "x", "y", ""),
        "other-key": head % ("101 X", "WebSocket", "AAAA", ""), "not-upgraded": head % ("101 X", "h2c", accept, ""),
        "extension": head % ("101 X", "websocket", accept, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        "no-web-server": b"SSH-2.0\r\n\r\n", "no-status": b"HTTP/1.1 abc\r\n\r\n",
    }
    return {k: b"\x02" + (v if isinstance(v, bytes) else v.encode()) for k, v in cases.items()}


def telnets():
    """First byte: 1 agreed before, 2 late after half, 4 one buffer; second: how it is cut."""
    # What ser2net 4.3 says after a connection and after each question.
    greeting = bytes([IAC, WILL, 3, IAC, DO, 3, IAC, WILL, 1, IAC, DONT, 1, IAC, DO, 0, IAC, WILL, 0, IAC, DO, 44])
    answers = [port_says(101, 0, 0, 0x25, 0x80), port_says(102, 8), port_says(103, 1), port_says(104, 1), port_says(105, 1)]
    most = greeting + b"".join(answers)
    every = b"".join(bytes([IAC, DO, i, IAC, WILL, i]) for i in range(256))
    cases = {
        "ser2net": greeting + port_says(107, 0) + most[len(greeting):] + port_says(105, 14) + port_says(110, 0) + b"\xc0\xfd\xe2" + bytes([IAC, IAC]),
        "banner": b"\r\nPort already in use\r\n" + b"x" * 90, "no-control": greeting + b"".join(answers[:4]),
        "no-baud": greeting + b"".join(answers[1:]), "no-port": bytes([IAC, WILL, 0, IAC, DO, 0]), "no-binary": bytes([IAC, DO, 44]) + b"".join(answers),
        "will-port": bytes([IAC, WILL, 44, IAC, WILL, 44]) + most, "raw": bytes(range(256)), "every-option": every + b"x" + every,
        "refused-no": bytes([IAC, WONT, 24, IAC, DONT, 24, IAC, WONT, 44]), "waits": port_says(108) + b"a" + port_says(109) + b"b",
        "end-lost": bytes([IAC, SB, 44, 101, IAC, DO, 1]) + b"data" + bytes([IAC, SB, 44, IAC, SB, 44, 107, IAC, SE]) + b"more",
        "escaped-value": bytes([IAC, SB, 44, 106, IAC, IAC, IAC, SE]) + b"d", "commands": bytes([97, IAC, 241, 98, IAC, 249, 99, IAC, SE, 100]),
        "no-end": bytes([IAC, SB, 44]) + b"v" * 600, "short": bytes([IAC, SB, IAC, SE, IAC, SB, 44, IAC, SE]) + port_says(101, 0) + port_says(105) + port_says(102),
        "other-option": bytes([IAC, SB, 24, 1, IAC, SE]) + b"x", "cut-command": b"x" + bytes([IAC]), "cut-option": b"x" + bytes([IAC, DO]),
    }
    for name, bad in (("binary", bytes([IAC, DONT, 0])), ("wont-binary", bytes([IAC, WONT, 0])), ("port", bytes([IAC, DONT, 44])),
                      ("baud", port_says(101, 0, 1, 0xC2, 0)), ("data", port_says(102, 7)), ("parity", port_says(103, 2)), ("stop", port_says(104, 2)),
                      ("control", port_says(105, 3)), ("control-in", port_says(105, 16))):
        cases["refuses-" + name] = b"a" + bad + b"b" + every[:30]
    out = {"%s-%d" % (name, how): bytes([how, cut]) + text for name, text in cases.items()
           for how, cut in ((0, 0), (1, 77), (2, 9), (4, 3), (7, 1))}
    return {name: text for name, text in out.items() if name[-1] in "012" or len(text) < 100}


def scripts():
    """First byte: virtual chargers - 1, 8 protocol 1; then the script."""
    out = {}
    folder = os.path.join(DATA, "faults")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            out[name[:-7]] = "\1" + f.read()
    texts = (
        "", "# nothing\n\n", "seed 7\nstart ready\n0 status\n", "seed x", "seed -1", "seed 2147483648", "start maybe", "start", "0 status\nseed 1",
        "1 status\nstart master", "x status", "-1 status", "604801 status", "1", "1 ", "1..2 status", "1..2/0.01 status", "2..1/1 status", "1../1 status",
        "1..2/0.5 status\r\n1.5 status # why\n", "0.5\tstatus\n0.25 status", "1 repeat 2\n0.5 status\n2 exit", "1 repeat", "1 repeat 0",
        "1 repeat 1000001", "0 repeat 1", "1..2/1 repeat 3", "1 repeat 1\n2 repeat 1", "1 repeatedly", "0..3/1 status\n1 repeat 1\n1 status",
        "1 status\n1 repeat 2\n1 status\n", "0..5/0.05 plug 1\n0.5 repeat 3", "1 " + "x" * 600, "1 nothing", "1 plug 9", "1 car 1 max_a=99", "1 car 1",
        "1 unit 1 state=mute stops=silence\n2 unit 1 state=deaf\n3 unit 1 state=x\n", "1 reboot 1 601", "1 reboot 1 0\n2 reboot 2 5\n3 reboot 1", "1 duplicate 1 x",
        "1 duplicate 1 on\n2 duplicate 1 off\n3 repeat 3", "1..9/1 duplicate 1 on\n1 duplicate 2 on", "1 fault off\n2 fault noise=200 flips=1000 to=master\n3 exit",
        "1 fault late=1000 late_ms=60000 echo=on echo_ms=1000\n1 fault lost=500 collisions=500 missing=1\n40 exit", "1 fault echo=x", "1 fault to=nobody", "1 fault noise=201",
        "1 fault flips", "1 fault nothing=1", "1 master on id=0001 offer_a=none every_s=0.1\n5 master off", "1 master on id=0000", "1 master on id=12345", "1 master on id=xyz1",
        "1 master on every_s=0.01 offer_a=81", "1 master maybe", "1 master on offer_a=80\n2 master on\n30 exit", "1 exit now", "1 exit\n2 status", "\u00e4 status", "1 \u00e4",
        "1 a b c d e f g h i j k l m n o p q r s", "1 " + "y" * 70, "1 car 1 vin=none draw_a=auto over_a=2\n1 car 2 lock=on", "1 plug 1a2b\n2 unplug 1A2B\n3 plug 2")
    for n, text in enumerate(texts):
        out["%02d" % n] = "\1" + text
    out["many-lines"] = b"\0" + b"".join(b"%d status\n" % (i % 7) for i in range(300))
    out["nul"], out["not-utf8"], out["control"] = b"\0001 sta\0tus", b"\0001 \xff\xfe", b"\0\x01 status"
    out["eight"], out["protocol-1"] = "\7" + "1 duplicate 1 on\n2 duplicate 1 off\n", "\11" + "1 plug 1\n9 unit 1 stops=never"
    out["words-of-control"] = b"\1" + b"1 plug\n"
    return out


def energies():
    """fuzz_ems: the number of the adapter (0: url_json; 255: its name follows as a line), of the request (128: all; 64: over Modbus, where pages are another way), an expression up to a line feed, then the answer."""
    def one(body, expr="a.b[0] - c * 2 // 1", adapter=0, request=0):
        return bytes([adapter, request]) + expr.encode() + b"\n" + (body if isinstance(body, bytes) else body.encode())

    good = '{"power":1234.5,"list":[{"power":"1 kW"},{"power":2}],"soc":"41.5 %","time":1795500000,"a":{"b":[7]},"c":2}'
    out = {"good": one(good), "text": one("1234.5 W"), "empty": one(""), "blank": one(" \n"), "html": one("<html></html>"),
           "bom": one(b"\xef\xbb\xbf{}"), "list": one("[1,2,[3]]", "$[2][0]"), "null": one("null"), "true": one("true", "$"),
           "nested": one("[" * 20), "control": one(b"\x01\x02\x7f" + b"y" * 80), "long": one("7" * 70)}
    for i, body in enumerate(('{"power":null,"time":1}', '{"power":"unavailable","time":"2026-11-24T06:00:00Z"}', '{"power":true}',
                              '{"power":{"a":1},"time":{}}', '{"power":[1]}', '{"power":1e300,"time":-5}', '{"power":"12 V"}',
                              '{"power":"1,5","list":null}', '{"list":[{"power":9e12},{"power":9e12}]}', '{"soc":"x","time":"x"}',
                              '{"power":-70000000,"soc":2000,"time":4102444800}', '{"soc":-1,"time":1795500000123}',
                              '{"list":[{"power":-60}],"power":5}', '{"list":[{"power":-40}]}', '{"power":12,"time":1e9}')):
        out["body-%02d" % i] = one(body)
    for i, expr in enumerate(("$", "-a.b[-1]", "- -c", 'a."b"[0]', '"with \\"quote\\" and blank"', 'list[?power==2].power', 'list[?power=="1 kW"].power',
                              'list[*].power + c', "a.", "a..b", "a[", "a[x]", "a[1", "a[?", "a[?b", "a[?b==", "a[?b==]", 'a[?b=="x', "[0]", ".a",
                              "a b", "a * ", "a * x", "a // ", "a // 1 2", "a // x", "-", "", " + ".join(["c"] * 17), " + ".join(["c"] * 16),
                              "c * 9999999 + c * 9999999", "x" * 140, '"' + "y" * 140 + '"', "a" + "[0]" * 30, "$.c", "$c", "a.\xc3\xa9", "power * 1e9",
                              "power - power * 1e9", "list.power", "a.b.c", "c[0]", "a.b[9]", "list[?x==1].y", "$ + c", "a[*]", "a.b[*]", 'a[?b=="' + "z" * 140)):
        out["expr-%02d" % i] = one(good, expr)
    for i, (expr, text) in enumerate((("$", "12 mW"), ("a", "12"), ("$", "1.5 kVA"), ("$ * 2", "n/a"), ("$", "--"), ("$", "1e5"), ("$", "1e"), ("$", "+3 W "))):
        out["text-%02d" % i] = one(text, expr)
    for i, (xml, expr) in enumerate((
            ('<?xml version="1.0"?><a t="1"><b>7</b><b> 8 </b><c>2</c><power>1<x/>2</power></a>', 'a.b[*] - a.c + a."@t"'),
            ('<n:power xmlns:n="u" xmlns="v" n:k="1">12 W</n:power>', 'power."#text"'), ("<a><b>", "a"), ("<a></b>", "a"),
            ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "a"), ("<!DOCTYPE html><p>x</p>", "p"), ("<a>&lt;<![CDATA[<1>]]></a>", "a"),
            ('<?xml version="1.0" encoding="windows-1252"?><a>\xb0</a>', "a"), ("<a>" * 17 + "</a>" * 17, "a.a"),
            ("<" + "n" * 200 + "/>", "a"), ("<a " + "k" * 127 + '="1"/>', "a"), ('<?xml version="1.0" encoding="utf-16"?><a/>', "a"),
            ("<a>" + "<b/>" * 10001 + "</a>", "a.b[0]"), ("<html/>", "a"), ("<a/><b/>", "a"), (" \n<a/>", "a"), ("<" + "n:" * 9 + "a>" + "t" * 99, "a"))):
        out["xml-%02d" % i] = one(xml.encode("latin-1"), expr)
    out.update(payloads())
    return out


def payloads():
    """Own payloads of each system: registers, from the first one that a round asks for on; pages, as the answer to
    whatever a round asks."""
    with open(os.path.join(HERE, "../../adapters/ems/ems_rows.def"), encoding="utf-8") as f:
        rows = re.findall(r"EMS_ADAPTER\((\w+)\)", f.read())
    out = {}

    def named(body, page=128):
        return bytes([255, page]) + name.encode() + b"\na\n" + body

    for name in rows:
        folder = os.path.join(DATA, "ems", name)
        for own in sorted(n for n in os.listdir(folder) if n.startswith("own_")) if os.path.isdir(folder) else ():
            stem, kind = os.path.splitext(own)
            if kind not in (".json", ".xml", ".html", ".txt") or own.endswith(".expected.json"):
                continue
            with open(os.path.join(folder, own), "rb") as f:
                body = f.read()
            if b'"registers"' in body:
                words = json.loads(body)["blocks"][0]["registers"]
                body = b"".join(bytes((w >> 8, w & 255)) for w in words)
                out[f"{name}-{stem[4:]}-few"] = named(body[:100], 192)
                out[f"{name}-{stem[4:]}"] = named(body, 192)  # 64: over Modbus, where pages are another way
                continue
            if len(body) > PAYLOAD_MAX:
                continue
            out[f"{name}-{stem[4:]}"] = named(body)
    # A meter that says that it reaches beyond the last register.
    name, words = "sunspec", [0x5375, 0x6E53, 1, 66, *[0] * 66, 900, 25460, *[7] * 60, 203, 65, *[7] * 66]
    out["sunspec-beyond"] = named(b"".join(bytes((w >> 8, w & 255)) for w in words))
    return out


def meters():
    """fuzz_dsmr: 0 a line (129: that goes on), 1 its objects, 2 a telegram; bytes at a time - 1; then what comes."""
    folder = os.path.join(DATA, "ems", "dsmr")
    out = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            with open(os.path.join(folder, name), "rb") as f:
                text = f.read()
            for how in range(3):
                out["%s-%d" % (name.rsplit(".", 1)[0], how)] = bytes([how or 129, 63]) + text
    texts = (b"", b"/", b"/\r\n!", b"/x\r\n!12\r\n", b"\xaf\r\n!", b"\xdb", b"\xdb\x08", b"\xdb\x08" + b"t" * 8 + b"\x82\x1f\xe0\x30",
             b"\xdb\x08" + b"t" * 8 + b"\x11\x30" + b"c" * 20, b"\xdb\x08" + b"t" * 8 + b"\x81\x20\x30" + b"c" * 40,
             b"/" + b"x" * 300, b"/a\r\n/b\r\n!ABCD/c\r\n!", b"//\r\n!1", b"!\r\n!\r\n")
    for i, text in enumerate(texts):
        out["cut-%02d" % i] = (b"\0\0" if i % 4 else b"\x81\x3f") + text
        out["find-%02d" % i] = b"\2\0" + text
    objects = ("1-0:1.7.0(1*kW)\r\n1-0:2.7.0(2*kW)", "1.7.0(5*W)", "1-0:16.7.0*255(-3.5*kW)", "1-0:1.7.0(1)", "1-0:1.7.0()", "1-0:1.7.0(",
               "1-0:1.7.0(9999999999999*MW)\n1-0:2.7.0(-9999999999999*MW)", "1-0:31.7.0(3*A)\n1-0:32.7.0(230*V)\n1-0:21.7.0(1*kW)",
               "1-0:31.7.0(3.1*A)\n1-0:22.7.0(1*kW)", "1-0:31.7.0(3*A)\n1-0:32.7.0(0*V)\n1-0:21.7.0(9e12*kW)", "0-0:1.0.0(261124120000W)\n1-0:1.7.0(1*W)",
               "0-0:1.0.0(632525252525W)\n1-0:1.7.0(1*W)", "0-0:1.0.0(2611241200)\n1-0:1.7.0(1*W)", "1-0:51.7.0(x*A)\n1-0:52.7.0(1*A)", "99999999999-1:1.7.0(1*W)",
               "1-0:1.7.0*(1*W)", "1-0:1.7.0*1*2(1*W)", "1-0:1:7:0(1*W)", "\2 1-0:1.7.0(\1*W)", "1-3:0.2.8(50)", "1-0:1.7.0(" + "7" * 90 + "*W)")
    for i, text in enumerate(objects):
        out["object-%02d" % i] = b"\1\0" + text.encode()
    return out


def main():
    put("dsmr", meters())
    put("ems", energies())
    put("frame", frames())
    put("bus", buses())
    put("url", urls())
    put("discovery", discoveries())
    put("json", jsons())
    put("sim", sims())
    put("command", commands())
    put("topic", {"%02d" % i: "\n".join(t) for i, t in enumerate(TOPICS)})
    put("settings", settings())
    put("telnet", telnets())
    put("stream", streams())
    put("script", scripts())


main()
