"""A newer trawld on older data and the other way round, and what the next keeper has to know."""

import hashlib
import json
import pathlib
import signal
import sqlite3
import subprocess
import time
import unittest
import uuid

import grown
from harness import BUILD, KEY, FlowTest, call, logged, pending_events, sqlite_rows, wait_for

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "regress" / "store-schema-1.sql"
NOWHERE = "http://127.0.0.1:1"
TIMES = ("created_ms", "updated_ms", "triggered_ms", "ready_ms", "finished_ms", "intent_ms", "deadline_ms")
AT_THE_PROVIDER = ("polling", "ready", "downloading", "storing", "reconciling")  # have a job there
ASKED_AGAIN = ("accepted", "triggering")  # their job was never made
ENDED = ("completed", "fail-page", "canceled")


class OldStore:
    """A job store of schema 1 with ten crawls, left two minutes ago, so that no trigger of it can still be on its
    way; its crawls by the last part of their page."""

    def __init__(self, path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path)
        self.db.executescript(FIXTURE.read_text())
        newest = self.db.execute("SELECT max(updated_ms) FROM crawls").fetchone()[0]
        by = int(time.time() * 1000) - 120000 - newest
        for column in TIMES:
            self.db.execute(f"UPDATE crawls SET {column} = {column} + ?", (by,))
        self.db.execute("UPDATE crawls SET due_ms = ? WHERE due_ms > 0", (newest + by,))
        rows = self.db.execute("SELECT crawl_id, url, dataset_id FROM requests").fetchall()
        self.crawls = {url.rsplit("/", 1)[1]: (uuid.UUID(bytes=i), url, dataset) for i, url, dataset in rows}

    def id(self, name):
        return str(self.crawls[name][0])

    def give_jobs(self, sim):
        """Makes the provider's jobs that the crawls had, under the ids that this simulator gives."""
        for name in AT_THE_PROVIDER:
            crawl, url, dataset = self.crawls[name]
            body = {"url": url, "num_of_posts": 3}
            if name == "storing":
                body.update(start_date="11-01-2026", end_date="11-20-2026")
            answer = call(sim.url, "POST", f"/datasets/v3/trigger?dataset_id={dataset}&include_errors=true", [body],
                          headers={"Authorization": f"Bearer {KEY}"})
            assert answer.status == 200, answer
            if name != "reconciling":
                self.db.execute("UPDATE crawls SET snapshot_id = ? WHERE id = ?",
                                (answer.json["snapshot_id"], crawl.bytes))

    def close(self):
        self.db.commit()
        self.db.close()


def rows_of(path):
    return {table: sqlite_rows(path, f"SELECT * FROM {table} ORDER BY 1")
            for table in ("crawls", "requests", "outbox")}


