"""A second provider, unlike the first in its addresses, its answers and its records, crawls from end to end. The
programs are those of build/double/, whose table of providers begins with another row (provider_double.c)."""

import json

from harness import BUILD, KEY, FlowTest, wait_for
from provider_double import ITEMS, PICTURES, Double, items

TIKTOK = {"url": "https://www.tiktok.com/@acme", "num_of_posts": 10, "start_date": "2024-12-01", "competitor": "acme"}


class Provider(FlowTest):
    def start(self, polls=2, **conf):
        double = Double(KEY, polls)
        self.addCleanup(double.stop)
        return double, self.trawld(double.url, programs=BUILD / "double", **conf)

    def check_completed(self, trawld, double, crawl_id):
        status = trawld.wait_status(crawl_id)
        run = double.runs[status["snapshot_id"]]
        self.assertEqual(trawld.object_of(status).read_bytes(), json.dumps(items(run)).encode())
        self.assertEqual((status["post_count"], status["media_count"], status["error_count"], status["other_count"]),
                         (ITEMS + 1, ITEMS + PICTURES, 1, 0))
        self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "data-ingestion-completed"])
        return status

    def test_a_crawl_runs_from_trigger_to_stored_object(self):
        double, trawld = self.start()
        answer = trawld.post("/api/v1/crawl/trigger", TIKTOK)
        self.assertEqual(answer.status, 200, answer)
        status = self.check_completed(trawld, double, answer.json["crawl_id"])
        self.assertEqual(status["metadata"]["dataset_id"], "double~tiktok")
        run = double.runs[answer.json["snapshot_id"]]
        self.assertEqual(run["input"], {"profiles": [TIKTOK["url"]], "resultsPerPage": 10, "oldestPostDate": "2024-12-01"})
        self.assertEqual(double.asked("^POST"), ["POST /v2/actors/double~tiktok/runs?maxItems=10"])
        self.assertEqual(double.asked("dataset/items"), [f"GET /v2/actor-runs/{run['id']}/dataset/items?format=json"])
        self.assertEqual(double.asked("datasets/v3"), [])

    def test_what_it_does_not_crawl_is_refused(self):
        double, trawld = self.start()
        for request, says in (
                ({"url": "https://www.facebook.com/acme"}, "pages of facebook are not crawled by double"),
                ({**TIKTOK, "dataset_id": "gd_lu702nij2f790tmv9h"}, "dataset_id: may contain letters, digits, ~ and -")):
            answer = trawld.post("/api/v1/crawl/trigger", request)
            self.assertEqual((answer.status, answer.json["error_code"]), (400, "INVALID_REQUEST"), answer)
            self.assertIn(says, answer.json["message"])
        self.assertEqual(double.calls, [])

    def test_refusals_and_failures_cost_time_only(self):
        double, trawld = self.start()
        double.fault("^POST", 429, "rate-limit-exceeded", Retry_After=1)
        double.fault("^GET /v2/actor-runs/run[0-9]+$", 503, "internal", times=2)
        double.fault("dataset/items", 503, "internal")
        self.check_completed(trawld, double, trawld.trigger(TIKTOK))
        self.assertEqual(len(double.runs), 1)
        self.assertEqual((len(double.asked("^POST")), len(double.asked("dataset/items"))), (2, 2))

    def test_a_refusal_that_is_final_ends_the_crawl(self):
        double, trawld = self.start()
        double.fault("^POST", 400, "invalid-input")
        answer = trawld.post("/api/v1/crawl/trigger", TIKTOK)
        self.assertEqual(answer.json["error_code"], "BRIGHTDATA_REJECTED", answer)
        self.assertIn("the double says 400: invalid-input", answer.json["message"])
        self.assertEqual(double.runs, {})

    def test_a_run_whose_answer_was_lost_is_found_and_not_paid_twice(self):
        double, trawld = self.start()
        first = self.check_completed(trawld, double, trawld.trigger(TIKTOK, url="https://www.tiktok.com/@other"))
        double.fault("^POST", 503, "internal", does=True)
        status = self.check_completed(trawld, double, trawld.trigger(TIKTOK))
        self.assertNotEqual(status["snapshot_id"], first["snapshot_id"])
        self.assertEqual(len(double.runs), 2)
        self.assertEqual(len(double.asked("^POST")), 2)
        self.assertTrue(double.asked("^GET /v2/actors/double~tiktok/runs[?]startedAfter="))
        # Only of the run that no crawl has.
        self.assertEqual(double.asked("records/INPUT"),
                         [f"GET /v2/actor-runs/{status['snapshot_id']}/key-value-store/records/INPUT"])

    def test_a_crawl_is_canceled_there(self):
        double, trawld = self.start(polls=1000000)
        crawl_id = trawld.trigger(TIKTOK)
        wait_for(lambda: double.asked("^GET /v2/actor-runs"), "the run is asked about")
        answer = trawld.post(f"/api/v1/crawl/{crawl_id}/cancel")
        self.assertIn(answer.status, (200, 202), answer)
        trawld.wait_status(crawl_id, "canceled")
        self.assertEqual([run["status"] for run in double.runs.values()], ["ABORTED"])

    def test_a_key_that_it_refuses_stops_triggers(self):
        double, trawld = self.start(BRIGHTDATA_API_KEY="another")
        answer = trawld.post("/api/v1/crawl/trigger", TIKTOK)
        self.assertEqual((answer.status, answer.json["error_code"]), (502, "BRIGHTDATA_AUTH"), answer)
        self.assertIn("user-or-token-not-found", answer.json["message"])
        self.assertEqual(double.runs, {})
