"""kill -9 of each role in each stage of a crawl changes nothing but time."""

import hashlib
import json
import random
import threading
import time
import unittest

from harness import REQUEST, FlowTest, wait_for

STAGES = ("accepted", "triggering", "polling", "ready", "downloading", "completed")


class Kill(FlowTest):
    """Each test holds the crawl in the stage (by a fault at the provider), kills, lets go."""

    def hold(self, sim, stage):
        """Makes a crawl stand still in that stage; returns what lets it go on."""
        if stage == "accepted":
            sim.fault("trigger", "rate_limit", count=1, retry_after="1")
        elif stage == "triggering":
            sim.fault("trigger", "delay", ms=700)
        elif stage == "polling":
            sim.set(ready_after=1.2)
        elif stage == "ready":
            sim.set(building=6)
        elif stage == "downloading":
            sim.fault("snapshot", "drip", bytes=2000, ms=60)
            sim.set(building=0)

    def reached(self, trawld, sim, stage, crawl_id):
        words = {"polling": ("processing",), "ready": ("ready", "downloading"), "downloading": ("downloading",),
                 "completed": ("completed",)}
        if stage == "accepted":
            # An answer that dies with its poller is another stage: then whether there is a job is in doubt for 90 s.
            wait_for(lambda: trawld.get("/health").json["provider"]["refusals_in_5_minutes"] >= 1, "the refusal is known")
        elif stage == "triggering":
            wait_for(lambda: sim.stats()["calls"]["trigger"] >= 1, "the trigger reached the provider")
        else:
            trawld.wait_status(crawl_id, *words[stage])

    def prove(self, trawld, sim, crawl_id):
        status = trawld.wait_status(crawl_id, seconds=150)
        stored = trawld.object_of(status).read_bytes()
        self.assertEqual(stored, sim.snapshot_bytes(status["snapshot_id"]))
        self.assertEqual(len(sim.jobs()), 1, "one job was paid for")
        self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "data-ingestion-completed"])
        ids = [e["attributes"]["ce-id"] for e in trawld.events(crawl_id)]
        self.assertEqual(len(set(ids)), 2)
        self.assertEqual(trawld.event_types(crawl_id), ["crawl-triggered", "data-ingestion-completed"])

    def one(self, role, stage):
        sim = self.sim()
        trawld = self.trawld(sim, BACKGROUND_MAX_WORKERS="1", FRONT_WORKERS="1", TRIGGER_WAIT_SECONDS="0")
        self.hold(sim, stage)
        crawl_id = trawld.trigger()
        self.reached(trawld, sim, stage, crawl_id)
        if role == "supervisor":
            trawld.kill()
            trawld.start()
        else:
            trawld.kill_child(role)
        self.prove(trawld, sim, crawl_id)

    def test_a_client_waiting_for_the_trigger_gets_its_answer_though_the_keeper_dies(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        sim.fault("trigger", "delay", ms=1000)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(trawld.post("/api/v1/crawl/trigger", REQUEST)))
        thread.start()
        wait_for(lambda: sim.stats()["calls"]["trigger"] >= 1, "the trigger reached the provider")
        trawld.kill_child("keeper")
        thread.join(40)
        self.assertEqual(len(answers), 1)
        self.assertIn(answers[0].status, (200, 202), answers[0])
        self.prove(trawld, sim, answers[0].json["crawl_id"])

    def test_status_asked_while_the_keeper_dies_is_answered_late_not_refused(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        crawl_id = trawld.trigger()
        for _ in range(3):
            trawld.kill_child("keeper")
            answer = trawld.get(f"/api/v1/crawl/{crawl_id}/status")
            self.assertEqual(answer.status, 200, answer)

    def test_a_crawl_that_takes_its_poller_down_three_times_is_failed(self):
        sim = self.sim()
        sim.set(building=0)
        sim.fault("snapshot", "drip", count=-1, bytes=10, ms=100)
        trawld = self.trawld(sim, BACKGROUND_MAX_WORKERS="1")
        crawl_id = trawld.trigger()
        for n in range(3):
            trawld.wait_status(crawl_id, "downloading", "failed")
            wait_for(lambda: sim.stats()["calls"]["snapshot"] > n, "the download runs")
            trawld.kill_child("poller")
        status = trawld.wait_status(crawl_id, "failed")
        self.assertEqual(status["error_code"], "WORKER_CRASHED")

    def test_random_kills_under_load_lose_and_double_nothing(self):
        dice = random.Random(20261123)
        sim = self.sim()
        trawld = self.trawld(sim, TRIGGER_WAIT_SECONDS="0", RETRY_MAX_ATTEMPTS="20")
        crawls = {}
        for n in range(40):
            key = {"Idempotency-Key": f"load-{n}", "Content-Type": "application/json"}
            body = json.dumps({**REQUEST, "url": f"https://www.facebook.com/page{n}"})
            answer = trawld.patiently("POST", "/api/v1/crawl/trigger", body, key)
            self.assertIn(answer.status, (200, 202), answer)
            crawls[n] = answer.json["crawl_id"]
            if n % 5 == 4:
                trawld.kill_child(dice.choice(["keeper", "publisher", "poller", "front"]), dice.randrange(2))
        self.assertEqual(len(set(crawls.values())), 40)
        for crawl_id in crawls.values():
            status = trawld.wait_status(crawl_id, seconds=120)
            stored = trawld.object_of(status).read_bytes()
            self.assertEqual(hashlib.sha256(stored).hexdigest(), status["sha256"])
            trawld.wait_events(crawl_id, 1, 2)
            self.assertEqual(trawld.event_types(crawl_id), ["crawl-triggered", "data-ingestion-completed"])
        urls = [job["inputs"][0]["url"] for job in sim.jobs()]
        self.assertEqual(len(urls), len(set(urls)), "a page was paid for twice")
        self.assertEqual(len(urls), 40)

    def test_sigterm_in_each_stage_gives_leases_back_and_the_next_start_goes_on(self):
        for stage in ("triggering", "polling", "downloading"):
            with self.subTest(stage):
                sim = self.sim()
                trawld = self.trawld(sim, TRIGGER_WAIT_SECONDS="0", DATA_DIR=str(self.folder / f"data-{stage}"))
                self.hold(sim, stage)
                crawl_id = trawld.trigger()
                self.reached(trawld, sim, stage, crawl_id)
                start = time.monotonic()
                self.assertEqual(trawld.stop(), 0)
                self.assertLess(time.monotonic() - start, 10)
                trawld.start()
                self.prove(trawld, sim, crawl_id)
                trawld.stop()
                sim.stop()


def _make(role, stage):
    def test(self):
        self.one(role, stage)
    test.__name__ = f"test_{role}_killed_while_{stage}"
    return test


for _role in ("keeper", "publisher", "poller", "front", "supervisor"):
    for _stage in STAGES:
        _test = _make(_role, _stage)
        setattr(Kill, _test.__name__, _test)


if __name__ == "__main__":
    unittest.main()