class Upgrade(FlowTest):
    def test_crawls_of_an_older_store_go_on(self):
        sim = self.sim()
        trawld = self.trawld(sim, start=False)
        store = OldStore(trawld.data / "trawld.db")
        store.give_jobs(sim)
        store.close()
        before = rows_of(store.path)
        trawld.start()
        copy = trawld.data / "backup" / "trawld.db.schema-1"
        found = logged(trawld.program, r"job store migrated from schema 1 to (\d+) in \d+ ms; .* (\S+), copied in \d+ ms")
        self.assertTrue(found, trawld.log())
        self.assertEqual(found.group(2), str(copy))
        for name in AT_THE_PROVIDER + ASKED_AGAIN:
            status = trawld.wait_status(store.id(name))
            self.assertEqual(trawld.object_of(status).read_bytes(), sim.snapshot_bytes(status["snapshot_id"]), name)
        self.assertEqual([trawld.status(store.id(n))["status"] for n in ENDED], ["completed", "failed", "canceled"])
        urls = [job["inputs"][0]["url"] for job in sim.jobs()]
        self.assertEqual(sorted(urls), sorted(store.crawls[n][1] for n in AT_THE_PROVIDER + ASKED_AGAIN))
        for name in AT_THE_PROVIDER + ASKED_AGAIN:
            trawld.wait_events(store.id(name), 1)
        self.events_went_out(trawld, before["outbox"])
        self.assertEqual(trawld.stop(), 0)
        after = rows_of(store.path)
        self.assertEqual(after["outbox"][:len(before["outbox"])], before["outbox"], "they stay, at their positions")
        self.assertEqual(pending_events(store.path), 0)
        ended = {store.crawls[n][0].bytes for n in ENDED}
        columns = len(before["crawls"][0])  # newer ones stand behind them
        self.assertEqual([r[:columns] for r in after["crawls"] if r[0] in ended],
                         [r for r in before["crawls"] if r[0] in ended])
        self.assertEqual(after["requests"], before["requests"])
        self.assertEqual(sqlite_rows(store.path, "PRAGMA user_version"), [(int(found.group(1)),)])
        self.assertEqual(sqlite_rows(copy, "PRAGMA user_version"), [(1,)])
        kept = rows_of(copy)
        self.assertEqual((kept["requests"], kept["outbox"]), (before["requests"], before["outbox"]))
        doubted = store.crawls["accepted"][0].bytes
        self.assertEqual([r for r in kept["crawls"] if r[0] != doubted],
                         [r for r in before["crawls"] if r[0] != doubted])

    def test_who_goes_back_to_the_copy_searches_before_it_asks(self):
        sim = self.sim()
        trawld = self.trawld(sim, start=False)
        store = OldStore(trawld.data / "trawld.db")
        store.db.execute("DELETE FROM crawls WHERE id != ?", (store.crawls["accepted"][0].bytes,))
        store.close()
        trawld.start()
        first = trawld.wait_status(store.id("accepted"))
        trawld.kill()
        for name in ("trawld.db", "trawld.db-wal"):
            (trawld.data / name).unlink(missing_ok=True)
        (trawld.data / "backup" / "trawld.db.schema-1").rename(store.path)
        trawld.start()
        again = trawld.wait_status(store.id("accepted"))
        self.assertEqual(again["snapshot_id"], first["snapshot_id"])
        self.assertEqual(len(sim.jobs()), 1, "one job was paid for")

    def events_went_out(self, trawld, outbox):
        """What waited in the old store went first, in order, with the same ids and bytes."""
        sent = [(e["attributes"]["ce-id"], e["message"]) for e in trawld.events()][:len(outbox)]
        self.assertEqual(sent, [(str(uuid.UUID(bytes=row[1])), json.loads(row[6])) for row in outbox])

    def test_the_copy_is_made_once(self):
        trawld = self.trawld(NOWHERE, start=False)
        OldStore(trawld.data / "trawld.db").close()
        trawld.start()
        self.assertEqual(trawld.stop(), 0)
        copy = trawld.data / "backup" / "trawld.db.schema-1"
        made = copy.stat().st_ino
        trawld.start()
        self.assertNotIn("migrated", trawld.log()[trawld.mark:])
        self.assertEqual(copy.stat().st_ino, made)

    def test_without_room_for_the_copy_it_waits_and_says_so(self):
        trawld = self.trawld(NOWHERE, start=False)
        OldStore(trawld.data / "trawld.db").close()
        before = rows_of(trawld.data / "trawld.db")
        (trawld.data / "backup").write_text("in the way")
        trawld.launch()
        wait_for(lambda: logged(trawld.program, r"has to be migrated from schema 1 to \d+, but no copy of it could be "
                                "made before; nothing was changed"), "the refusal")
        self.assertEqual(rows_of(trawld.data / "trawld.db"), before)
        (trawld.data / "backup").unlink()
        wait_for(lambda: logged(trawld.program, r"ready: http"), "it goes on when the way is free")


