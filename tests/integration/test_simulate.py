#!/usr/bin/env python3
"""`twcbridge simulate` when whoever reads it goes away: it rests, and is there for the next one."""
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from rig import PROGRAM, Rig, free_port, wait  # noqa: E402

LOAD_S = 2.0


def descriptor_of(pid, fd):
    """A descriptor of another process (pidfd_open, pidfd_getfd)."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.syscall(434, pid, 0)
    mine = libc.syscall(438, handle, fd, 0)
    if mine < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    os.close(handle)
    return mine


def cpu(pid):
    """Seconds of processor time so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class TestGone(unittest.TestCase):
    def setUp(self):
        self.rig = Rig()
        self.rig.__enter__()
        self.addCleanup(self.rig.__exit__, None, None, None)

    def rests(self, proc=None):
        proc = proc or self.rig.sim
        self.assertIsNone(proc.poll(), "it ended")
        before = cpu(proc.pid)
        time.sleep(LOAD_S)
        self.assertIsNone(proc.poll(), "it ended")
        self.assertLess((cpu(proc.pid) - before) / LOAD_S, 0.1, "of a core")

    def asker(self, name="control"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(self.rig.path(name))
        self.addCleanup(s.close)
        return s

    def test_an_asker_that_goes_before_its_answers(self):
        self.rig.simulate("--chargers", "3")
        for _ in range(3):
            s = self.asker()
            s.sendall(b"status\n" * 20)
            s.close()
        self.rests()
        self.assertTrue(self.rig.control("status")["ok"])

    def test_an_asker_that_does_not_read_its_answers_is_not_waited_for(self):
        self.rig.simulate("--chargers", "3")
        s = self.asker()
        s.setblocking(False)
        try:
            for _ in range(2000):  # more than sockets hold of the answers
                s.send(b"status\n" * 10)
                time.sleep(0.0002)
        except OSError:
            pass  # it was hung up on
        self.rests()
        self.assertTrue(self.rig.control("status")["ok"])

    def test_a_bridge_on_the_pty_that_is_killed(self):
        self.rig.simulate("--chargers", "1", "--id", "a1b2")
        self.rig.bridge({"chargers": [{"id": "a1b2"}], "safety": {"cold_listen_ms": 1000}})
        c = self.rig.online("a1b2")
        self.rig.end(self.rig.proc, signal.SIGKILL)
        self.rests()
        again = time.monotonic()
        self.rig.bridge(settings=self.rig.file)
        c.wait(lambda m: m.topic == "twcbridge/charger/a1b2/availability" and m.payload == "online", 20, again)

    def test_a_pty_that_nobody_read_for_an_hour(self):
        """What was said fills the kernel's queues; the first reader after that hears what is said then."""
        self.rig.simulate("--chargers", "1", "--id", "a1b2")
        fds = f"/proc/{self.rig.sim.pid}/fd"
        master = next(int(n) for n in os.listdir(fds) if os.readlink(f"{fds}/{n}") == "/dev/ptmx")
        full = descriptor_of(self.rig.sim.pid, master)
        self.addCleanup(os.close, full)
        for size in (4096, 64, 1, 1):
            with self.assertRaises(BlockingIOError):
                while True:
                    os.write(full, b"\x00" * size)
            time.sleep(0.1)
        said = self.rig.control("status")["frames_out"]
        wait("something said", lambda: self.rig.control("status")["frames_out"] > said, 20)
        self.rests()
        self.rig.bridge({"chargers": [{"id": "a1b2"}], "safety": {"cold_listen_ms": 1000}})
        self.rig.online("a1b2", timeout=20)

    def test_a_master_on_tcp_that_resets_closes_or_ends_its_half(self):
        port = free_port()
        p = self.rig.run(PROGRAM, "simulate", "--tcp", f"127.0.0.1:{port}", "--chargers", "3", log="tcp.log")
        wait("simulate", lambda: self.rig.find("tcp.log", "ready:"))
        for how in ("reset", "closed unread", "half"):
            with self.subTest(how), socket.create_connection(("127.0.0.1", port), 5) as s:
                if how == "reset":
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif how == "half":
                    s.shutdown(socket.SHUT_WR)
                else:
                    time.sleep(2)
                if how != "half":
                    s.close()
                self.rests(p)
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.settimeout(10)
            self.assertNotEqual(s.recv(1), b"", "the next master hears the chargers")

    def test_readers_of_its_log_and_of_its_output_that_are_killed(self):
        os.mkfifo(self.rig.path("log"))
        reader = self.rig.run("cat", self.rig.path("log"))
        with subprocess.Popen([PROGRAM, "simulate", "--link", self.rig.path("bus"), "--log", self.rig.path("log"),
                               "--control", self.rig.path("control"), "--chargers", "3"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as p:
            try:
                self.assertIn(b"ready:", p.stdout.readline())
                self.rig.end(reader, signal.SIGKILL)
                p.stdout.close()
                self.rig.control("noise 200")
                self.rests(p)
                self.assertTrue(self.rig.control("status")["ok"])
            finally:
                p.kill()


if __name__ == "__main__":
    unittest.main()
