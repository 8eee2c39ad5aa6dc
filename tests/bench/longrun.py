#!/usr/bin/env python3
"""make check-long: does anything grow for ever? LONG_CRAWLS (300,000) crawls, one after the other, through a trawld
that keeps what is over for LONG_KEEP (20) seconds only, against a simulator whose time runs a thousand times as fast.
At each tenth of the way: the store, its log, files below DATA_DIR, the memory of each process. From the second tenth
on nothing may grow, but the event file, which is rotated and not emptied by time; what is kept for so many seconds is
measured by the crawls that came in one. LONG_MINUTES ends it early."""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bench import BODY, REQUEST, load, memory_of, port_of  # noqa: E402
from harness import Sim, Trawld, call, free_port, wait_for  # noqa: E402

CRAWLS = int(os.environ.get("LONG_CRAWLS", "300000"))
KEEP = os.environ.get("LONG_KEEP", "20")
MINUTES = float(os.environ.get("LONG_MINUTES", "30"))
AT_ONCE = 2000  # crawls under way
SLACK, LITTLE = 1.3, 5  # as many times, and so much more, as there was at two tenths, is level


def healthy(trawld):
    try:
        return call(trawld.url, "GET", "/health").status == 200
    except OSError:
        return False


def live(trawld):
    crawls = trawld.get("/health").json["crawls"]
    return sum(crawls[s] for s in ("accepted", "triggering", "reconciling", "polling", "ready", "downloading", "storing"))


def look(trawld, done, began):
    files = [p for p in trawld.data.rglob("*") if p.is_file()]
    size = {p.name: p.stat().st_size / 1e6 for p in files if p.parent == trawld.data}
    found = {"crawls": done, "seconds": time.monotonic() - began, "store MB": size["trawld.db"],
             "log MB": size.get("trawld.db-wal", 0), "events MB": sum(mb for name, mb in size.items() if name.startswith("events")),
             "objects": sum(1 for p in files if "objects" in p.parts), "spool": sum(1 for p in files if "spool" in p.parts),
             **{f"{role} MiB": mib for role, mib in memory_of(trawld, "VmRSS").items()}}
    print("  ".join(f"{k} {v:,.1f}" if isinstance(v, float) else f"{k} {v:,}" for k, v in found.items()), flush=True)
    return found


def run(folder):
    sim = Sim(folder, "--time-scale", "1000", "--ready-after", "1", "--building", "0", "--running-cap", "0", "--quiet")
    trawld = Trawld(folder, sim.url, start=False, BACKGROUND_POLL_INTERVAL="200ms", BACKGROUND_MAX_POLLS="100000",
                    BACKGROUND_MAX_WORKERS="4", FRONT_WORKERS="1", LOG_LEVEL="warning", PROVIDER_CALLS_MAX="256",
                    CRAWLS_KEEP=KEEP, EVENTS_KEEP=KEEP, OBJECTS_KEEP=KEEP, TRIGGER_WAIT_SECONDS="0", DATA_DIR=str(folder / "data"),
                    PORT=str(free_port()))
    trawld.launch()  # at this level it does not say where it listens
    trawld.url = f"http://127.0.0.1:{trawld.conf['PORT']}"
    wait_for(lambda: healthy(trawld), "it is healthy")
    began, done, looks = time.monotonic(), 0, []
    body = json.dumps({**json.loads(BODY), "num_of_posts": 1, "url": REQUEST["url"]})
    try:
        while done < CRAWLS and time.monotonic() - began < MINUTES * 60:
            wait_for(lambda: live(trawld) < AT_ONCE, "there is room", 120)
            load(port_of(trawld.url), "--path", "/api/v1/crawl/trigger", "--body", body, requests=500, connections=16)
            done += 500
            if done >= CRAWLS * (len(looks) + 1) // 10:
                looks.append(look(trawld, done, began))
    finally:
        trawld.program.stop()
        sim.stop()
    return looks


def per_second(looks, at, kept):
    """The same by the crawls of a second, since the look before."""
    rate = (looks[at]["crawls"] - looks[at - 1]["crawls"]) / (looks[at]["seconds"] - looks[at - 1]["seconds"])
    return looks[at][kept] / rate


def grown(looks):
    """What is larger at the end than it was at two tenths."""
    level = ("log MB", "spool", *(k for k in looks[0] if k.endswith("MiB")))
    pairs = [(k, looks[1][k], looks[-1][k], LITTLE) for k in level]
    pairs += [(f"{k} by the crawls of a second", per_second(looks, 1, k), per_second(looks, -1, k), 0)
              for k in ("store MB", "objects")]
    return [f"{k}: {early:,.3f} became {late:,.3f}" for k, early, late, little in pairs if late > early * SLACK + little]


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="trawld-long-", dir=os.environ.get("BENCH_DIR")))
    try:
        looks = run(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = grown(looks)
    print("\n".join(found) if found else "level")
    return 1 if found or looks[-1]["crawls"] < CRAWLS else 0


if __name__ == "__main__":
    sys.exit(main())
