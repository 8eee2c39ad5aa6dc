"""A Debian that boots with its own systemd, and the network between it and this program.

The root is made once by mmdebstrap and kept as a tar file, whose name tells the packages
in it. Booted by systemd-nspawn in a cgroup hierarchy of its own; commands are run inside
by nsenter, and its processes and files are reached through /proc.
"""

import contextlib
import hashlib
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import time

from harness import wait_for


def release():
    """The name of this machine's Debian; of Debian 12 where it does not tell."""
    told = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return told.get("VERSION_CODENAME", "bookworm").strip('"') if told.get("ID") == "debian" else "bookworm"


PACKAGES = (  # besides what the packages under test depend on
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "apt", "curl", "openssl", "debconf", "rpm",
)
RECIPE = (  # how the root is made; a change makes another root
    "--mode=root", "--variant=minbase",
    "--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\"",
    "--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--customize-hook=echo installtest >\"$1/etc/hostname\"",
    "--customize-hook=rm -f \"$1/etc/resolv.conf\"",
)
SUITE = release()  # the packages were built here, so it is this machine's that can have them
REBOOTED = 133  # nspawn's exit status when what ran inside asked for a reboot

OUTSIDE, INSIDE = "192.0.2.1", "192.0.2.2"  # the two ends; addresses for documentation (RFC 5737)

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
    "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive",
}


def make_base(cache, depends):
    """The tar file of the root, made if it is not there yet: path, seconds that took (0: it was there).

    `depends`: package -> what is asked of it, as a Depends field has it.
    """
    packages = ",".join(sorted({*PACKAGES, *depends}))
    recipe = "\n".join((SUITE, packages, *sorted(depends.values()), *RECIPE))
    path = pathlib.Path(cache) / f"{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.tar"
    if path.exists():
        return path, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tar")
    start = time.monotonic()
    try:
        subprocess.run(["mmdebstrap", "-q", *RECIPE, f"--include={packages}", SUITE, str(unfinished)],
                       stdin=subprocess.DEVNULL, check=True)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path, time.monotonic() - start


def run(argv, **options):
    """A command to its end, nothing on its stdin; raises with what it said if it failed."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{argv[0]} failed ({done.returncode}): {done.stdout}{done.stderr}")
    return done


class Network:
    """A network namespace for the container, joined by a pair of interfaces with the one we are in.

    It outlives a reboot, so that the world outside looks the same before and after.
    """

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
        ours = os.stat("/proc/self/ns/net").st_ino
        self.path = f"/proc/{self.holder.pid}/ns/net"
        wait_for(lambda: os.stat(self.path).st_ino != ours, "a network namespace is made")
        run(["ip", "link", "add", "name", "outside", "type", "veth",
             "peer", "name", "host0", "netns", self.holder.pid])
        for prefix, name, address in (([], "outside", OUTSIDE), (self.inside(), "host0", INSIDE)):
            # Without IPv6 an interface sends nothing unasked.
            run([*prefix, "sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{name}/disable_ipv6"])
            for command in (f"addr add {address}/24 dev {name}", f"link set {name} up", "link set lo up"):
                run([*prefix, "ip", *command.split()])
        run([*self.inside(), "ip", "route", "add", "default", "via", OUTSIDE])

    def inside(self):
        """What to put before a command of this machine that is to run on the container's network."""
        return ["nsenter", f"--net={self.path}", "--"]

    def sent(self):
        """Packets that have left the container, by its interface and by its loopback."""
        lines = run([*self.inside(), "cat", "/proc/net/dev"]).stdout.splitlines()[2:]
        counters = {line.split(":")[0].strip(): line.split(":")[1].split() for line in lines}
        return {name: int(counters[name][9]) for name in ("host0", "lo")}


