"""The running part of addon/try: broker, virtual chargers, bridge; says what to look at."""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM, CHECK = sys.argv[1], "--check" in sys.argv
procs, folder = [], tempfile.mkdtemp(prefix="twcbridge-try-")


def path(name):
    return os.path.join(folder, name)


def start(log, *args):
    with open(path(log), "ab") as out:
        procs.append(subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out))


def stop(code):
    for p in reversed(procs):
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
    if code:
        for log in ("bridge.log", "chargers.log", "broker.log"):
            if os.path.exists(path(log)):
                print(f"--- {log}", open(path(log)).read()[-3000:], sep="\n", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)


def wait(what, fn, timeout):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        got = fn()
        if got:
            return got
        time.sleep(0.02)
    print(f"{what}: not within {timeout} s", file=sys.stderr)
    stop(1)


def listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def chargers():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path("control"))
        s.sendall(b"status\n")
        data = b""
        while not data.endswith(b"\n"):
            data += s.recv(65536)
    return json.loads(data)["chargers"]


def retained(port, topic):
    """Retained messages under a filter: {topic: payload}."""
    out = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-t", topic, "-W", "1", "-v", "--retained-only"],
                         capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in out.splitlines() if " " in line)


def publish(port, topic, value):
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", topic, "-m", value], check=True)


def main():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with open(path("broker.conf"), "w") as f:
        f.write(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    os.chmod(folder, 0o755)
    start("broker.log", shutil.which("mosquitto", path="/usr/sbin:/usr/bin"), "-c", path("broker.conf"))
    wait("the broker", lambda: listening(port), 10)
    start("chargers.log", PROGRAM, "simulate", "--chargers", "3", "--plugged", "--link", path("bus"),
          "--control", path("control"))
    wait("the virtual chargers", lambda: os.path.exists(path("control")) and os.path.exists(path("bus")), 10)
    with open(path("settings.json"), "w") as f:
        json.dump({"mqtt": {"url": f"mqtt://127.0.0.1:{port}"}, "circuits": [{"name": "garage", "limit_a": 32}],
                   "buses": [{"port": path("bus"), "circuit": "garage"}]}, f)
    start("bridge.log", PROGRAM, "run", path("settings.json"), "--state", path("state"))
    print("Listening to the bus for 12 s, as after every first start ...", flush=True)
    ids = [c["id"] for c in chargers()]
    wait("all chargers", lambda: all(c["linked"] for c in chargers()), 40)
    time.sleep(1.5)
    entities = sum(len(json.loads(d)["components"]) for d in retained(port, "homeassistant/device/+/config").values())
    print(f"{entities} entities announced for Home Assistant, {len(ids)} chargers on the bus: {', '.join(ids)}")
    took, amps = [], 10
    for _ in range(3):
        time.sleep(1.2)
        amps += 1
        begin = time.monotonic()
        publish(port, f"twcbridge/charger/{ids[0]}/current_limit/set", str(amps))
        wait(f"{amps} A at the charger", lambda: chargers()[0]["told_a"] == amps, 5)
        took.append(time.monotonic() - begin)
    print(f"One setpoint took {statistics.median(took) * 1000:.0f} ms from mosquitto_pub to the charger "
          f"(median of {len(took)})")
    topic = f"twcbridge/charger/{ids[0]}"
    state = wait("the state document", lambda: next((s for s in [json.loads(retained(port, topic)[topic])]
                 if s["offered"] == amps), None), 5)
    print(f"{state['name']}: {state['status']}, {state['reason']}")
    if entities < 50:
        print("these are too few entities", file=sys.stderr)
        stop(1)
    print(f"""
Look:  mosquitto_sub -h 127.0.0.1 -p {port} -v -t 'twcbridge/charger/#'
Try:   mosquitto_pub -h 127.0.0.1 -p {port} -t twcbridge/charger/{ids[1]}/current_limit/set -m 16
       mosquitto_pub -h 127.0.0.1 -p {port} -t twcbridge/charger/{ids[1]}/current_limit/set -m 99     (refused, with the reason)
       mosquitto_pub -h 127.0.0.1 -p {port} -t twcbridge/site/charging_allowed/set -m OFF
Cars:  echo 'unplug {ids[2]}' | nc -U {path('control')}     (also: plug, car {ids[2]} max_a=8, status)
Home Assistant: add the MQTT integration with broker 127.0.0.1, port {port}.
Files: {path('settings.json')}, log {path('bridge.log')}""", flush=True)
    if CHECK:
        print("ok")
        stop(0)
    print("Ctrl-C ends it.", flush=True)
    signal.pause()


signal.signal(signal.SIGTERM, lambda *_: stop(0))
try:
    main()
except KeyboardInterrupt:
    print()
    stop(0)
except Exception as e:  # whatever it is: say it, end what was started
    print(f"{type(e).__name__}: {e}", file=sys.stderr)
    stop(1)
