"""Events on their way out of the job store, and what becomes of them there afterwards."""

import itertools
import pathlib
import re
import time
import unittest
import uuid

import grown
from harness import FlowTest, logged, pending_events, sqlite_change, sqlite_rows, wait_for

NOWHERE = "http://127.0.0.1:1"
DAY_MS = 86400000


class EventsTest(FlowTest):
    def store(self, trawld):
        return trawld.data / "trawld.db"

    def outbox(self, trawld):
        return trawld.get("/health").json["outbox"]

    def wait_delivered(self, trawld):
        wait_for(lambda: self.outbox(trawld)["events"] == 0, "all events are delivered")

    def look(self, trawld, query):
        """Asks a copy of the store of a trawld that runs."""
        answer = trawld.post("/api/v1/admin/backup")
        self.assertEqual(answer.status, 200, answer)
        return sqlite_rows(answer.json["path"], query)

    def kept(self, trawld):
        return self.look(trawld, "SELECT count(*) FROM outbox")[0][0]

    def used_store(self, crawls, **conf):
        """A trawld that has ended, with crawls that have, and whose events are all delivered."""
        trawld = self.trawld(self.sim(), **conf)
        for crawl_id in [trawld.trigger() for _ in range(crawls)]:
            trawld.wait_status(crawl_id)
        self.wait_delivered(trawld)
        self.assertEqual(trawld.stop(), 0)
        return trawld

    def delivered(self, trawld):
        return [e["attributes"]["ce-id"] for e in trawld.events()]

    def in_store(self, trawld):
        return [str(uuid.UUID(bytes=i)) for i, in sqlite_rows(self.store(trawld), "SELECT id FROM outbox ORDER BY seq")]


class Delivery(EventsTest):
    def test_kills_in_the_middle_of_it_lose_double_and_turn_round_nothing(self):
        trawld = self.used_store(2)
        grown.add_events(self.store(trawld), 10000)
        trawld.start()
        kills, seen, victims = 0, 0, itertools.cycle(("publisher", "keeper"))
        while kills < 12:
            lines = wait_for(lambda: (n := len(trawld.event_lines())) > seen and n, "more events arrive")
            if lines == 10004:
                break
            seen = lines
            trawld.kill_child(next(victims))
            kills += 1
        self.assertGreaterEqual(kills, 4, "they went out too fast to be disturbed")
        wait_for(lambda: len(trawld.event_lines()) >= 10004, "all events arrive")
        self.wait_delivered(trawld)
        self.assertEqual(trawld.stop(), 0)
        self.assertEqual(self.delivered(trawld), self.in_store(trawld))
        self.assertEqual(pending_events(self.store(trawld)), 0)
        self.figures(kills=kills)

    def test_what_was_delivered_is_not_delivered_again_at_the_next_start(self):
        trawld = self.used_store(3)
        for end in (trawld.stop, trawld.kill):
            trawld.start()
            trawld.wait_status(trawld.trigger())
            self.wait_delivered(trawld)
            end()
        self.assertEqual(len(self.delivered(trawld)), 10)
        self.assertEqual(self.delivered(trawld), self.in_store(trawld))

    def test_a_cursor_that_is_set_back_delivers_again_what_is_behind_it(self):
        trawld = self.used_store(60)
        before = self.delivered(trawld)
        sqlite_change(self.store(trawld), "UPDATE sinks SET cursor = 20")
        trawld.event_files()[0].unlink()
        trawld.start()
        self.wait_delivered(trawld)
        self.assertEqual(trawld.stop(), 0)
        self.assertEqual(self.delivered(trawld), before[20:])


class Keep(EventsTest):
    def test_what_is_delivered_and_old_goes_and_the_file_becomes_smaller(self):
        trawld = self.used_store(2)
        grown.add_events(self.store(trawld), 20000, age_ms=8 * DAY_MS)
        sqlite_change(self.store(trawld), "UPDATE sinks SET cursor = (SELECT max(seq) FROM outbox)")
        grown.add_events(self.store(trawld), 5, age_ms=8 * DAY_MS)
        before = self.store(trawld).stat().st_size
        trawld.start()
        found = wait_for(lambda: logged(trawld.program, r"removed \d+ crawls, (\d+) events of the job store", trawld.mark),
                         "it is told")
        self.assertGreaterEqual(int(found.group(1)), 20000)
        self.wait_delivered(trawld)
        wait_for(lambda: self.kept(trawld) == 0, "those that were still to be delivered have gone, too")
        trawld.wait_status(trawld.trigger())
        self.wait_delivered(trawld)
        self.assertEqual(trawld.stop(), 0)
        self.assertEqual(len(self.delivered(trawld)), 4 + 5 + 2)
        (first, last), = sqlite_rows(self.store(trawld), "SELECT min(seq), max(seq) FROM outbox")
        self.assertGreater(first, 20009, "no position is used again")
        self.assertEqual(last, first + 1)
        self.assertLess(self.store(trawld).stat().st_size, before / 4)

    def test_nothing_goes_while_the_sink_cannot_write(self):
        trawld = self.trawld(self.sim(), EVENTS_KEEP="1s", start=False)
        log = trawld.data / "events.ndjson"
        log.mkdir(parents=True)
        trawld.start()
        crawls = [trawld.trigger() for _ in range(20)]
        for crawl_id in crawls:
            trawld.wait_status(crawl_id)
        wait_for(lambda: self.outbox(trawld)["oldest_seconds"] > 3, "they are older than EVENTS_KEEP")
        trawld.kill_child("keeper")
        wait_for(lambda: trawld.get("/health").status == 200, "the next keeper serves")
        looks = time.monotonic() + 2
        while time.monotonic() < looks:
            self.assertEqual(self.outbox(trawld)["events"], 40)
            self.assertEqual(self.kept(trawld), 40)
        log.rmdir()
        self.wait_delivered(trawld)
        for crawl_id in crawls:
            self.assertEqual(trawld.event_types(crawl_id), ["crawl-triggered", "data-ingestion-completed"])
        wait_for(lambda: self.kept(trawld) == 0, "what was delivered is removed")


class Many(EventsTest):
    """What is in the outbox costs neither start nor status anything."""

    def test_start_and_health_read_next_to_nothing_of_a_large_outbox(self):
        trawld = self.used_store(2)
        grown.add_events(self.store(trawld), 50000)
        sqlite_change(self.store(trawld), "UPDATE sinks SET cursor = (SELECT max(seq) FROM outbox)")
        self.assertGreater(self.store(trawld).stat().st_size, 30e6)
        trawld.start()
        for _ in range(20):
            self.assertEqual(self.outbox(trawld), {"events": 0, "oldest_seconds": 0})
        (keeper,) = trawld.children()["keeper"]
        wait_for(lambda: trawld.get("/health").json["checks"]["publisher"] == "ok", "the publisher is there")
        read = int(re.search(r"rchar: (\d+)", pathlib.Path(f"/proc/{keeper}/io").read_text()).group(1))
        self.figures(read=f"{read / 1e6:.1f} MB")
        self.assertLess(read, 3e6)


if __name__ == "__main__":
    unittest.main()
