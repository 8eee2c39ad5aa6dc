"""What was paid for is fetched, and not paid for again: after reloads, ends, restores, hangs and on slow disks."""

import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import unittest

from harness import BUILD, KEY, MANY, REQUEST, SANITIZED, THOROUGH, FlowTest, wait_for
from test_many import ManyTest
from test_supervisor import SupervisorTest


class Reload(FlowTest):
    def start(self, sim, **conf):
        self.file, self.key = self.folder / "trawld.env", self.folder / "key"
        self.file.write_text("")
        self.key.write_text(KEY)
        trawld = self.trawld(sim, start=False, BRIGHTDATA_API_KEY="", BRIGHTDATA_API_KEY_FILE=str(self.key), **conf)
        trawld.start("--config", str(self.file))
        return trawld

    def reload(self, trawld):
        done = trawld.log().count("reloaded: ")
        trawld.program.send(signal.SIGHUP)
        wait_for(lambda: trawld.log().count("reloaded: ") > done, "it is reloaded")

    def under_way(self, sim, trawld, change):
        """A trigger that takes 8 s, and a reload meanwhile; the log's lines about the crawl."""
        sim.fault("trigger", "delay", ms=8000)
        begin = time.monotonic()
        crawl_id = trawld.trigger()
        wait_for(lambda: sim.stats()["calls"]["trigger"] == 1, "the provider is asked")
        change()
        self.reload(trawld)
        self.assertLess(time.monotonic() - begin, 7, "the trigger is under way")
        trawld.wait_status(crawl_id, seconds=40)
        self.figures(seconds=time.monotonic() - begin)
        self.assertEqual(len(sim.jobs()), 1)
        self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "data-ingestion-completed"])
        return [line for line in trawld.log().splitlines() if crawl_id in line]

    def test_a_reload_does_not_cut_a_trigger_that_takes_long(self):
        sim = self.sim()
        trawld = self.start(sim, TRIGGER_WAIT_SECONDS="0")
        lines = self.under_way(sim, trawld, lambda: self.key.write_text(KEY + "-2"))
        self.assertEqual([line for line in lines if "reconciling" in line], [])

    def test_a_reload_that_replaces_the_keeper_does_not_either(self):
        sim = self.sim()
        trawld = self.start(sim, TRIGGER_WAIT_SECONDS="0")
        lines = self.under_way(sim, trawld, lambda: self.file.write_text("RETRY_MAX_ATTEMPTS=4\n"))
        self.assertEqual(len([line for line in lines if "reconciling -> polling" in line]), 1, "by its own answer")

    def test_a_reload_takes_up_a_new_key_at_once(self):
        sim = self.sim("--key", KEY + "-new")
        trawld = self.start(sim, TRIGGER_WAIT_SECONDS="0")
        crawls = [trawld.trigger(url=f"https://www.facebook.com/page{n}") for n in range(30)]
        wait_for(lambda: trawld.get("/health").json["provider"]["state"] == "key_refused", "the key is refused")
        self.assertEqual({trawld.status(c)["status"] for c in crawls}, {"pending"})
        asked = sim.stats()["answers"]["401"]
        self.key.write_text(KEY + "-new")
        begin = time.monotonic()
        self.reload(trawld)
        for crawl_id in crawls:
            trawld.wait_status(crawl_id)
        self.figures(crawls=len(crawls), refused_calls=asked, seconds_after_reload=time.monotonic() - begin)
        self.assertEqual(len(sim.jobs()), len(crawls))
        self.assertLess(asked, 10)


class Leaving(ManyTest):
    """Pollers that leave in order, while more is triggered, put no trigger in doubt."""

    def doubts(self, trawld):
        return [line for line in trawld.log().splitlines() if "-> reconciling" in line]

    def test_reloads_under_load_put_no_trigger_in_doubt(self):
        key = self.folder / "key"
        key.write_text(KEY)
        sim = self.many_sim(ready_after=0.2)
        trawld = self.many_trawld(sim, BRIGHTDATA_API_KEY="", BRIGHTDATA_API_KEY_FILE=str(key))
        crawls, reloads = {}, 0
        client = threading.Thread(target=lambda: crawls.update(self.accept(trawld, pause=24 / MANY)))  # 3 s
        client.start()
        while client.is_alive():
            done = trawld.log().count("reloaded: ")
            key.write_text(f"{KEY}-{reloads}")
            trawld.program.send(signal.SIGHUP)
            wait_for(lambda: trawld.log().count("reloaded: ") > done, "it is reloaded")
            reloads += 1
        client.join()
        doubts = self.doubts(trawld)
        self.settle(trawld, len(crawls), 120)
        self.prove(trawld, sim, crawls, reloads=reloads, doubts=len(doubts))
        self.assertEqual(doubts, [])

    def test_stops_under_load_put_no_trigger_in_doubt(self):
        sim = self.many_sim(ready_after=0.2)
        trawld = self.many_trawld(sim)
        crawls, stops = {}, 0
        client = threading.Thread(target=lambda: crawls.update(self.accept(trawld, pause=24 / MANY)))
        client.start()
        while client.is_alive():
            time.sleep(0.2)
            self.assertEqual(trawld.stop(), 0)
            trawld.start()
            stops += 1
        client.join()
        doubts = self.doubts(trawld)
        self.settle(trawld, len(crawls), 120)
        self.prove(trawld, sim, crawls, stops=stops, doubts=len(doubts))
        self.assertEqual(doubts, [])


