"""Register images: {"blocks": [{"unit", "function", "start", "registers"}]}, all of it as on the wire (the first
register is 0); or {"unit", "registers_from_START": [...]} for holding registers."""
import json


def words_of(image):
    """(unit, function) -> {address: word}."""
    out = {}
    for b in image.get("blocks", []):
        space = out.setdefault((b.get("unit", image.get("unit", 1)), b.get("function", 3)), {})
        space.update({b["start"] + i: w for i, w in enumerate(b["registers"])})
    for key, words in image.items():
        if key.startswith("registers_from_"):
            start = int(key.rsplit("_", 1)[1])
            space = out.setdefault((image.get("unit", 1), 3), {})
            space.update({start + i: w for i, w in enumerate(words)})
    return out


def load(names):
    out = {}
    for name in names:
        with open(name, encoding="utf-8") as f:
            for key, space in words_of(json.load(f)).items():
                out.setdefault(key, {}).update(space)
    return out
