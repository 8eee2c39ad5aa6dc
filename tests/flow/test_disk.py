"""A disk that fills up and is emptied again: what was taken waits, and nothing needs to be restarted."""

import contextlib
import json
import os
import subprocess
import unittest

from harness import REQUEST, FlowTest, wait_for

MIB = 1 << 20
DISK = 48 * MIB		# a file system of its own; an eighth of it is kept free


class Disk(FlowTest):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "trawld-test", self.disk],
                              capture_output=True, text=True)
        if made.returncode != 0:
            self.skipTest(f"a small file system cannot be mounted here: {made.stderr.strip()}")
        self.mounted = True

    def _clean(self):
        with contextlib.suppress(AttributeError):
            self.stop_all()
        if getattr(self, "mounted", False):
            subprocess.run(["umount", "-l", self.disk], check=True)
        super()._clean()

    def stop_all(self):
        for program in self.programs:
            program.stop()

    def start(self, *options):
        self.sim_ = self.sim(*options)
        return self.trawld(self.sim_, DATA_DIR=str(self.disk / "data"), TRIGGER_WAIT_SECONDS="0",
                           BACKGROUND_POLL_INTERVAL="1s")

    def free(self):
        st = os.statvfs(self.disk)
        return st.f_bavail * st.f_frsize

    def fill(self, leave):
        """Other people's data: all room but so much."""
        with open(self.disk / "ballast", "ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while (room := self.free() - leave) > 0:
                ballast.write(b"\1" * min(room, MIB))

    def empty(self):
        (self.disk / "ballast").unlink()

    def health(self, trawld):
        return trawld.get("/health").json["checks"]

    def prove(self, trawld, crawls):
        for crawl_id in crawls:
            status = trawld.wait_status(crawl_id, seconds=120)
            self.assertEqual(trawld.object_of(status).read_bytes(), self.sim_.snapshot_bytes(status["snapshot_id"]))
        self.assertEqual(len(self.sim_.jobs()), len(crawls), "each was paid for once")
        for crawl_id in crawls:
            self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "data-ingestion-completed"])

    def test_little_room_refuses_what_is_new_and_finishes_what_was_begun(self):
        trawld = self.start()
        self.sim_.set(ready_after=4)
        crawls = [trawld.trigger() for _ in range(50)]
        wait_for(lambda: len(self.sim_.jobs()) == 50, "all are triggered", 60)
        self.fill(leave=3 * MIB)
        wait_for(lambda: self.health(trawld)["disk"].startswith("full"), "the daemon sees that its disk is full")
        refused = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual((refused.status, refused.json["error_code"]), (503, "DISK_FULL"))
        self.assertEqual(self.health(trawld)["store"], "ok")
        wait_for(lambda: trawld.status(crawls[0])["status"] == "ready", "polls go on", 60)
        self.assertIn("too little room", trawld.status(crawls[0])["waiting_for"])
        self.empty()
        wait_for(lambda: self.health(trawld)["disk"] == "ok", "room is seen")
        crawls.append(trawld.trigger())
        self.prove(trawld, crawls)

    def test_no_room_at_all_stops_the_store_and_costs_nothing(self):
        trawld = self.start()
        self.sim_.set(ready_after=2)
        crawls = [trawld.trigger() for _ in range(50)]
        children = trawld.children()
        self.fill(leave=0)
        wait_for(lambda: (self.fill(leave=0), self.health(trawld)["store"] != "ok")[1], "nothing can be written", 60)
        self.assertEqual(trawld.get(f"/api/v1/crawl/{crawls[7]}/status").status, 200)
        refused = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual((refused.status, refused.json["error_code"]), (503, "DISK_FULL"))
        self.empty()
        wait_for(lambda: self.health(trawld)["store"] == "ok", "the store goes on by itself")
        self.prove(trawld, crawls)
        self.assertEqual(trawld.children(), children, "no process was replaced")

    def test_start_without_room(self):
        trawld = self.start()
        crawls = [trawld.trigger() for _ in range(3)]
        self.prove(trawld, crawls)
        trawld.kill()
        (self.disk / "data" / "trawld.reserve").unlink(missing_ok=True)
        self.fill(leave=0)
        trawld.launch()
        self.assertNotEqual(trawld.program.process.wait(20), 0)
        trawld.stop()
        self.assertIn("make room there", trawld.log())
        self.empty()
        self.fill(leave=MIB)
        trawld.start()
        self.assertEqual(trawld.status(crawls[0])["status"], "completed")
        self.assertTrue(self.health(trawld)["disk"].startswith("full"))
        self.empty()
        wait_for(lambda: self.health(trawld)["disk"] == "ok", "room is seen")
        crawls.append(trawld.trigger())
        self.prove(trawld, crawls)

    def test_snapshots_that_do_not_fit_wait_for_room(self):
        records = self.folder / "records.ndjson"
        records.write_text(json.dumps({"post_id": "1", "content": "x" * 1000}) + "\n")
        trawld = self.start("--records", records, "--repeat", str(8 * 1024))
        self.fill(leave=12 * MIB)
        crawls = [trawld.trigger() for _ in range(3)]
        wait_for(lambda: "too little room" in trawld.status(crawls[0]).get("waiting_for", ""), "it tells why", 30)
        self.assertEqual(list((self.disk / "data" / "spool").glob("*")), [], "nothing half done is left")
        self.empty()
        self.prove(trawld, crawls)


if __name__ == "__main__":
    unittest.main()
