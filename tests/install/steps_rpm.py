"""The .rpm, installed by rpm in a Debian root: file list, scriptlets, configuration. No more.

Debian's rpm knows no package of the system, so dependencies are not checked (--nodeps),
and the programs run with Debian's libraries. This is no test on Fedora or RHEL.
"""

from daemon import CONFIG, KEY_FILE, STATE, UNIT
from outside import PROVIDER
from packages import OURS

PRESET = "/etc/systemd/system-preset/99-default-disable.preset"  # Fedora has it, Debian enables by default
PAGE = "https://www.facebook.com/rpm"


def install(w):
    w.daemon.mark()
    preset = w.container.path(PRESET)
    preset.parent.mkdir(parents=True, exist_ok=True)
    preset.write_text("disable *\n")
    done = w.container.run("rpm", "-i", "--nodeps", *w.packages.rpms_inside("this"))
    w.need("rpm -i installs the packages", done, done)
    done = w.container.run("rpm", "-V", "--nodeps", *OURS)
    w.expect("rpm -V: files, owners and modes are as packed", done, done)
    w.expect("rpm: it is neither started nor, against the preset, enabled",
             not w.daemon.active() and not w.daemon.systemctl("is-enabled", "-q", UNIT))
    w.expect("rpm: the user trawld is there", w.daemon.uid() is not None)
    w.outside.be_trusted(w.container)
    w.daemon.put_key()
    w.daemon.configure(f"https://{PROVIDER}")
    done = w.daemon.systemctl("enable", "--now", UNIT)
    w.need("rpm: systemctl enable --now: the unit becomes active", done and w.daemon.active(), done)
    w.equal("rpm: /etc/trawld is not for everybody", w.daemon.owner("/etc/trawld"),
            ("root", "trawld", "0750"))
    status = w.daemon.wait_crawl(w.daemon.trigger(PAGE))
    w.equal("rpm: a crawl completes", status["status"], "completed")


def upgrade(w):
    pid = w.daemon.main_pid()
    before = w.container.path(CONFIG).read_text()
    done = w.container.run("rpm", "-U", "--nodeps", *w.packages.rpms_inside("next"))
    w.expect("rpm -U upgrades", done, done)
    w.daemon.wait_active()
    w.expect("rpm -U: the daemon was restarted", w.daemon.main_pid() != pid)
    w.equal("rpm -U: the next version runs", w.container.run("trawld", "--version").out.split()[1],
            w.packages.version("next"))
    w.equal("rpm -U: the changed configuration stays", w.container.path(CONFIG).read_text(), before)
    w.expect("rpm -U: the new default lies beside it", w.exists(CONFIG + ".rpmnew"))


def erase(w):
    done = w.container.run("rpm", "-e", "--nodeps", *OURS)
    w.expect("rpm -e erases", done, done)
    w.equal("rpm -e: nothing runs any more", w.container.unit_pids(UNIT), [])
    w.expect("rpm -e: systemd knows no unit of trawld",
             not w.daemon.systemctl("list-unit-files", "--no-legend", "trawld*").out.strip())
    w.expect("rpm -e: the changed configuration is kept aside", w.exists(CONFIG + ".rpmsave"))
    w.expect("rpm -e: the key stays", w.exists(KEY_FILE))
    w.expect("rpm -e: the state stays", w.exists(f"{STATE}/trawld.db"))
    w.expect("rpm -e: the program is gone", not w.exists("/usr/sbin/trawld"))
