"""From nothing installed to the first crawl."""

import json
import socket
import time

from harness import ROLES, wait_for

from container import INSIDE
from daemon import CONFIG, KEY, KEY_FILE, PORT, STATE, UNIT

PAGE = "https://www.facebook.com/first"


def reachable_from_outside(port):
    try:
        socket.create_connection((INSIDE, port), 2).close()
        return True
    except OSError:
        return False


def listens_beyond_loopback(container):
    """Addresses of listening TCP sockets that are not 127.0.0.0/8 or ::1, as the kernel writes them."""
    found = []
    for name in ("tcp", "tcp6"):
        for line in container.path(f"/proc/1/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            address = fields[1].rsplit(":", 1)[0]
            loopback = address.endswith("7F") if len(address) == 8 else address == "0" * 24 + "01000000"
            if fields[3] == "0A" and not loopback:
                found.append(fields[1])
    return found


def unconfigured(w):
    """apt install alone: nothing that could cost or harm, and a status that says what is missing."""
    sent, asked = w.network.sent()["host0"], len(w.outside.names.asked)
    w.daemon.mark()
    start = time.monotonic()
    done = w.apt("install", *w.packages.debs_inside(w.kind))
    w.need("apt installs the packages", done, done)
    w.note("apt install", f"{time.monotonic() - start:.1f} s")
    w.daemon.systemctl("start", UNIT)
    w.expect("unconfigured: trawld is not running", not w.daemon.active(), w.daemon.show("ActiveState"))
    w.equal("unconfigured: exit status 78", w.daemon.show("ExecMainStatus"), "78")
    w.expect("unconfigured: it is not started over and over", w.daemon.show("NRestarts") == "0",
             w.daemon.show("NRestarts"))
    status = w.daemon.systemctl("status", "--no-pager", UNIT).out
    w.expect("unconfigured: systemctl status names what is missing", "BRIGHTDATA_API_KEY" in status, status)
    w.expect("unconfigured: the status line names what is missing",
             "BRIGHTDATA_API_KEY" in w.daemon.status_line(), w.daemon.status_line())
    w.equal("unconfigured: no name was asked for", w.outside.names.asked[asked:], [])
    w.equal("unconfigured: not a packet has left the machine", w.network.sent()["host0"] - sent, 0)
    status, told = w.daemon.curl("/health", "--max-time", "5")  # curl's 7: could not connect
    w.expect("unconfigured: a client is refused, not left waiting", "(7)" in told, (status, told))
    w.expect("unconfigured: no port to the outside", not reachable_from_outside(PORT))
    w.equal("unconfigured: nothing listens beyond loopback", listens_beyond_loopback(w.container), [])


def first_start(w):
    """The key in place, the provider's address for this test, systemctl start."""
    w.daemon.mark()
    started = w.container.run("systemd-run", "-q", "--unit=try-sim", "--uid=nobody",
                              "trawl-sim", "--port", "8900", "--ready-after", "1", "--building", "1")
    w.need("trawl-sim of its own package starts", started, started)
    w.daemon.put_key()
    w.daemon.configure("http://127.0.0.1:8900")
    w.expect("trawld --check-config finds the configuration right",
             w.container.run("trawld", "--check-config", BRIGHTDATA_API_KEY="any"))
    done = w.daemon.systemctl("start", UNIT)
    w.need("systemctl start: the unit becomes active", done and w.daemon.active(), done)
    w.note("systemctl start to ready", f"{w.daemon.ready_ms():.0f} ms")
    w.expect("every role runs", w.daemon.all_roles(), w.daemon.pids())
    w.expect("it is started at boot", w.daemon.systemctl("is-enabled", "-q", UNIT))
    w.equal("GET /health is answered with 200", w.daemon.curl("/health")[0], 200)
    w.expect("configured: no port to the outside", not reachable_from_outside(PORT))
    w.equal("configured: nothing listens beyond loopback", listens_beyond_loopback(w.container), [])


def first_crawl(w):
    """One crawl by the installed trawlctl, one by curl, both to their end."""
    done = w.container.run("trawlctl", "health")
    w.expect("trawlctl finds the daemon", done, done)
    done = w.container.run("trawlctl", "trigger", PAGE, "--competitor", "acme", "-n", "10",
                           "--wait", "--json")
    w.need("trawlctl trigger --wait: the crawl completes", done, done)
    status = json.loads(done.out.splitlines()[-1])
    w.crawl_id = crawl_id = status["crawl_id"]
    w.equal("trawlctl tells the end", status["status"], "completed")
    object_path = w.daemon.object_of(status)
    records = json.loads(object_path.read_bytes())
    w.equal("the object holds the posts that the status counts", len(records), status["post_count"])
    w.equal("the object is as large as the status says", object_path.stat().st_size, status["size_bytes"])
    wait_for(lambda: len(w.daemon.events(crawl_id)) >= 2, "both events of the crawl")
    w.equal("the events of the crawl", w.daemon.events(crawl_id),
            ["crawl-triggered", "data-ingestion-completed"])
    by_curl = w.daemon.trigger("https://www.facebook.com/by-curl")
    w.equal("a crawl through curl completes", w.daemon.wait_crawl(by_curl)["status"], "completed")
    done = w.container.run("trawlctl", "download", crawl_id, "-o", "/root/copy.json")
    w.expect("trawlctl download copies the object",
             done and w.container.path("/root/copy.json").read_bytes() == object_path.read_bytes(), done)
    w.container.path("/root/copy.json").unlink(missing_ok=True)
    jobs = json.loads(w.container.run("curl", "-sS", "http://127.0.0.1:8900/_sim/jobs").out)["jobs"]
    w.equal("two crawls are two jobs at the provider", len(jobs), 2)
    w.container.run("systemctl", "stop", "try-sim")


def files(w):
    """Owners and modes of what the package made, and of what the daemon wrote."""
    for path, wanted in (
            ("/etc/trawld", ("root", "trawld", "0750")),
            (KEY_FILE, ("root", "root", "0600")),
            (CONFIG, ("root", "trawld", "0640")),
            (STATE, ("trawld", "trawld", "0750")),
            (f"{STATE}/trawld.db", ("trawld", "trawld", "0600")),
            ("/run/trawld", ("trawld", "trawld", "0750")),
            ("/run/trawld/api.sock", ("trawld", "trawld", "0660"))):
        w.equal(f"owner, group and mode of {path}", w.daemon.owner(path), wanted)


def processes(w):
    """Who runs, and that nobody carries the key where others could read it."""
    pids = [pid for pids in w.daemon.pids().values() for pid in pids]
    uids = {open(f"/proc/{pid}/status").read().split("Uid:")[1].split()[1] for pid in pids}
    w.equal("every process runs as trawld", uids, {str(w.daemon.uid())})
    for what in ("environ", "cmdline"):
        carriers = [pid for pid in pids if KEY.encode() in open(f"/proc/{pid}/{what}", "rb").read()]
        w.equal(f"no process has the key in its {what}", carriers, [])
    figures = {}
    for pid in pids:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            name, _, value = line.partition(":")
            if name in ("Rss", "Pss"):
                figures[name] = figures.get(name, 0) + int(value.split()[0])
    w.note(f"memory of the idle tree of {len(pids)} processes",
           f"RSS {figures['Rss'] / 1024:.1f} MB, PSS {figures['Pss'] / 1024:.1f} MB")
    w.equal("the roles that run", sorted(w.daemon.pids()), sorted(("supervisor", *ROLES)))
    logged = [e for e in w.daemon.journal(since_mark=False) if KEY in json.dumps(e)]
    w.equal("the key is nowhere in the journal", logged, [])
