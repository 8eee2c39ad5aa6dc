"""Removal keeps what is the user's; a purge leaves nothing."""

import os

from daemon import CONFIG, KEY_FILE, STATE, UNIT
from packages import OURS

# What packages and systemd itself write in the course of things, not ours to remove.
NOT_OURS = (
    "/var/cache/apt/", "/var/lib/apt/", "/var/lib/dpkg/", "/var/log/", "/var/cache/ldconfig/",
    "/etc/ld.so.cache", "/var/cache/debconf/", "/var/lib/systemd/catalog/", "/var/lib/systemd/random-seed",
    "/var/lib/systemd/timers/", "/var/lib/systemd/linger",
    "/tmp/", "/run/", "/proc/", "/sys/", "/dev/", "/root/",
    "/etc/.pwd.lock", "/etc/machine-id", "/var/lib/dbus/machine-id", "/var/tmp/", "/etc/ssl/certs/",
    "/usr/local/share/ca-certificates/", "/var/lib/private/", "/in/",
)


# The package's user stays, as Debian's packages do it: no one else may get its number.
STAYS = {"passwd: trawld", "group: trawld"}


def file_list(container):
    """Every path of the root, and the users and groups, but for what others write."""
    found = set()
    for folder, folders, names in os.walk(container.root):
        inside = "/" + os.path.relpath(folder, container.root) if folder != str(container.root) else ""
        folders[:] = [f for f in folders if not f"{inside}/{f}/".startswith(NOT_OURS)]
        found.update(p for p in (f"{inside}/{n}" for n in (*folders, *names)) if not p.startswith(NOT_OURS))
    for name in ("passwd", "group"):
        for line in (container.root / "etc" / name).read_text().splitlines():
            found.add(f"{name}: {line.split(':')[0]}")
    return found


def remove(w):
    w.daemon.mark()
    done = w.apt("remove", *OURS)
    w.expect("apt remove succeeds", done, done)
    w.equal("remove: nothing runs any more", w.container.unit_pids(UNIT), [])
    for path in ("/usr/sbin/trawld", "/usr/bin/trawlctl", "/usr/lib/systemd/system/trawld.service"):
        w.expect(f"remove: {path} is gone", not w.exists(path))
    for path in (CONFIG, KEY_FILE, f"{STATE}/trawld.db", f"{STATE}/objects", f"{STATE}/events.ndjson"):
        w.expect(f"remove: {path} stays", w.exists(path))
    done = w.apt("install", *w.packages.debs_inside("next"))
    w.daemon.systemctl("start", UNIT)
    w.expect("installed once more it is active", done and w.daemon.active(), done)
    w.equal("installed once more it knows its crawls", w.daemon.status(w.crawl_id)["status"], "completed")


def purge(w):
    """The state is asked for, and goes only when the answer is yes."""
    state = f"{STATE}/trawld.db"
    done = w.apt("purge", *OURS)
    w.expect("apt purge succeeds", done, done)
    w.expect("purge: the state stays when nobody is there to be asked", w.exists(state))
    w.expect("purge: the configuration is gone", not w.exists(CONFIG))
    w.apt("install", *w.packages.debs_inside("next"))
    question = "Remove trawld's data as well?"
    done = w.container.talk(question, "no\n", "apt-get", "purge", "-q", "-y", *OURS,
                            DEBIAN_FRONTEND="teletype", TERM="dumb")
    w.expect("purge on a terminal: it asks about the state", question in done.out, done)
    w.expect("purge on a terminal: after a no the state stays", done and w.exists(state), done)
    purge_all(w)


def purge_all(w):
    """With the state; then the machine is as it was before the first installation."""
    w.apt("install", *w.packages.debs_inside("next"))
    answer = "trawld trawld/purge-data boolean true"
    w.container.sh(f"echo '{answer}' | debconf-set-selections")
    done = w.apt("purge", *OURS)
    w.expect("apt purge with the state succeeds", done, done)
    left = sorted(file_list(w.container) - w.before - STAYS)
    w.expect("purge leaves nothing but the user", not left, "\n".join(left))
    lost = sorted(w.before - file_list(w.container))
    w.expect("purge takes nothing of others along", not lost, "\n".join(lost))
    done = w.daemon.systemctl("list-unit-files", "--no-legend", "trawld*")
    w.equal("purge: systemd knows no unit of trawld", done.out.strip(), "")
