"""Virtual chargers of the project behind a pty that can be pulled and plugged in again."""
import time

from buslog import BusLog
from rig import PROGRAM, free_port, wait


class Bus:
    """The chargers listen on TCP; the cable is a program of its own (socat), so they live on."""

    def __init__(self, rig, name, *args):
        self.r, self.name, self.port = rig, name, free_port()
        self.control, self.log = name + ".control", rig.path(name + ".jsonl")
        self.sim = rig.run(PROGRAM, "simulate", "--tcp", f"127.0.0.1:{self.port}", "--control",
                           rig.path(self.control), "--log", self.log, "--plugged", *args, log=name + ".log")
        wait("simulate", lambda: rig.find(name + ".log", "ready:"))
        self.zero, self.cable = 0.0, None
        self.plug()

    def say(self, line):
        answer = self.r.control(line, self.control)
        if not answer["ok"]:
            raise ValueError(f"{line}: {answer}")
        return answer

    def plug(self):
        self.cable = self.r.run("socat", f"PTY,link={self.r.path(self.name)},raw,echo=0",
                                f"TCP:127.0.0.1:{self.port},nodelay", log="socat.log")

    def pull(self):
        self.r.end(self.cable)
        self.r.procs.remove(self.cable)

    def sync(self):
        """The log's clock and ours: a line that both know the time of."""
        begin = time.monotonic()
        self.say("unit 1 state=well")
        self.zero = (begin + time.monotonic()) / 2

    def read(self):
        log = BusLog(self.log)
        self.zero -= log.at("unit 1 state=well") / 1000
        return log
