#!/usr/bin/env python3
"""make bench: trawld's own work against what the same machine can do at most.

Each ceiling is measured in the same run, right beside the figure that it bounds,
so the ratio says something on any machine. Options: names of the parts to run
(crawls, download, polling, idle); default all.
"""

import datetime
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "flow"))
import harness  # noqa: E402
from harness import BUILD, KEY, REQUEST, Program, Sim, Trawld, call, running, wait_for  # noqa: E402

CLIENTS = 256  # requests in flight; the ceilings get as many
TRIGGERS = 512  # the same for triggers: four pollers can have as many calls under way
BODY = json.dumps(REQUEST)
ROWS = []
STARTED = []


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def row(what, value, ceiling=None, goal=None, unit="/s", smaller=False):
    ratio = value / ceiling if ceiling else None
    measure = ratio if ratio is not None else value
    good = "" if goal is None else ("ok" if (measure <= goal if smaller else measure >= goal) else "SHORT")
    ROWS.append((what, value, ceiling, ratio, goal, unit, good))
    say(f"  {what}: {value:,.1f} {unit}" + (f" of {ceiling:,.1f} = {ratio:.2f}" if ceiling else "") + f" {good}")


def load(port, *options, requests, connections=CLIENTS):
    done = subprocess.run(
        [BUILD / "tests/bench/load", "--port", str(port), "--requests", str(requests),
         "--connections", str(connections), *options], stdout=subprocess.PIPE, check=False)
    result = json.loads(done.stdout)
    if result["errors"]:
        raise SystemExit(f"bench: {result['errors']} of {result['requests']} requests failed")
    return result


def port_of(url):
    return int(url.rsplit(":", 1)[1].rstrip("/"))


