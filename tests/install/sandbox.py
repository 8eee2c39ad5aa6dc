"""A place that leaves nothing behind: own processes, mounts, network and cgroup.

enter() starts this program once more in namespaces of its own. When either of the two
ends, however it ends, the kernel ends every process and mount in there; what is left, a
folder and empty cgroups, is removed here, or by the next run if this one was killed.
"""

import fcntl
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile

PREFIX = "trawld-install-"
PROGRAMS = {  # what is needed, a program or a file, and the Debian package that brings it
    "/usr/share/build-essential/essential-packages-list": "build-essential",
    "dh": "debhelper",
    "dpkg-buildpackage": "dpkg-dev",
    "ip": "iproute2",
    "lintian": "lintian",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "rpmbuild": "rpm",
    "rpmlint": "rpmlint",
    "setpriv": "util-linux",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}

# A cgroup can be removed when its last process is gone, which a kill does not wait for.
REMOVE_CGROUPS = """
mount -t cgroup2 cgroup2 "$1" || exit 1
for _ in $(seq 50); do
	[ -d "$1/$2" ] || exit 0
	find "$1/$2" -depth -type d -exec rmdir {} + 2>/dev/null
	sleep 0.1
done
echo "the cgroup $2 could not be removed" >&2
"""


def why_not():
    """Why the test cannot run on this machine, as a sentence; None if it can."""
    if platform.system() != "Linux":
        return "it boots a Debian container, which needs Linux"
    if os.geteuid() != 0:
        return "it boots a container, which needs root: run it as root (sudo make check-install)"
    if not pathlib.Path("/etc/debian_version").exists():
        return "it installs a Debian package with the tools of Debian, and this is another system"
    missing = [name for name in PROGRAMS if not (os.path.exists(name) or shutil.which(name))]
    if missing:
        packages = " ".join(sorted({PROGRAMS[name] for name in missing}))
        return f"it needs {', '.join(missing)}: apt-get install --no-install-recommends {packages}"
    return _kernel_says_no()


def _kernel_says_no():
    """Tries what the container needs: namespaces, a cgroup of the second version, a pair of interfaces."""
    tried = subprocess.run(
        [*_unshare(), "sh", "-c",
         "mount -t tmpfs tmpfs /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"
         " && ip link add name trawld0 type veth peer name trawld1"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return None
    return f"the kernel does not let it make a container here ({tried.stderr.strip() or tried.returncode})"


def _unshare():
    """Dies with us, and with it all that runs inside."""
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "slave", "--net",
            "--pid", "--fork", "--kill-child", "--mount-proc"]


def enter(prepare):
    """Runs this program again in the sandbox, with --in=FOLDER and the arguments that prepare(FOLDER), called
    outside of it, returns; its exit status."""
    _remove_stale()
    work = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = _lock(work)
    process = None

    def stop(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    try:
        arguments = prepare(work)
        again = [sys.executable, "-B", sys.argv[0], f"--in={work}", *arguments]
        process = subprocess.Popen([*_unshare(), *again], stdin=subprocess.DEVNULL)
        return process.wait()
    finally:
        if process and process.poll() is None:
            process.kill()
            process.wait()
        _remove(work)
        os.close(lock)


def _lock(work):
    """Held while the run lasts, by this process alone: a folder without it is stale."""
    fd = os.open(work / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return fd


def _remove(work):
    """The cgroups of the run, then its folder."""
    subprocess.run(["unshare", "--mount", "sh", "-c", REMOVE_CGROUPS, "sh", str(work), work.name],
                   stdin=subprocess.DEVNULL, check=False)
    shutil.rmtree(work, ignore_errors=True)


def _remove_stale():
    for work in pathlib.Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        try:
            lock = _lock(work)
        except OSError:
            continue  # another run holds it
        _remove(work)
        os.close(lock)
