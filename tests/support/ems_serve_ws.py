"""A WebSocket server that plays the messages of a case of tests/data/ems, for `twcbridge probe`.

    with Serve(case, find) as s:
        probe(**s.options)

The case's "ws": {"file": name, "lines": how many (all), "rest": status}. In a .jsonl file each line is a message: "_dir" "rx" (or none) is sent,
at "tx" the next message of the client is awaited, and its "type" must be that of the line; "_array" is a list of
messages in one. Any other file is one message. After the last one the connection stays open. What is asked without a
WebSocket gets the status of "rest" (404). find: name of a payload -> its path."""
import json

from stream_fake import StreamFake


class Serve:
    def __init__(self, case, find):
        spec = case["ws"]
        with open(find(spec["file"]), encoding="utf-8") as f:
            text = f.read()
        lines = text.splitlines() if spec["file"].endswith(".jsonl") else [text]
        self.messages = [json.loads(x) for x in lines if x.strip()][:spec.get("lines")]
        self.status = spec.get("rest", 404)
        self.fake = StreamFake(default=self.play)
        own = str(case.get("options", {}).get("url", ""))
        self.options = {"url": self.fake.url.replace("http", "ws", 1) + own if own.startswith("/") else self.fake.url}

    def play(self, peer):
        if "upgrade" not in peer.head:
            peer.status(self.status)
            return
        peer.accept()
        for m in self.messages:
            if isinstance(m, dict) and m.get("_dir") == "tx":
                said = self.hear(peer)
                if said.get("type") != m.get("type"):
                    peer.text(json.dumps({"id": said.get("id"), "type": "result", "success": False, "error": {
                        "code": "invalid_format", "message": f"{said.get('type')} in place of {m.get('type')}"}}))
                    return
            else:
                out = m.get("_array", {k: v for k, v in m.items() if k != "_dir"}) if isinstance(m, dict) else m
                peer.text(json.dumps(out))
        peer.wait()

    @staticmethod
    def hear(peer):
        while True:
            opcode, data = peer.read()
            if opcode == 1:
                return json.loads(data)

    def __enter__(self):
        self.fake.__enter__()
        return self

    def __exit__(self, *a):
        self.fake.__exit__(*a)