class Container:
    def __init__(self, work, base, name, shared):
        """The root from the tar file; the folder `shared` is seen inside as /in."""
        self.name, self.shared = name, pathlib.Path(shared)
        self.directory = pathlib.Path(work) / name
        self.root = self.directory / "root"
        self.root.mkdir(parents=True)
        run(["tar", "-C", self.root, "--numeric-owner", "-xpf", base])
        (self.root / "etc/resolv.conf").write_text(f"nameserver {OUTSIDE}\noptions timeout:1\n")
        self.cgroup = pathlib.Path("/sys/fs/cgroup") / pathlib.Path(work).name / name
        self.process = None
        self.leader = 0
        self.boots = 0

    # Its life.

    def boot(self, network):
        """Starts it and waits until systemd says that all is well; the seconds that took."""
        self.network = network
        self.cgroup.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        self._launch()
        self._wait_running()
        return time.monotonic() - start

    def _launch(self):
        self.boots += 1
        log = open(self.directory / f"nspawn-{self.boots}.log", "wb")
        command = [
            "systemd-nspawn", "-q", "-D", str(self.root), "-M", f"trawld-{self.name}",
            "--register=no", "--keep-unit", "--settings=no", f"--network-namespace-path={self.network.path}",
            "--link-journal=no", "--resolv-conf=off", "--timezone=off",
            "--system-call-filter=bpf",  # IPAddressDeny= and DevicePolicy= are ignored without it
            # A machine that boots has these; nspawn of Debian 12 does not know that they take rights only away.
            "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",
            f"--bind-ro={self.shared}:/in", "--console=pipe", "--boot"]
        self.process = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self.cgroup), *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

    def _find_leader(self):
        """The container's process 1 is the only child of nspawn."""
        try:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except OSError:
            return 0
        return int(children.split()[0]) if children else 0

    def _wait_running(self):
        def running():
            if self.process.poll() is not None:
                log = (self.directory / f"nspawn-{self.boots}.log").read_text(errors="replace")
                raise AssertionError(f"systemd-nspawn ended ({self.process.returncode}): {log}")
            self.leader = self._find_leader()
            if not self.leader:
                return False
            state = self.run("systemctl", "is-system-running", timeout=10).out.strip()
            if state == "degraded":
                failed = self.run("systemctl", "--failed", "--no-legend")
                raise AssertionError(f"not all units came up: {failed.out}")
            return state == "running"
        wait_for(running, "the container is up")

    def reboot(self):
        """Asks for a reboot and waits until it is up again; the seconds that took."""
        start = time.monotonic()
        self.run("systemctl", "reboot")
        code = self.process.wait(60)
        if code != REBOOTED:
            raise AssertionError(f"the container ended with {code} where a reboot was asked for")
        self._launch()
        self._wait_running()
        return time.monotonic() - start

    def stop(self):
        """Orderly, as poweroff does; nspawn's exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    # Commands inside.

    def _entered(self, argv, environment):
        """The command line that runs this one inside."""
        variables = [f"{k}={v}" for k, v in {**ENVIRONMENT, **environment}.items()]
        command = [*variables, *(str(a) for a in argv)]
        # Its root is one of its mount namespace (systemd 252), or a chroot in there (257).
        return ["nsenter", "-t", str(self.leader), "--all", "--root", "--wd", "--", "env", "-i", *command]

    def run(self, *argv, timeout=60, **environment):
        """Runs a command inside; its exit status, stdout and stderr."""
        try:
            done = subprocess.run(self._entered(argv, environment), stdin=subprocess.DEVNULL, text=True,
                                  capture_output=True, errors="replace", timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            return Done(argv, -1, "", f"not ended after {timeout} s")
        return Done(argv, done.returncode, done.stdout, done.stderr)

    def sh(self, script, **options):
        return self.run("sh", "-c", script, **options)

    def talk(self, question, answer, *argv, timeout=30, **environment):
        """Runs a command on a terminal; types the answer when the question has come."""
        command = self._entered(argv, environment)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvp(command[0], command)
        said, answered, end = "", False, time.monotonic() + timeout
        while select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # how a terminal tells that nobody is there any more
                data = b""
            if not data:
                break
            said += data.decode(errors="replace")
            if question in said and not answered:
                answered = True
                os.write(terminal, answer.encode())
        os.close(terminal)  # and with it the command, if it has not ended
        return Done(argv, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said, "")

    def remove(self):
        """The root of a stopped container."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, inside):
        """A path of the container as this program reaches it, with what is mounted in there."""
        return pathlib.Path(f"/proc/{self.leader}/root") / str(inside).lstrip("/")

    def unit_pids(self, unit):
        """The processes of a unit, as this program knows them."""
        pids = []
        for folder in self.cgroup.rglob(unit):
            for path in (folder, *folder.rglob("*")):
                if path.name == "cgroup.procs":
                    with contextlib.suppress(OSError):  # a unit that ends takes its groups with it
                        pids += [int(p) for p in path.read_text().split()]
        return sorted(set(pids))


class Done:
    """A command that has ended."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __bool__(self):
        return self.code == 0

    @property
    def said(self):
        return (self.out + self.err).strip()

    def __repr__(self):
        return f"{' '.join(str(a) for a in self.argv)}\n(exit status {self.code})\n{self.said}"
