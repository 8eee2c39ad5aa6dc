"""Downloads that are large enough for the poller's threads: whole, cut off, given up in the middle."""

import os
import unittest

from harness import FlowTest, wait_for

POSTS = 3000  # some MiB; a snapshot of one buffer has no thread


class Threads(FlowTest):
    def start(self, **conf):
        sim = self.sim()
        sim.set(building=0)
        return sim, self.trawld(sim, **conf)

    def assert_whole(self, sim, trawld, status):
        body = trawld.object_of(status).read_bytes()
        self.assertGreater(len(body), 2 << 20)
        self.assertEqual(body, sim.snapshot_bytes(status["snapshot_id"]))
        self.assertGreater(status["post_count"], POSTS * 9 // 10)
        wait_for(lambda: os.listdir(trawld.data / "spool") == [], "the spool is empty")

    def test_large_downloads_whole_and_cut(self):
        sim, trawld = self.start(RETRY_MAX_ATTEMPTS="10")
        for kind, more in ((None, {}), ("reset_body", {"bytes": 1 << 20}), ("truncate", {"bytes": 900000})):
            with self.subTest(kind):
                if kind:
                    sim.fault("snapshot", kind, **more)
                self.assert_whole(sim, trawld, trawld.wait_status(trawld.trigger(num_of_posts=POSTS)))

    def test_two_at_a_time(self):
        sim, trawld = self.start()
        crawls = [trawld.trigger(num_of_posts=POSTS) for _ in range(4)]
        for crawl_id in crawls:
            self.assert_whole(sim, trawld, trawld.wait_status(crawl_id))

    def test_one_that_is_stopped_in_the_middle(self):
        sim, trawld = self.start(BACKGROUND_MAX_WORKERS="1")
        sim.fault("snapshot", "drip", bytes=65536, ms=100)

        def spooled():
            return sum((trawld.data / "spool" / name).stat().st_size for name in os.listdir(trawld.data / "spool"))

        crawl_id = trawld.trigger(num_of_posts=POSTS)
        wait_for(lambda: spooled() > 700000, "more than a buffer is there")
        self.assertEqual(trawld.stop(), 0)
        trawld.start()
        self.assert_whole(sim, trawld, trawld.wait_status(crawl_id))


if __name__ == "__main__":
    unittest.main()
