"""What systemd sees of trawld: its status line, its timeouts, the watchdog, its environment."""

import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import time
import unittest

from harness import BUILD, REQUEST, SANITIZED, child_pids, wait_for
from test_supervisor import NOWHERE, ROLES, Notified, SupervisorTest, all_pids, counts, healthy, log_after
from test_upgrade import OldStore

WATCHDOG_MS = 1000
STATUS = "STATUS="


class SystemdTest(SupervisorTest):
    def setUp(self):
        super().setUp()
        self.notified = Notified(self)

    def watched(self, sim=NOWHERE, **conf):
        return self.trawld(sim, NOTIFY_SOCKET=self.notified.path, **conf)

    def statuses(self, mark=0):
        return [l[len(STATUS):] for l in self.notified.read()[mark:] if l.startswith(STATUS)]

    def wait_status_line(self, pattern, mark=0, seconds=None):
        return wait_for(lambda: next((s for s in self.statuses(mark) if re.search(pattern, s)), None),
                        f"a status line like {pattern}", seconds)

    def beats(self):
        return sum(l == "WATCHDOG=1" for l in self.notified.read())


class Unit(unittest.TestCase):
    def test_it_comes_after_the_clock_but_does_not_pull_it_in(self):
        text = (pathlib.Path(__file__).parents[2] / "systemd/trawld.service").read_text()
        self.assertRegex(text, "(?m)^After=.*time-sync.target")
        self.assertNotRegex(text, "(?m)^(Wants|Requires)=.*time-sync.target")


class Starting(SystemdTest):
    def refusal(self, status, pattern, **conf):
        mark = len(self.notified.read())
        done = self.refused(NOTIFY_SOCKET=self.notified.path, **conf)
        self.assertEqual(done.returncode, status)
        self.wait_status_line(pattern, mark)
        self.assertRegex(self.statuses(mark)[-1], pattern)
        self.assertNotIn("READY=1", self.notified.read()[mark:])

    def test_a_refused_start_leaves_its_reason_in_the_status_line(self):
        self.refusal(78, "^environment: PORT: .*eighty", PORT="eighty")
        self.refusal(73, "^the data directory /proc/trawld cannot be made", DATA_DIR="/proc/trawld")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            port = taken.getsockname()[1]
            self.refusal(69, f"^cannot listen on 127.0.0.1 port {port}", PORT=str(port))

    def test_waiting_for_the_lock_is_told_and_so_is_its_holder(self):
        first = self.start()
        mark = len(self.notified.read())
        self.refusal(75, f"in use by trawld with pid {first.program.pid}", DATA_DIR=str(first.data))
        self.assertRegex(self.statuses(mark)[0], "waiting for a former trawld")
        self.notified.wait(r"EXTEND_TIMEOUT_USEC=\d+", mark)

    def test_a_child_that_cannot_start_leaves_its_reason(self):
        trawld = self.trawld(NOWHERE, start=False)
        OldStore(trawld.data / "trawld.db").close()
        with sqlite3.connect(trawld.data / "trawld.db") as db:
            db.execute("PRAGMA user_version = 99")
        self.refusal(78, r"trawld\.db was written by a newer trawld", DATA_DIR=str(trawld.data))
        self.notified.wait("STOPPING=1")

    def test_a_migration_is_told_and_extends_the_time_to_start(self):
        trawld = self.watched(start=False)
        OldStore(trawld.data / "trawld.db").close()
        trawld.start()
        self.assertRegex(self.statuses()[0], "^Starting: ")
        self.wait_status_line(r"^Starting: Migrating the job store from schema 1 to \d+")
        self.notified.wait("READY=1")
        lines = self.notified.read()
        before = lines[:lines.index("READY=1")]
        self.assertIn(sum(l.startswith("EXTEND_TIMEOUT_USEC=") for l in before), range(1, 10))

    def test_one_that_makes_no_progress_extends_nothing(self):
        folder = self.own_build(keeper="#!/bin/sh\nexec /bin/sleep 600\n")
        trawld = self.start_from(folder, NOTIFY_SOCKET=self.notified.path)
        self.wait_status_line(r"^Starting: \d of 6 processes are ready")
        wait_for(lambda: len(child_pids(trawld.program.pid)) >= 6, "all others run")
        time.sleep(1)
        mark = len(self.notified.read())
        time.sleep(3)
        self.assertEqual([l for l in self.notified.read()[mark:] if l.startswith("EXTEND")], [])
        self.assertEqual(trawld.stop(), 0)

    def test_nothing_of_systemd_reaches_the_children(self):
        names = {"NOTIFY_SOCKET": self.notified.path, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "",
                 "MAINPID": "1", "INVOCATION_ID": "00", "CREDENTIALS_DIRECTORY": "/none", "LISTEN_FDS": "0",
                 "LISTEN_PID": "1", "STATE_DIRECTORY": "/none", "RUNTIME_DIRECTORY": "/none"}
        trawld = self.start(**names)
        for pid in all_pids(trawld):
            seen = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            for name in names:
                self.assertNotIn(name.encode() + b"=", seen)