class Given(FlowTest):
    """A crawl that gave up waiting for its job."""

    def gave_up(self):
        sim = self.sim()
        sim.set(ready_after=3600)
        trawld = self.trawld(sim, BACKGROUND_MAX_POLLS="5")
        crawl_id = trawld.trigger()
        status = trawld.wait_status(crawl_id, "failed")
        self.assertEqual(status["error_code"], "POLLING_TIMEOUT")
        return sim, trawld, crawl_id

    def goes_on(self, sim, trawld, crawl_id):
        status = trawld.wait_status(crawl_id)
        self.assertEqual(len(sim.jobs()), 1)
        self.assertEqual(trawld.object_of(status).read_bytes(), sim.snapshot_bytes(status["snapshot_id"]))
        types = ["crawl-triggered", "crawl-failed", "data-ingestion-completed"]
        self.assertEqual(trawld.wait_events(crawl_id, *types), types)

    def test_a_download_asks_the_provider_again(self):
        sim, trawld, crawl_id = self.gave_up()
        answer = trawld.post(f"/api/v1/crawl/{crawl_id}/download")
        self.assertEqual(answer.status, 409, answer)
        sim.set(ready_after=0.1)
        wait_for(lambda: trawld.post(f"/api/v1/crawl/{crawl_id}/download").status == 200, "the download has the data")
        self.goes_on(sim, trawld, crawl_id)

    def test_a_retry_goes_on_without_waiting(self):
        sim, trawld, crawl_id = self.gave_up()
        sim.set(ready_after=0.1)
        answer = trawld.post(f"/api/v1/crawl/{crawl_id}/retry")
        self.assertEqual(answer.status, 200, answer)
        self.goes_on(sim, trawld, crawl_id)
        self.assertEqual(trawld.post(f"/api/v1/crawl/{crawl_id}/retry").status, 409)

    def test_trawlctl_retry_goes_on_and_waits(self):
        sim, trawld, crawl_id = self.gave_up()
        sim.set(ready_after=0.1)
        words = ["--data-dir", trawld.data, "retry", crawl_id, "--wait", "-i", "100ms"]
        done = subprocess.run([BUILD / "trawlctl", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        self.goes_on(sim, trawld, crawl_id)

    def test_a_retry_that_times_out_again_can_be_made_again(self):
        sim, trawld, crawl_id = self.gave_up()
        self.assertEqual(trawld.post(f"/api/v1/crawl/{crawl_id}/retry").status, 200)
        trawld.wait_status(crawl_id, "failed")
        sim.set(ready_after=0.1)
        self.assertEqual(trawld.post(f"/api/v1/crawl/{crawl_id}/retry").status, 200)
        trawld.wait_status(crawl_id)
        self.assertEqual(len(sim.jobs()), 1)

    def test_a_cancel_cancels_its_job_at_the_provider(self):
        sim, trawld, crawl_id = self.gave_up()
        answer = trawld.post(f"/api/v1/crawl/{crawl_id}/cancel")
        self.assertIn(answer.status, (200, 202), answer)
        wait_for(lambda: sim.jobs()[0]["status"] == "canceled", "the job is canceled")
        trawld.wait_status(crawl_id, "canceled")


class Restore(ManyTest):
    """A copy of the data takes the place of the original, which has triggered since what waits in the copy."""

    HELD = 12

    def copy_while_running(self, trawld):
        keeper = trawld.children()["keeper"][0]
        os.kill(keeper, signal.SIGSTOP)  # as a snapshot of the disk: one moment of all files
        shutil.copytree(trawld.data, self.copy, ignore=shutil.ignore_patterns("*.sock"), copy_function=shutil.copy2)
        os.kill(keeper, signal.SIGCONT)

    def copy_after_a_stop(self, trawld):
        trawld.stop()
        shutil.copytree(trawld.data, self.copy, copy_function=shutil.copy2)
        trawld.start()

    def put_over(self, trawld):
        subprocess.run(["cp", "-a", f"{self.copy}/.", trawld.data], check=True)

    def put_in_place(self, trawld):
        trawld.data.rename(self.folder / "old")
        self.copy.rename(trawld.data)

    def restore(self, make_copy, put):
        self.copy = self.folder / "copy"
        sim = self.many_sim("--running-cap", "1", ready_after=3600)
        trawld = self.many_trawld(sim)
        crawls = self.accept(trawld, 3 + self.HELD)
        wait_for(lambda: len(sim.jobs()) == 3, "one of each data set runs, the others are held")
        make_copy(trawld)
        sim.set(running_cap=100, ready_after=0.2)
        self.settle(trawld, len(crawls), 90)
        trawld.stop()
        before = dict(sim.stats()["calls"])
        put(trawld)
        trawld.start()
        self.settle(trawld, len(crawls), 90)
        calls = sim.stats()["calls"]
        self.assertEqual(calls["trigger"], before["trigger"], "nothing is triggered again")
        wait_for(lambda: all(trawld.status(c)["status"] == "completed" for c in crawls), "all complete once more")
        self.assertEqual(len(sim.jobs()), len(crawls))
        self.figures(held=self.HELD, jobs=len(sim.jobs()), lists=calls["list"] - before["list"],
                     inputs=calls["input"] - before["input"], seconds=time.monotonic() - self.begin)

    def test_a_copy_made_while_running_is_put_over_the_original(self):
        self.restore(self.copy_while_running, self.put_over)

    def test_a_copy_made_while_running_is_moved_in(self):
        self.restore(self.copy_while_running, self.put_in_place)

    def test_a_copy_made_after_a_stop_is_put_over_the_original(self):
        self.restore(self.copy_after_a_stop, self.put_over)

    def test_a_copy_made_after_a_stop_is_moved_in(self):
        self.restore(self.copy_after_a_stop, self.put_in_place)


class Hung(ManyTest):
    @unittest.skipUnless(THOROUGH, "takes more than a minute; make check-many")
    def test_triggers_of_a_hung_poller_are_settled_in_a_minute(self):
        sim = self.many_sim(ready_after=0.5)
        trawld = self.many_trawld(sim, BACKGROUND_MAX_WORKERS="1", RECONCILE_DELAY="60s")
        sim.fault("trigger", "delay", ms=1000, count=-1)
        crawls = self.accept(trawld, 8)
        wait_for(lambda: len(sim.jobs()) == 8, "the jobs are made, and not answered yet")
        poller = trawld.children()["poller"][0]
        os.kill(poller, signal.SIGSTOP)
        hung = time.monotonic()
        self.settle(trawld, 8, 150)
        self.prove(trawld, sim, crawls, settled_after=time.monotonic() - hung)
        self.assertLess(time.monotonic() - hung, 90)


@unittest.skipIf(SANITIZED, "a preloaded library comes before the sanitizer's")
class SlowDisk(SupervisorTest):
    SECONDS = 5

    def start_slow(self, sim, pollers):
        library, self.slow = self.folder / "slow_disk.so", self.folder / "slow"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library,
                        pathlib.Path(__file__).with_name("slow_disk.c")], check=True)
        folder = self.own_build()
        (folder / "real").mkdir()
        (folder / "trawld-poller").rename(folder / "real" / "trawld-poller")
        self.replace_program(folder, "poller", f"#!/bin/sh\nexport LD_PRELOAD={library} SLOW_DISK={self.slow}\n"
                             f"exec {folder}/real/trawld-poller \"$@\"\n")
        return self.trawld(sim, programs=folder, BACKGROUND_MAX_WORKERS=str(pollers), TRIGGER_WAIT_SECONDS="30",
                           JAIL="false")  # the library looks at a file and makes a process

    def latency(self, trawld, n):
        begin = time.monotonic()
        answer = trawld.post("/api/v1/crawl/trigger", {**REQUEST, "url": f"https://www.facebook.com/latency{n}"})
        self.assertEqual(answer.status, 200, answer)
        return time.monotonic() - begin

    def test_a_trigger_does_not_wait_for_the_disk_of_a_download(self):
        sim = self.sim()
        sim.set(ready_after=0.1, building=0)
        trawld = self.start_slow(sim, 2)
        without = max(self.latency(trawld, n) for n in range(5))
        wait_for(lambda: trawld.get("/health").json["crawls"]["completed"] == 5, "these complete")
        self.slow.write_text(str(self.SECONDS))
        sim.set(ready_after=0)
        trawld.trigger(url="https://www.facebook.com/slow")
        wait_for(lambda: trawld.get("/health").json["crawls"]["downloading"] == 1, "a download runs")
        sim.set(ready_after=3600)
        beside = max(self.latency(trawld, n) for n in range(10, 15))
        self.slow.unlink()
        self.figures(latency_ms=int(without * 1000), latency_beside_a_stalled_download_ms=int(beside * 1000))
        self.assertLess(beside, self.SECONDS / 2)


if __name__ == "__main__":
    unittest.main()
