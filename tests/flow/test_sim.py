"""trawl-sim from outside: what the provider is known to do, point by point.

The other flow tests believe the simulator; this one is why they may.
"""

import concurrent.futures
import csv
import datetime
import email.utils
import gzip
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from harness import BUILD, Sim, call, wait_for

FACEBOOK = "gd_lkaxegm826bjpoo9m5"
LINKEDIN = "gd_lyy3tktm25m4avu764"
AUTH = {"Authorization": "Bearer some-key"}
TEXT = "text/html; charset=utf-8"
V3 = "/datasets/v3"


def input_for(word="acme", **more):
    return {"url": f"https://www.facebook.com/{word}", **more}


class Case(unittest.TestCase):
    options = ("--quiet", "--seed", "5", "--ready-after", "0")

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trawl-sim-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sim = None

    def start(self, *options):
        self.sim = Sim(self.folder, *self.options, *options)
        self.addCleanup(self.stop)
        return self.sim

    def stop(self):
        if self.sim.program.alive():
            self.assertEqual(self.sim.stop(), 0, self.sim.program.log())
        log = self.sim.program.log()
        self.assertNotIn("ERROR: AddressSanitizer", log)
        self.assertNotIn("runtime error", log)

    def get(self, path, headers=AUTH):
        return call(self.sim.url, "GET", V3 + path, headers=headers)

    def trigger(self, body=None, query=f"dataset_id={FACEBOOK}&include_errors=true", headers=AUTH):
        if body is None:
            body = [input_for()]
        return call(self.sim.url, "POST", f"{V3}/trigger?{query}", body, headers)

    def job(self, *words, **more):
        answer = self.trigger([input_for(w, **more) for w in words or ("acme",)])
        self.assertEqual(answer.status, 200, answer)
        return answer.json["snapshot_id"]

    def progress(self, job):
        answer = self.get(f"/progress/{job}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def download(self, job, query="format=json"):
        return self.get(f"/snapshot/{job}?{query}")

    def same_as_csv(self, body, rows):
        """The CSV holds what the JSON rows hold, with the columns in the order in which they turn up."""
        table = list(csv.reader(io.StringIO(body.decode(), newline="")))
        self.assertEqual(table[0], list(dict.fromkeys(key for row in rows for key in row)))
        self.assertEqual(len(table), len(rows) + 1)
        for cells, row in zip(table[1:], rows):
            self.assertEqual(len(cells), len(table[0]))
            for name, cell in zip(table[0], cells):
                value = row.get(name)
                if isinstance(value, str):
                    self.assertEqual(cell, value)
                elif value is None:
                    self.assertEqual(cell, "")
                else:
                    self.assertEqual(json.loads(cell), value)
                    self.assertNotRegex(cell, r'[,:] "', "compact")

    def ledger(self, job):
        return next(j for j in self.sim.jobs() if j["snapshot_id"] == job)

    def text(self, answer, status, text):
        self.assertEqual((answer.status, answer.body.decode(), answer.headers["Content-Type"]),
                         (status, text, TEXT))

    def raw(self, path, method="GET", body=b""):
        """Everything that arrives on one connection, and how it ended."""
        at = urllib.parse.urlsplit(self.sim.url)
        with socket.create_connection((at.hostname, at.port), timeout=30) as s:
            head = f"{method} {V3}{path} HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer k\r\n" \
                   f"Content-Length: {len(body)}\r\n\r\n"
            s.sendall(head.encode() + body)
            got = b""
            try:
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        return got, "closed"
                    got += piece
            except ConnectionResetError:
                return got, "reset"

    def raw_trigger(self):
        return self.raw(f"/trigger?dataset_id={FACEBOOK}", "POST", json.dumps([input_for()]).encode())


class Trigger(Case):
    def test_errors_are_plain_text(self):
        self.start()
        self.text(self.trigger(query="format=json"), 404, "Collector not found")
        self.text(self.trigger(query="dataset_id=gd_none"), 404, "dataset does not exist")
        self.text(self.trigger([]), 400, "No data to trigger")
        self.text(self.get("/progress/sd_none"), 404, "Snapshot does not exist")
        self.text(self.get("/snapshot/sd_none"), 404, "Snapshot does not exist")
        self.text(self.get("/nothing"), 404, "Not found")
        self.assertEqual(self.sim.jobs(), [])

    def test_parse_errors_are_json(self):
        self.start()
        self.assertEqual(self.trigger("{not json").json,
                         {"error": "Parser cannot parse input: expected a value", "code": "parse_error"})
        self.assertEqual(self.trigger("").json["error"], "Parser has expected a value")

    def test_key_is_checked_by_shape(self):
        self.start("--key", "the-right-key-0123456789")
        shapes = [({}, "Credentials are missing"),
                  ({"Authorization": "Basic eDp5"}, "Basic auth is not allowed"),
                  ({"Authorization": "Bearer "}, "Auth method is not supported"),
                  ({"Authorization": "Token abc"}, "Auth method is not supported"),
                  ({"Authorization": "Bearer what"}, "Auth method is not supported"),
                  ({"Authorization": "Bearer the-wrong-key-0123456789"}, "Invalid credentials")]
        for headers, text in shapes:
            with self.subTest(text):
                self.text(self.trigger(headers=headers), 401, text)
        right = {"Authorization": "Bearer the-right-key-0123456789"}
        self.assertEqual(self.trigger(headers=right).status, 200)
        self.sim.set(error_json=True)
        self.assertEqual(self.trigger(headers={}).json, {"error": "Credentials are missing"})
        self.assertEqual(len(self.sim.jobs()), 1)

    def test_one_bad_row_refuses_all(self):
        self.start()
        bad = {"foo": 1}
        answer = self.trigger([input_for(), bad])
        self.assertEqual(answer.status, 400)
        self.assertEqual(json.loads(answer.json.pop("line")), bad)
        self.assertEqual(answer.json["index"], 2)
        self.assertEqual(answer.json["code"], "validation_error")
        self.assertEqual(answer.json["type"], "validation")
        self.assertEqual(answer.json["errors"], [
            ["url", "Required field"], ["foo", "This input should not contain a foo field"]])
        self.assertEqual(self.sim.jobs(), [])

    def test_query_is_checked(self):
        self.start()
        bad = [("type=what", '"type" must be one of [discover_new, url_collection]'),
               ("limit_per_input=0", '"limit_per_input" must be greater than or equal to 1'),
               ("include_errors=yes", '"include_errors" must be a boolean'),
               ("force_deliver=1", '"force_deliver" must be a boolean'),
               ("limit_per_inputs=3", '"limit_per_inputs" is not allowed')]
        for query, text in bad:
            with self.subTest(query):
                answer = self.trigger(query=f"dataset_id={FACEBOOK}&{query}")
                self.assertEqual((answer.status, answer.json), (400, {"validation_errors": [text]}))
        self.text(self.trigger(query=f"dataset_id={LINKEDIN}&type=discover_new&discover_by=x"), 400,
                  "Incorrect discovery collector id Available types: url, profile_url, company_url")

    def test_booleans_of_a_query_come_in_any_letter_case(self):
        self.start("--building", "0")
        for word, errors in (("true", 3), ("True", 3), ("TRUE", 3), ("False", 0), ("false", 0)):
            with self.subTest(word):
                query = f"dataset_id={FACEBOOK}&include_errors={word}&force_deliver=False"
                answer = self.trigger([input_for("mixed")], query)
                self.assertEqual(answer.status, 200, answer)
                rows = self.download(answer.json["snapshot_id"], "format=json&compress=False").json
                self.assertEqual(len(rows), 10 + errors)

    def test_every_post_makes_a_job(self):
        self.start()
        ids = [self.job() for _ in range(3)]
        self.assertEqual(len(set(ids)), 3)
        for job in ids:
            self.assertRegex(job, r"^sd_[a-z0-9]{17}$")
        ledger = self.sim.get("/_sim/jobs")
        self.assertEqual(ledger["count"], 3)
        self.assertEqual([j["snapshot_id"] for j in ledger["jobs"]], ids)
        self.assertEqual(ledger["jobs"][0]["inputs"], [input_for()])
        self.assertEqual(ledger["jobs"][0]["query"], {"dataset_id": FACEBOOK, "include_errors": "true"})
        self.assertEqual([j["billed"] for j in ledger["jobs"]], [10, 10, 10])
        self.assertEqual(self.sim.get("/_sim/jobs?summary=1"), {"count": 3, "downloaded": 0, "billed": 30})

    def test_all_three_body_shapes_start_a_job(self):
        self.start()
        for body in ([input_for()], {"input": [input_for()], "limit_per_input": 2}, input_for()):
            self.assertEqual(self.trigger(body).status, 200)
        self.assertEqual([j["records"] for j in self.sim.jobs()], [10, 2, 10])

    def test_limits_count(self):
        self.start()
        self.trigger([input_for(num_of_posts=7)])
        self.trigger([input_for(num_of_posts=7)], f"dataset_id={FACEBOOK}&limit_per_input=3")
        self.trigger([input_for(), input_for()], f"dataset_id={FACEBOOK}&limit_multiple_results=12")
        self.assertEqual([j["records"] for j in self.sim.jobs()], [7, 3, 12])

    def test_running_cap(self):
        self.start("--running-cap", "2")
        self.sim.set(ready_after=3600)
        first, _ = self.job(), self.job()
        self.text(self.trigger(), 429,
                  "You have too many running jobs for this dataset. Please wait until some of them finish "
                  "or consider combining multiple inputs into a single request. Running jobs: 2>=2")
        other = [{"url": "https://www.linkedin.com/company/a"}]
        query = f"dataset_id={LINKEDIN}&type=discover_new&discover_by=company_url"
        self.assertEqual(self.trigger(other, query).status, 200, "the cap is per data set")
        self.assertEqual(call(self.sim.url, "POST", f"{V3}/snapshot/{first}/cancel", headers=AUTH).status, 200)
        self.assertEqual(self.trigger().status, 200)
        self.assertEqual(self.sim.stats()["answered_429"], 1)


class Progress(Case):
    def pass_some(self, job):
        """Virtual time passes until the job has run for 10 s or more, and then all but stands still."""
        self.sim.set(ready_after=1e6, time_scale=1000)
        wait_for(lambda: self.progress(job).get("running_time", 0) > 10000, "the job has run for a while")
        self.sim.set(time_scale=0.001)
        return self.progress(job)["running_time"] / 1000

    def test_words_on_the_way_to_ready(self):
        self.start("--time-scale", "0.001")
        self.sim.set(ready_after=100)
        job = self.job()
        self.assertEqual(self.progress(job), {"status": "starting", "snapshot_id": job, "dataset_id": FACEBOOK})
        passed = self.pass_some(job)
        self.assertEqual(self.progress(job)["status"], "running")
        self.sim.set(ready_after=passed / 0.97)
        self.assertEqual(self.progress(job)["status"], "closing")
        answer = self.get(f"/snapshot/{job}?format=json")
        self.assertEqual((answer.status, answer.json["status"]), (202, "running"), "never closing here")
        later = self.pass_some(job)
        self.assertGreaterEqual(later, passed)
        self.sim.set(ready_after=later / 2)
        body = self.progress(job)
        self.assertEqual((body["status"], body["records"], body["errors"]), ("ready", 10, 0))
        self.assertEqual(body["collection_duration"], int(later / 2 * 1000))
        self.assertNotIn("error_codes", body)

    def test_other_vocabulary(self):
        self.start("--time-scale", "1000")
        self.sim.set(ready_after=2000, vocabulary="collecting")
        job, seen = self.job(), []
        self.assertEqual(self.get(f"/snapshot/{job}").json["status"], "running")
        while not seen or seen[-1] != "ready":
            word = self.progress(job)["status"]
            if not seen or word != seen[-1]:
                seen.append(word)
        self.assertEqual(seen, ["collecting", "digesting", "ready"])

    def test_all_inputs_failed_is_still_ready(self):
        self.start("--building", "0")
        job = self.job("dead-page")
        body = self.progress(job)
        self.assertEqual((body["status"], body["records"], body["errors"], body["error_codes"]),
                         ("ready", 0, 1, {"dead_page": 1}))
        rows = self.download(job).json
        self.assertEqual(len(rows), 1)
        self.assertTrue(rows[0]["error"])
        self.assertEqual(self.ledger(job)["billed"], 0)

    def test_empty_window_is_a_dead_page(self):
        self.start("--building", "0")
        job = self.job(start_date="12-31-2024", end_date="12-01-2024")
        self.assertEqual(self.progress(job)["error_codes"], {"dead_page": 1})

    def test_failed(self):
        self.start()
        body = self.progress(self.job("fail"))
        self.assertEqual(body["status"], "failed")
        self.assertTrue(body["error_message"])

    def test_cancel(self):
        self.start()
        self.sim.set(ready_after=3600)
        job = self.job()
        cancel = f"{V3}/snapshot/{job}/cancel"
        self.text(call(self.sim.url, "POST", cancel, headers=AUTH), 200, "OK")
        body = self.progress(job)
        self.assertEqual((body["status"], body["error_codes"], body["records"], body["errors"]),
                         ("canceled", {"aborted_page": 1}, 0, 1))
        self.text(call(self.sim.url, "POST", cancel, headers=AUTH), 400, "Snapshot is not running")
        self.text(call(self.sim.url, "POST", f"{V3}/snapshot/sd_none/cancel", headers=AUTH), 404,
                  "Snapshot does not exist")

    def test_a_day_passes_in_seconds(self):
        self.start("--time-scale", "43200")
        self.sim.set(ready_after=86400)
        job = self.job()
        wait_for(lambda: self.progress(job)["status"] == "ready", "a day has passed", 20)


class Download(Case):
    def test_not_ready_while_running(self):
        self.start()
        self.sim.set(ready_after=3600)
        job = self.job()
        answer = self.download(job)
        self.assertEqual((answer.status, answer.json["status"]), (202, "starting"))
        self.assertIn("not ready", answer.json["message"])
        self.sim.set(not_ready_status=200)
        answer = self.download(job)
        self.assertEqual((answer.status, answer.json["status"]), (200, "starting"))

    def test_file_is_built_on_demand(self):
        self.start("--building", "3")
        job = self.job()
        parts = f"/snapshot/{job}/parts?batch_size=1000"
        self.text(self.get(parts), 400, "Dataset is not built, call get snapshot to trigger a build")
        for _ in range(3):
            answer = self.download(job)
            self.assertEqual(answer.status, 202)
            self.assertEqual(answer.json, {"status": "building",
                                           "message": "Snapshot is building, try again in 30s"})
        self.text(self.get(parts), 400, "Snapshot is not ready")
        self.sim.set(building_seconds=7)
        self.sim.fault("snapshot", "building")
        answer = self.download(job)
        self.assertEqual((answer.json["message"], answer.headers["Retry-After"]),
                         ("Snapshot is building, try again in 7s", None))
        self.assertEqual(self.download(job).status, 200)
        self.assertEqual(self.get(parts).json, {"parts": 1})
        self.assertEqual(self.get(f"/snapshot/{job}/parts").status, 400)

    def test_building_as_plain_text(self):
        self.start()
        self.sim.set(building_text=True)
        self.text(self.download(self.job()), 202, "Snapshot is building. Try again in a few minutes")

    def test_formats(self):
        self.start("--building", "0")
        job = self.job()
        self.assertEqual((self.ledger(job)["body_bytes"], self.ledger(job)["body_sha256"]), (0, None))
        array = self.download(job)
        self.assertEqual(array.headers["Content-Type"], "application/json; charset=utf-8")
        self.assertEqual(int(array.headers["Content-Length"]), len(array.body))
        self.assertEqual(len(array.json), 10)
        lines = self.download(job, "")
        self.assertIn("jsonl", lines.headers["Content-Type"])
        self.assertEqual([json.loads(line) for line in lines.body.splitlines()], array.json)
        self.assertIn("ndjson", self.download(job, "format=ndjson").headers["Content-Type"])
        self.assertEqual(self.download(job, "format=xml").json, {
            "validation_errors": ['"format" must be one of [json, ndjson, jsonl, csv]']})
        self.assertEqual(self.download(job).body, array.body, "downloads repeat")
        entry = self.ledger(job)
        self.assertEqual(entry["downloads"], 4)
        self.assertEqual(entry["body_bytes"], len(array.body))
        self.assertEqual(entry["body_sha256"], hashlib.sha256(array.body).hexdigest())

    def test_csv(self):
        self.start("--building", "0")
        job = self.job("mixed")
        rows = self.download(job).json
        answer = self.download(job, "format=csv")
        self.assertEqual(answer.headers["Content-Type"], "text/csv; charset=utf-8")
        self.same_as_csv(answer.body, rows)
        self.assertEqual(gzip.decompress(self.download(job, "format=csv&compress=true").body), answer.body)
        self.assertEqual(self.download(self.job("empty"), "format=csv").body, b"")
        query = f"dataset_id={LINKEDIN}&type=discover_new&discover_by=company_url"
        job = self.trigger([{"url": "https://www.linkedin.com/company/a", "limit": 50}], query).json["snapshot_id"]
        self.same_as_csv(self.download(job, "format=csv").body, self.download(job).json)
        self.assertEqual(self.ledger(job)["downloads"], 2)

    def test_gzip_with_and_without_header(self):
        self.start("--building", "0")
        job = self.job()
        plain = self.download(job).body
        answer = self.download(job, "format=json&compress=true")
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(answer.body), plain)
        self.sim.set(gzip_header=False)
        answer = self.download(job, "format=json&compress=true")
        self.assertIsNone(answer.headers["Content-Encoding"])
        self.assertEqual(gzip.decompress(answer.body), plain)
        self.sim.set(gzip_always=True)
        self.assertEqual(gzip.decompress(self.download(job).body), plain)

    def test_chunked(self):
        self.start("--building", "0")
        job = self.job()
        plain = self.download(job).body
        self.sim.set(chunked=True)
        answer = self.download(job)
        self.assertEqual((answer.headers["Transfer-Encoding"], answer.headers["Content-Length"]),
                         ("chunked", None))
        self.assertEqual(answer.body, plain)
        self.assertEqual(self.ledger(job)["downloads"], 2)

    def summed(self, job, body):
        entry = self.ledger(job)
        self.assertEqual((entry["body_bytes"], entry["body_sha256"]),
                         (len(body), hashlib.sha256(body).hexdigest()))

    def test_zero_rows(self):
        self.start("--building", "0")
        job = self.job("empty")
        self.assertEqual(self.progress(job)["records"], 0)
        self.assertEqual(self.download(job).body, b"[]")
        lines = self.download(job, "format=jsonl")
        self.assertEqual((lines.status, lines.body), (200, b""))
        self.summed(job, b"[]")
        self.sim.set(empty="bytes")
        self.assertEqual(self.download(job).body, b"")
        self.summed(job, b"")
        self.sim.set(empty="text400")
        self.text(self.download(job), 400, "Snapshot is empty")
        self.sim.set(empty="failed")
        body = self.progress(self.job("empty"))
        self.assertEqual((body["status"], body["error_message"]), ("failed", "Snapshot is empty"))

    def test_error_rows_only_when_asked_for(self):
        self.start("--building", "0")
        with_errors = self.job("mixed")
        without = self.trigger([input_for("mixed")], f"dataset_id={FACEBOOK}").json["snapshot_id"]
        self.assertEqual(len(self.download(with_errors).json), 13)
        rows = self.download(without).json
        self.assertEqual(len(rows), 10)
        self.assertTrue(any("error" in row for row in rows), "a good row has error: null")
        self.assertFalse(any(row.get("error") for row in rows))

    def test_expiry(self):
        self.start("--building", "0")
        job = self.job()
        answer = call(self.sim.url, "POST", "/_sim/expire", {"snapshot_id": job})
        self.assertEqual(answer.status, 200)
        self.text(self.download(job), 400, "Snapshot is expired")
        old = self.job()
        self.assertEqual(self.download(old).status, 200)
        self.sim.set(time_scale=1000000)
        wait_for(lambda: self.download(old).status == 400, "16 days have passed", 20)


