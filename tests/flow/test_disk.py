"""A disk that fills up and is emptied again, or turns read-only and is mounted again: what was taken waits, status is
answered, and nothing needs to be restarted.

Runs of many crawls print their figures; TRAWLD_MANY says how many (300; 150 with sanitizers).
"""

import collections
import concurrent.futures
import contextlib
import ctypes
import json
import os
import pathlib
import random
import re
import subprocess
import threading
import time
import unittest

from harness import MANY, REQUEST, FlowTest, wait_for
from test_many import ManyTest

MIB = 1 << 20
DISK = 48 * MIB		# a file system of its own; an eighth of it is kept free
CLONE_NEWNS = 0x00020000


class DiskTest(FlowTest):
    """DATA_DIR on a file system of its own, which is gone when the test has ended, however it ends.

    What is mounted, is mounted in a namespace of this process and its children: when they end, it ends, and with
    it a loop device. trawld ends when the test does, also when that is killed.
    """

    alone = False

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.mounted = False
        self.leave_namespace()
        self.mount()

    def leave_namespace(self):
        if DiskTest.alone:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) != 0:
            self.missing(f"no namespace of mounts can be made here: {os.strerror(ctypes.get_errno())}")
        self.must("mounts cannot be made private here", "mount", "--make-rprivate", "/")
        DiskTest.alone = True

    def mount(self):
        self.must("a small file system cannot be mounted here",
                  "mount", "-t", "tmpfs", "-o", f"size={DISK}", "trawld-test", self.disk)
        self.mounted = True

    def missing(self, text):
        """A machine may refuse it; that is no failure of trawld, but then nothing is shown."""
        if os.environ.get("TRAWLD_CHECK_ALL"):
            self.fail(text)
        self.skipTest(text)

    def must(self, otherwise, *command):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError as error:
            self.missing(f"{otherwise}: {error}")
        if done.returncode != 0:
            self.missing(f"{otherwise}: {' '.join(map(str, command))}: {done.stderr.strip()}")

    def unmount(self):
        subprocess.run(["umount", "-l", self.disk], check=True)
        self.mounted = False

    def trawld(self, sim, start=True, **conf):
        trawld = super().trawld(sim, start=False, **conf)
        if start:
            trawld.start(program=("setpriv", "--pdeathsig", "KILL"))
        return trawld

    def _clean(self):
        try:
            for program in self.programs:
                if program.program is not None and program.program.alive():
                    program.stop()
        finally:
            if self.mounted:
                self.unmount()
            super()._clean()

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


class Disk(DiskTest):
    def start(self, *options):
        self.sim_ = self.sim(*options)
        return self.trawld(self.sim_, DATA_DIR=str(self.disk / "data"), TRIGGER_WAIT_SECONDS="0",
                           BACKGROUND_POLL_INTERVAL="1s")

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

    def test_start_without_room(self):
        trawld = self.start()
        crawls = [trawld.trigger() for _ in range(3)]
        self.prove(trawld, crawls)
        trawld.kill()
        (self.disk / "data" / "trawld.reserve").unlink(missing_ok=True)
        self.fill(leave=0)
        trawld.start()
        self.assertEqual(trawld.status(crawls[0])["status"], "completed")
        self.assertTrue(self.health(trawld)["disk"].startswith("full"))
        self.assertNotEqual(self.health(trawld)["store"], "ok")
        refused = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual((refused.status, refused.json["error_code"]), (503, "DISK_FULL"))
        self.empty()
        wait_for(lambda: self.health(trawld)["disk"] == "ok", "room is seen")
        crawls.append(trawld.trigger())
        self.prove(trawld, crawls)

    def test_first_start_without_room(self):
        self.fill(leave=0)
        trawld = self.trawld(self.sim(), start=False, DATA_DIR=str(self.disk / "data"))
        trawld.launch()
        self.assertEqual(trawld.program.process.wait(20), 73)
        trawld.stop()
        self.assertIn("make room there", trawld.log())

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


