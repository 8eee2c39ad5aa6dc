"""A job store is copied while it is in use, and goes back to its place: nothing waits, nothing is paid twice."""

import collections
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time
import unittest

from harness import BUILD, REQUEST, SANITIZED, FlowTest, call, sqlite_rows, wait_for
from test_ctl import CTL, Fake, ctl, ctl_environment

NOWHERE = "http://127.0.0.1:1"
BACKUP = "/api/v1/admin/backup"


def page(name):
    return f"https://www.facebook.com/{name}"


def names(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def grow(path, megabytes):
    """Fills a store that nobody has with crawls that ended, until it is that large."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    columns = [row[1] for row in db.execute("PRAGMA table_info(crawls)")]
    fresh = {"id": "randomblob(16)", "snapshot_id": "'sd_' || hex(randomblob(8))"}
    select = ", ".join(fresh.get(c, c) for c in columns)
    while path.stat().st_size < megabytes << 20:
        db.execute(f"INSERT INTO crawls SELECT {select} FROM crawls WHERE lane IS NULL LIMIT 20000")
        db.commit()
    db.close()


class BackupTest(FlowTest):
    def ctl_of(self, trawld, *words, **more):
        return ctl("--daemon", trawld.url, *words, **more)

    def backup_folder(self, trawld):
        return trawld.data / "backup"

    def run_trawld(self, trawld, *options, **environment):
        """trawld as a command that ends by itself."""
        return subprocess.run([BUILD / "trawld", *options], env={**trawld.environment(), **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    def restore(self, trawld, file, status=0, **environment):
        done = self.run_trawld(trawld, "--config", trawld.file, "--restore", file, **environment)
        self.assertEqual(done.returncode, status, done)
        return done

    def backup(self, trawld, file):
        done = self.ctl_of(trawld, "backup", file)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done


class Backup(BackupTest):
    def setUp(self):
        super().setUp()
        self.simulator = self.sim()
        self.daemon = self.trawld(self.simulator)

    def test_the_copy_is_taken_out_of_data_dir_to_its_file(self):
        crawl = self.daemon.trigger()
        self.daemon.wait_status(crawl)
        file = self.folder / "mine.db"
        file.write_text("an older one")
        file.chmod(0o644)
        done = self.backup(self.daemon, file)
        self.assertRegex(done.stdout, rf"(?s)^backup +{file}\nbytes +\d+\ncrawls +1\nas of +20\d\d-")
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(names(self.backup_folder(self.daemon)), [])
        self.assertEqual([p.name for p in self.folder.glob("mine*")], ["mine.db"])
        self.assertEqual(sqlite_rows(file, "PRAGMA integrity_check"), [("ok",)])
        self.assertEqual(sqlite_rows(file, "SELECT state FROM crawls"), [(7,)])

    def test_without_a_file_it_stays_and_the_newest_three_do(self):
        found = []
        for _ in range(5):
            answer = json.loads(self.ctl_of(self.daemon, "backup", "--json").stdout)
            self.assertEqual(answer["status"], "success")
            found.append(pathlib.Path(answer["path"]))
            self.assertEqual(found[-1].stat().st_size, answer["size_bytes"])
        self.assertEqual({p.name for p in found[-3:]}, set(names(self.backup_folder(self.daemon))))
        file = self.folder / "mine.db"
        answer = json.loads(self.ctl_of(self.daemon, "backup", "--json", file).stdout)
        self.assertEqual((answer["path"], answer["size_bytes"]), (str(file), file.stat().st_size))

    def test_what_cannot_be_brought_to_its_file_stays_and_is_told(self):
        done = self.ctl_of(self.daemon, "backup", self.folder / "missing" / "mine.db")
        kept = names(self.backup_folder(self.daemon))
        self.assertEqual((done.returncode, done.stdout, len(kept)), (1, "", 1), done)
        self.assertIn(f"stays in the daemon's DATA_DIR: {self.backup_folder(self.daemon) / kept[0]}", done.stderr)
        elsewhere = {"status": "success", "path": "/nonexistent/backup/trawld-20261126T010203Z.db", "size_bytes": 1,
                     "crawls": 0, "timestamp": "2026-11-26T01:02:03.000Z"}
        other = self.folder / "other.db"
        other.write_text("not the size that was told")
        for told, word in ((elsewhere, "another machine"), ({**elsewhere, "path": str(other)}, "cannot be read")):
            server = Fake((200, told))
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
            done = ctl("--daemon", server.url, "backup", self.folder / "mine.db")
            self.assertEqual((done.returncode, done.stdout), (1, ""), done)
            self.assertIn(word, done.stderr)
            self.assertIn(told["path"], done.stderr)
        self.assertTrue(other.exists())
        self.assertFalse((self.folder / "mine.db").exists())

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_a_user_who_may_not_read_it_is_told_what_to_do(self):
        program = self.folder / "trawlctl"
        shutil.copy2(CTL, program)
        self.folder.chmod(0o755)
        file = self.folder / "mine.db"
        done = subprocess.run([program, "--daemon", self.daemon.url, "backup", file], env=ctl_environment({}), user=65534,
                              group=65534, extra_groups=[], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        kept = self.backup_folder(self.daemon) / names(self.backup_folder(self.daemon))[0]
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertIn(f"sudo mv {kept} {file}", done.stderr)
        self.assertIn(f"stays in the daemon's DATA_DIR: {kept}", done.stderr)

    def test_a_keeper_killed_in_the_middle_leaves_nothing_and_the_next_one_answers(self):
        self.daemon.wait_status(self.daemon.trigger())
        self.daemon.stop()
        grow(self.daemon.data / "trawld.db", 60)
        self.daemon.start()
        part = self.backup_folder(self.daemon) / "trawld-copy.part"
        answers = []
        asker = threading.Thread(target=lambda: answers.append(self.daemon.post(BACKUP)))
        asker.start()
        wait_for(lambda: part.exists() and part.stat().st_size > 1 << 20, "the copy grows")
        self.assertEqual(self.daemon.get("/health").status, 200)
        self.daemon.kill_child("keeper")
        asker.join(60)
        self.assertEqual(answers[0].status, 200, answers)
        self.assertEqual([self.backup_folder(self.daemon) / n for n in names(self.backup_folder(self.daemon))],
                         [pathlib.Path(answers[0].json["path"])])
        self.assertEqual(sqlite_rows(answers[0].json["path"], "PRAGMA quick_check"), [("ok",)])
        part.write_text("of a keeper that the whole set died with")
        self.daemon.kill()
        self.daemon.start()
        self.assertFalse(part.exists())


class Restore(BackupTest):
    def ledger(self, sim):
        return collections.Counter(job["inputs"][0]["url"] for job in sim.jobs())

    def nothing_is_paid_twice(self, end, by_hand):
        """Two crawls have their job, one's trigger is under way, the others wait behind the provider's cap."""
        sim = self.sim("--running-cap", "2", "--ready-after", "4")
        trawld = self.trawld(sim, TRIGGER_WAIT_SECONDS="0", RECONCILE_DELAY="1s")
        running = [trawld.trigger(url=page(f"running{i}")) for i in range(2)]
        for crawl in running:
            trawld.wait_status(crawl, "pending", "processing", "running", "polling")
        wait_for(lambda: len(sim.jobs()) == 2, "two jobs run")
        sim.fault("trigger", "delay", ms=2500, count=1)
        other = {**REQUEST, "platform": "instagram", "dataset_id": "gd_lk5ns7kz21pck8jpis"}
        flying = trawld.trigger(other, url="https://www.instagram.com/flying")
        held = [trawld.trigger(url=page(f"held{i}")) for i in range(5)]
        file = self.folder / "copy.db"
        if by_hand:
            self.assertEqual(trawld.stop(signal.SIGTERM), 0)
            shutil.copy(trawld.data / "trawld.db", file)
            trawld.start()
        else:
            self.backup(trawld, file)
        states = collections.Counter(s for s, in sqlite_rows(file, "SELECT state FROM crawls"))
        early = [*running, flying, *held]
        self.assertEqual(sum(states.values()), len(early))
        sim.set(running_cap=0)
        late = [trawld.trigger(url=page(f"late{i}")) for i in range(3)]
        wait_for(lambda: len(sim.jobs()) == len(early) + len(late), "all are triggered", 60)
        before = {crawl: trawld.wait_status(crawl, seconds=60)["snapshot_id"] for crawl in early + late}
        end(trawld)
        self.restore(trawld, file)
        trawld.start()
        after = {crawl: trawld.wait_status(crawl, seconds=60)["snapshot_id"] for crawl in early}
        self.assertEqual(after, {crawl: before[crawl] for crawl in early})
        for crawl in late:
            self.assertEqual(trawld.get(f"/api/v1/crawl/{crawl}/status").status, 404)
        doubles = {url: n for url, n in self.ledger(sim).items() if n > 1}
        self.assertEqual((doubles, len(sim.jobs())), ({}, len(early) + len(late)))
        if not by_hand:
            self.assertEqual(states[0], 0, states)
        return states

    def test_nothing_is_paid_twice_after_an_orderly_stop(self):
        states = self.nothing_is_paid_twice(lambda trawld: trawld.stop(), by_hand=False)
        self.assertGreaterEqual(states[2], 5, states)  # those that were held

    def test_nothing_is_paid_twice_after_a_kill(self):
        self.nothing_is_paid_twice(lambda trawld: trawld.kill(), by_hand=False)

    def test_nor_with_a_file_that_was_copied_by_hand(self):
        self.nothing_is_paid_twice(lambda trawld: trawld.stop(), by_hand=True)

    # What is refused, and that nothing comes of it.

    def stopped(self, *crawls, end=signal.SIGTERM):
        """A trawld that has ended, with crawls that wait for a provider that nobody is; theirs are the ids."""
        trawld = self.trawld(NOWHERE, TRIGGER_WAIT_SECONDS="0")
        ids = [trawld.trigger(url=page(name)) for name in crawls]
        trawld.kill() if end == signal.SIGKILL else trawld.stop()
        return trawld, ids

    def contents(self, folder):
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*"))
                if p.is_file() and p.name != "lock"}

    def test_what_is_no_copy_of_a_store_is_refused_and_nothing_is_changed(self):
        trawld, _ = self.stopped("a")
        copy, text, newer, broken, empty = (self.folder / n for n in ("copy", "text", "newer", "broken", "empty"))
        for file in (copy, newer, broken):
            shutil.copy(trawld.data / "trawld.db", file)
        text.write_text("not a database\n" * 1000)
        empty.touch()
        db = sqlite3.connect(newer)
        db.execute("PRAGMA user_version = 1000")
        db.commit()
        db.close()
        with open(broken, "r+b") as file:
            for at in range(4096, broken.stat().st_size, 4096):
                file.seek(at)
                file.write(b"\xff" * 2048)
        before = self.contents(trawld.data)
        for file, status, word in ((text, 78, "not a job store"), (empty, 78, "not a job store"),
                                   (newer, 78, "newer trawld"), (broken, 78, "damaged"),
                                   (self.folder / "missing", 1, "No such file"), (self.folder, 1, "not a file"),
                                   (trawld.data / "trawld.db", 64, "the job store itself")):
            with self.subTest(file.name):
                done = self.restore(trawld, file, status)
                self.assertIn(word, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertEqual(self.contents(trawld.data), before)
        self.restore(trawld, copy)

    def test_not_while_a_trawld_runs_there(self):
        trawld = self.trawld(NOWHERE)
        file = self.folder / "copy.db"
        self.backup(trawld, file)
        done = self.restore(trawld, file, 75)
        self.assertIn(f"trawld with pid {trawld.program.pid}", done.stderr)
        self.assertEqual(trawld.get("/health").status, 200)

    def test_a_machine_that_had_none_and_a_file_with_its_log(self):
        trawld, ids = self.stopped("a", end=signal.SIGKILL)
        self.assertTrue((trawld.data / "trawld.db-wal").stat().st_size > 0)
        away = self.folder / "away"
        away.mkdir()
        for name in ("trawld.db", "trawld.db-wal"):
            shutil.copy(trawld.data / name, away)
        shutil.rmtree(trawld.data)
        done = self.restore(trawld, away / "trawld.db")
        self.assertIn("restored: ", done.stdout)
        self.assertNotIn("kept: ", done.stdout)
        self.assertEqual(names(away), ["trawld.db", "trawld.db-wal"])
        trawld.start()
        self.assertEqual(trawld.status(ids[0])["crawl_id"], ids[0])

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user than the daemon's")
    def test_what_root_restores_is_the_daemons_own(self):
        trawld, _ = self.stopped("a")
        file = self.folder / "copy.db"
        shutil.copy(trawld.data / "trawld.db", file)
        file.chmod(0o600)
        self.folder.chmod(0o755)
        for path in (trawld.data, *trawld.data.rglob("*")):
            os.chown(path, 65534, 65534)
        programs = self.folder / "programs"
        programs.mkdir()
        for name in ("trawld", "trawld-keeper", "trawld-publisher", "trawld-poller", "trawld-front"):
            shutil.copy2(BUILD / name, programs / name)
        done = subprocess.run([programs / "trawld", "--config", trawld.file, "--restore", file],
                              env=trawld.environment(), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        owners = {p.name: p.stat().st_uid for p in (trawld.data, *trawld.data.rglob("*"))}
        self.assertEqual(set(owners.values()), {65534}, owners)

    @unittest.skipIf(SANITIZED, "a library before the sanitizer's own is refused")
    def test_a_kill_at_any_step_leaves_the_one_store_or_the_other(self):
        library = self.folder / "kill_at.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, pathlib.Path(__file__).with_name("kill_at.c")], check=True)
        trawld, (new,) = self.stopped("new")
        file = self.folder / "copy.db"
        shutil.copy(trawld.data / "trawld.db", file)
        old = self.old_store(trawld)
        origin = self.folder / "origin"
        trawld.data.rename(origin)
        seen = []
        for step in range(1, 100):
            shutil.rmtree(trawld.data, ignore_errors=True)
            shutil.copytree(origin, trawld.data, ignore=shutil.ignore_patterns("*.sock"))
            done = self.run_trawld(trawld, "--config", trawld.file, "--restore", file, LD_PRELOAD=str(library),
                                   KILL_AT=str(step))
            trawld.start()
            codes = tuple(trawld.get(f"/api/v1/crawl/{crawl}/status").status for crawl in (old, new))
            self.assertIn(codes, ((200, 404), (404, 200)), f"killed at step {step}")
            seen.append(codes)
            self.assertEqual([n for n in names(trawld.data) if "restore" in n], [])
            if codes == (404, 200):
                self.old_is_kept(trawld, old)
            trawld.stop()
            if done.returncode == 0:
                break
            self.assertEqual(done.returncode, -signal.SIGKILL, done)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(seen, sorted(seen), "a store that was put in its place stays there")
        self.assertGreater(seen.count((404, 200)), 6)
        self.assertGreater(seen.count((200, 404)), 6)

    def old_store(self, former):
        """In the same DATA_DIR a store with a crawl that is only in its log."""
        for path in former.data.glob("trawld.*"):
            path.unlink()
        former.start()
        crawl = former.trigger(url=page("old"))
        former.kill()
        self.assertGreater((former.data / "trawld.db-wal").stat().st_size, 0)
        return crawl

    def old_is_kept(self, trawld, crawl):
        kept = [p for p in self.backup_folder(trawld).glob("trawld-before-restore-*.db")]
        self.assertEqual(len(kept), 1, names(self.backup_folder(trawld)))
        rows = sqlite_rows(kept[0], "SELECT hex(id) FROM crawls")
        self.assertEqual(rows, [(crawl.replace("-", "").upper(),)])


if __name__ == "__main__":
    unittest.main()