class Records(Case):
    def setUp(self):
        super().setUp()
        self.rows = [json.dumps({"post_id": str(i), "content": "\N{ROCKET}" * (i % 7) + "x" * (i % 11),
                                 "attachments": []}, ensure_ascii=bool(i % 2)).encode()
                     for i in range(2500)]
        self.path = self.folder / "rows.ndjson"
        self.path.write_bytes(b"\n".join(self.rows) + b"\n")

    def test_body_is_the_files_text(self):
        self.start("--building", "0", "--records", str(self.path))
        job = self.job("anything", num_of_posts=3)
        self.assertEqual(self.progress(job)["records"], 2500)
        array = self.download(job)
        self.assertEqual(array.body, b"[" + b",\n".join(self.rows) + b"]")
        self.assertEqual(self.download(job, "format=jsonl").body, b"\n".join(self.rows) + b"\n")
        self.assertEqual(self.ledger(job)["body_sha256"], hashlib.sha256(array.body).hexdigest())

    def test_repeat_and_parts(self):
        self.start("--building", "0", "--records", str(self.path), "--repeat", "3")
        job = self.job()
        array = self.download(job)
        self.assertEqual(array.body, b"[" + b",\n".join(self.rows * 3) + b"]")
        batch = "format=jsonl&batch_size=2000"
        self.assertEqual(self.get(f"/snapshot/{job}/parts?{batch}").json, {"parts": 4})
        got = b"".join(self.download(job, f"{batch}&part={n}").body for n in range(1, 5))
        self.assertEqual(got, b"\n".join(self.rows * 3) + b"\n")
        self.assertEqual(self.download(job, f"{batch}&part=5").status, 400)

    def test_csv_of_a_file(self):
        rows = [{"post_id": "1", "text": 'a "b", c\r\nd', "n": 4.2}, {"post_id": "2", "more": [1, {"a": "x,y"}]},
                {"text": None, "post_id": "3", "yes": True, "none": ""}]
        broken = b'{"post_id":"4", broken'
        self.path.write_bytes(b"\n".join([json.dumps(r).encode() for r in rows] + [broken]))
        self.start("--building", "0", "--records", str(self.path), "--repeat", "800")
        job = self.job()
        one = b'1,"a ""b"", c\r\nd",4.2,,,\n' \
              b'2,,,"[1,{""a"":""x,y""}]",,\n' \
              b'3,,,,true,\n' \
              b'"{""post_id"":""4"", broken"\n'
        head = b"post_id,text,n,more,yes,none\n"
        answer = self.download(job, "format=csv")
        self.assertEqual(answer.body, head + one * 800)
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        batch = "format=csv&batch_size=2000"
        self.assertEqual(self.get(f"/snapshot/{job}/parts?{batch}").json, {"parts": 2})
        self.assertEqual([self.download(job, f"{batch}&part={n}").body for n in (1, 2)], [
            head + one * 500, head + one * 300])

    def test_error_rows_of_the_file_are_counted_apart(self):
        with open(self.path, "ab") as f:
            f.write(b'{"error":"4XX page - dead page.","error_code":"dead_page","input":{}}\n'
                    b'{"warning":"no posts found","input":{}}\n{"post_id":"1","error":null}\n')
        self.start("--building", "0", "--records", str(self.path))
        body = self.progress(self.job())
        self.assertEqual((body["records"], body["errors"]), (2501, 2))

    def test_a_large_body_is_not_held_in_memory(self):
        self.start("--building", "0", "--records", str(self.path), "--repeat", "2000")
        job, size = self.job(), 0
        at = urllib.parse.urlsplit(self.sim.url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
        connection.request("GET", f"{V3}/snapshot/{job}?format=json", headers=AUTH)
        response = connection.getresponse()
        while piece := response.read(1 << 20):
            size += len(piece)
        connection.close()
        self.assertEqual(size, len(b",\n".join(self.rows)) * 2000 + 2 * 1999 + 2)
        status = pathlib.Path(f"/proc/{self.sim.program.pid}/status").read_text()
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) << 10
        if "address" not in BUILD.name:
            self.assertLess(peak, size // 4)
        wait_for(lambda: self.ledger(job)["downloads"] == 1, "the download is counted")

    def test_lines_that_are_no_json_are_delivered_as_they_are(self):
        rows = [b'{"post_id":"1"}', b'{"post_id":"2', b'{"post_id":"\xff"}']
        self.path.write_bytes(b"\n".join(rows))
        self.start("--building", "0", "--records", str(self.path))
        job = self.job()
        self.assertEqual(self.progress(job)["records"], 3)
        self.assertEqual(self.download(job).body, b"[" + b",\n".join(rows) + b"]")
        self.assertIn("delivered as it is", self.sim.program.log())

    def test_a_download_that_is_left_is_not_counted(self):
        self.start("--building", "0", "--records", str(self.path), "--repeat", "500")
        job = self.job()
        at = urllib.parse.urlsplit(self.sim.url)
        for _ in range(5):
            with socket.create_connection((at.hostname, at.port), timeout=30) as s:
                s.sendall(f"GET {V3}/snapshot/{job}?format=json HTTP/1.1\r\nHost: sim\r\n"
                          f"Authorization: Bearer k\r\n\r\n".encode())
                self.assertTrue(s.recv(1000).startswith(b"HTTP/1.1 200"))
        self.assertEqual(self.download(job).status, 200)
        wait_for(lambda: self.ledger(job)["downloads"] == 1, "the whole download is counted")

    def test_a_file_that_is_no_such_file_is_refused(self):
        self.path.write_bytes(b"[1,2]\n")
        for path in (self.path, self.folder / "missing"):
            done = subprocess.run([BUILD / "trawl-sim", "--port", "0", "--records", path],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 66)
            self.assertIn(str(path), done.stderr)


class Looking(Case):
    def test_list(self):
        self.start()
        ids = [self.job() for _ in range(5)]
        self.sim.set(ready_after=3600)
        running = self.job()
        at = f"/snapshots?dataset_id={FACEBOOK}"
        rows = self.get(at).json
        self.assertEqual([r["id"] for r in rows], [running, *reversed(ids)])
        self.assertEqual((rows[1]["status"], rows[1]["dataset_size"], rows[1]["dataset_id"],
                          rows[1]["trigger"]), ("ready", 10, FACEBOOK, {"type": "API"}))
        self.assertRegex(rows[0]["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(len(self.get(f"{at}&status=ready").json), 5)
        self.assertEqual([r["id"] for r in self.get(f"{at}&skip=1&limit=2").json], [ids[4], ids[3]])
        day = rows[0]["created"][:10]
        self.assertEqual(len(self.get(f"{at}&from_date={day}&to_date={day}").json), 6)
        self.assertEqual(self.get(f"{at}&to_date=2020-01-01").json, [])
        self.assertEqual(self.get(f"{at}&trigger_type=CP").json, [])
        self.assertEqual(self.get(f"{at}&with_total=true&limit=1").json["total"], 6)
        self.assertEqual(self.get(f"/snapshots?dataset_id={LINKEDIN}").json, [])
        self.assertEqual(self.get("/snapshots").json, {"validation_errors": ['"dataset_id" is required']})
        self.assertEqual(self.get(f"{at}&status=canceled").status, 400)
        self.assertEqual(self.get(f"{at}&limit=5001").status, 400)

    def test_list_may_lag(self):
        self.start("--time-scale", "100")
        self.sim.set(list_lag=100)
        self.job()
        at = f"/snapshots?dataset_id={FACEBOOK}"
        self.assertEqual(self.get(at).json, [])
        wait_for(lambda: self.get(at).json, "the job is listed")

    def trigger_many(self, count):
        """On one connection; the processor time that the simulator took for it."""
        at = urllib.parse.urlsplit(self.sim.url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
        body, ids = json.dumps([input_for()]), []
        before = self.cpu()
        for _ in range(count):
            connection.request("POST", f"{V3}/trigger?dataset_id={FACEBOOK}", body, AUTH)
            ids.append(json.loads(connection.getresponse().read())["snapshot_id"])
        connection.close()
        return ids, self.cpu() - before

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.sim.program.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_ten_thousand_jobs_of_one_data_set(self):
        self.start("--running-cap", "0")
        self.sim.set(ready_after=86400)
        ids, first = self.trigger_many(1000)
        ids += self.trigger_many(9000)[0]
        more, last = self.trigger_many(1000)
        ids = (ids + more)[::-1]
        self.assertLess(last, first * 4 + 0.2, "a trigger costs the same however many jobs there are")
        at, before = f"/snapshots?dataset_id={FACEBOOK}", self.cpu()
        pages = [[row["id"] for row in self.get(f"{at}&limit=5000&skip={skip}").json] for skip in (0, 5000, 10000)]
        self.assertEqual([len(page) for page in pages], [5000, 5000, 1000])
        self.assertEqual(sum(pages, []), ids)
        self.assertEqual(self.get(f"{at}&limit=5000&skip=11000").json, [])
        self.assertEqual(len(self.get(at).json), 1000)
        answer = self.get(f"{at}&limit=2&skip=7000&with_total=true").json
        self.assertEqual(([row["id"] for row in answer["data"]], answer["total"]), (ids[7000:7002], 11000))
        self.assertLess(self.cpu() - before, 1, "all these pages")

    def told(self, answer):
        """The Date of an answer as seconds before or after our own clock."""
        return email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()

    def off(self, text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() - time.time()

    def test_clock_of_the_provider_may_be_off(self):
        self.start("--building", "0")
        before = self.job()
        self.assertAlmostEqual(self.told(self.get("/nothing")), 0, delta=60)
        for offset in (-7200, 86400.5):
            with self.subTest(offset):
                self.sim.set(clock_offset=offset)
                job = self.job()
                at = f"/snapshots?dataset_id={FACEBOOK}"
                listed = self.get(f"{at}&limit=1")
                log = self.get(f"/log/{job}").json
                row = self.download(job).json[0]
                for answer in (listed, self.download(job), self.get("/nothing"), self.get("/progress/sd_none"),
                               call(self.sim.url, "GET", "/_sim/stats"), self.trigger(headers={})):
                    self.assertAlmostEqual(self.told(answer), offset, delta=60)
                for told in (listed.json[0]["created"], log["created"], log["trigger"]["ts"], row["timestamp"],
                             self.ledger(job)["created"], self.sim.stats()["now"]):
                    self.assertAlmostEqual(self.off(told), offset, delta=60)
                self.assertAlmostEqual(int(job[3:11], 36) / 1000 - time.time(), offset, delta=60)
                self.assertLess(self.off(row["date_posted"]), offset + 60)
                self.sim.fault("progress", "drip", bytes=1000, ms=1)
                self.assertAlmostEqual(self.told(self.get(f"/progress/{job}")), offset, delta=60)
                around = self.off(listed.json[0]["created"]) + time.time()
                dates = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(around + s)) for s in (-60, 60)]
                found = self.get(f"{at}&from_date={dates[0]}&to_date={dates[1]}").json
                self.assertEqual([r["id"] for r in found], [job])
        self.assertAlmostEqual(self.off(self.ledger(before)["created"]), 0, delta=60)

    def test_a_clock_that_is_set_changes_no_duration(self):
        self.start("--running-cap", "0")
        self.sim.set(ready_after=3600)
        job = self.job()
        for offset in (-1e8, 1e8):
            self.sim.set(clock_offset=offset)
            self.assertEqual(self.progress(job)["status"], "starting")
            self.assertEqual(len(self.get(f"/snapshots?dataset_id={FACEBOOK}").json), 1)
        self.sim.set(ready_after=0)
        self.assertEqual(self.progress(job)["collection_duration"], 0)

    def test_input_comes_back_as_csv(self):
        self.start()
        job = self.trigger([input_for(num_of_posts=3), input_for('a"b,c', start_date="01-02-2025")]).json["snapshot_id"]
        answer = self.get(f"/snapshot/{job}/input")
        self.assertEqual(answer.body.decode(),
                         "url,num_of_posts,start_date\n"
                         "https://www.facebook.com/acme,3,\n"
                         '"https://www.facebook.com/a""b,c",,01-02-2025\n')
        self.text(self.get("/snapshot/sd_none/input"), 400, "Snapshot input does not exist")

    def test_log(self):
        self.start()
        job = self.trigger(query=f"dataset_id={FACEBOOK}&notify=http%3A%2F%2Fx%2Fjob7").json["snapshot_id"]
        body = self.get(f"/log/{job}").json
        self.assertEqual((body["id"], body["Status"], body["Inputs_count"], body["Dataset_id"]),
                         (job, "ready", 1, FACEBOOK))
        self.assertEqual(body["trigger"]["type"], "API")
        self.assertIn("notify=http%3A%2F%2Fx%2Fjob7", body["trigger"]["trigger_url"])
        self.assertEqual(self.get("/log/sd_none").status, 404)

    def test_data_sets(self):
        self.start("--building", "0")
        answer = call(self.sim.url, "GET", "/datasets/list", headers=AUTH)
        self.assertIn(FACEBOOK, [d["id"] for d in answer.json])
        comments = "gd_lkay758p1eanlolqw8"
        self.assertIn(comments, [d["id"] for d in answer.json])
        job = self.trigger([input_for("a/posts/1", num_of_comments=3)], f"dataset_id={comments}").json["snapshot_id"]
        rows = self.download(job).json
        self.assertEqual(len(rows), 3)
        for row in rows:
            self.assertTrue(row["comment_id"] and row["text"] and row["date"])
            self.assertEqual(row["post_url"], "https://www.facebook.com/a/posts/1")
        self.assertEqual(call(self.sim.url, "GET", "/datasets/list").status, 401)


class Faults(Case):
    options = (*Case.options, "--building", "0")

    def test_lost_answer_leaves_a_job(self):
        self.start()
        self.sim.fault("trigger", "lost")
        self.assertEqual(self.raw_trigger(), (b"", "reset"))
        jobs = self.sim.jobs()
        self.assertEqual([j["answer_lost"] for j in jobs], [True])
        self.assertEqual(self.trigger().status, 200)

    def test_reset_leaves_none(self):
        self.start()
        self.sim.fault("trigger", "reset")
        self.assertEqual(self.raw_trigger(), (b"", "reset"))
        self.assertEqual(self.sim.jobs(), [])

    def test_500_before_and_after(self):
        self.start()
        for effect, count in ((False, 0), (True, 1)):
            self.sim.fault("trigger", "status", status=500, effect=effect)
            self.text(self.trigger(), 500, "Internal server error")
            self.assertEqual(len(self.sim.jobs()), count)
        self.assertTrue(self.sim.jobs()[0]["answer_lost"])
        self.sim.fault("trigger", "status", status=402, body="no money", retry_after="7")
        answer = self.trigger()
        self.assertEqual((answer.status, answer.body, answer.headers["Retry-After"]), (402, b"no money", "7"))

    def test_html_page_and_garbage(self):
        self.start()
        self.sim.fault("progress", "html")
        job = self.job()
        answer = self.get(f"/progress/{job}")
        self.assertEqual(answer.status, 502)
        self.assertIn(b"<html>", answer.body)
        self.sim.fault("progress", "garbage")
        with self.assertRaises(ValueError):
            self.get(f"/progress/{job}").json
        whole = self.download(job).body
        self.sim.fault("snapshot", "garbage")
        broken = self.download(job)
        self.assertEqual((broken.status, len(broken.body)), (200, len(whole)))
        with self.assertRaises(ValueError):
            json.loads(broken.body)
        self.assertEqual(broken.body[:100], whole[:100])
        self.assertEqual(self.ledger(job)["downloads"], 1)

    def test_body_cut_by_a_reset(self):
        self.start()
        job = self.job()
        self.sim.fault("snapshot", "reset_body", bytes=700)
        got, end = self.raw(f"/snapshot/{job}?format=json")
        head, body = got.split(b"\r\n\r\n", 1)
        self.assertEqual((len(body), end), (700, "reset"))
        self.assertEqual(self.ledger(job)["downloads"], 0)

    def test_body_cut_cleanly(self):
        self.start()
        job = self.job()
        whole = self.download(job).body
        for more, header in (({}, f"Content-Length: {len(whole)}"),
                             ({"chunked": True}, "Transfer-Encoding: chunked"),
                             ({"until_close": True}, None)):
            with self.subTest(header):
                self.sim.fault("snapshot", "truncate", bytes=900, **more)
                got, end = self.raw(f"/snapshot/{job}?format=json")
                head, body = got.split(b"\r\n\r\n", 1)
                self.assertEqual(end, "closed")
                if header:
                    self.assertIn(header.encode(), head)
                else:
                    self.assertNotIn(b"Content-Length", head)
                    self.assertNotIn(b"Transfer", head)
                if more.get("chunked"):
                    self.assertEqual(body, b"384\r\n" + whole[:900] + b"\r\n")
                else:
                    self.assertEqual(body, whole[:900])
        self.assertEqual(self.ledger(job)["downloads"], 1)

    def test_drip_and_delay(self):
        self.start()
        job = self.job()
        whole = self.download(job).body
        self.sim.fault("snapshot", "drip", bytes=len(whole) // 10, ms=20)
        start = time.monotonic()
        self.assertEqual(self.download(job).body, whole)
        self.assertGreater(time.monotonic() - start, 0.15)
        wait_for(lambda: self.ledger(job)["downloads"] == 2, "a slow download counts, too")
        self.sim.fault("progress", "delay", ms=200)
        start = time.monotonic()
        self.assertEqual(self.progress(job)["status"], "ready")
        self.assertGreaterEqual(time.monotonic() - start, 0.19)

    def test_delayed_call_is_carried_out_for_a_client_that_left(self):
        self.start()
        self.sim.fault("trigger", "delay", ms=300)
        with self.assertRaises(socket.timeout):
            call(self.sim.url, "POST", f"{V3}/trigger?dataset_id={FACEBOOK}", [input_for()], AUTH, timeout=0.1)
        wait_for(lambda: len(self.sim.jobs()) == 1, "the job is made all the same")
        self.assertEqual(self.trigger().status, 200)

    def test_hang(self):
        self.start()
        job = self.job()
        self.sim.fault("any", "hang")
        with self.assertRaises(socket.timeout):
            call(self.sim.url, "GET", f"{V3}/progress/{job}", headers=AUTH, timeout=0.2)
        self.assertEqual(self.progress(job)["status"], "ready")

    def test_404_for_the_first_progress_calls(self):
        self.start()
        self.sim.fault("progress", "not_found", count=2, skip=1)
        job = self.job()
        self.assertEqual([self.get(f"/progress/{job}").status for _ in range(4)], [200, 404, 404, 200])

    def test_building_for_ever(self):
        self.start()
        job = self.job()
        self.sim.fault("snapshot", "building", count=-1)
        self.assertEqual([self.download(job).status for _ in range(5)], [202] * 5)
        self.sim.heal()
        self.assertEqual(self.download(job).status, 200)

    def test_rate_limit_and_ban(self):
        self.start()
        job = self.job()
        self.sim.fault("progress", "rate_limit", retry_after="3")
        answer = self.get(f"/progress/{job}")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "3"))
        self.sim.fault("progress", "rate_limit", count=24)
        for _ in range(24):
            answer = self.get(f"/progress/{job}")
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, None))
        self.assertEqual([self.get(f"/progress/{job}").status, self.trigger().status], [403, 403])
        self.assertEqual(self.get("/nothing").status, 403, "all calls of the provider's, even of none")
        self.sim.set(block="reset")
        self.assertEqual(self.raw_trigger(), (b"", "reset"))
        self.assertEqual(self.raw(f"/progress/{job}"), (b"", "reset"))
        stats = self.sim.stats()
        self.assertEqual((stats["banned"], stats["bans"]), (True, 1))
        self.sim.set(block="off")
        self.assertEqual(self.trigger().status, 200)
        stats = self.sim.stats()
        self.assertEqual((stats["answered_429"], stats["banned"], stats["bans"]), (25, False, 1))

    def refuse(self, count):
        self.sim.fault("list", "rate_limit", count=count)
        at = f"/snapshots?dataset_id={FACEBOOK}"
        self.assertEqual([self.get(at).status for _ in range(count)], [429] * count)
        return self.get(at).status

    def test_a_ban_lasts_until_it_is_lifted(self):
        self.start()
        self.assertEqual(self.refuse(25), 403)
        self.sim.set(time_scale=1000)
        wait_for(lambda: self.sim.stats()["answered_429_in_5_minutes"] == 0, "five minutes have passed")
        self.assertEqual(self.trigger().status, 403)
        self.assertEqual(self.sim.jobs(), [])
        self.sim.set(time_scale=1)
        self.assertEqual(call(self.sim.url, "POST", "/_sim/unban").status, 200)
        self.assertEqual(self.trigger().status, 200)
        self.assertEqual(self.refuse(24), 200, "the count towards a ban begins anew")
        self.assertEqual(self.refuse(1), 403)
        stats = self.sim.stats()
        self.assertEqual((stats["bans"], stats["answered_429"], stats["answered_429_in_5_minutes"]), (2, 50, 25))
        self.assertEqual(call(self.sim.url, "POST", "/_sim/reset").status, 200)
        stats = self.sim.stats()
        self.assertEqual((stats["bans"], stats["max_429_in_5_minutes"], stats["banned"]), (0, 0, False))
        self.assertEqual(self.trigger().status, 200)

    def test_answers_429_are_counted_by_window(self):
        self.start("--time-scale", "0.001")
        self.sim.set(block="off")
        self.assertEqual(self.refuse(40), 200)
        self.sim.set(time_scale=10000)
        wait_for(lambda: self.sim.stats()["answered_429_in_5_minutes"] == 0, "five minutes have passed")
        self.sim.set(time_scale=0.001)
        self.assertEqual(self.refuse(30), 200)
        stats = self.sim.stats()
        self.assertEqual((stats["answered_429"], stats["answered_429_in_5_minutes"], stats["max_429_in_5_minutes"],
                          stats["saturated_429"], stats["bans"]), (70, 30, 40, False, 0))

    def test_answers_429_for_the_cap_are_counted_by_data_set(self):
        self.start("--running-cap", "1")
        self.sim.set(ready_after=3600)
        other = [{"url": "https://www.linkedin.com/company/a"}]
        query = f"dataset_id={LINKEDIN}&type=discover_new&discover_by=company_url"
        self.assertEqual([self.trigger().status for _ in range(4)], [200, 429, 429, 429])
        self.assertEqual([self.trigger(other, query).status for _ in range(2)], [200, 429])
        self.sim.fault("trigger", "rate_limit")
        self.assertEqual(self.trigger().status, 429)
        stats = self.sim.stats()
        self.assertEqual(stats["answered_429_for_cap"], {FACEBOOK: 3, LINKEDIN: 1})
        self.assertEqual(stats["answered_429"], 5)

    def test_open_calls_are_counted(self):
        self.start()
        job = self.job()
        self.assertEqual(self.sim.stats()["max_open_calls"], 1)
        self.sim.fault("any", "delay", ms=400, count=-1)
        with concurrent.futures.ThreadPoolExecutor(7) as pool:
            answers = [pool.submit(self.get, path) for path in (
                f"/progress/{job}", f"/snapshot/{job}", f"/log/{job}", "/nothing", f"/snapshot/{job}/input")]
            wait_for(lambda: self.sim.stats()["open_calls"] == 5, "five calls are open")
            self.assertEqual([a.result().status for a in answers], [200, 200, 200, 404, 200])
        wait_for(lambda: self.sim.stats()["open_calls"] == 0, "all are answered")
        self.assertEqual(self.sim.stats()["max_open_calls"], 5)

    def test_calls_whose_client_left_are_not_open(self):
        self.start()
        job = self.job()
        for kind, more in (("hang", {}), ("delay", {"ms": 60000}), ("drip", {"bytes": 1, "ms": 60000})):
            with self.subTest(kind):
                self.sim.fault("snapshot", kind, **more)
                with self.assertRaises(socket.timeout):
                    call(self.sim.url, "GET", f"{V3}/snapshot/{job}", headers=AUTH, timeout=0.2)
                wait_for(lambda: self.sim.stats()["open_calls"] == 0, "nothing is open")
        for kind, more in (("reset", {}), ("lost", {}), ("reset_body", {"bytes": 9}), ("truncate", {"bytes": 9})):
            with self.subTest(kind):
                self.sim.fault("snapshot", kind, **more)
                self.raw(f"/snapshot/{job}")
                wait_for(lambda: self.sim.stats()["open_calls"] == 0, "nothing is open")
        self.sim.fault("trigger", "delay", ms=2000)
        with self.assertRaises(socket.timeout):
            call(self.sim.url, "POST", f"{V3}/trigger?dataset_id={FACEBOOK}", [input_for()], AUTH, timeout=0.2)
        wait_for(lambda: self.sim.stats()["open_calls"] == 0, "nothing is open")
        self.assertEqual(len(self.sim.jobs()), 1, "its time has not come")
        wait_for(lambda: len(self.sim.jobs()) == 2, "it is carried out all the same")
        wait_for(lambda: self.sim.stats()["open_calls"] == 0, "nothing is open")
        self.assertEqual(self.sim.stats()["max_open_calls"], 1)


