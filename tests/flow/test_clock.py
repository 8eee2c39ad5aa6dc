"""The clock of a machine under load is set, ahead and back: no crawl fails, is late, or is paid twice.

The programs are those of build/clock/, whose time of day is what a file says (clock_shift.c). The simulator's
clock and the test's own stay as they are.
"""

import shutil
import struct
import threading
import time
import unittest

from harness import BUILD, SANITIZED, THOROUGH, sqlite_change, wait_for
from test_many import ManyTest

HOUR = 3600
STEPS = (2 * HOUR, -2 * HOUR, 24 * HOUR, -24 * HOUR)
INTERVAL = 0.5  # of polls
READY = 1  # seconds that a job takes
SLACK = 6 if SANITIZED else 3


class ClockTest(ManyTest):
    def clock_trawld(self, sim, **conf):
        self.programs_folder = self.folder / "programs"
        self.programs_folder.mkdir()
        for program in (BUILD / "clock").iterdir():
            shutil.copy2(program, self.programs_folder / program.name)
        self.shift = self.programs_folder / "clock.shift"
        self.shift.write_bytes(struct.pack("=q", 0))
        return self.many_trawld(sim, programs=self.programs_folder, BACKGROUND_POLL_INTERVAL=f"{INTERVAL}s", **conf)

    def set_clock(self, seconds):
        with open(self.shift, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds * 1000))  # the same page: every process sees it at once


class Load:
    """So many crawls a second, how long each took by the test's own clock, and somebody who asks for the health."""

    def __init__(self, test, trawld, sim, rate=20):
        self.test, self.trawld, self.sim, self.rate = test, trawld, sim, rate
        self.stop, self.wrong = threading.Event(), []
        self.crawls, self.began, self.took = {}, {}, {}
        self.threads = [threading.Thread(target=self.guard, args=(f,)) for f in (self.trigger, self.ask, self.watch)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def guard(self, work):
        try:
            work()
        except BaseException as error:
            self.wrong.append(error)

    def trigger(self):
        number = 0
        while not self.stop.wait(1 / self.rate):
            began = time.monotonic()
            for crawl_id, url in self.test.accept(self.trawld, 1, begin=number).items():
                self.began[crawl_id], self.crawls[crawl_id] = began, url
            number += 1

    def ask(self):
        while not self.stop.wait(0.05):
            self.trawld.patiently("GET", "/health")

    def watch(self):
        while not self.stop.wait(0.1):
            self.look()

    def look(self):
        now = time.monotonic()
        self.test.count_completed(self.trawld)  # nothing failed
        for crawl_id in self.test.ended(self.trawld)["data-ingestion-completed"]:
            if crawl_id in self.began:
                self.took.setdefault(crawl_id, now - self.began[crawl_id])

    def wait_more(self, count):
        """So many more are accepted from now on, and all of these complete."""
        begun = len(self.began)
        wait_for(lambda: self.wrong or len(self.began) >= begun + count, f"{count} more crawls are accepted")
        wanted = list(self.began)
        wait_for(lambda: self.wrong or all(c in self.took for c in wanted), "they complete")
        self.test.assertEqual(self.wrong, [])
        return max(self.took[c] for c in wanted)


class Clock(ClockTest):
    def test_it_is_set_ahead_and_back_while_crawls_run(self):
        sim = self.many_sim("--running-cap", "20", ready_after=0.7)
        sim.fault("trigger", "lost", every=7, count=-1)
        trawld = self.clock_trawld(sim)
        with Load(self, trawld, sim) as load:
            before = load.wait_more(40)
            for step in STEPS:
                for shift in (step, 0):
                    self.set_clock(shift)
                    load.wait_more(200 if THOROUGH else 15)
        wait_for(lambda: load.look() or len(load.took) == len(load.began), "the last ones complete")
        after = max(load.took.values())
        self.prove(trawld, sim, load.crawls, longest_before=before, longest_after=after)
        self.assertEqual(trawld.log().count("the clock was set by"), 2 * len(STEPS))
        self.assertLess(after, before + INTERVAL + SLACK)

    def half_way(self, trawld, sim, crawls):
        """As many crawls more as go through in two waves, the first of which has begun; no trigger is under way."""
        crawls.update(self.accept(trawld, 24, begin=len(crawls)))

        def begun():
            counts = trawld.get("/health").json["crawls"]
            return counts["polling"] >= 12 and counts["triggering"] == 0
        wait_for(begun, "half of them run")

    def lives(self, stop):
        """Between two lives of trawld the clock is set; crawls of the first go on in the second."""
        sim = self.many_sim("--running-cap", "4", ready_after=READY)
        trawld = self.clock_trawld(sim)
        crawls, longest = {}, 0
        for step in STEPS if THOROUGH else (24 * HOUR, -2 * HOUR):
            for shift in (step, 0):
                self.half_way(trawld, sim, crawls)
                stop(trawld)
                self.set_clock(shift)
                trawld.start()
                begin = time.monotonic()
                self.settle(trawld, len(crawls))
                longest = max(longest, time.monotonic() - begin)
        self.prove(trawld, sim, crawls, longest=longest)
        self.assertLess(longest, 2 * (READY + INTERVAL) + SLACK)

    def test_it_is_set_between_an_orderly_stop_and_the_next_start(self):
        self.lives(lambda trawld: trawld.stop())

    def test_it_is_set_between_kill_9_and_the_next_start(self):
        self.lives(lambda trawld: trawld.kill())

    def test_keys_of_crawls_that_ended_are_kept_by_time_that_passed(self):
        sim = self.many_sim(ready_after=0.2)
        trawld = self.clock_trawld(sim)
        crawls = self.accept(trawld, 9)
        self.settle(trawld, len(crawls))
        for n, restart in enumerate((False, True)):
            self.set_clock((n + 1) * 25 * HOUR)  # a key is kept for 24 h
            if restart:
                trawld.stop()
                trawld.start()
            wait_for(lambda: trawld.log().count("the clock was set by") == n + 1, "it is noted")
            self.assertEqual(self.accept(trawld, 9), crawls, "the same keys find the same crawls")
        self.prove(trawld, sim, crawls)

    def test_the_machine_started_a_day_ahead_and_was_corrected(self):
        """What tells by how much the clock was set is lost with the start of the machine."""
        sim = self.many_sim("--running-cap", "4", ready_after=READY)
        trawld = self.clock_trawld(sim)
        crawls = {}
        for shift in (24 * HOUR, 0, -24 * HOUR, 0):
            self.half_way(trawld, sim, crawls)
            trawld.kill()
            sqlite_change(trawld.data / "trawld.db", "UPDATE meta SET value = value + 2 WHERE name = 'boot'")
            self.set_clock(shift)
            trawld.start()
            self.settle(trawld, len(crawls))
        self.prove(trawld, sim, crawls)


if __name__ == "__main__":
    unittest.main()