class Bare:
    """evhttp alone, answering as many bytes as trawld does."""

    def __init__(self, size):
        self.process = subprocess.Popen([BUILD / "tests/bench/bare", "http", str(size)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()


def memory(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def memory_of(trawld, field):
    tree = {"supervisor": [trawld.program.pid], **trawld.children()}
    return {role: max(memory(pid, field) for pid in pids) for role, pids in tree.items()}


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def plain(folder, sim, **conf):
    """trawld with the settings that users have, but for the number of pollers: two cores have no use for ten."""
    base = {"BACKGROUND_POLL_INTERVAL": "30", "BACKGROUND_MAX_POLLS": "120", "BACKGROUND_MAX_WORKERS": "2",
            "FRONT_WORKERS": "2", "RECONCILE_DELAY": "60", "LOG_LEVEL": "info",
            # The provider is the simulator, which blocks nobody for what a burst draws.
            "PROVIDER_CALLS_MAX": "512", **conf}
    return Trawld(folder, sim.url, start=False, **base)


def start(trawld):
    STARTED.append(trawld)
    trawld.start()
    return trawld


def bench_crawls(folder):
    say("crawls: acknowledged, triggered, status")
    commit = float(subprocess.run([BUILD / "tests/bench/bare", "commit", str(CLIENTS), "60000"],
                                  cwd=folder, stdout=subprocess.PIPE, check=True).stdout)
    # Acknowledged: the provider answers late, so that only trawld's own work is at it.
    sim = Sim(folder, "--ready-after", "100000", "--running-cap", "1000000", "--quiet")
    sim.fault("trigger", "delay", ms=60000, count=-1)
    trawld = start(plain(folder, sim, TRIGGER_WAIT_SECONDS="0", DATA_DIR=str(folder / "acknowledged")))
    answer = trawld.post("/api/v1/crawl/trigger", REQUEST)
    bare = Bare(len(answer.body))
    http_rate = load(bare.port, "--body", BODY, requests=60000)["rate"]
    result = load(port_of(trawld.url), "--path", "/api/v1/crawl/trigger", "--body", BODY, requests=30000)
    row("crawls acknowledged (202)", result["rate"], min(http_rate, commit), 0.4)
    say(f"    bare evhttp POST {http_rate:,.0f}/s, group commit alone {commit:,.0f}/s; "
        f"p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms")
    bare.stop()
    trawld.program.process.kill()
    trawld.program.process.wait()
    sim.stop()

    # Triggered: the provider's answer included, against the provider driven alone. The machine's
    # speed wanders, so that is measured before and after.
    alone = [provider_alone(folder)]
    sim = Sim(folder, "--ready-after", "100000", "--running-cap", "1000000", "--quiet")
    trawld = start(plain(folder, sim, DATA_DIR=str(folder / "triggered"), BACKGROUND_MAX_WORKERS="4"))
    result = load(port_of(trawld.url), "--path", "/api/v1/crawl/trigger", "--body", BODY, requests=40000,
                  connections=TRIGGERS)

    crawl_id = trawld.post("/api/v1/crawl/trigger", REQUEST).json["crawl_id"]
    status = trawld.get(f"/api/v1/crawl/{crawl_id}/status")
    bare = Bare(len(status.body))
    http_rate = load(bare.port, requests=100000)["rate"]
    reads = load(port_of(trawld.url), "--path", f"/api/v1/crawl/{crawl_id}/status", requests=60000)
    bare.stop()
    peaks = memory_of(trawld, "VmHWM")
    trawld.program.process.kill()
    trawld.program.process.wait()
    sim.stop()
    alone.append(provider_alone(folder))

    row("crawls triggered (200)", result["rate"], sum(alone) / 2, 0.4)
    say(f"    trawl-sim alone on fresh connections {alone[0]:,.0f}/s before, {alone[1]:,.0f}/s after; "
        f"p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms")
    row("status answers", reads["rate"], http_rate, 0.4)
    say(f"    p50 {reads['p50_ms']} ms, p99 {reads['p99_ms']} ms")
    ROWS.append(("peak RSS after that, MiB", peaks, None, None, None, "", ""))


def provider_alone(folder):
    sim = Sim(folder, "--ready-after", "100000", "--running-cap", "1000000", "--quiet")
    path = "/datasets/v3/trigger?dataset_id=gd_lkaxegm826bjpoo9m5&include_errors=true"
    row_text = json.dumps([{"url": REQUEST["url"], "num_of_posts": 10, "start_date": "12-01-2024",
                            "end_date": "12-24-2024", "include_profile_data": True}])
    rate = load(port_of(sim.url), "--path", path, "--body", row_text, "--header",
                f"Authorization: Bearer {KEY}", "--fresh", requests=40000, connections=TRIGGERS)["rate"]
    sim.stop()
    return rate


def bench_download(folder):
    say("download: 1 GB of records in Facebook's shape")
    # Records in the real shape: a file of real ones if the caller has one, else the simulator's.
    records = folder / "records.ndjson"
    if os.environ.get("BENCH_RECORDS"):
        shutil.copy(os.environ["BENCH_RECORDS"], records)
    else:
        make_records(folder, records)
    repeat = -(-1_000_000_000 // records.stat().st_size)
    yajl = float(subprocess.run([BUILD / "tests/bench/bare", "yajl", str(records), str(repeat)],
                                stdout=subprocess.PIPE, check=True).stdout)
    sim = Sim(folder, "--records", str(records), "--repeat", str(repeat), "--ready-after", "0",
              "--building", "0", "--quiet")
    job = call(sim.url, "POST", "/datasets/v3/trigger?dataset_id=gd_lkaxegm826bjpoo9m5",
               [{"url": "https://www.facebook.com/acme"}],
               {"Authorization": f"Bearer {KEY}"}).json["snapshot_id"]
    target = folder / "curl.json"
    curl = 0.0
    for _ in range(2):
        os.sync()
        began = time.monotonic()
        subprocess.run(["curl", "-sS", "-H", f"Authorization: Bearer {KEY}", "-o", str(target),
                        f"{sim.url}/datasets/v3/snapshot/{job}?format=json"], check=True)
        curl = max(curl, target.stat().st_size / (time.monotonic() - began))
        size = target.stat().st_size
        target.unlink()
    os.sync()
    trawld = start(plain(folder, sim, BACKGROUND_POLL_INTERVAL="100ms", BACKGROUND_MAX_POLLS="10000",
                         BACKGROUND_MAX_WORKERS="1", DATA_DIR=str(folder / "download")))
    crawl_id = trawld.trigger()
    status = trawld.wait_status(crawl_id, seconds=300)
    # By trawld's own clock, from the lease of the download to the object's durable place.
    seconds = moment(trawld.log(), "storing -> completed") - moment(trawld.log(), "ready -> downloading")
    timing = [l for l in trawld.log().splitlines() if "downloaded" in l]
    assert status["size_bytes"] == size and status["post_count"] > 0
    say("    " + (timing[-1] if timing else "(no timing line)"))
    row("download and store, MB", size / seconds / 1e6, min(yajl, curl) / 1e6, 0.6, "MB/s")
    row("records through it", (status["post_count"] + status["error_count"]) / seconds, None, 100000)
    say(f"    {size / 1e9:.2f} GB in {seconds:.2f} s; yajl alone {yajl / 1e6:,.0f} MB/s, "
        f"curl -o file {curl / 1e6:,.0f} MB/s")
    peaks = memory_of(trawld, "VmHWM")
    row("poller peak RSS", peaks["poller"], None, 24, "MiB", smaller=True)
    ROWS.append(("peak RSS of each process, MiB", peaks, None, None, None, "", ""))
    trawld.stop()
    sim.stop()
    shutil.rmtree(folder / "download")


def make_records(folder, records):
    sim = Sim(folder, "--ready-after", "0", "--building", "0", "--quiet")
    job = call(sim.url, "POST", "/datasets/v3/trigger?dataset_id=gd_lkaxegm826bjpoo9m5",
               [{"url": "https://www.facebook.com/acme", "num_of_posts": 1000}],
               {"Authorization": f"Bearer {KEY}"}).json["snapshot_id"]
    records.write_bytes(sim_lines(sim, job))
    sim.stop()


def moment(log, words):
    line = [l for l in log.splitlines() if words in l][-1]
    return datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()


def sim_lines(sim, job):
    def look():
        answer = call(sim.url, "GET", f"/datasets/v3/snapshot/{job}?format=jsonl",
                      headers={"Authorization": f"Bearer {KEY}"})
        return answer.body if answer.status == 200 else None
    return wait_for(look, "the simulator gives the records")


def bench_polling(folder):
    say("polling: 100,000 crawls")
    sim = Sim(folder, "--ready-after", "1000000", "--running-cap", "1000000", "--quiet")
    trawld = start(plain(folder, sim, BACKGROUND_MAX_POLLS="100000", TRIGGER_WAIT_SECONDS="0",
                         BACKGROUND_MAX_WORKERS="4", DATA_DIR=str(folder / "polling")))
    load(port_of(trawld.url), "--path", "/api/v1/crawl/trigger", "--body", BODY, requests=100000)
    wait_for(lambda: sim.get("/_sim/jobs?summary=1")["count"] >= 100000, "all are triggered", 300)
    before_calls = sim.stats()["calls"]["progress"]
    tree = {**{"supervisor": [trawld.program.pid]}, **trawld.children()}
    before = {pid: cpu_seconds(pid) for pids in tree.values() for pid in pids}
    began = time.monotonic()
    time.sleep(30)  # the length of the measurement, not a wait for something
    span = time.monotonic() - began
    calls = (sim.stats()["calls"]["progress"] - before_calls) / span
    for role, pids in tree.items():
        used = sum(cpu_seconds(pid) - before[pid] for pid in pids) / span
        row(f"CPU of {role} x{len(pids)} at {calls:,.0f} polls/s", used * 100, None, None, "%")
    row("keeper RSS with 100,000 crawls", memory_of(trawld, "VmHWM")["keeper"], None, 150, "MiB", smaller=True)
    (pid,) = trawld.children()["keeper"]
    mark = len(trawld.log())
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: (lambda a: a and a.status == 200)(answered(trawld)) and not running(pid) and
             trawld.children().get("keeper") not in (None, [pid]), "the keeper serves again")
    row("kill -9 of the keeper to ready", time.monotonic() - began, None, 2, "s", smaller=True)
    for line in trawld.log()[mark:].splitlines():
        if "keeper" in line and "ready" in line:
            say("    " + line)
    trawld.program.process.kill()
    trawld.program.process.wait()
    sim.stop()


def answered(trawld):
    try:
        return trawld.get("/health", timeout=10)
    except (OSError, http.client.HTTPException):
        return None


def bench_idle(folder):
    sim = Sim(folder, "--quiet")
    trawld = start(Trawld(folder, sim.url, start=False, DATA_DIR=str(folder / "idle"),
                          BACKGROUND_MAX_WORKERS="10", FRONT_WORKERS="2", BACKGROUND_POLL_INTERVAL="30"))
    tree = {"supervisor": [trawld.program.pid], **trawld.children()}
    total = pss = 0.0
    for role, pids in tree.items():
        for pid in pids:
            total += memory(pid, "VmRSS")
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    pss += int(line.split()[1]) / 1024
    count = sum(len(p) for p in tree.values())
    row(f"idle tree of {count} processes, RSS summed", total, None, None, "MiB")
    row("the same, shared pages counted once (PSS)", pss, None, None, "MiB")
    trawld.stop()
    sim.stop()


PARTS = {"crawls": bench_crawls, "download": bench_download, "polling": bench_polling, "idle": bench_idle}


def table():
    print(f"{'what':52} {'measured':>14} {'ceiling':>14} {'ratio':>6} {'goal':>9}")
    for what, value, ceiling, ratio, goal, unit, good in ROWS:
        if isinstance(value, dict):
            print(f"{what}: " + ", ".join(f"{k} {v:.1f}" for k, v in value.items()))
            continue
        print(f"{what:52} {value:>10,.1f} {unit:<4}{ceiling or 0:>13,.1f} {ratio or 0:>6.2f} "
              f"{goal if goal is not None else '-':>9} {good}" if ceiling else
              f"{what:52} {value:>10,.1f} {unit:<4}{'':>13} {'':>6} {goal if goal is not None else '-':>9} {good}")
    print("ceilings: the lower of bare evhttp and group commit alone; trawl-sim alone on fresh connections;")
    print("bare evhttp; the lower of yajl alone and curl -o file. Goals of RSS and seconds are upper bounds.")


def main():
    parts = sys.argv[1:] or list(PARTS)
    for part in parts:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="trawld-bench-", dir=os.environ.get("BENCH_DIR")))
        try:
            PARTS[part](folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    table()


if __name__ == "__main__":
    main()
