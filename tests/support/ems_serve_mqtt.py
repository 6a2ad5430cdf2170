"""A real broker with the messages of a case of tests/data/ems, for `twcbridge probe`.

    with Serve(case, find) as s:
        probe(**s.options)

The case's "mqtt" is a list of messages: {"topic", "text" or "file", "retain"}; or {"file", "line"}: line N (from 1)
of a file whose lines are a topic, a blank and the payload; without "line": all of them. Retained messages are there
before the probe comes, the others are said again and again until it went. find: name of a payload -> its path."""
import os
import subprocess
import tempfile
import threading

from mqtt import Client
from rig import free_port, wait


class Serve:
    def __init__(self, case, find):
        self.messages = [m for spec in case["mqtt"] for m in self.read(spec, find)]
        self.port = free_port()
        self.options = {"url": f"mqtt://127.0.0.1:{self.port}"}
        self.over = threading.Event()

    @staticmethod
    def read(spec, find):
        retain = spec.get("retain", False)
        if "topic" in spec:
            text = spec.get("text")
            if text is None:
                with open(find(spec["file"]), "rb") as f:
                    text = f.read()
            return [(spec["topic"], text, retain)]
        with open(find(spec["file"]), encoding="utf-8") as f:
            lines = [x.partition(" ") for x in f.read().split("\n") if x]
        if "line" in spec:
            lines = [lines[spec["line"] - 1]]
        return [(topic, payload, retain) for topic, _, payload in lines]

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        os.chmod(self.dir.name, 0o755)
        conf = os.path.join(self.dir.name, "broker.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"listener {self.port} 127.0.0.1\npersistence false\nallow_anonymous true\n")
        self.broker = subprocess.Popen(["mosquitto", "-c", conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.client = wait("the broker", self.connect)
        for topic, text, retain in self.messages:
            if retain:
                self.client.publish(topic, text, retain=True)
        self.thread = threading.Thread(target=self.repeat)
        self.thread.start()
        return self

    def connect(self):
        try:
            return Client(self.port)
        except OSError:
            return None

    def repeat(self):
        while not self.over.wait(0.15):
            for topic, text, retain in self.messages:
                if not retain:
                    self.client.publish(topic, text)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.client.close()
        self.broker.terminate()
        self.broker.wait()
        self.dir.cleanup()
