"""The main job from outside: trigger, poll, download, count, store, announce."""

import base64
import hashlib
import json
import os
import re
import stat
import time
import unittest

from harness import KEY, REQUEST, FlowTest, call, pending_events, sqlite_rows

UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


def record(n, attachments):
    return {"post_id": 7000000000000000 + n, "url": f"https://www.facebook.com/acme/posts/{n}",
            "content": "caf\u00e9 \U0001f680 " * (n % 5), "hashtags": [], "original_post": None,
            "attachments": [{"id": str(i), "type": "Photo"} for i in range(attachments)]}


class Crawl(FlowTest):
    def records_file(self, counts):
        path = self.folder / "records.ndjson"
        lines = [json.dumps(record(n, c), ensure_ascii=n % 2 == 0) for n, c in enumerate(counts)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def test_a_crawl_runs_from_trigger_to_stored_object(self):
        counts = [1] * 30 + [0, 2, 4, 5]
        sim = self.sim("--records", str(self.records_file(counts)))
        trawld = self.trawld(sim)
        answer = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual(answer.status, 200, answer)
        body = answer.json
        self.assertEqual(
            {"status", "message", "crawl_id", "snapshot_id", "timestamp", "background_processing"} - set(body), set())
        self.assertEqual(body["status"], "success")
        self.assertEqual(body["message"], "Crawl triggered successfully")
        self.assertRegex(body["crawl_id"], UUID7)
        self.assertRegex(body["timestamp"], TIME)
        background = body["background_processing"]
        self.assertEqual(background["enabled"], True)
        self.assertEqual(background["status"], "started")
        self.assertEqual(background["message"], "Background polling started - crawl will auto-download when ready")
        self.assertIn("poll_interval_seconds", background)
        self.assertIn("max_polling_time_minutes", background)
        crawl_id, snapshot_id = body["crawl_id"], body["snapshot_id"]

        status = trawld.wait_status(crawl_id)
        self.assertEqual(status["crawl_id"], crawl_id)
        self.assertEqual(status["snapshot_id"], snapshot_id)
        self.assertEqual(status["ready_for_download"], True)
        self.assertEqual(status["metadata"]["platform"], "facebook")
        self.assertEqual(status["metadata"]["competitor"], "acme")
        self.assertRegex(status["metadata"]["created_at"], TIME)
        self.assertEqual((status["post_count"], status["media_count"]), (len(counts), sum(counts)))
        self.assertEqual(status["background_processing"]["status"], "completed")
        self.assertEqual(status["background_processing"]["active"], False)

        stored = trawld.object_of(status).read_bytes()
        self.assertEqual(stored, sim.snapshot_bytes(snapshot_id))
        self.assertEqual(len(json.loads(stored)), len(counts))
        self.assertRegex(status["gcs_path"], rf"/raw_snapshots/\d{{4}}/\d\d/\d\d/snapshot_{snapshot_id}\.json$")
        self.assertEqual(status["size_bytes"], len(stored))
        self.assertEqual(status["sha256"], hashlib.sha256(stored).hexdigest())

        first = trawld.post(f"/api/v1/crawl/{crawl_id}/download")
        again = trawld.post(f"/api/v1/crawl/{crawl_id}/download")
        for answer in (first, again):
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json["status"], "success")
            self.assertEqual(answer.json["message"], "Data downloaded successfully")
            self.assertEqual(answer.json["gcs_path"], status["gcs_path"])
            self.assertEqual((answer.json["post_count"], answer.json["media_count"]), (len(counts), sum(counts)))

        self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "data-ingestion-completed"])
        triggered, completed = trawld.events(crawl_id)
        self.assertEqual(triggered["topic"], "social-analytics-crawl-triggered")
        self.assertEqual(triggered["message"]["source"], "data-ingestion-service")
        self.assertEqual(triggered["message"]["data"], {
            "crawl_id": crawl_id, "snapshot_id": snapshot_id, "platform": "facebook", "competitor": "acme",
            "brand": "acme brand", "category": "snacks", "status": "triggered"})
        data = completed["message"]["data"]
        self.assertEqual(data["gcs_path"], status["gcs_path"])
        self.assertEqual((data["post_count"], data["media_count"]), (len(counts), sum(counts)))
        self.assertEqual(data["crawl_metadata"]["dataset_id"], REQUEST["dataset_id"])
        self.assertEqual(data["crawl_metadata"]["num_posts"], len(counts))
        self.assertEqual(data["size_bytes"], len(stored))
        self.assertEqual(len(base64.b64decode(data["crc32c"])), 4)
        self.assertNotEqual(triggered["attributes"]["ce-id"], completed["attributes"]["ce-id"])
        self.assertEqual(completed["attributes"]["ce-subject"], crawl_id)

        jobs = sim.jobs()
        self.assertEqual(len(jobs), 1)
        self.assertEqual(jobs[0]["inputs"], [{
            "url": REQUEST["url"], "num_of_posts": 10, "start_date": "12-01-2024", "end_date": "12-24-2024",
            "include_profile_data": True}])
        self.assertEqual(os.listdir(trawld.data / "spool"), [])

    def test_nothing_of_the_key_stands_where_others_can_read(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        trawld.wait_status(trawld.trigger())
        for role, pids in trawld.children().items():
            for pid in pids:
                for name in ("environ", "cmdline"):
                    with open(f"/proc/{pid}/{name}", "rb") as file:
                        self.assertNotIn(KEY.encode(), file.read(), f"{role}'s {name}")
        trawld.stop()
        for path in trawld.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(KEY.encode(), path.read_bytes(), path)
                self.assertEqual(path.stat().st_mode & stat.S_IROTH, 0, f"{path} is readable for all")

    def test_each_platform_gets_its_own_input_and_dates(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        crawls = {
            "instagram": ("https://www.instagram.com/acme/", {"start_date": "12-01-2024"}, "discover_new"),
            "tiktok": ("https://www.tiktok.com/@acme", {"start_date": "12-01-2024"}, "discover_new"),
            "youtube": ("https://www.youtube.com/@acme", {"start_date": "12-01-2024"}, "discover_new"),
            "linkedin": ("https://www.linkedin.com/company/acme", {"start_date": "2024-12-01"}, "discover_new"),
            "x": ("https://x.com/acme", {"start_date": "2024-12-01"}, "discover_new"),
            "reddit": ("https://www.reddit.com/r/acme/", {}, "discover_new"),
        }
        ids = {}
        for name, (url, _, _) in crawls.items():
            request = {"platform": name, "url": url, "start_date": "2024-12-01", "end_date": "2024-12-24",
                       "num_of_posts": 7}
            answer = trawld.post("/api/v1/crawl/trigger", request)
            self.assertEqual(answer.status, 200, (name, answer))
            ids[name] = answer.json["crawl_id"]
        for name, crawl_id in ids.items():
            status = trawld.wait_status(crawl_id)
            self.assertEqual(status["post_count"], 7, name)
            self.assertEqual(status["metadata"]["platform"], name)
        for job in sim.jobs():
            (row,) = job["inputs"]
            name = next(n for n, (url, _, _) in crawls.items() if url == row["url"])
            for key, value in crawls[name][1].items():
                self.assertEqual(row[key], value, name)
            self.assertEqual(job["query"]["type"], crawls[name][2])
            self.assertEqual(job["query"]["include_errors"], "true")

    def test_a_refused_trigger_says_why_and_costs_nothing(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        answer = trawld.post("/api/v1/crawl/trigger", {
            "url": "https://m.instagram.com/not-the-form-it-wants", "num_of_posts": 3})
        self.assertEqual(answer.status, 502, answer)
        self.assertEqual(answer.json["error_code"], "BRIGHTDATA_REJECTED")
        self.assertIn("url", answer.json["message"])
        crawl_id = answer.json["crawl_id"]
        status = trawld.status(crawl_id)
        self.assertEqual((status["status"], status["error_code"], status["stage"]),
                         ("failed", "BRIGHTDATA_REJECTED", "trigger"))
        self.assertEqual(trawld.wait_events(crawl_id, 1), ["crawl-failed"])
        self.assertEqual(sim.jobs(), [])

    def test_a_wrong_key_is_told_at_once(self):
        sim = self.sim("--key", "another-key")
        trawld = self.trawld(sim)
        answer = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual((answer.status, answer.json["error_code"]), (502, "BRIGHTDATA_AUTH"), answer)

    def test_a_provider_that_is_down_is_waited_for(self):
        sim = self.sim()
        trawld = self.trawld(sim, TRIGGER_WAIT_SECONDS="0")
        sim.fault("trigger", "rate_limit", count=1, retry_after="1")
        answer = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual((answer.json["status"], answer.json["snapshot_id"]), ("accepted", None))
        trawld.wait_status(answer.json["crawl_id"])
        self.assertEqual(len(sim.jobs()), 1)

    def test_an_answer_lost_after_the_job_was_made_is_found_again(self):
        for kind, more in (("lost", {}), ("status", {"status": 500, "effect": True}), ("html", {"effect": True})):
            with self.subTest(kind):
                sim = self.sim()
                trawld = self.trawld(sim, DATA_DIR=str(self.folder / f"data-{kind}"), RECONCILE_DELAY="100ms")
                sim.fault("trigger", kind, **more)
                crawl_id = trawld.trigger()
                trawld.wait_status(crawl_id)
                self.assertEqual(len(sim.jobs()), 1)
                sim.stop()
                trawld.stop()

    def test_an_unknown_outcome_without_a_job_is_triggered_once_more(self):
        sim = self.sim()
        trawld = self.trawld(sim, TRIGGER_WAIT_SECONDS="0", RECONCILE_DELAY="50ms")
        sim.fault("trigger", "status", status=500, effect=False)
        crawl_id = trawld.trigger()
        trawld.wait_status(crawl_id)
        self.assertEqual(len(sim.jobs()), 1)
        self.assertGreaterEqual(sim.stats()["calls"]["list"], 3)

    def test_building_after_ready_is_waiting(self):
        sim = self.sim()
        sim.set(building=4)
        trawld = self.trawld(sim)
        crawl_id = trawld.trigger()
        trawld.wait_status(crawl_id)
        self.assertEqual(sim.jobs()[0]["downloads"], 1)

    def test_not_ready_in_any_dress_is_never_stored(self):
        for change in ({"not_ready_status": 200}, {"building_text": True}, {"vocabulary": "collecting"}):
            with self.subTest(str(change)):
                sim = self.sim()
                sim.set(building=2, **change)
                trawld = self.trawld(sim, DATA_DIR=str(self.folder / f"data-{next(iter(change))}"))
                status = trawld.wait_status(trawld.trigger())
                self.assertEqual(status["post_count"], 10)
                self.assertEqual(len([p for p in (trawld.data / "objects").rglob("*") if p.is_file()]), 1)
                sim.stop()
                trawld.stop()

    def test_gzip_that_nobody_asked_for_is_stored_as_json(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        for header in (True, False):
            sim.set(gzip_always=True, gzip_header=header)
            status = trawld.wait_status(trawld.trigger())
            rows = json.loads(trawld.object_of(status).read_bytes())
            self.assertEqual((len(rows), status["post_count"]), (10, 10))
            self.assertEqual(status["size_bytes"], trawld.object_of(status).stat().st_size)

    def test_an_empty_snapshot_is_finished_with_zero(self):
        for way in ("array", "text400", "failed"):
            with self.subTest(way):
                sim = self.sim()
                sim.set(empty=way)
                trawld = self.trawld(sim, DATA_DIR=str(self.folder / f"data-{way}"))
                status = trawld.wait_status(trawld.trigger(url="https://www.facebook.com/empty"))
                self.assertEqual((status["post_count"], status["media_count"]), (0, 0))
                self.assertEqual(json.loads(trawld.object_of(status).read_bytes()), [])
                sim.stop()
                trawld.stop()

    def test_error_and_warning_rows_are_not_posts(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        status = trawld.wait_status(trawld.trigger(url="https://www.facebook.com/dead-page"))
        self.assertEqual((status["post_count"], status["media_count"], status["error_count"]), (0, 0, 1))
        status = trawld.wait_status(trawld.trigger(url="https://www.facebook.com/mixed"))
        rows = json.loads(trawld.object_of(status).read_bytes())
        bad = [r for r in rows if r.get("error") or r.get("error_code") or
               (r.get("warning") and not r.get("post_id"))]
        self.assertGreater(len(bad), 0)
        self.assertEqual(status["error_count"], len(bad))
        self.assertEqual(status["post_count"], len(rows) - len(bad))

    def test_a_failed_snapshot_fails_the_crawl(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        crawl_id = trawld.trigger(url="https://www.facebook.com/fail")
        status = trawld.wait_status(crawl_id, "failed")
        self.assertEqual((status["error_code"], status["stage"]), ("SNAPSHOT_FAILED", "polling"))
        self.assertTrue(status["error_message"] and status["recovery_suggestion"])
        self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "crawl-failed"])
        download = trawld.post(f"/api/v1/crawl/{crawl_id}/download")
        self.assertEqual((download.status, download.json["error_code"]), (502, "SNAPSHOT_FAILED"))

    def test_polling_ends_at_its_deadline(self):
        sim = self.sim("--ready-after", "3600")
        trawld = self.trawld(sim, BACKGROUND_MAX_POLLS="4")
        crawl_id = trawld.trigger()
        status = trawld.wait_status(crawl_id, "failed")
        self.assertEqual((status["error_code"], status["stage"]), ("POLLING_TIMEOUT", "polling_timeout"))
        self.assertEqual(status["background_processing"]["status"], "timeout")
        self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "crawl-failed"])

    def test_a_day_of_polling_in_seconds(self):
        sim = self.sim("--time-scale", "40000", "--ready-after", "80000")
        trawld = self.trawld(sim, BACKGROUND_POLL_INTERVAL="100ms")
        crawl_id = trawld.trigger()
        trawld.wait_status(crawl_id)
        self.assertGreater(sim.jobs()[0]["progress_calls"], 5)

    def test_cut_downloads_are_tried_again_and_stored_whole(self):
        faults = [("reset_body", {"bytes": 700}), ("truncate", {"bytes": 900}),
                  ("truncate", {"bytes": 500, "chunked": True}), ("status", {"status": 503, "effect": False}),
                  ("html", {}), ("drip", {"bytes": 3000, "ms": 5})]
        sim = self.sim()
        trawld = self.trawld(sim, RETRY_MAX_ATTEMPTS="10")
        for kind, more in faults:
            with self.subTest(kind):
                sim.set(building=0)
                sim.fault("snapshot", kind, **more)
                status = trawld.wait_status(trawld.trigger())
                self.assertEqual(trawld.object_of(status).read_bytes(), sim.snapshot_bytes(status["snapshot_id"]))
        self.assertEqual(os.listdir(trawld.data / "spool"), [])

    def test_broken_json_is_kept_in_quarantine(self):
        sim = self.sim()
        sim.set(building=0)
        sim.fault("snapshot", "garbage", count=-1)
        trawld = self.trawld(sim, RETRY_MAX_ATTEMPTS="2")
        crawl_id = trawld.trigger()
        status = trawld.wait_status(crawl_id, "failed")
        self.assertEqual((status["error_code"], status["stage"]), ("INVALID_DATA", "download"))
        kept = [p for p in (trawld.data / "quarantine").rglob("*") if p.is_file()]
        self.assertEqual(len(kept), 1)
        self.assertGreater(kept[0].stat().st_size, 0)
        self.assertEqual([p for p in (trawld.data / "objects").rglob("*") if p.is_file()], [])

    def test_an_expired_snapshot_is_told(self):
        sim = self.sim()
        sim.set(building=1000)
        trawld = self.trawld(sim)
        body = trawld.post("/api/v1/crawl/trigger", REQUEST).json
        trawld.wait_status(body["crawl_id"], "ready", "downloading")
        self.assertEqual(
            call(sim.url, "POST", "/_sim/expire", {"snapshot_id": body["snapshot_id"]}).status, 200)
        status = trawld.wait_status(body["crawl_id"], "failed")
        self.assertEqual(status["error_code"], "SNAPSHOT_EXPIRED")

    def test_a_different_object_under_the_path_is_never_overwritten(self):
        sim = self.sim("--ready-after", "1.5")
        trawld = self.trawld(sim)
        body = trawld.post("/api/v1/crawl/trigger", REQUEST).json
        day = time.strftime("%Y/%m/%d", time.gmtime(int(body["crawl_id"].replace("-", "")[:12], 16) / 1000))
        path = trawld.data / "objects/raw_snapshots" / day / f"snapshot_{body['snapshot_id']}.json"
        path.parent.mkdir(parents=True)
        path.write_text("something else")
        status = trawld.wait_status(body["crawl_id"], "failed")
        self.assertEqual((status["error_code"], status["stage"]), ("STORAGE_ERROR", "storage"))
        self.assertEqual(path.read_text(), "something else")

    def test_an_equal_object_under_the_path_is_success(self):
        sim = self.sim("--ready-after", "1.5")
        trawld = self.trawld(sim)
        body = trawld.post("/api/v1/crawl/trigger", REQUEST).json
        day = time.strftime("%Y/%m/%d", time.gmtime(int(body["crawl_id"].replace("-", "")[:12], 16) / 1000))
        path = trawld.data / "objects/raw_snapshots" / day / f"snapshot_{body['snapshot_id']}.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(sim.snapshot_bytes(body["snapshot_id"]))
        trawld.wait_status(body["crawl_id"])

    def test_without_background_polling_the_client_asks_and_downloads(self):
        sim = self.sim()
        sim.set(building=0)
        trawld = self.trawld(sim, BACKGROUND_POLLING_ENABLED="false")
        answer = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual(answer.json["background_processing"]["status"], "disabled")
        crawl_id = answer.json["crawl_id"]
        status = trawld.wait_status(crawl_id, "ready")  # each look asks the provider
        self.assertEqual(status["background_processing"]["enabled"], False)
        download = trawld.post(f"/api/v1/crawl/{crawl_id}/download")
        self.assertEqual(download.status, 200, download)
        self.assertEqual(download.json["post_count"], 10)

    def test_a_download_by_hand_before_ready_is_refused(self):
        sim = self.sim("--ready-after", "3600")
        trawld = self.trawld(sim)
        crawl_id = trawld.trigger()
        answer = trawld.post(f"/api/v1/crawl/{crawl_id}/download")
        self.assertEqual((answer.status, answer.json["error_code"]), (409, "NOT_READY"), answer)
        self.assertEqual(answer.json["crawl_id"], crawl_id)

    def test_cancel_reaches_the_provider(self):
        sim = self.sim("--ready-after", "3600")
        trawld = self.trawld(sim)
        crawl_id = trawld.trigger()
        answer = trawld.post(f"/api/v1/crawl/{crawl_id}/cancel")
        self.assertIn(answer.status, (200, 202), answer)
        status = trawld.wait_status(crawl_id, "canceled")
        self.assertEqual(status["error_code"], "CANCELED")
        self.assertEqual(sim.jobs()[0]["status"], "canceled")
        self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "crawl-failed"])
        self.assertEqual(trawld.events(crawl_id)[1]["message"]["data"]["stage"], "canceled")

    def test_an_idempotency_key_makes_one_crawl(self):
        sim = self.sim()
        trawld = self.trawld(sim)
        headers = {"Idempotency-Key": "order-17"}
        first = trawld.post("/api/v1/crawl/trigger", REQUEST, headers=headers)
        second = trawld.post("/api/v1/crawl/trigger", REQUEST, headers=headers)
        self.assertEqual((first.status, second.status), (200, 200))
        self.assertEqual(first.json["crawl_id"], second.json["crawl_id"])
        other = trawld.post("/api/v1/crawl/trigger", {**REQUEST, "num_of_posts": 11}, headers=headers)
        self.assertEqual((other.status, other.json["error_code"]), (422, "IDEMPOTENCY_MISMATCH"))
        self.assertEqual(len(sim.jobs()), 1)

    def test_a_key_whose_crawl_has_ended_says_how(self):
        sim = self.sim()
        trawld = self.trawld(sim)

        def again(page):
            request = {**REQUEST, "url": f"https://www.facebook.com/{page}"}
            return trawld.post("/api/v1/crawl/trigger", request, headers={"Idempotency-Key": f"day-{page}"})

        done, failed = (again(page).json["crawl_id"] for page in ("acme", "fail"))
        trawld.wait_status(done)
        trawld.wait_status(failed, "failed")
        answer = again("acme")
        self.assertEqual((answer.status, answer.json["status"], answer.json["crawl_id"]), (200, "success", done))
        self.assertIn("completed already", answer.json["message"])
        self.assertEqual(answer.json["background_processing"]["status"], "completed")
        answer = again("fail")
        self.assertEqual((answer.status, answer.json["error_code"], answer.json["crawl_id"]),
                         (502, "SNAPSHOT_FAILED", failed))
        self.assertIn("The crawl made with this Idempotency-Key failed", answer.json["message"])
        self.assertNotIn("Retry-After", answer.headers)
        self.assertEqual(len(sim.jobs()), 2)

    def test_many_crawls_at_once_each_end_once(self):
        sim = self.sim()
        trawld = self.trawld(sim, TRIGGER_WAIT_SECONDS="0")
        ids = [trawld.trigger(url=f"https://www.facebook.com/page{n}") for n in range(60)]
        for crawl_id in ids:
            trawld.wait_status(crawl_id)
        self.assertEqual(len(sim.jobs()), 60)
        for crawl_id in ids:
            self.assertEqual(trawld.wait_events(crawl_id, 1, 2), ["crawl-triggered", "data-ingestion-completed"])
        trawld.stop()
        self.assertEqual(pending_events(trawld.data / "trawld.db"), 0)
        self.assertEqual(sqlite_rows(trawld.data / "trawld.db", "SELECT count(*) FROM outbox"), [(120,)])

    def test_events_can_be_switched_off(self):
        sim = self.sim()
        trawld = self.trawld(sim, EVENT_PUBLISHING_ENABLED="false")
        trawld.wait_status(trawld.trigger())
        trawld.stop()
        self.assertEqual(trawld.events(), [])


if __name__ == "__main__":
    unittest.main()
