"""Serial gateways for the tests: a real ser2net, and a network that delays and cuts.

    g = Ser2net(rig, rig.path("bus"))          # rfc2217 on g.port
    p = Proxy(g.port, delay=0.15)              # the same on p.port, 300 ms away
"""
import os
import re
import select
import socket
import threading
import time

from rig import free_port, wait

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")


def documented(part, page="wiring.md"):
    """The one example of a page that holds `part`."""
    with open(os.path.join(DOCS, page)) as f:
        found = [x for x in re.findall(r"```yaml\n(.*?)```", f.read(), re.S) if part in x]
    assert len(found) == 1, found
    return found[0]


def listens(port):
    """Somebody listens on that port of 127.0.0.1 (looked up, not called: a call kicks others off)."""
    with open("/proc/net/tcp") as f:
        return any(x.split()[1] == f"0100007F:{port:04X}" and x.split()[3] == "0A" for x in f.readlines()[1:])


class Ser2net:
    """ser2net on a device, with the settings that docs/wiring.md shows; meter: those of docs/energy.md."""

    def __init__(self, rig, device, raw=False, calls=None, meter=False):
        self.rig, self.port = rig, free_port()
        text = documented("&meter", "energy.md") if meter else documented("connback" if calls else "rfc2217")
        swaps = [("/dev/ttyUSB0", device), ("192.0.2.10,2217", f"127.0.0.1,{self.port}"),
                 ("tcp,2001", f"tcp,127.0.0.1,{self.port}"),
                 ("127.0.0.1,4160", f"127.0.0.1,{self.port}"), ("192.0.2.2,4161", f"127.0.0.1,{calls}")]
        if raw:
            swaps.append(("telnet(rfc2217),tcp", "tcp"))
        for old, new in swaps:
            text = text.replace(old, new)
        self.file = rig.path(f"ser2net-{self.port}.yaml")
        with open(self.file, "w") as f:
            f.write(text)
        self.start()

    def start(self):
        """Returns the moment from which it takes calls."""
        self.proc = self.rig.run("ser2net", "-d", "-u", "-c", self.file, log="ser2net.log")
        wait("ser2net", lambda: listens(self.port), 10, 0.002)
        return time.monotonic()

    def kill(self):
        self.proc.kill()
        self.proc.wait()


class Proxy:
    """Passes one connection at a time on, late and in pieces.

    delay: seconds each way. cut: each piece is cut in two, one byte further each time, and the second
    part waits so long. single: every byte travels alone."""

    def __init__(self, to, delay=0.0, cut=0.0, single=False):
        self.to, self.delay, self.cut, self.single = to, delay, cut, single
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.stop, self.calls, self.cuts = threading.Event(), 0, set()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.stop.set()
        self.thread.join()
        self.listener.close()

    def _run(self):
        while not self.stop.is_set():
            if not select.select([self.listener], [], [], 0.1)[0]:
                continue
            near = self.listener.accept()[0]
            self.calls += 1
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            self._pass(near, far)
            near.close()
            far.close()

    def _pieces(self, data, turn):
        if self.single:
            return [(data[i:i + 1], 0.0) for i in range(len(data))]
        if self.cut and len(data) > 1:
            at = 1 + turn % (len(data) - 1)
            self.cuts.add((at, len(data)))
            return [(data[:at], 0.0), (data[at:], self.cut)]
        return [(data, 0.0)]

    def _pass(self, near, far):
        queue = {near: [], far: []}  # towards: (time, bytes)
        for s in (near, far):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        turn = 0
        while not self.stop.is_set():
            for s in select.select([near, far], [], [], 0.001)[0]:
                try:
                    data = s.recv(64)
                except OSError:
                    data = b""
                if not data:
                    return
                out = queue[far if s is near else near]
                when = max([time.monotonic() + self.delay] + [w for w, _ in out])
                turn += 1
                for piece, pause in self._pieces(data, turn):
                    when += pause
                    out.append((when, piece))
            for s, out in queue.items():
                while out and out[0][0] <= time.monotonic():
                    try:
                        s.sendall(out.pop(0)[1])
                    except OSError:
                        return