class Control(Case):
    def test_bad_input_is_refused_with_a_sentence(self):
        self.start()
        bad = [("set", {"ready_after": "soon"}, "ready_after"), ("set", {"speed": 3}, "speed"),
               ("set", {"vocabulary": "french"}, "default, collecting"), ("set", "{", "JSON"),
               ("faults", {"call": "trigger", "kind": "nap"}, "kind"), ("expire", {}, "snapshot_id"),
               ("expire", {"snapshot_id": "sd_none"}, "no job")]
        for path, body, says in bad:
            with self.subTest(says):
                answer = call(self.sim.url, "POST", f"/_sim/{path}", body)
                self.assertEqual(answer.status, 400)
                self.assertIn(says, answer.json["error"])

    def test_settings_are_shown_and_faults_listed(self):
        self.start()
        self.sim.set(building=7, list_lag=1.5)
        shown = self.sim.get("/_sim/set")
        self.assertEqual((shown["building"], shown["list_lag"], shown["running_cap"], shown["block"]),
                         (7, 1.5, 100, "403"))
        self.sim.fault("trigger", "delay", ms=5, count=3)
        listed = self.sim.get("/_sim/faults")
        self.assertEqual((listed[0]["call"], listed[0]["kind"], listed[0]["count"], listed[0]["ms"]),
                         ("trigger", "delay", 3, 5))

    def test_stats_and_reset(self):
        self.start()
        job = self.job()
        self.progress(job)
        self.get("/progress/sd_none")
        stats = self.sim.stats()
        self.assertEqual((stats["calls"]["trigger"], stats["calls"]["progress"]), (1, 2))
        self.assertEqual(stats["answers"], {"200": 2, "404": 1})
        self.assertEqual(self.ledger(job)["progress_calls"], 1)
        self.sim.fault("any", "reset")
        self.assertEqual(call(self.sim.url, "POST", "/_sim/reset").status, 200)
        self.assertEqual(self.sim.get("/_sim/jobs"), {"count": 0, "jobs": []})
        self.assertEqual(self.sim.stats()["answers"], {})
        self.assertEqual(self.get(f"/progress/{job}").status, 404)

    def test_the_seed_repeats_a_run(self):
        bodies = []
        for _ in range(2):
            self.start("--building", "0")
            job = self.job()
            rows = self.download(job).json
            bodies.append((job[11:], [(r["post_id"], r["content"]) for r in rows]))
            self.stop()
        self.assertEqual(bodies[0], bodies[1])

    def test_ids_begin_with_their_time(self):
        self.start()
        before = time.time() * 1000
        job = self.job()
        # Two clocks, each cut to milliseconds, make the simulator's.
        self.assertTrue(before - 2 <= int(job[3:11], 36) <= time.time() * 1000 + 2, job)

    def test_usage(self):
        for options, status, says in ((["--port", "x"], 64, "--port"), (["--prot", "1"], 64, "did you mean --port?"),
                                      (["--records"], 64, "needs a value"), (["word"], 64, "word"),
                                      (["--seed", "-1"], 64, "--seed"), (["--key", ""], 64, "--key"),
                                      (["--help"], 0, "Examples:"), (["--version"], 0, "trawl-sim ")):
            with self.subTest(options):
                done = subprocess.run([BUILD / "trawl-sim", *options], capture_output=True, text=True,
                                      timeout=30)
                self.assertEqual(done.returncode, status)
                self.assertIn(says, done.stdout + done.stderr)

    def test_many_fresh_connections(self):
        self.start("--running-cap", "0")
        self.sim.set(ready_after=3600)
        for _ in range(300):
            self.assertEqual(self.trigger().status, 200)
        self.assertEqual(self.sim.get("/_sim/jobs?summary=1")["count"], 300)


if __name__ == "__main__":
    unittest.main()
