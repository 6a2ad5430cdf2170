"""A library that is preloaded into the bridge: its wall clock jumps, its time passes faster, its disk
is slow, its resolver hangs, while it runs and without root.

    s = Shim(r.dir); r.bridge(env=s.env()); s.clock(3600); s.sync(0.4); s.resolve(5)
"""
import contextlib
import mmap
import os
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
CLOCK, SYNC, RESOLVE, SYNCS, RESOLVES, RATE = range(6)  # as in struct orders of shim.c



def urgent():
    """We, and all that we start, before everybody else on this machine, where we may: what comes late
    shall be late by itself."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


class Shim:
    def __init__(self, folder):
        self.lib, self.file = os.path.join(folder, "shim.so"), os.path.join(folder, "shim")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", self.lib,
                        os.path.join(HERE, "shim.c")], check=True)
        with open(self.file, "wb") as f:
            f.write(bytes(4096))
        with open(self.file, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)

    def env(self):
        asan = os.environ.get("ASAN_OPTIONS", "")
        return dict(os.environ, LD_PRELOAD=self.lib, SHIM=self.file,
                    ASAN_OPTIONS=f"{asan}:verify_asan_link_order=0".lstrip(":"))

    def _set(self, at, value):
        struct.pack_into("q", self.map, at * 8, value)

    def get(self, at):
        return struct.unpack_from("q", self.map, at * 8)[0]

    def clock(self, seconds):
        """The wall clock of the bridge is so many seconds ahead of the true one."""
        self._set(CLOCK, int(seconds * 1e9))

    def rate(self, times):
        """All its clocks run so many times as fast, from its start: to be told before."""
        self._set(RATE, times)

    def sync(self, seconds):
        self._set(SYNC, int(seconds * 1e6))

    def resolve(self, seconds):
        self._set(RESOLVE, int(seconds * 1e6))

    def held(self):
        """(syncs, look-ups) that were held up so far."""
        return self.get(SYNCS), self.get(RESOLVES)