class Telling(SystemdTest):
    def test_the_line_tells_of_crawls_and_failures_also_after_the_keeper(self):
        sim = self.sim()
        trawld = self.watched(sim)
        trawld.wait_status(trawld.trigger(url="https://www.facebook.com/fail-page"), "failed")
        sim.set(ready_after=600)
        trawld.trigger()
        line = r"^0 to trigger, 1 polling, 0 downloading, 1 failed in 1 h; last error SNAPSHOT_FAILED: "
        self.wait_status_line(line)
        def reload():
            trawld.change()
            trawld.program.send(signal.SIGHUP)

        for interrupt in (lambda: trawld.kill_child("keeper"), reload):
            mark = len(self.notified.read())
            interrupt()
            self.wait_status_line(line, mark)
        mark = len(self.notified.read())
        self.assertEqual(trawld.stop(), 0)
        trawld.start()
        self.wait_status_line(line, mark)

    def test_a_keeper_that_is_away_is_told(self):
        folder = self.own_build()
        trawld = self.start_from(folder, NOTIFY_SOCKET=self.notified.path)
        self.notified.wait("READY=1")
        mark = len(self.notified.read())
        self.replace_program(folder, "keeper", "#!/bin/sh\nexit 1\n")
        trawld.kill_child("keeper")
        self.wait_status_line("^The keeper restarts: ", mark)
        wait_for(lambda: self.statuses()[-1].startswith("The keeper restarts: "), "and nothing else")
        mark = len(self.notified.read())
        (folder / "trawld-keeper").unlink()
        (folder / "trawld-keeper").symlink_to(BUILD / "trawld-keeper")
        self.wait_status_line("^0 to trigger, 0 polling", mark)
        self.assertEqual(self.statuses()[-1][:12], "0 to trigger")
        self.assertEqual(trawld.stop(), 0)

    def test_a_reload_is_told_and_a_refused_one_stays_in_the_line_until_a_good_one(self):
        self.file = self.folder / "trawld.env"
        self.file.write_text("")
        trawld = self.watched(start=False)
        trawld.start("--config", str(self.file))
        self.file.write_text("NONSENSE=1\n")
        trawld.program.send(signal.SIGHUP)
        self.wait_status_line(r"^0 to trigger.*; the last reload was refused: .*trawld\.env:1")
        self.file.write_text("LOG_FORMAT=text\n")
        mark = len(self.notified.read())
        trawld.program.send(signal.SIGHUP)
        self.wait_status_line("^Reloading; ", mark)
        wait_for(lambda: self.statuses()[-1].startswith("0 to trigger") and "refused" not in self.statuses()[-1],
                 "the plain line again")

    def test_the_end_is_told_row_by_row(self):
        trawld = self.watched()
        mark = len(self.notified.read())
        self.assertEqual(trawld.stop(), 0)
        self.assertRegex(self.statuses(mark)[0], r"^Stopping: 6 processes are finishing")
        self.wait_status_line("^Stopped$", mark)
        extends = [int(l.split("=")[1]) for l in self.notified.read()[mark:] if l.startswith("EXTEND_TIMEOUT_USEC=")]
        self.assertEqual(len(extends), len(ROLES))
        self.assertLess(max(extends), 10_000_000)


