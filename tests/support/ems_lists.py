"""Prices and forecasts in the cases of energy systems (tests/support/ems_cases.py).

    "price": {"count": 24, "currency": "EUR", "slots": [
       {"start": "2026-11-24T23:00:00Z", "end": "2026-11-25T00:00:00Z", "value": 0.0884, "at": "data[0].p", "raw": "88.4",
        "how": "a / 1000"}], ...}

`count`: how many slots there are; `slots`: some of them, worked out by reading the payload, with the place, the text
there and how the value comes of it (in currency or W); `gaps`: instants that no slot holds; `days`: how many slots begin
from..to; `between`: estimates, from low to high. `why`: a part of the reason why there is no list. null: the adapter
gives none.
"""
LISTS = ("price", "export_price", "forecast")
LIST = {"count", "currency", "slots", "gaps", "days", "between", "why", "remark"}
SLOT = {"start", "end", "value", "at", "raw", "how", "file", "remark"}


def differences(field, want, got):
    """What a probe said that the case does not, one line each. got: its member, None where it has none."""
    slots = (got or {}).get("value")
    if want is None or "why" in want:
        why = (got or {}).get("why") or ""
        words = (want or {"why": "this adapter gives none"})["why"]
        if slots is not None:
            return [f"{field} has {len(slots)} slots"]
        return [] if got is None or words in why else [f"{field}: '{why}' has no '{words}'"]
    if slots is None:
        return [f"{field} is not known: {(got or {}).get('why')}"]
    bad, by_start = [], {s["start"]: s for s in slots}
    if len(slots) != want["count"]:
        bad.append(f"{field} has {len(slots)} slots, not {want['count']}")
    if "currency" in want and got["currency"] != want["currency"]:
        bad.append(f"{field} is in {got['currency']}, not {want['currency']}")
    bad += [f"{field}: {a['start']} to {a['end']} overlaps what begins at {b['start']}"
            for a, b in zip(slots, slots[1:]) if a["end"] > b["start"]]
    for s in want.get("slots", ()):
        have = by_start.get(s["start"])
        if not have or (have["end"], have["value"]) != (s["end"], s["value"]):
            bad.append(f"{field}: {s['start']} is {have}, not {s['value']} to {s['end']}")
    for s in want.get("between", ()):
        have = by_start.get(s["start"])
        if not have or not s["low"] <= have["value"] <= s["high"]:
            bad.append(f"{field}: {s['start']} is {have}, not {s['low']}..{s['high']}")
    for at in want.get("gaps", ()):
        bad += [f"{field}: {at} is no gap: {s}" for s in slots if s["start"] <= at < s["end"]]
    for d in want.get("days", ()):
        n = sum(d["from"] <= s["start"] < d["to"] for s in slots)
        if n != d["count"]:
            bad.append(f"{field}: {n} slots from {d['from']} to {d['to']}, not {d['count']}")
    return bad


def as_values(field, slot, main):
    """A slot as one value of a case, in whole numbers, for the check of its place."""
    scale = 1 if field == "forecast" else 1000000
    out = {"file": main, **{k: v for k, v in slot.items() if k not in ("start", "end")}}
    out["value"] = round(slot["value"] * scale)
    out["how"] = f"({slot.get('how', 'a')}) * {scale}"
    return out


def check(field, want, main, say, check_value):
    """What a case claims of a list stands where it says."""
    for unknown in sorted(set(want) - LIST):
        say(f"'{unknown}' is no member of a list")
    if "why" in want:
        return
    if not isinstance(want.get("count"), int):
        say("has no count")
    for i, s in enumerate(want.get("slots", ())):
        for unknown in sorted(set(s) - SLOT):
            say(f"slots[{i}]: '{unknown}' is no member of a slot")
        if not s.get("start", "") < s.get("end", ""):
            say(f"slots[{i}]: does not end behind its start")
        check_value(as_values(field, s, main), lambda t, i=i: say(f"slots[{i}]: {t}"))
