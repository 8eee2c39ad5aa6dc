"""What happens to an installed daemon: the network, kills, hangs, reloads, reboots."""

import signal
import time

from harness import ROLES, wait_for

from daemon import CONFIG, KEY_FILE, UNIT
from outside import PROVIDER

WATCHDOG_SECONDS = 3
DROP_IN = "/run/systemd/system/trawld.service.d/installation-test.conf"


def page(name):
    return f"https://www.facebook.com/{name}"


def prove(w, crawl_id, name, what):
    """The crawl completes, and was paid for once."""
    status = w.daemon.wait_crawl(crawl_id, seconds=60)
    w.equal(f"{what}: the crawl completes", status["status"], "completed")
    w.equal(f"{what}: one job at the provider", w.outside.jobs().get(page(name), 0), 1)


def https(w):
    """The provider by its name, through TLS, out of the unit's sandbox."""
    name = f"tls-{w.container.name}"
    w.daemon.mark()
    w.daemon.configure(f"https://{PROVIDER}")
    done = w.daemon.systemctl("restart", UNIT)
    w.need("a provider under https: trawld starts", done and w.daemon.active(), done)
    refused = len(w.outside.tls.refused)
    crawl_id = w.daemon.trigger(page(name))
    wait_for(lambda: len(w.outside.tls.refused) > refused, "a TLS connection is refused")
    w.equal("a certificate of an unknown authority: nothing is sent", w.outside.jobs().get(page(name), 0), 0)
    w.outside.be_trusted(w.container)
    done = w.daemon.systemctl("restart", UNIT)  # pollers read the trusted authorities once
    w.expect("a restart with a crawl waiting", done, done)
    prove(w, crawl_id, name, "once the authority is trusted")
    w.expect("the provider's name was resolved by the name server", PROVIDER in w.outside.names.asked,
             w.outside.names.asked)


def kills(w):
    """kill -9 of each process while a crawl runs."""
    for role in (*ROLES, "supervisor"):
        what, name = f"kill -9 of a {role}", f"kill-{role}"
        w.daemon.mark()
        w.sim.set(ready_after=1.0)
        crawl_id = w.daemon.trigger(page(name))
        w.daemon.wait_crawl(crawl_id, "processing")
        before = w.daemon.pids()
        killed, start = w.daemon.kill(role), time.monotonic()
        wait_for(lambda: w.daemon.active() and w.daemon.all_roles() and
                 len(w.daemon.pids()[role]) >= len(before[role]), f"another {role} runs")
        w.expect(f"{what}: another one runs", killed not in w.daemon.pids()[role], w.daemon.pids())
        seconds = time.monotonic() - start
        wait_for(w.daemon.healthy, "trawld is healthy again")
        w.note(f"{what} until replaced", f"{seconds:.2f} s")
        prove(w, crawl_id, name, what)
    w.equal("kill -9 of a supervisor: it was systemd who started it again", w.daemon.show("NRestarts"), "1")
    w.sim.set(ready_after=0.3)


def watchdog(w):
    """A process that hangs: the keeper is replaced by the main process, the main process by systemd."""
    w.daemon.mark()
    main = w.daemon.main_pid()
    usual = w.daemon.show("WatchdogUSec")
    w.expect("the unit has a watchdog", usual not in ("", "0", "infinity"), usual)
    hang(w, "keeper", "a stopped keeper", r"keeper.* killed: it has not moved",
         lambda: "The keeper has not moved" in w.daemon.status_line())
    w.equal("a stopped keeper: the main process stays", w.daemon.main_pid(), main)
    drop_in = w.container.path(DROP_IN)
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nWatchdogSec={WATCHDOG_SECONDS}\n")
    w.daemon.systemctl("daemon-reload")
    w.daemon.systemctl("restart", UNIT)
    w.daemon.wait_active()
    hang(w, "supervisor", "a stopped main process", "Watchdog timeout")
    w.expect("a stopped main process: systemd started it again", w.daemon.main_pid() != main)
    drop_in.unlink()
    w.daemon.systemctl("daemon-reload")
    w.daemon.systemctl("restart", UNIT)
    w.daemon.wait_active()


