"""The runs: which steps, in which order, in which container."""

import subprocess

import breakages
import steps_install
import steps_lint
import steps_remove
import steps_rpm
import steps_run
import steps_system
import steps_upgrade
from container import Container, Network, run
from daemon import Daemon
from outside import Outside
from packages import Packages
from report import Report, Stop

STEPS = (
    ("unconfigured", steps_install.unconfigured),
    ("first start", steps_install.first_start),
    ("first crawl", steps_install.first_crawl),
    ("files", steps_install.files),
    ("processes", steps_install.processes),
    ("https", steps_run.https),
    ("status line", steps_run.status_line),
    ("kills", steps_run.kills),
    ("watchdog", steps_run.watchdog),
    ("reload", steps_run.reload),
    ("hardening", steps_system.hardening),
    ("manuals", steps_system.manuals),
    ("reboot", steps_run.reboot),
    ("under load", steps_upgrade.restart_and_reload),
    ("upgrade", steps_upgrade.upgrade),
    ("downgrade", steps_upgrade.downgrade),
    ("journal", steps_system.journal),
    ("remove", steps_remove.remove),
    ("purge", steps_remove.purge),
)
RPM_STEPS = (
    ("rpm install", steps_rpm.install),
    ("rpm upgrade", steps_rpm.upgrade),
    ("rpm erase", steps_rpm.erase),
)


def mount():
    """The cgroup hierarchy of a Debian 12, whatever this machine's is, and a /run/systemd of our own."""
    subprocess.run(
        ["sh", "-c", "mount -t tmpfs -o mode=755 tmpfs /run/systemd && "
         "mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"],
        stdin=subprocess.DEVNULL, check=True)


class World:
    """What the steps are given."""

    def __init__(self, report, work, base, name, network, outside, kind="this"):
        """`kind`: the packages that the steps install first (packages.py)."""
        self.work, self.kind = work, kind
        self.expect, self.equal, self.need, self.note = report.expect, report.equal, report.need, report.note
        self.packages = Packages(work / "in")
        self.network, self.outside, self.sim = network, outside, outside.sim
        self.container = Container(work, base, name, work / "in")
        self.before = steps_remove.file_list(self.container)
        self.daemon = Daemon(self.container)
        self.crawl_id = None
        report.note("boot", f"{self.container.boot(network):.2f} s")
        report.evidence = self.daemon.evidence

    def exists(self, path):
        return (self.container.root / path.lstrip("/")).exists()

    def apt(self, verb, *what):
        return self.container.run("apt-get", verb, "-q", "-y", "-o", "Dpkg::Use-Pty=0", *what)

    def stop(self):
        self.equal("the container stops in order", self.container.stop(), 0)


def prepare_outside(work, packages):
    """The provider, the program from its package."""
    folder = work / "outside"
    run(["dpkg-deb", "-x", packages.deb("this", "trawl-sim"), folder])
    return Outside(work, folder / "usr/bin/trawl-sim")


def go(report, world, steps):
    for name, step in steps:
        with report.step(name):
            step(world)
    with report.step("stop"):
        world.stop()


def run_all(report, source, work, base, wanted):
    """Every step, the .deb in one container and then the .rpm in another."""
    packages = Packages(work / "in")
    report.note("packages", packages.sizes())
    network, outside = Network(), prepare_outside(work, packages)
    chosen = [[(n, s) for n, s in steps if not wanted or n in wanted] for steps in (STEPS, RPM_STEPS)]
    if not wanted or "lint" in wanted:
        with report.step("lint"):
            steps_lint.lint(report, source, work, packages)
    for name, steps in zip(("deb", "rpm"), chosen):
        if steps:
            go(report, World(report, work, base, name, network, outside), steps)


def run_broken(report, _source, work, base, _wanted):
    """Each breakage in a container of its own; the report says whether it was found out."""
    packages = Packages(work / "in")
    network, outside = Network(), prepare_outside(work, packages)
    known = dict((*STEPS, ("purge all", steps_remove.purge_all)))
    for n, (what, change, names, wanted) in enumerate(breakages.BREAKAGES):
        kind = f"broken-{n}"
        packages.break_deb("this", kind, "trawld", change)
        inner = Report(quiet=True)
        world = World(inner, work, base, kind, network, outside, kind)
        try:
            go(inner, world, [(name, known[name]) for name in names])
        except Stop:
            world.container.stop()
        world.container.remove()
        told = "\n".join(inner.lines)
        if wanted:
            report.expect(f"broken: {what}: \"{wanted}\" fails", wanted in inner.failed, told)
        else:
            report.expect(f"broken: {what}: all assertions pass", inner.passed and not inner.failed, told)
