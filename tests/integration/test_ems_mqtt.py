"""Energy sources that publish by MQTT, through a real broker: values, silence, outages, one connection for all."""
import json
import os
import re
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import ems_serve_mqtt  # noqa: E402
import http_fake  # noqa: E402
from rig import PROGRAM, Rig, free_port, state, wait  # noqa: E402

SECRET = "s3cret-of-the-broker"


def source(name, **more):
    return {"name": name, "adapter": "mqtt", **more}


def probe(*more, timeout_s=2, **options):
    sets = [x for k, v in {"timeout_s": timeout_s, **options}.items() for x in ("--set", f"{k}={v}")]
    r = subprocess.run([PROGRAM, "probe", "mqtt", "--json", *sets, *more], capture_output=True, text=True, timeout=60)
    return r, json.loads(r.stdout) if r.stdout else None


class Bridge(unittest.TestCase):
    def setUp(self):
        self.rig = self.enterContext(Rig())
        self.out = self.rig.client()
        self.count = 0

    def start(self, *sources, **more):
        self.rig.bridge({"buses": [], "publish": {"interval_s": 1}, "sources": sources, **more})
        self.client = self.rig.client()
        self.client.subscribe("twcbridge/#")

    def site(self):
        return state(self.client, "twcbridge/site")

    def source(self, ident="meter"):
        return state(self.client, f"twcbridge/source/{ident}")

    def say(self, topic, power, **kw):
        """A reading that moves, as that of a living meter does."""
        self.count += 1
        self.out.publish(topic, json.dumps({"power": power + self.count % 2}), **kw)

    def until(self, what, test, say=None, timeout=15):
        def look():
            if say:
                say()
            return test()
        return wait(what, look, timeout, 0.1)

    def meter(self):
        self.say("h/meter", 700)

    def test_values_come_over_one_connection_and_a_silent_source_is_a_problem_in_time(self):
        self.start(source("Meter", topic="h/meter", grid_w="power", max_age_s=5),
                   source("Roof", pv_w_topic="h/pv", max_age_s=60),
                   source("Never", topic="h/never", soc="soc", max_age_s=5))
        begin = time.monotonic()

        def both():
            self.meter()
            self.out.publish("h/pv", "2.5 kW")
        self.until("values", lambda: self.site().get("house_power") is not None, both)
        self.assertIn(self.site()["grid_power"], (700, 701))
        self.assertEqual(self.site()["pv_power"], 2500)
        m = self.until("the meter is well", lambda: self.source()["status"] == "ok" and self.source(), both)
        self.assertEqual((m["problem"], m["error"], m["adapter"], m["calls_today"]), (False, None, "mqtt", 0))
        self.assertIsNone(m["next_try"])
        with open(self.rig.path("broker.log")) as f:
            self.assertEqual(len(set(re.findall(r"as (twcbridge-ems-\w+) ", f.read()))), 1)
        self.until("the one that never sends", lambda: self.source("never").get("problem"), both)
        self.assertLess(time.monotonic() - begin, 9)
        self.assertIn("connected, and nothing has come for 5 s", self.source("never")["error"])
        self.assertEqual(self.source("never")["status"], "failing")
        begin = time.monotonic()
        self.until("the silence", lambda: self.source()["problem"] and self.site()["grid_power"] is None)
        self.assertLess(time.monotonic() - begin, 8)
        self.assertEqual(self.site()["pv_power"], 2500)
        self.until("it sends again", lambda: self.source()["status"] == "ok", self.meter)
        self.assertIsNone(self.source()["error"])

    def test_a_kept_message_counts_with_a_time_in_it_and_no_other(self):
        def stamp(age_s):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age_s))
        self.out.publish("h/plain", "700", retain=True)
        self.out.publish("h/timed", json.dumps({"power": 3000, "at": stamp(2)}), retain=True)
        self.out.publish("h/old", json.dumps({"soc": 50, "at": stamp(900)}), retain=True)
        self.start(source("Plain", grid_w_topic="h/plain"),
                   source("Timed", topic="h/timed", pv_w="power", time="at"),
                   source("Old", topic="h/old", soc="soc", time="at"))
        self.until("the timed one", lambda: self.site().get("pv_power") == 3000)
        self.until("the plain one", lambda: self.source("plain").get("status") == "stale")
        self.assertIn("how old it is", self.source("plain")["error"])
        self.assertEqual(self.source("plain")["fields"]["grid_w"]["raw"], "700")
        self.assertIn("older than max_age_s", self.source("old")["error"])
        self.until("a message of now", lambda: self.site().get("grid_power") == 705,
                   lambda: self.out.publish("h/plain", "705", retain=True))
        self.assertEqual(self.source("plain")["status"], "ok")

    def test_a_last_will_takes_the_values_at_once(self):
        will = self.rig.client(will=("h/alive", "offline", True), keep_alive=5)
        will.publish("h/alive", "online", retain=True)
        self.start(source("Meter", topic="h/meter", grid_w="power", max_age_s=600, availability_topic="h/alive"))
        self.until("a value", lambda: self.source().get("status") == "ok", self.meter)
        will.sock.shutdown(2)
        self.until("the will", lambda: self.source()["problem"], timeout=20)
        self.assertIn("offline (availability_topic)", self.source()["error"])
        self.assertIsNone(self.site()["grid_power"])
        self.until("it is back", lambda: not self.source()["problem"], self.meter)

    def test_a_deleted_topic_is_unknown(self):
        self.start(source("Meter", topic="h/meter", grid_w="power", max_age_s=600))
        self.until("a value", lambda: self.source().get("status") == "ok", self.meter)
        self.out.publish("h/meter", "", retain=True)
        self.until("no value", lambda: self.site()["grid_power"] is None)
        self.until("why", lambda: "deleted" in (self.source()["error"] or ""))

    def test_a_message_that_cannot_be_read_costs_nothing_else(self):
        self.start(source("Meter", topic="h/meter", grid_w="power", soc_topic="h/soc", max_age_s=600))
        self.out.publish("h/soc", "55")

        def garbage():
            self.meter()
            self.out.publish("h/soc", b"\xff\x00{[")
        self.until("both", lambda: self.site().get("grid_power") is not None and "soc" in str(self.source().get("fields")),
                   garbage)
        self.until("said", lambda: self.source()["status"] == "stale")
        self.assertIsNotNone(self.site()["grid_power"])
        self.until("well", lambda: self.source()["status"] == "ok", lambda: self.out.publish("h/soc", "55"))

    def test_another_broker_that_goes_and_comes_back(self):
        port = free_port()
        conf = self.rig.path("second.conf")
        with open(conf, "w") as f:
            f.write(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self.start(source("Meter", url=f"mqtt://127.0.0.1:{port}", topic="h/meter", grid_w="power", max_age_s=30))
        self.until("nobody there", lambda: self.source().get("status") == "failing")
        self.assertIn("nobody answers there", self.source()["error"])
        self.assertTrue(self.source()["problem"])
        for _ in range(2):
            second = self.rig.run("mosquitto", "-c", conf)
            out = self.until("the broker", lambda: self.other(port))
            self.until("a value", lambda: self.source()["status"] == "ok", lambda: out.publish(
                "h/meter", json.dumps({"power": time.monotonic()})))
            out.close()
            self.rig.end(second)
            self.until("lost", lambda: self.source()["status"] == "failing")
            self.assertIn("lost", self.source()["error"])
            self.assertFalse(self.source()["problem"])  # its values still hold
            self.assertIsNotNone(self.site()["grid_power"])

    @staticmethod
    def other(port):
        try:
            return ems_serve_mqtt.Client(port)
        except OSError:
            return None


class Login(unittest.TestCase):
    def test_a_refused_login_is_told_and_rests(self):
        rig = self.enterContext(Rig(user="meter", password=SECRET))
        url = f"mqtt://127.0.0.1:{rig.port}"
        rig.bridge({"buses": [], "sources": [
            source("Wrong", url=url, username="meter", password=SECRET + "x", topic="h/m", grid_w="power"),
            source("Right", url=url, username="meter", password=SECRET, topic="h/m", pv_w="power")]})
        client, out = rig.client(), rig.client()
        client.subscribe("twcbridge/#")

        def both():
            out.publish("h/m", '{"power":5}')
            return (state(client, "twcbridge/source/wrong").get("status") == "auth_failed" and
                    state(client, "twcbridge/source/right").get("status") == "ok")
        wait("both", both, 15)
        time.sleep(3)
        with open(rig.path("broker.log")) as f:
            self.assertEqual(f.read().count("not authorised"), 1)
        said = rig.log() + "".join(m.topic + m.payload for m in client.messages)
        self.assertNotIn(SECRET, said)


class Probe(unittest.TestCase):
    def serve(self, *messages):
        return self.enterContext(ems_serve_mqtt.Serve({"mqtt": messages}, None))

    def test_it_waits_for_every_value_and_no_longer(self):
        s = self.serve({"topic": "a", "text": '{"p":5,"l1":null}'}, {"topic": "b", "text": "7 kW"})
        begin = time.monotonic()
        r, v = probe(url=s.options["url"], topic="a", grid_w="p", current_l1="l1", pv_w_topic="b", timeout_s=20)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual((r.returncode, v["grid_w"]["value"], v["pv_w"]["value"]), (0, 5, 7000), r.stderr)
        self.assertIn("l1", v["current_ma"][0]["why"])

    def test_a_kept_value_without_a_time_waits_for_the_next(self):
        s = self.serve({"topic": "a", "text": "5", "retain": True})
        r, v = probe(url=s.options["url"], grid_w_topic="a")
        self.assertEqual(r.returncode, 74)
        self.assertIn("how old it is", v["grid_w"]["why"])
        threading.Timer(0.5, s.client.publish, ("a", "6")).start()
        r, v = probe(url=s.options["url"], grid_w_topic="a", timeout_s=10)
        self.assertEqual((r.returncode, v["grid_w"]["value"]), (0, 6), r.stderr)

    def test_a_kept_value_with_a_time_is_judged_by_now(self):
        s = self.serve({"topic": "a", "text": '{"p":5,"t":"2026-11-24T06:00:00Z"}', "retain": True})
        r, v = probe("--now", "2026-11-24T06:00:10Z", url=s.options["url"], topic="a", grid_w="p", time="t")
        self.assertEqual((r.returncode, v["grid_w"]["value"], v["grid_w"]["age_ms"]), (0, 5, 10000))
        r, v = probe("--now", "2026-11-24T07:00:10Z", url=s.options["url"], topic="a", grid_w="p", time="t")
        self.assertEqual((r.returncode, v["grid_w"]["value"]), (74, None))
        self.assertIn("older", v["grid_w"]["why"])

    def test_faults_have_their_exit_codes(self):
        s = self.serve({"topic": "a", "text": "5", "retain": True})
        r, _ = probe(url=s.options["url"], grid_w_topic="nothing")
        self.assertEqual(r.returncode, 75)
        self.assertIn("nothing has come within 2 s", r.stderr)
        r, _ = probe(url=f"mqtt://127.0.0.1:{free_port()}", grid_w_topic="a")
        self.assertEqual(r.returncode, 74)
        self.assertIn("nobody answers there", r.stderr)
        r, _ = probe(url="mqtt://no-such-host.invalid", grid_w_topic="a")
        self.assertEqual(r.returncode, 74)
        r, _ = probe(grid_w_topic="a")
        self.assertEqual(r.returncode, 64)
        self.assertIn("url: is missing", r.stderr)
        r, _ = probe(url="http://x", grid_w_topic="a")
        self.assertEqual(r.returncode, 64)

    def test_tls_and_logins(self):
        rig = self.enterContext(Rig(user="meter", password=SECRET))
        r, _ = probe(url=f"mqtt://127.0.0.1:{rig.port}", grid_w_topic="a", username="meter", password=SECRET + "x")
        self.assertEqual(r.returncode, 69)
        self.assertNotIn(SECRET, r.stdout + r.stderr)
        cert, key, _ = http_fake.certificate(rig.dir, host="localhost")
        os.chmod(key, 0o644)
        port, conf = free_port(), rig.path("tls.conf")
        with open(conf, "w") as f:
            f.write(f"listener {port} 127.0.0.1\nallow_anonymous true\ncertfile {cert}\nkeyfile {key}\n")
        rig.run("mosquitto", "-c", conf, log="tls.log")
        url = f"mqtts://localhost:{port}"
        wait("the broker", lambda: probe(url=url, grid_w_topic="a", insecure="true", timeout_s=1)[0].returncode == 75)
        r, _ = probe(url=url, grid_w_topic="a")
        self.assertEqual(r.returncode, 69, r.stderr)
        self.assertIn("TLS failed", r.stderr)
        r, _ = probe(url=url, grid_w_topic="a", ca_file=cert)
        self.assertEqual(r.returncode, 75, r.stderr)


if __name__ == "__main__":
    unittest.main()