class Grown(FlowTest):
    """A store that has grown for years under an older trawld."""

    COUNT = 20000

    def test_what_is_over_goes_and_the_file_becomes_smaller(self):
        trawld = self.trawld(NOWHERE, start=False)
        trawld.data.mkdir(parents=True)
        path = trawld.data / "trawld.db"
        ids = [str(uuid.UUID(bytes=i)) for i in grown.make(path, self.COUNT)]
        before = path.stat().st_size
        trawld.start()
        self.assertTrue(logged(trawld.program, r"job store rebuilt in \d+ ms"), trawld.log())
        self.assertEqual(trawld.status(ids[-1])["status"], "completed")
        wait_for(lambda: self.gone(trawld, ids[self.COUNT // 4]), "the first ones are forgotten")
        trawld.kill_child("keeper")
        wait_for(lambda: self.gone(trawld, ids[-1]), "all are forgotten")
        wait_for(lambda: logged(trawld.program, r"removed \d+ crawls"), "it is told")
        self.assertEqual(trawld.get("/health").status, 200)
        self.assertEqual(trawld.stop(), 0)
        self.assertEqual(sqlite_rows(path, "SELECT count(*) FROM crawls"), [(3,)])
        self.assertEqual(sqlite_rows(path, "SELECT count(*) FROM requests"), [(3,)])
        self.assertLess(path.stat().st_size, before / 4)

    def gone(self, trawld, crawl_id):
        return trawld.patiently("GET", f"/api/v1/crawl/{crawl_id}/status").status == 404


class Downgrade(FlowTest):
    def sums(self, trawld):
        return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(trawld.data.rglob("*"))
                if p.is_file() and p.name != "lock"}

    def refused(self, trawld):
        done = subprocess.run([BUILD / "trawld"], env=trawld.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 78, done.stderr)
        return done.stderr

    def raise_version(self, trawld):
        db = sqlite3.connect(trawld.data / "trawld.db")
        db.execute("PRAGMA user_version = 99")
        db.commit()
        db.close()

    def test_a_newer_store_is_refused_and_left_as_it_is(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        trawld.wait_status(trawld.trigger())
        self.assertEqual(trawld.stop(), 0)
        self.raise_version(trawld)
        before = self.sums(trawld)
        said = self.refused(trawld)
        self.assertRegex(said, r"trawld\.db was written by a newer trawld \(schema 99, this program knows schema \d+\): "
                         "install that trawld again")
        self.assertNotIn("-wal file away", said)
        self.assertEqual(self.sums(trawld), before)

    def test_the_copy_from_before_is_named_if_there_is_one(self):
        trawld = self.trawld(NOWHERE, start=False)
        OldStore(trawld.data / "trawld.db").close()
        trawld.start()
        self.assertEqual(trawld.stop(), 0)
        self.raise_version(trawld)
        before = self.sums(trawld)
        self.assertIn(f"copy {trawld.data}/backup/trawld.db.schema-1 to its place", self.refused(trawld))
        self.assertEqual(self.sums(trawld), before)


class NextKeeper(FlowTest):
    """An answer 429 names a pause; whoever is killed in it, nobody calls before it is over."""

    PAUSE = 4

    def pause_is_kept(self, interrupt):
        sim = self.sim()
        trawld = self.trawld(sim, TRIGGER_WAIT_SECONDS="0")
        sim.fault("trigger", "rate_limit", count=1, retry_after=str(self.PAUSE))
        end = time.monotonic() + self.PAUSE
        crawl_id = trawld.trigger()
        wait_for(lambda: "answered 429" in trawld.log(), "the provider's refusal is known")
        interrupt(trawld)
        looks = 0
        while True:
            calls = sim.stats()["calls"]
            if time.monotonic() >= end:
                break
            looks += 1
            self.assertEqual((calls["trigger"], sum(calls.values())), (1, 1))
            time.sleep(0.02)
        self.assertGreater(looks, 10)
        trawld.wait_status(crawl_id)
        self.assertEqual(len(sim.jobs()), 1)

    def test_keeper_killed_in_the_pause(self):
        self.pause_is_kept(lambda trawld: trawld.kill_child("keeper"))

    def test_all_killed_in_the_pause(self):
        def interrupt(trawld):
            trawld.kill()
            trawld.start()
        self.pause_is_kept(interrupt)

    def test_restart_in_the_pause(self):
        def interrupt(trawld):
            self.assertEqual(trawld.stop(), 0)
            trawld.start()
        self.pause_is_kept(interrupt)

    def test_reload_in_the_pause(self):
        def interrupt(trawld):
            trawld.change()
            trawld.program.send(signal.SIGHUP)
            wait_for(lambda: "reloaded: " in trawld.log(), "reloaded")
        self.pause_is_kept(interrupt)


if __name__ == "__main__":
    unittest.main()
