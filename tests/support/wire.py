"""What the tests of the wire share: they ask over MQTT and look at the frames on the pty."""
import time
import unittest

from rig import result, wait


def ask(client, ident, amps, seconds=600, owner="t"):
    """A request that holds whatever happens to the broker; its answer."""
    return result(client, f"twcbridge/charger/{ident}/current_limit/set",
                  f'{{"value":{amps},"for":{seconds},"owner":"{owner}"}}')


def limits(slaves, ident, since=0.0):
    return [h.amps for h in slaves.log.of(ident, since) if h.limit]


def opened(rig, times=1):
    """Waits until the bridge has opened its port so many times; when that was seen."""
    wait("the port", lambda: rig.log().count(" is open") >= times, 8, 0.005)
    return time.monotonic()


def kill(rig):
    rig.proc.kill()
    rig.proc.wait()


class Wire(unittest.TestCase):
    def amps(self, slaves, ident, amps, timeout=10):
        """Waits until a charger was told these amps; when the message began."""
        unit = slaves.unit(ident)
        try:
            wait("amps", lambda: unit.limit == amps, timeout, 0.01)
        except TimeoutError:
            self.fail(f"{ident} is at {unit.limit} A and not at {amps} A within {timeout} s")
        return next(h.start for h in reversed(slaves.log.of(ident)) if h.limit and h.amps == amps)

    def rhythm(self, slaves, ident, since, most=1.4, but=0):
        """About one heartbeat a second, never closer than 400 ms; `but`: so many late ones."""
        gaps = slaves.log.intervals(ident, since)
        self.assertGreater(len(gaps), 1)
        self.assertGreaterEqual(min(gaps), 0.4)
        self.assertLessEqual(sum(g > most for g in gaps), but, [round(g, 2) for g in gaps])
