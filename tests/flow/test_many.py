"""Hundreds of crawls at once against a provider that bans, while one thing after the other goes wrong.

TRAWLD_MANY says how many (300; 150 with sanitizers; `make check-many`: 1000). Whatever happens, no crawl may
fail, each has exactly one job in the provider's ledger, one object and one event of each kind, and the
provider has banned nobody. Its clock runs as fast as ours, so that its "25 answers 429 in 5 minutes" are
meant as the real ones are. TRAWLD_SEED repeats the choices of a run that prints its seed.
"""

import collections
import concurrent.futures
import contextlib
import hashlib
import os
import random
import signal
import threading
import time
import unittest

from harness import MANY, SANITIZED, THOROUGH, FlowTest, Relay, wait_for

PAGES = {  # by platform, what an address of a page begins with
    "facebook": "https://www.facebook.com/",
    "instagram": "https://www.instagram.com/",
    "tiktok": "https://www.tiktok.com/@",
    "linkedin": "https://www.linkedin.com/company/",
    "youtube": "https://www.youtube.com/@",
    "x": "https://x.com/",
}
SEED = int(os.environ.get("TRAWLD_SEED", time.time_ns() % 1000000))


class ManyTest(FlowTest):
    """Accepts crawls, waits for their ends, and holds the end against the provider's ledger."""

    data_sets = 3
    COMPLETED = ["crawl-triggered", "data-ingestion-completed"]

    def setUp(self):
        super().setUp()
        self.begin = time.monotonic()

    def many_sim(self, *options, ready_after=0.5):
        sim = self.sim("--quiet", *options)
        sim.set(ready_after=ready_after, building=0)
        return sim

    def many_trawld(self, provider, **conf):
        return self.trawld(provider, **{
            "TRIGGER_WAIT_SECONDS": "0", "BACKGROUND_MAX_WORKERS": "4", "BACKGROUND_POLL_INTERVAL": "300ms",
            "RECONCILE_DELAY": "500ms", "LOG_LEVEL": "info", **conf})

    def request(self, number, word):
        platform = list(PAGES)[number % self.data_sets]
        url = f"{PAGES[platform]}{word}{number}"
        return {"platform": platform, "competitor": "acme", "url": url, "num_of_posts": 2}

    def accept(self, trawld, count=MANY, word="page", begin=0, pause=0):
        """Triggers so many crawls, as clients do that ask again when they are cut off; crawl id -> URL."""
        def one(number):
            time.sleep(pause)
            request = self.request(number, word)
            answer = trawld.patiently("POST", "/api/v1/crawl/trigger", request, {"Idempotency-Key": f"{word}-{number}"})
            self.assertIn(answer.status, (200, 202), answer)
            return answer.json["crawl_id"], request["url"]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            crawls = dict(pool.map(one, range(begin, begin + count)))
        self.assertEqual(len(crawls), count)
        return crawls

    @staticmethod
    def ended(trawld):
        """What the events say of crawls that ended: event type -> crawl ids."""
        found = collections.defaultdict(list)
        for event in trawld.events():
            message = event["message"]
            found[message["event_type"]].append(message["data"]["crawl_id"])
        return found

    def count_completed(self, trawld):
        ended = self.ended(trawld)
        failed = ended["crawl-failed"]
        if failed:
            raise AssertionError(f"{len(failed)} crawls failed, the first: {trawld.status(failed[0])}")
        return len(set(ended["data-ingestion-completed"]))

    def settle(self, trawld, count, seconds=60):
        try:
            wait_for(lambda: self.count_completed(trawld) >= count, f"{count} crawls complete", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; health: {trawld.patiently('GET', '/health').body.decode()}") from None

    def prove(self, trawld, sim, crawls, **more):
        """No crawl failed, none was paid twice or lost, nobody was banned; the line with the figures."""
        seconds = time.monotonic() - self.begin
        jobs, stats = sim.jobs(), sim.stats()
        paid = collections.Counter(job["inputs"][0]["url"] for job in jobs)
        self.figures(crawls=len(crawls), jobs=len(jobs), max_429_in_5_minutes=stats["max_429_in_5_minutes"],
                     bans=stats["bans"], seconds=seconds, calls=sum(stats["calls"].values()), **more)
        self.assertEqual({url: n for url, n in paid.items() if n > 1}, {}, "paid twice")
        self.assertEqual(sorted(paid), sorted(crawls.values()))
        self.assertEqual(stats["bans"], 0)
        self.assertLess(stats["max_429_in_5_minutes"], 21)
        told = collections.defaultdict(list)
        for event in trawld.events():
            told[event["message"]["data"]["crawl_id"]].append(event["message"]["event_type"])
        by_snapshot = {job["snapshot_id"]: job for job in jobs}
        for crawl_id, url in crawls.items():
            status = trawld.status(crawl_id)
            self.assertEqual(status["status"], "completed", status)
            job = by_snapshot.pop(status["snapshot_id"])
            self.assertEqual(job["inputs"][0]["url"], url, "a crawl has another's job")
            self.assertEqual(hashlib.sha256(trawld.object_of(status).read_bytes()).hexdigest(), job["body_sha256"])
            self.assertEqual(told[crawl_id], self.COMPLETED)
        return stats


class Thousand(ManyTest):
    def test_all_complete_within_the_cap(self):
        sim = self.many_sim("--running-cap", "100")
        trawld = self.many_trawld(sim)
        crawls = self.accept(trawld)
        self.settle(trawld, len(crawls))
        self.prove(trawld, sim, crawls)

    def test_all_complete_within_a_cap_that_nobody_told(self):
        sim = self.many_sim("--running-cap", "25", ready_after=1)
        trawld = self.many_trawld(sim)
        crawls = self.accept(trawld)
        self.settle(trawld, len(crawls))
        stats = self.prove(trawld, sim, crawls)
        self.assertGreater(stats["answered_429"], 0, "the cap was met")

    def test_six_data_sets_meet_a_cap_that_nobody_told(self):
        """Each that learns of its cap is refused a few times; all together must not use up what may be refused."""
        self.data_sets = 6
        sim = self.many_sim("--running-cap", str(MANY // 15), ready_after=1)
        trawld = self.many_trawld(sim)
        crawls = self.accept(trawld)
        self.settle(trawld, len(crawls))
        self.prove(trawld, sim, crawls)


class Trouble(ManyTest):
    """Something goes wrong when a tenth has completed, while the others wait, run and are downloaded."""

    CAP = max(MANY // 10, 10)

    def start_many(self, provider=None, sim=None, **conf):
        self.simulator = sim or self.many_sim("--running-cap", str(self.CAP), ready_after=1.5)
        trawld = self.many_trawld(provider or self.simulator, **conf)
        self.crawls = self.accept(trawld)
        wait_for(lambda: self.count_completed(trawld) >= len(self.crawls) / 10, "a tenth has completed")
        return self.simulator, trawld

    def provider_state(self, trawld):
        return trawld.patiently("GET", "/health").json["provider"]["state"]

    def test_the_key_is_refused_for_a_time(self):
        sim, trawld = self.start_many()
        sim.fault("any", "status", status=401, body="Invalid credentials", count=-1)
        wait_for(lambda: self.provider_state(trawld) == "key_refused", "health says that the key is refused")
        before = sum(sim.stats()["calls"].values())
        time.sleep(60 if THOROUGH else 3)
        calls = sum(sim.stats()["calls"].values()) - before
        sim.heal()
        if not THOROUGH:
            trawld.program.send(signal.SIGHUP)  # else the next probe, in 3 minutes at most
        self.settle(trawld, len(self.crawls), 300 if THOROUGH else 60)
        self.prove(trawld, sim, self.crawls, calls_while_refused=calls)
        self.assertLess(calls, 30)

    def away(self, provider, go, come, seconds):
        """The provider is away for longer than all polls together take."""
        sim, trawld = self.start_many(provider, self.simulator, BACKGROUND_POLL_INTERVAL="150ms",
                                      BACKGROUND_MAX_POLLS="20")
        go()
        wait_for(lambda: self.provider_state(trawld) == "away", "health says that the provider is away")
        before = sum(sim.stats()["calls"].values())
        time.sleep(60 if THOROUGH else 5)
        calls = sum(sim.stats()["calls"].values()) - before
        come()
        self.settle(trawld, len(self.crawls), seconds)
        self.prove(trawld, sim, self.crawls, calls_while_away=calls)
        self.assertLess(calls, 20, "one probe at a time")

    def test_the_providers_port_is_closed_for_a_time(self):
        self.simulator = self.many_sim("--running-cap", str(self.CAP), ready_after=1)
        relay = Relay(self.simulator.url)
        self.addCleanup(relay.stop)
        # A trigger that is cut before it is passed on made no job, which is believed only after 90 s.
        self.away(relay.url, lambda: relay.close(0 if THOROUGH else 0.3), relay.open, 240)

    def test_the_provider_answers_503_for_a_time(self):
        self.simulator = sim = self.many_sim("--running-cap", str(self.CAP), ready_after=1)
        self.away(sim.url, lambda: sim.fault("any", "status", status=503, count=-1), sim.heal, 90)

    def test_the_provider_resets_every_call_for_a_time(self):
        self.simulator = sim = self.many_sim("--running-cap", str(self.CAP), ready_after=1)

        def reset():
            if not THOROUGH:  # the same holds for one that is reset
                sim.fault("trigger", "status", status=503, count=-1)
            sim.fault("any", "reset", count=-1)

        self.away(sim.url, reset, sim.heal, 240)

    def test_every_fifth_answer_to_a_trigger_is_lost(self):
        sim = self.many_sim("--running-cap", "100", ready_after=1)
        sim.fault("trigger", "lost", every=5, count=-1)
        trawld = self.many_trawld(sim)
        crawls = self.accept(trawld)
        self.settle(trawld, len(crawls), 120)
        stats = self.prove(trawld, sim, crawls)
        self.assertGreaterEqual(stats["calls"]["trigger"], len(crawls))

    def test_the_keeper_is_killed_each_second(self):
        sim = self.many_sim("--running-cap", str(self.CAP), ready_after=1)
        trawld = self.many_trawld(sim)
        crawls, kills = {}, 0
        client = threading.Thread(target=lambda: crawls.update(self.accept(trawld)))
        client.start()
        while client.is_alive() or self.count_completed(trawld) < MANY:
            # Each lives for a second: those that end so soon are started again later and later.
            wait_for(lambda: trawld.children().get("keeper"), "a keeper runs", 20)
            time.sleep(1)
            trawld.kill_child("keeper")
            kills += 1
            self.assertLess(kills, 30)
        client.join()
        self.settle(trawld, len(crawls))
        self.prove(trawld, sim, crawls, kills=kills)

    def test_a_poller_is_stopped_for_a_time(self):
        dice = random.Random(SEED)
        sim, trawld = self.start_many(BACKGROUND_MAX_WORKERS="2")
        moment = dice.uniform(0, 1)
        time.sleep(moment)
        poller = trawld.children()["poller"][dice.randrange(2)]
        os.kill(poller, signal.SIGSTOP)
        time.sleep(60 if THOROUGH else 8)
        with contextlib.suppress(ProcessLookupError):
            os.kill(poller, signal.SIGCONT)
        self.settle(trawld, len(self.crawls), 180)
        self.prove(trawld, sim, self.crawls, seed=SEED, moment=moment)

    def test_everything_at_once(self):
        """Kills of all roles, stops, lost answers, a provider that fails, is away, or refuses the key: in any order."""
        dice = random.Random(SEED)
        count = MANY // 3
        sim = self.many_sim("--running-cap", str(self.CAP), ready_after=1)
        relay = Relay(sim.url)
        self.addCleanup(relay.stop)
        trawld = self.many_trawld(relay.url, BACKGROUND_MAX_WORKERS="3", FRONT_WORKERS="2")
        crawls = {}
        client = threading.Thread(target=lambda: crawls.update(self.accept(trawld, count, pause=64 / count)))  # 8 s
        client.start()

        def kill(role):
            return lambda: trawld.kill_child(role, dice.randrange(3))

        def pause(role):
            pids = trawld.children().get(role)
            if pids:
                pid = dice.choice(pids)
                os.kill(pid, signal.SIGSTOP)
                time.sleep(dice.uniform(0.1, 2))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        def close():
            relay.close()
            time.sleep(dice.uniform(0.1, 2))
            relay.open()

        def refuse():
            sim.fault("any", "status", status=401, body="Invalid credentials", count=dice.randrange(1, 5))
            trawld.program.send(signal.SIGHUP)

        def restart():
            trawld.kill()
            trawld.start()

        troubles = [kill(role) for role in ("keeper", "publisher", "poller", "front")] + [
            lambda: pause("keeper"), lambda: pause("poller"), close, refuse, restart,
            lambda: sim.fault("trigger", "lost", count=dice.randrange(1, 5)),
            lambda: sim.fault("any", "status", status=503, count=dice.randrange(1, 8)),
            lambda: sim.fault("snapshot", "reset_body", bytes=100, count=dice.randrange(1, 4)),
            lambda: sim.fault("progress", "garbage", count=dice.randrange(1, 4)),
            lambda: sim.fault("trigger", "delay", ms=dice.randrange(3000), count=dice.randrange(1, 20)),
            lambda: sim.fault("any", "delay", ms=dice.randrange(2000), count=dice.randrange(1, 20))]
        while client.is_alive():
            dice.shuffle(troubles)
            for trouble in troubles:
                time.sleep(dice.uniform(0, 0.3))
                trouble()
        sim.heal()
        trawld.program.send(signal.SIGHUP)
        self.settle(trawld, count, 240)
        self.prove(trawld, sim, crawls, seed=SEED)


class Lost(ManyTest):
    """Answers to triggers are lost; their jobs are searched for beside many that are known."""

    data_sets = 1

    def reconciling(self, trawld):
        return trawld.patiently("GET", "/health").json["crawls"]["reconciling"]

    def test_one_lost_answer_beside_many_good_ones_is_found(self):
        good, delay = (5000, 60) if THOROUGH else (300 if SANITIZED else 1000, 10)
        sim = self.many_sim("--running-cap", "100", ready_after=0.1)
        sim.fault("trigger", "lost")
        trawld = self.many_trawld(sim, RECONCILE_DELAY=f"{delay}s")
        crawls = self.accept(trawld, 1, "lost")
        wait_for(lambda: self.reconciling(trawld) == 1, "the answer is lost")
        lost = time.monotonic()
        crawls.update(self.accept(trawld, good))
        wait_for(lambda: self.reconciling(trawld) == 0, "it is found", 130)
        found, beside = time.monotonic() - lost, sim.get("/_sim/jobs?summary=1")["count"] - 1
        self.settle(trawld, good + 1)
        calls = sim.stats()["calls"]
        self.prove(trawld, sim, crawls, found_after=found, beside=beside, lists=calls["list"], inputs=calls["input"])
        self.assertGreater(beside, good / 2)
        self.assertLess(found, 120)
        self.assertLess(calls["list"] + calls["input"], 10)

    def test_many_lost_answers_cost_few_calls(self):
        lost = 1000 if THOROUGH else 200
        sim = self.many_sim("--running-cap", "100", ready_after=0.2)
        sim.fault("trigger", "lost", every=2, count=lost)
        trawld = self.many_trawld(sim)
        crawls = self.accept(trawld, 2 * lost)
        self.settle(trawld, len(crawls), 120)
        calls = sim.stats()["calls"]
        self.prove(trawld, sim, crawls, lost=lost, lists=calls["list"], inputs=calls["input"])
        self.assertEqual(sum(job["answer_lost"] for job in sim.jobs()), lost)
        self.assertLess(calls["list"] + calls["input"], 3 * lost)


if __name__ == "__main__":
    unittest.main()
