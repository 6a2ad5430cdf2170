"""Sends the bytes of a case over a line, again and again as a meter does (`line`, see ems_cases.py).

    "line": {"file": "dsmr/own.txt", "over": "pty" or "tcp", "every": seconds between two, "piece": bytes at a time}
"""
import os
import pty
import select
import socket
import threading
import tty

EVERY = 0.3


class Pty:
    """The other end of a serial device; `device` is its path."""

    def __init__(self):
        self.master, slave = pty.openpty()
        tty.setraw(self.master)
        self.device = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.options = {"device": self.device}

    def send(self, data):
        """What nobody reads is lost, as on a cable."""
        while data:
            try:
                data = data[os.write(self.master, data):]
            except BlockingIOError:
                return
            except OSError:
                return

    def close(self):
        os.close(self.master)


class Tcp:
    """A gateway: each caller gets what comes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.callers = []
        self.port = self.listener.getsockname()[1]
        self.options = {"host": "127.0.0.1", "port": self.port}

    def send(self, data):
        while select.select([self.listener], [], [], 0)[0]:
            self.callers.append(self.listener.accept()[0])
        for s in list(self.callers):
            try:
                s.sendall(data)
            except OSError:
                self.callers.remove(s)
                s.close()

    def close(self):
        for s in (*self.callers, self.listener):
            s.close()


class Sender:
    """Gives what `make` makes to an end, every so many seconds, so many bytes at a time (0: all)."""

    def __init__(self, end, make, every=EVERY, piece=0):
        self.end, self.make, self.every, self.piece = end, make, every, piece
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stop.wait(self.every):
            data = self.make()
            step = self.piece or len(data) or 1
            for i in range(0, len(data), step):
                self.end.send(data[i:i + step])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop.set()
        self.thread.join()
        self.end.close()


class Serve(Sender):
    def __init__(self, case, find):
        line = case["line"]
        with open(find(line["file"]), "rb") as f:
            data = f.read()
        end = {"pty": Pty, "tcp": Tcp}[line["over"]]()
        self.options = end.options
        super().__init__(end, lambda: data, line.get("every", EVERY), line.get("piece", 0))
