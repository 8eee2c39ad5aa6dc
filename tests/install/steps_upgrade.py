"""Restart, reload, upgrade and downgrade while clients keep coming."""

import json
import pathlib
import signal
import subprocess
import sys
import time

from harness import wait_for

from daemon import PORT, STATE, UNIT

LOAD = pathlib.Path(__file__).with_name("load.py")
RATE = 200  # requests a second
SECONDS = 2  # of load before and after what is done under it


class Load:
    """Clients on the container's network, until collect()."""

    serial = 0

    def __init__(self, network):
        Load.serial += 1
        self.process = subprocess.Popen(
            [*network.inside(), sys.executable, "-B", str(LOAD), str(PORT), str(RATE), f"load-{Load.serial}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        time.sleep(SECONDS)

    def collect(self):
        time.sleep(SECONDS)
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)


def under_load(w, what, act):
    """Does it while 200 requests a second arrive and crawls run; no client may notice."""
    w.daemon.mark()
    w.sim.set(ready_after=1.0)
    load = Load(w.network)
    try:
        start = time.monotonic()
        done = act()
        seconds = time.monotonic() - start
    finally:
        result = load.collect()
    w.expect(f"{what} under load succeeds", done, done)
    w.note(f"{what} under load", f"{seconds:.1f} s, {result['sent']} requests at {result['rate']:.0f}/s, "
           f"slowest answer {result['slowest']:.2f} s")
    w.expect(f"{what}: the load is {RATE} requests a second", result["rate"] > 0.95 * RATE, result["rate"])
    told = "\n".join(result["examples"])
    for kind in ("refused", "reset"):
        w.expect(f"{what}: no connection is {kind}", kind not in result["failures"],
                 f"{result['failures']}\n{told}")
    others = {k: n for k, n in {**result["failures"], **result["statuses"]}.items()
              if k not in ("refused", "reset", "200", "202")}
    w.expect(f"{what}: every request is answered, and well", not others, f"{others}\n{told}")
    crawls = result["crawls"]
    ended = {crawl_id: w.daemon.wait_crawl(crawl_id, "completed", "failed", "canceled", seconds=60)["status"]
             for crawl_id in crawls}
    lost = {i: s for i, s in ended.items() if s != "completed"}
    w.expect(f"{what}: all {len(crawls)} crawls complete", crawls and not lost, lost)
    jobs = w.outside.jobs()
    wrong = {page: jobs.get(page, 0) for page in crawls.values() if jobs.get(page, 0) != 1}
    w.expect(f"{what}: each was paid for once", not wrong, wrong)
    w.sim.set(ready_after=0.3)


def restart_and_reload(w):
    under_load(w, "restart", lambda: w.daemon.systemctl("restart", UNIT))
    under_load(w, "reload", lambda: w.daemon.systemctl("reload", UNIT))


def version(w):
    return w.container.run("trawld", "--version").out.split()[1]


def backups(w):
    return sorted(p.name for p in w.container.path(f"{STATE}/backup").glob("*"))


def upgrade(w):
    """To a version with one more step in its schema, and back, which is refused."""
    this, later = w.packages.version("this"), w.packages.version("next")
    w.equal("before the upgrade: this version is installed", version(w), this)
    before = backups(w)
    under_load(w, "upgrade", lambda: w.apt("install", *w.packages.debs_inside("next")))
    w.equal("after the upgrade: the next version runs", version(w), later)
    w.expect("after the upgrade: trawld is active", w.daemon.active())
    w.expect("after the upgrade: there is a backup of the store", len(backups(w)) > len(before), backups(w))
    w.expect("after the upgrade: the journal tells of the migration", w.daemon.said("schema|migrat"))
    w.equal("after the upgrade: earlier crawls are known", w.daemon.status(w.crawl_id)["status"], "completed")


def downgrade(w):
    this, later = w.packages.version("this"), w.packages.version("next")
    w.daemon.mark()
    w.apt("install", "--allow-downgrades", *w.packages.debs_inside("this"))
    wait_for(lambda: w.daemon.show("ActiveState") == "failed", "the older version gives up")
    w.equal("downgrade: the older version is installed", version(w), this)
    w.equal("downgrade: it refuses with exit status 78", w.daemon.show("ExecMainStatus"), "78")
    told = w.daemon.said("newer|later") or ""
    w.expect("downgrade: the journal says that the store is of a newer version, and what to do",
             "nstall" in told, told)
    w.expect("downgrade: the status line says so, too",
             "newer" in w.daemon.status_line(), w.daemon.status_line())
    done = w.apt("install", *w.packages.debs_inside("next"))
    w.daemon.systemctl("start", UNIT)
    w.expect("downgrade: with the newer version back it is active", done and w.daemon.active(), done)
    w.equal("downgrade: which one that is", version(w), later)
    w.equal("downgrade: nothing is lost", w.daemon.status(w.crawl_id)["status"], "completed")