class Watchdog(SystemdTest):
    """The numbers are those of the table in supervisor/service.c."""

    def test_a_stopped_keeper_starves_the_watchdog_and_is_replaced(self):
        trawld = self.watched(WATCHDOG_USEC=str(WATCHDOG_MS * 1000))
        wait_for(lambda: self.beats() >= 3, "the watchdog is fed")
        keeper = trawld.children()["keeper"][0]
        begin = time.monotonic()
        os.kill(keeper, signal.SIGSTOP)
        self.wait_status_line(r"^The keeper has not moved for \d+ s: requests wait for it$", seconds=30)
        last = max(at for at, line in self.notified.lines if line == "WATCHDOG=1") - begin
        self.assertLess(last, 11)
        log_after(trawld, 0, r"keeper pid \d+ is killed: it has not moved for 2\d s", "it is killed")
        self.assertGreater(time.monotonic() - begin, 18)
        fed = self.beats()
        wait_for(lambda: self.beats() > fed, "the watchdog is fed again")
        self.wait_status_line("^0 to trigger")
        wait_for(lambda: counts(trawld) == ROLES and healthy(trawld), "a whole set")
        silence = [at - begin for at, line in self.notified.lines if line == "WATCHDOG=1" and at > begin]
        gap = max(b - a for a, b in zip([0] + silence, silence))
        # systemd would have acted at 30 s after the last time: a new keeper is there before.
        self.assertLess(gap, 25)

    @unittest.skipIf(SANITIZED, "a preloaded library comes before the sanitizer's")
    def test_a_slow_disk_is_no_reason_to_kill_the_keeper(self):
        sim = self.sim()
        library, slow = self.folder / "slow_disk.so", self.folder / "slow"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library,
                        pathlib.Path(__file__).with_name("slow_disk.c")], check=True)
        folder = self.own_build()
        (folder / "real").mkdir()
        (folder / "trawld-keeper").rename(folder / "real" / "trawld-keeper")
        self.replace_program(folder, "keeper", f"#!/bin/sh\nexport LD_PRELOAD={library} SLOW_DISK={slow}\n"
                             f"exec {folder}/real/trawld-keeper \"$@\"\n")
        trawld = self.start_from(folder, NOTIFY_SOCKET=self.notified.path, TRIGGER_WAIT_SECONDS="0",
                                 JAIL="false",  # the library looks at a file and makes a process
                                 BRIGHTDATA_BASE_URL=sim.url, WATCHDOG_USEC=str(WATCHDOG_MS * 1000))
        trawld.url = log_after(trawld, 0, r"ready: (http://\S+),", "ready").group(1)
        keeper = trawld.children()["keeper"][0]
        with self.subTest("5 s: nobody minds"):
            slow.write_text("5")
            begin = time.monotonic()
            answer = trawld.post("/api/v1/crawl/trigger", REQUEST)
            self.assertIn(answer.status, (200, 202))
            self.assertGreater(time.monotonic() - begin, 4)
            slow.unlink()
            self.assertNotIn("has been silent", trawld.log())
        with self.subTest("25 s: the watchdog starves, the line says why, the keeper lives"):
            slow.write_text("25")
            caller = subprocess.Popen(
                ["curl", "-sS", "-o", str(self.folder / "answer"), "-H", "Content-Type: application/json",
                 "-d", json.dumps({**REQUEST, "url": "https://www.facebook.com/other"}),
                 f"{trawld.url}/api/v1/crawl/trigger"], stdin=subprocess.DEVNULL)
            self.wait_status_line(r"has not moved for \d+ s, it waits for the disk: requests wait for it$", seconds=40)
            slow.unlink()
            log_after(trawld, 0, r"keeper pid \d+ has not moved for 2\d s: it waits for the disk, and so would another",
                      "it is told and let be")
            fed = self.beats()
            wait_for(lambda: self.beats() > fed and healthy(trawld), "all is well again")
            self.assertEqual(caller.wait(60), 0)
        self.assertEqual(trawld.children()["keeper"], [keeper])
        self.assertEqual(trawld.stop(), 0)


if __name__ == "__main__":
    unittest.main()