class Watch(threading.Thread):
    """Somebody who asks for the status of acknowledged crawls all the time."""

    def __init__(self, trawld, crawls):
        super().__init__(daemon=True)
        self.trawld, self.crawls = trawld, crawls
        self.answers, self.slowest, self.failed, self.over = 0, 0.0, [], False

    def run(self):
        while not self.over:
            crawl_id = random.choice(list(self.crawls) or [None])
            if crawl_id is None:
                continue
            begin = time.monotonic()
            try:
                answer = self.trawld.get(f"/api/v1/crawl/{crawl_id}/status")
                good = answer.status == 200
            except OSError as error:
                good, answer = False, error
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.answers += 1
            if not good:
                self.failed.append(answer)
            time.sleep(0.01)

    def stop(self):
        self.over = True
        self.join()


class Trouble(DiskTest, ManyTest):
    """The disk cannot be written for a time, while many crawls are triggered, run and are downloaded."""

    def begin_many(self):
        self.simulator = self.many_sim("--running-cap", "100", ready_after=1)
        self.trawld_ = self.many_trawld(self.simulator, DATA_DIR=str(self.disk / "data"))
        self.crawls, self.refused = {}, collections.Counter()
        self.troubled, self.over = threading.Event(), threading.Event()
        self.client = threading.Thread(target=self.trigger_all, daemon=True)
        self.watch = Watch(self.trawld_, self.crawls)
        self.addCleanup(self.end_threads)
        self.client.start()
        self.watch.start()
        wait_for(lambda: self.count_completed(self.trawld_) >= MANY / 10, "a tenth has completed")
        self.troubled.set()
        return self.trawld_

    def end_threads(self):
        self.over.set()
        self.troubled.set()
        self.client.join()
        self.watch.stop()

    def trigger_one(self, number):
        """As a client does that is told to send the same request again."""
        request = self.request(number, "page")
        key = {"Idempotency-Key": f"page-{number}"}

        while not self.over.wait(0.05):
            with contextlib.suppress(OSError):
                answer = self.trawld_.post("/api/v1/crawl/trigger", request, headers=key)
                if answer.status in (200, 202):
                    self.crawls[answer.json["crawl_id"]] = request["url"]
                    return
                self.refused[answer.json["error_code"] if answer.status == 503 else answer] += 1

    def trigger_all(self):
        """At a steady pace; the second half not before the trouble, on a slow machine."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for number in range(MANY):
                if number == MANY // 2:
                    self.troubled.wait()
                pool.submit(self.trigger_one, number)
                time.sleep(8 / MANY)

    def ledger(self):
        return self.simulator.get("/_sim/jobs?summary=1")["count"]

    def trouble(self, code, tell):
        """While nothing can be written: for some seconds in which no job may be made."""
        trawld = self.trawld_
        self.refused.clear()
        wait_for(lambda: self.simulator.stats()["open_calls"] == 0, "what was under way is answered")
        before, answers, begin = self.ledger(), self.watch.answers, time.monotonic()
        wait_for(lambda: self.refused[code] > 20 and self.watch.answers > answers + 100 and
                 time.monotonic() - begin > 3, "trawld is asked and asked")
        self.assertEqual(list(self.refused), [code])
        refused = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual((refused.status, refused.json["error_code"]), (503, code))
        self.assertIn(tell, refused.json["message"])
        health = trawld.get("/health")
        self.assertEqual((health.status, health.json["status"]), (503, "unhealthy"))
        self.assertEqual(self.ledger(), before, "no trigger has left")
        self.assertEqual(self.watch.failed, [])
        return {"status_answers": self.watch.answers, "status_slowest_ms": 1000 * self.watch.slowest}

    def progress(self):
        """Seconds until the next job is begun, and until the next crawl has completed."""
        begin, jobs, completed = time.monotonic(), self.ledger(), self.count_completed(self.trawld_)
        wait_for(lambda: self.ledger() > jobs, "a crawl is triggered again")
        triggered = time.monotonic() - begin
        wait_for(lambda: self.count_completed(self.trawld_) > completed, "a crawl completes again")
        return triggered, time.monotonic() - begin

    def finish(self, figures, triggered, completed):
        self.client.join()
        self.assertEqual(len(self.crawls), MANY)
        # What was committed and told to nobody is searched for, and triggered again after 90 s.
        self.settle(self.trawld_, MANY, 180)
        self.watch.stop()
        self.prove(self.trawld_, self.simulator, self.crawls, refused=self.refused.total(), **figures,
                   triggered_after=triggered, completed_after=completed)
        self.assertEqual(self.watch.failed, [])
        self.assertLess(triggered, 5)
        self.assertLess(completed, 5)


class Full(Trouble):
    def test_the_disk_is_full_for_a_time(self):
        trawld = self.begin_many()
        children = trawld.children()
        full = threading.Event()

        def fill():
            while not full.wait(0.02):
                self.fill(leave=0)
        filler = threading.Thread(target=fill, daemon=True)
        filler.start()
        try:
            wait_for(lambda: self.health(trawld)["store"] != "ok", "nothing can be written")
            wait_for(lambda: self.health(trawld)["disk"] != "ok", "the disk is known to be full")
            figures = self.trouble("DISK_FULL", "too little room")
        finally:
            full.set()
            filler.join()
        self.empty()
        triggered, completed = self.progress()
        self.finish(figures, triggered, completed)
        self.assertEqual(trawld.children(), children, "no process was replaced")


class ReadOnly(Trouble):
    """ext4 gives its journal up, as it does when its disk fails; only a new mount can be written again."""

    @property
    def image(self):
        return self.folder / "image"

    def mount(self):
        if not self.image.exists():
            self.image.touch()
            os.truncate(self.image, DISK)
            self.must("an ext4 file system cannot be made here", "mkfs.ext4", "-q", "-F", self.image)
        self.must("a file cannot be mounted as a disk here", "mount", "-o", "loop", self.image, self.disk)
        self.mounted = True

    def loops(self):
        """Loop devices of the image; as long as there is one, somebody has a file on it open."""
        return [path for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file")
                if path.read_text().strip() == str(self.image)]

    def mend(self):
        """What an operator does: checks it while nobody has it, and mounts it again."""
        begin = time.monotonic()
        self.unmount()
        wait_for(lambda: re.search("nothing of the former .* is held", self.trawld_.log()), "trawld lets go of it")
        wait_for(lambda: not self.loops(), "nobody holds it")
        left = time.monotonic() - begin
        self.check()
        self.mount()
        return left

    def check(self):
        checked = subprocess.run(["fsck.ext4", "-p", self.image], capture_output=True, text=True)
        self.assertIn(checked.returncode, (0, 1), checked.stdout + checked.stderr)

    def test_the_file_system_turns_read_only_and_is_mounted_again(self):
        trawld = self.begin_many()
        children = trawld.children()
        self.must("ext4 cannot be made to fail here", "mount", "-o", "remount,abort", self.disk)
        wait_for(lambda: self.health(trawld)["store"] != "ok", "nothing can be written")
        self.assertIn("read-only", self.health(trawld)["disk"])
        figures = self.trouble("DISK_READ_ONLY", "read-only")
        self.assertEqual(trawld.children(), children, "no process was replaced")
        self.assertRegex(trawld.log(), "error keeper job store: .* is read-only: .* only read")
        self.watch.stop()
        figures["let_go_after"] = self.mend()
        triggered, completed = self.progress()
        self.finish(figures, triggered, completed)

    def test_trawld_is_stopped_while_the_disk_is_mended(self):
        self.simulator = self.many_sim(ready_after=2)
        trawld = self.many_trawld(self.simulator, DATA_DIR=str(self.disk / "data"))
        crawls = self.accept(trawld, 30)
        wait_for(lambda: trawld.get("/health").json["crawls"]["polling"] == 30, "all are triggered")
        self.must("ext4 cannot be made to fail here", "mount", "-o", "remount,abort", self.disk)
        wait_for(lambda: self.health(trawld)["store"] != "ok", "nothing can be written")
        self.assertEqual(trawld.stop(), 0)
        self.unmount()
        wait_for(lambda: not self.loops(), "nobody holds it")
        self.check()
        self.mount()
        trawld.start()
        self.settle(trawld, 30)
        self.prove(trawld, self.simulator, crawls)


if __name__ == "__main__":
    unittest.main()
