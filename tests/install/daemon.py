"""trawld as installed in the container: its unit, its configuration, its processes, its API."""

import json
import os
import pathlib
import pwd
import re
import signal
import time

from harness import ROLES, wait_for

UNIT, SOCKET = "trawld.service", "trawld.socket"
PORT = 8080
CONFIG, KEY_FILE = "/etc/trawld/trawld.env", "/etc/trawld/brightdata_api_key"
STATE = "/var/lib/trawld"
KEY = "install-test-key-5b1e90"  # looked for in logs, environments and command lines

QUICK = {  # the same program, only quicker: what the test would wait for otherwise
    "BACKGROUND_POLL_INTERVAL": "200ms",
    "BACKGROUND_MAX_POLLS": "3000",
    "BACKGROUND_MAX_WORKERS": "4",
    "RECONCILE_DELAY": "200ms",
    "TRIGGER_WAIT_SECONDS": "5",
    "RETRY_MAX_ATTEMPTS": "20",
}


class Daemon:
    def __init__(self, container):
        self.container = container
        self.cursor = ""

    # Configuration.

    def configure(self, provider, **more):
        """Writes the configuration in place, so that owner and mode stay as the package made them."""
        values = {"BRIGHTDATA_BASE_URL": provider, **QUICK, **more}
        self.container.path(CONFIG).write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    def put_key(self):
        """As the operations guide says."""
        path = self.container.path(KEY_FILE)
        path.touch(0o600)
        path.chmod(0o600)
        path.write_text(KEY + "\n")

    # The unit.

    def systemctl(self, *words, **options):
        return self.container.run("systemctl", *words, **options)

    def show(self, name, unit=UNIT):
        return self.systemctl("show", "-P", name, unit).out.strip()

    def active(self):
        return self.show("ActiveState") == "active"

    def status_line(self):
        return self.show("StatusText")

    def main_pid(self):
        """Inside of the container."""
        return int(self.show("MainPID") or 0)

    def ready_ms(self):
        """From systemd's start of the unit to READY=1."""
        start = int(self.show("InactiveExitTimestampMonotonic"))
        return (int(self.show("ActiveEnterTimestampMonotonic")) - start) / 1000

    def wait_active(self):
        wait_for(lambda: self.active() and self.healthy(), "trawld is active and healthy")

    # Its processes, under the numbers that this program knows them by.

    def pids(self):
        """Role -> processes; the main process is the role "supervisor"."""
        found = {}
        for pid in self.container.unit_pids(UNIT):
            try:
                name = os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
            except OSError:
                continue
            role = "supervisor" if name == "trawld" else name.removeprefix("trawld-")
            found.setdefault(role, []).append(pid)
        return found

    def all_roles(self):
        pids = self.pids()
        return all(role in pids for role in ("supervisor", *ROLES))

    def signal(self, role, number):
        """Sends a signal to one process of a role; its number."""
        pid = wait_for(lambda: self.pids().get(role), f"a {role} runs")[0]
        os.kill(pid, number)
        return pid

    def kill(self, role):
        pid = self.signal(role, signal.SIGKILL)
        wait_for(lambda: pid not in self.container.unit_pids(UNIT), f"the killed {role} is gone")
        return pid

    # The API, as clients inside of the machine use it.

    def curl(self, path, *options):
        """Status and body; status 0 if there was no answer."""
        done = self.container.run("curl", "-sS", "--max-time", "40", "-w", "\n%{http_code}", *options,
                                  f"http://127.0.0.1:{PORT}{path}")
        body, _, status = done.out.rpartition("\n")
        return (int(status), body) if done else (0, done.said)

    def healthy(self):
        return self.curl("/health")[0] == 200

    def trigger(self, page):
        body = json.dumps({"url": page, "competitor": "acme", "num_of_posts": 10})
        status, answer = self.curl("/api/v1/crawl/trigger", "-H", "Content-Type: application/json",
                                   "-d", body)
        if status not in (200, 202):
            raise AssertionError(f"the trigger was answered with {status}: {answer}")
        return json.loads(answer)["crawl_id"]

    def status(self, crawl_id):
        """None when there is no answer just now."""
        status, answer = self.curl(f"/api/v1/crawl/{crawl_id}/status")
        if status in (0, 503):
            return None
        if status != 200:
            raise AssertionError(f"the status was answered with {status}: {answer}")
        return json.loads(answer)

    def wait_crawl(self, crawl_id, *wanted, seconds=30):
        wanted = wanted or ("completed",)

        def look():
            status = self.status(crawl_id)
            if status and status["status"] in wanted:
                return status
            if status and status["status"] in ("completed", "failed", "canceled"):
                raise AssertionError(f"the crawl ended otherwise: {status}")
            return None
        return wait_for(look, f"crawl {crawl_id} becomes {' or '.join(wanted)}", seconds)

    def object_of(self, status):
        return self.container.path(status["gcs_path"].removeprefix("file://"))

    def events(self, crawl_id):
        lines = self.container.path(f"{STATE}/events.ndjson").read_text().splitlines()
        events = [json.loads(line)["message"] for line in lines]
        return [e["event_type"] for e in events if e["data"]["crawl_id"] == crawl_id]

    def owner(self, path):
        """(user, group, mode) by the container's own names."""
        found = self.container.path(path).stat()
        users = dict(line.split(":")[2::-2] for line in self._lines("/etc/passwd"))
        groups = dict(line.split(":")[2::-2] for line in self._lines("/etc/group"))
        return (users.get(str(found.st_uid), found.st_uid), groups.get(str(found.st_gid), found.st_gid),
                f"{found.st_mode & 0o7777:04o}")

    def uid(self):
        for line in self._lines("/etc/passwd"):
            if line.startswith("trawld:"):
                return int(line.split(":")[2])
        return None

    def _lines(self, path):
        return (self.container.root / path.lstrip("/")).read_text().splitlines()

    # The journal.

    def mark(self):
        """What comes later is what journal() tells."""
        done = self.container.run("journalctl", "-n", "0", "--show-cursor", "-q")
        found = re.search(r"cursor: (\S+)", done.out)
        self.cursor = found.group(1) if found else ""

    def journal(self, *matches, since_mark=True):
        """Entries as dictionaries."""
        after = [f"--after-cursor={self.cursor}"] if since_mark and self.cursor else []
        done = self.container.run("journalctl", "-q", "-o", "json", "--no-pager", *after, *matches)
        return [json.loads(line) for line in done.out.splitlines()]

    def said(self, pattern, *matches):
        """Whether the journal has, since the mark, a message of or about the unit like that."""
        entries = self.journal(f"_SYSTEMD_UNIT={UNIT}", "+", f"UNIT={UNIT}", *matches)
        return next((m for m in map(message_of, entries) if re.search(pattern, m)), None)

    def evidence(self):
        """For a failed assertion: what systemd and the daemon say."""
        after = [f"--after-cursor={self.cursor}"] if self.cursor else []
        status = self.container.run("systemctl", "status", "--no-pager", "-n", "0", UNIT, timeout=10)
        journal = self.container.run("journalctl", "-q", "--no-pager", "-o", "short-precise", *after,
                                     timeout=10)
        lines = "\n".join(journal.said.splitlines()[-60:])
        return f"{status.said}\n--- the journal's end\n{lines}"


def message_of(entry):
    text = entry.get("MESSAGE", "")
    return bytes(text).decode(errors="replace") if isinstance(text, list) else str(text)
