"""How it fits into the system: the sandbox, the journal, manuals, completions."""

from daemon import SOCKET, UNIT

EXPOSURE = 1.2  # at most
MANUALS = ("trawld(8)", "trawlctl(1)", "trawl-sim(1)", "trawld.env(5)")
COMPLETIONS = (
    "/usr/share/bash-completion/completions/trawlctl",
    "/usr/share/zsh/vendor-completions/_trawlctl",
    "/usr/share/fish/vendor_completions.d/trawlctl.fish",
)


def hardening(w):
    threshold = f"--threshold={EXPOSURE * 10:.0f}"
    done = w.container.run("systemd-analyze", "security", "--no-pager", threshold, UNIT)
    last = next((line for line in done.out.splitlines() if "exposure level" in line), done.said)
    w.note("systemd-analyze security", last.strip("→ ").strip())
    w.expect(f"exposure is at most {EXPOSURE}", done, done)
    done = w.container.run("systemd-analyze", "verify", "--man=no", UNIT, SOCKET)
    w.expect("systemd-analyze verify finds nothing", done and not done.said, done)
    pid = w.daemon.pids()["poller"][0]
    status = dict(line.split(":\t") for line in open(f"/proc/{pid}/status").read().splitlines())
    w.equal("in force: no capabilities", int(status["CapBnd"], 16) | int(status["CapEff"], 16), 0)
    w.equal("in force: no new privileges", status["NoNewPrivs"], "1")
    w.equal("in force: a filter of system calls", status["Seccomp"], "2")
    jail(w)


def jail(w):
    """What each process shuts itself in with holds inside of the unit's sandbox, too."""
    count = {role: {int(open(f"/proc/{pid}/status").read().split("Seccomp_filters:")[1].split()[0]) for pid in pids}
             for role, pids in w.daemon.pids().items()}
    of_unit = count.pop("supervisor")
    w.equal("each role has one filter more than the unit gives", count, {role: {max(of_unit) + 1} for role in count})
    lacks = [e["MESSAGE"] for e in w.daemon.journal(since_mark=False) if "jail lacks" in str(e.get("MESSAGE"))]
    w.equal("no part of the jail is missing", lacks, [])


def journal(w):
    """The fields that trawld gives to the journal itself."""
    entries = w.daemon.journal(f"TRAWLD_CRAWL_ID={w.crawl_id}", since_mark=False)
    w.expect("journalctl TRAWLD_CRAWL_ID=... tells a crawl's story", len(entries) >= 3,
             [e.get("MESSAGE") for e in entries])
    for field in ("TRAWLD_ROLE", "TRAWLD_STAGE", "TRAWLD_SNAPSHOT_ID", "PRIORITY", "SYSLOG_IDENTIFIER"):
        w.expect(f"its entries have {field}", any(field in e for e in entries), entries[:1])
    kinds = {e["MESSAGE_ID"] for e in w.daemon.journal("_SYSTEMD_UNIT=" + UNIT, since_mark=False)
             if "MESSAGE_ID" in e}
    w.expect("kinds of messages have ids", len(kinds) >= 3, kinds)
    unknown = [k for k in kinds if not w.container.run("journalctl", "--dump-catalog", k).out.strip()]
    w.expect("each of them is in the catalog", not unknown, unknown)
    done = w.container.run("journalctl", "-x", "-q", "--no-pager", f"TRAWLD_CRAWL_ID={w.crawl_id}")
    w.expect("journalctl -x explains what trawld says", "░░" in done.out, done.out[-2000:])


def manuals(w):
    for manual in MANUALS:
        name, section = manual.rstrip(")").split("(")
        path = f"/usr/share/man/man{section}/{name}.{section}.gz"
        w.expect(f"the manual page {manual} is installed", w.exists(path), path)
    for name in COMPLETIONS:
        w.expect(f"the completion {name} is installed", w.exists(name))
    done = w.container.run("bash", "-c", f'. {COMPLETIONS[0]} && complete -p trawlctl')
    w.expect("bash takes the completion", done, done)