def hang(w, role, what, told, meanwhile=None):
    """Stops a process of the role; meanwhile() becomes true before it is ended."""
    name = f"hang-{role}"
    start = time.monotonic()
    stopped = w.daemon.signal(role, signal.SIGSTOP)
    if meanwhile:
        wait_for(meanwhile, "the status line tells of it")
        w.expect(f"{what}: the status line tells of it", stopped in w.container.unit_pids(UNIT),
                 w.daemon.status_line())
    wait_for(lambda: stopped not in w.container.unit_pids(UNIT), f"{what} is ended")
    w.daemon.wait_active()
    w.expect(f"{what}: another one runs", stopped not in w.daemon.pids()[role], w.daemon.pids())
    w.note(f"{what} until all is well again", f"{time.monotonic() - start:.1f} s")
    w.expect(f"{what}: the journal says so", w.daemon.said(told))
    crawl_id = w.daemon.trigger(page(name))
    prove(w, crawl_id, name, what)


def reload(w):
    """A good change takes effect, a bad one is refused and changes nothing."""
    w.daemon.mark()
    main = w.daemon.main_pid()
    pollers = set(w.daemon.pids()["poller"])
    w.daemon.configure(f"https://{PROVIDER}", BACKGROUND_MAX_WORKERS="3", RETRY_MAX_ATTEMPTS="21")
    done = w.daemon.systemctl("reload", UNIT)
    w.expect("reload of a good configuration succeeds", done, done)
    now = set(w.daemon.pids()["poller"]) - pollers  # of those some may still leave
    w.expect("reload: it is in use when systemctl returns", len(now) == 3, now)
    w.equal("reload: the main process is the same", w.daemon.main_pid(), main)
    w.daemon.mark()
    w.daemon.configure(f"https://{PROVIDER}", BACKGROUND_MAX_WORKERS="none")
    done = w.daemon.systemctl("reload", UNIT)
    w.daemon.configure(f"https://{PROVIDER}")
    w.expect("reload of a bad configuration fails", not done, done)
    w.expect("bad reload: the journal names option and line",
             w.daemon.said(r"BACKGROUND_MAX_WORKERS") and w.daemon.said(r"trawld\.env[: ]"))
    wait_for(lambda: "the last reload was refused" in w.daemon.status_line(), "the status line says so")
    w.expect("bad reload: trawld goes on", w.daemon.active() and w.daemon.main_pid() == main)
    w.equal("bad reload: with the processes of before", set(w.daemon.pids()["poller"]) - pollers, now)
    done = w.daemon.systemctl("reload", UNIT)
    w.expect("reload succeeds again once it is mended", done, done)
    crawl_id = w.daemon.trigger(page("reload"))
    prove(w, crawl_id, "reload", "after the reloads")


def status_line(w):
    """systemctl status in one line, and true."""
    w.sim.set(ready_after=60)
    ids = [w.daemon.trigger(page(f"status-{n}")) for n in range(3)]
    wait_for(lambda: "3 polling" in w.daemon.status_line(), "the status line says 3 polling")
    w.expect("the status line counts what is polled", "3 polling" in w.daemon.status_line(),
             w.daemon.status_line())
    w.note("a status line", w.daemon.status_line())
    for crawl_id in ids:
        done = w.container.run("trawlctl", "cancel", crawl_id)
        w.expect("trawlctl cancel succeeds", done, done)
    wait_for(lambda: "3 polling" not in w.daemon.status_line(), "the status line forgets canceled crawls")
    w.sim.set(ready_after=0.3)


def reboot(w):
    """The machine goes down with a crawl in flight."""
    w.sim.set(ready_after=3)
    crawl_id = w.daemon.trigger(page("reboot"))
    w.daemon.wait_crawl(crawl_id, "processing")
    w.note("reboot until systemd says running", f"{w.container.reboot():.1f} s")
    w.daemon.cursor = ""
    w.daemon.wait_active()
    w.expect("reboot: trawld is active again", w.daemon.active())
    prove(w, crawl_id, "reboot", "reboot with a crawl in flight")
    w.equal("reboot: the key stays readable for root alone",
            w.daemon.owner(KEY_FILE)[::2], ("root", "0600"))
    w.equal("reboot: the configuration keeps its mode", w.daemon.owner(CONFIG)[2], "0640")
    w.sim.set(ready_after=0.3)
