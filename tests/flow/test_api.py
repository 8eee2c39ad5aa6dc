"""The API's refusals, from outside: each is JSON, names what was wrong, changes nothing."""

import json
import resource
import select
import socket
import threading
import time
import unittest
import urllib.parse

from harness import REQUEST, FlowTest, call, wait_for

TRIGGER = "/api/v1/crawl/trigger"


class Api(FlowTest):
    def setUp(self):
        super().setUp()
        self.provider = self.sim()
        self.daemon = self.trawld(self.provider)

    def refused(self, answer, status, code, *words):
        self.assertEqual(answer.status, status, answer)
        self.assertTrue(answer.headers["Content-Type"].startswith("application/json"), answer.headers)
        body = answer.json
        self.assertEqual((body["status"], body["error_code"]), ("error", code), body)
        for member in ("message", "recovery_suggestion", "request_id"):
            self.assertTrue(body[member], body)
        self.assertEqual(answer.headers["X-Request-Id"], body["request_id"])
        for word in words:
            self.assertIn(word, body["message"])
        return body

    def raw(self, text):
        """Bytes to the port as they are; what comes back until the end."""
        url = urllib.parse.urlsplit(self.daemon.url)
        with socket.create_connection((url.hostname, url.port), timeout=20) as s:
            s.sendall(text)
            s.settimeout(20)
            got = b""
            while True:
                try:
                    part = s.recv(65536)
                except ConnectionResetError:
                    return got
                if not part:
                    return got
                got += part

    def test_bad_trigger_bodies_name_what_is_wrong(self):
        day = REQUEST["start_date"]
        table = [
            ({**REQUEST, "surprise": 1}, "surprise"),
            ({**REQUEST, "num_of_posts": "10"}, "num_of_posts"),
            ({**REQUEST, "num_of_posts": 0}, "num_of_posts"),
            ({**REQUEST, "num_of_posts": 1.5}, "num_of_posts"),
            ({**REQUEST, "include_profile_data": "yes"}, "include_profile_data"),
            ({**REQUEST, "platform": "myspace"}, "myspace"),
            ({**REQUEST, "start_date": "2024-02-30"}, "start_date"),
            ({**REQUEST, "end_date": "24-12-2024"}, "end_date"),
            ({**REQUEST, "start_date": "2024-12-25", "end_date": day}, "start_date"),
            ({**REQUEST, "url": "ftp://example.com/"}, "url"),
            ({**REQUEST, "url": "https://example.com/"}, "facebook.com"),
            ({"url": "https://example.com/"}, "tiktok"),
            ({**REQUEST, "url": 7}, "url"),
            ({k: v for k, v in REQUEST.items() if k != "url"}, "url"),
            ({**REQUEST, "dataset_id": "no such/id"}, "dataset_id"),
            ({**REQUEST, "competitor": "x" * 300}, "competitor"),
            ({**REQUEST, "brand": "a\u0000b"}, "u0000"),
            ([], ""), ("text", ""),
        ]
        for body, word in table:
            with self.subTest(word=word, body=str(body)[:60]):
                text = json.dumps(body)
                answer = self.daemon.post(TRIGGER, text, headers={"Content-Type": "application/json"})
                self.refused(answer, 400, "INVALID_REQUEST", word)
        for text in ("", "{", '{"url":1,"url":2}', "{} x", '{"url":"\\ud800"}', "[" * 5000):
            with self.subTest(text=text[:20]):
                answer = self.daemon.post(TRIGGER, text, headers={"Content-Type": "application/json"})
                self.refused(answer, 400, "INVALID_REQUEST")
        self.assertEqual(self.provider.jobs(), [])

    def test_paths_methods_and_types(self):
        nobody = "0190a0b0-0000-7000-8000-000000000000"
        self.refused(self.daemon.get("/nothing/here"), 404, "NOT_FOUND")
        self.refused(self.daemon.get(f"/api/v1/crawl/{nobody}/status"), 404, "NOT_FOUND", nobody)
        self.refused(self.daemon.post(f"/api/v1/crawl/{nobody}/download"), 404, "NOT_FOUND", nobody)
        self.refused(self.daemon.get("/api/v1/crawl/..%2f..%2fetc/status"), 404, "NOT_FOUND")
        answer = self.daemon.get(TRIGGER)
        self.refused(answer, 405, "METHOD_NOT_ALLOWED")
        self.assertIn("POST", answer.headers["Allow"])
        self.refused(call(self.daemon.url, "DELETE", "/health"), 405, "METHOD_NOT_ALLOWED")
        self.refused(call(self.daemon.url, "PATCH", TRIGGER, "{}", {"Content-Type": "application/json"}),
                     405, "METHOD_NOT_ALLOWED")
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            self.refused(self.daemon.post(TRIGGER, json.dumps(REQUEST), headers={"Content-Type": kind}),
                         415, "UNSUPPORTED_MEDIA_TYPE")
        answer = self.daemon.post(TRIGGER, json.dumps({**REQUEST, "brand": "b" * 100000}),
                                  headers={"Content-Type": "application/json"})
        self.refused(answer, 413, "PAYLOAD_TOO_LARGE")

    def test_sizes_and_shapes_that_evhttp_would_let_through(self):
        host = b"Host: 127.0.0.1\r\n"
        post = b"POST /api/v1/crawl/trigger HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
        table = [
            (b"413", post + b"Content-Length: 9999999999\r\n\r\n"),
            (b"431", b"GET /health HTTP/1.1\r\n" + host + b"X: " + b"a" * 20000 + b"\r\n\r\n"),
            (b"414", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + host + b"\r\n"),
            (b"400", post + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
            (b"400", post + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (b"400", b"GET /health HTTP/1.1\r\n\r\n"),
            (b"400", b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n"),
            (b"400", b"GET /health HTTP/1.1\r\n" + host + b"A: b\0c\r\n\r\n"),
        ]
        for status, text in table:
            with self.subTest(status=status, text=text[:50]):
                got = self.raw(text)
                self.assertTrue(got.startswith(b"HTTP/1.1 " + status), got[:300])
                head, _, body = got.partition(b"\r\n\r\n")
                self.assertEqual(json.loads(body)["status"], "error")

    def test_request_ids_are_taken_over_or_made(self):
        mine = self.daemon.get("/health", headers={"X-Request-Id": "abc-123"})
        self.assertEqual(mine.headers["X-Request-Id"], "abc-123")
        made = self.daemon.get("/health", headers={"X-Request-Id": "bad id!"})
        self.assertNotIn("!", made.headers["X-Request-Id"])
        self.assertTrue(made.headers["X-Request-Id"])

    def test_health_tells_the_truth(self):
        health = self.daemon.get("/health")
        self.assertEqual(health.status, 200)
        body = health.json
        self.assertEqual((body["status"], body["service"]), ("healthy", "data-ingestion"))
        self.assertEqual(body["background_tasks"], {"active_count": 0, "max_workers": 2, "enabled": True})
        self.provider.set(ready_after=3600)
        self.daemon.trigger()
        wait_for(lambda: self.daemon.get("/health").json["background_tasks"]["active_count"] == 1, "it is counted")

    def narrow(self, count):
        """A daemon with room for fewer than count connections, its address, and a trigger under way there."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 2 * count:
            self.skipTest(f"{hard} descriptors are too few")
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * count, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.provider.fault("trigger", "delay", ms=4000)
        daemon = self.trawld(self.provider, FRONT_WORKERS="1", DATA_DIR=str(self.folder / "narrow"))
        url = urllib.parse.urlsplit(daemon.url)
        body = json.dumps(REQUEST).encode()
        busy = socket.create_connection((url.hostname, url.port), timeout=20)
        self.addCleanup(busy.close)
        busy.sendall(b"POST /api/v1/crawl/trigger HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                     b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return daemon, url, busy

    def test_silent_connections_keep_nobody_out(self):
        """More than a front has room for; the one with a request under way stays."""
        count = 1100
        daemon, url, busy = self.narrow(count)
        silent = []
        for _ in range(count):
            silent.append(socket.create_connection((url.hostname, url.port), timeout=20))
            self.addCleanup(silent[-1].close)
        for _ in range(20):
            begun = time.monotonic()
            self.assertEqual(daemon.get("/health").status, 200)
            self.assertLess(time.monotonic() - begun, 5)
        wait_for(lambda: "connections are taken" in daemon.log(), "it is told")
        ended = select.poll()
        for s in silent:
            ended.register(s, select.POLLIN)
        self.assertGreater(len(ended.poll(0)), 50, "made room")
        self.assertTrue(busy.recv(65536).startswith(b"HTTP/1.1 200 "))

    def test_slow_senders_keep_nobody_out(self):
        """More than a front has room for, a byte at a time; each that is closed comes again."""
        count = 1100
        daemon, url, busy = self.narrow(count)
        starts = [b"GET /health HTTP/1.1\r\nHost: x\r\nA: ",
                  b"POST /api/v1/crawl/trigger HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{"]
        slow = [None] * count
        done, again = threading.Event(), [0]

        def begin(i):
            slow[i] = socket.create_connection((url.hostname, url.port), timeout=20)
            slow[i].sendall(starts[i % 2])
            slow[i].setblocking(False)

        def drip():
            while not done.wait(0.1):
                for i, s in enumerate(slow):
                    try:
                        s.send(b"a")
                    except BlockingIOError:
                        pass
                    except OSError:
                        s.close()
                        again[0] += 1
                        begin(i)

        for i in range(count):
            begin(i)
        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            for _ in range(20):
                begun = time.monotonic()
                self.assertEqual(daemon.get("/health").status, 200)
                self.assertLess(time.monotonic() - begun, 2)
            wait_for(lambda: again[0] > 200, "slow senders make room")
            wait_for(lambda: "connections are taken" in daemon.log(), "it is told")
            self.assertEqual(daemon.get("/health").status, 200)
            self.assertTrue(busy.recv(65536).startswith(b"HTTP/1.1 200 "))
        finally:
            done.set()
            dripping.join()
            for s in slow:
                s.close()

    def test_the_unix_socket_speaks_the_same(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(self.daemon.data / "api.sock"))
            s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            got = b""
            while part := s.recv(65536):
                got += part
        self.assertTrue(got.startswith(b"HTTP/1.1 200"), got)


if __name__ == "__main__":
    unittest.main()
