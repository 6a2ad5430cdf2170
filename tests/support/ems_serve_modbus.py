"""Serves the register images of a case over Modbus TCP (`modbus`, see ems_cases.py).

    "modbus": [{"file": "sunspec/x.json"}, {"file": "x.json", "unit": 3}]     unit: in place of the image's own
    "modbus": [{"blocks": [{"unit": 1, "function": 3, "start": 100, "registers": [1]}]}]

`rtu` in a case's options: RTU frames over TCP. What is in no image is exception 2, another unit id is exception 11.
"""
import json

from modbus_fake import ModbusFake
from modbus_images import words_of


class Serve:
    def __init__(self, case, find):
        words = {}
        for entry in case["modbus"]:
            image = entry
            if "file" in entry:
                with open(find(entry["file"]), encoding="utf-8") as f:
                    image = json.load(f)
            for (unit, function), space in words_of(image).items():
                words.setdefault((entry.get("unit", unit) if "file" in entry else unit, function), {}).update(space)
        self.fake = ModbusFake(words, rtu=bool(case.get("options", {}).get("rtu")), absent=11)
        self.options = {"host": "127.0.0.1", "port": self.fake.port}

    def __enter__(self):
        self.fake.__enter__()
        return self

    def __exit__(self, *a):
        self.fake.__exit__(*a)
