"""Clients of a trawld whose listening socket systemd holds, while trawld restarts, reloads, dies."""

import collections
import http.client
import itertools
import json
import pathlib
import signal
import socket
import threading
import time
import unittest
import urllib.parse

from harness import SANITIZED, wait_for
from test_supervisor import SupervisorTest

RATE = 40 if SANITIZED else 200  # requests a second
KEPT = 4  # clients that keep their connection
TRIGGER = {"platform": "facebook", "competitor": "acme", "num_of_posts": 1}


def errors():
    return (OSError, http.client.HTTPException)


class Load:
    """RATE requests a second on fresh connections, every fourth a trigger; beside it clients that keep
    theirs. Whatever goes wrong on a fresh connection counts; on a kept one only what is not the
    closing of an idle connection."""

    def __init__(self, url, again=False):
        self.host = urllib.parse.urlsplit(url)
        self.again = again  # a trigger that was cut off is sent again with its key
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.wrong, self.cut = [], []
        self.answers = collections.Counter()
        self.triggered = {}  # page -> crawl id
        self.numbers = itertools.count()
        self.threads = [threading.Thread(target=self.run_fresh, args=(n,)) for n in range(8)]
        self.threads += [threading.Thread(target=self.run_kept) for _ in range(KEPT)]

    def __enter__(self):
        self.begin = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.end = time.monotonic()
        for thread in self.threads:
            thread.join()

    def connect(self):
        return http.client.HTTPConnection(self.host.hostname, self.host.port, timeout=30)

    @staticmethod
    def ask(connection, method, path, body=None, headers=None):
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response, response.read()

    def count(self, response, body, good=(200, 202)):
        with self.lock:
            self.answers[response.status] += 1
            if response.status not in good:
                self.wrong.append((response.status, body[:300]))

    def once(self, *what):
        connection = self.connect()
        try:
            return self.ask(connection, *what)
        except ConnectionRefusedError as error:
            self.wrong.append(error)
        except errors() as error:
            (self.cut if self.again else self.wrong).append(error)
        finally:
            connection.close()
        return None

    def trigger(self, number):
        page = f"https://www.facebook.com/page{number}"
        what = ("POST", "/api/v1/crawl/trigger", json.dumps({**TRIGGER, "url": page}),
                {"Content-Type": "application/json", "Idempotency-Key": f"restart-{number}"})
        answer = self.once(*what)
        while answer is None and self.again:
            time.sleep(0.05)
            answer = self.once(*what)
        if answer:
            self.count(*answer)
            if answer[0].status in (200, 202):
                with self.lock:
                    self.triggered[page] = json.loads(answer[1])["crawl_id"]

    def path(self, number):
        """A question that has one right answer; health may say that pollers are only just coming."""
        with self.lock:
            known = list(self.triggered.values())
        return f"/api/v1/crawl/{known[number % len(known)]}/status" if known else "/health"

    def look(self, number):
        answer = self.once("GET", self.path(number))
        if answer:
            self.count(*answer)

    def run_fresh(self, lane):
        while not self.stop.is_set():
            number = next(self.numbers)
            at = self.begin + number / RATE
            if (pause := at - time.monotonic()) > 0 and self.stop.wait(pause):
                return
            self.trigger(number) if number % 4 == 0 else self.look(number)

    def run_kept(self):
        connection, used = self.connect(), False
        while not self.stop.wait(0.05):
            try:
                self.count(*self.ask(connection, "GET", self.path(0)))
                used = True
            except errors() as error:
                if isinstance(error, ConnectionRefusedError) or not used and not self.again:
                    self.wrong.append(error)  # it was fresh
                connection.close()
                connection, used = self.connect(), False
            else:
                if connection.sock is None:  # it was told Connection: close
                    used = False
        connection.close()


class Restart(SupervisorTest):
    def setUp(self):
        super().setUp()
        self.simulator = self.sim()
        self.simulator.set(building=0)
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(4096)
        self.addCleanup(self.listener.close)
        self.daemon = self.trawld(self.simulator, start=False, BACKGROUND_POLL_INTERVAL="1s",
                                  LOG_LEVEL="info", PORT=str(self.listener.getsockname()[1]))
        self.start_given(self.daemon, self.listener)

    def start_again(self):
        self.start_given(self.daemon, self.listener)

    def check(self, load):
        self.assertEqual(load.wrong, [])
        self.assertGreater(sum(load.answers.values()), RATE * (load.end - load.begin) / 2)
        for page, crawl_id in load.triggered.items():
            self.daemon.wait_status(crawl_id, seconds=120)
        pages = [job["inputs"][0]["url"] for job in self.simulator.jobs()]
        self.assertEqual(sorted(pages), sorted(load.triggered))

    def run_for(self, load, seconds):
        end = time.monotonic() + seconds
        wait_for(lambda: time.monotonic() > end, "time goes by")

    def test_restarts_refuse_nobody_and_cut_nobody_off(self):
        with Load(self.daemon.url) as load:
            for _ in range(2):
                self.run_for(load, 1)
                self.assertEqual(self.daemon.stop(), 0)
                self.start_again()
            self.run_for(load, 1)
        self.check(load)

    def test_reloads_refuse_nobody_and_cut_nobody_off(self):
        with Load(self.daemon.url) as load:
            for _ in range(3):
                mark = len(self.daemon.log())
                self.daemon.change()
                self.daemon.program.send(signal.SIGHUP)
                wait_for(lambda: "reloaded: " in self.daemon.log()[mark:], "reloaded")
            self.run_for(load, 1)
        self.check(load)

    def test_kill_of_the_supervisor_refuses_nobody_and_loses_no_crawl(self):
        with Load(self.daemon.url, again=True) as load:
            for _ in range(2):
                self.run_for(load, 1)
                self.daemon.kill()
                self.start_again()
            self.run_for(load, 1)
        self.check(load)

    # Single connections in the states that a restart may find them in.

    def raw(self):
        connection = socket.create_connection(("127.0.0.1", self.listener.getsockname()[1]), timeout=30)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def read_all(connection):
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)

    def assert_answered(self, connection):
        answer = self.read_all(connection)
        self.assertRegex(answer, rb"^HTTP/1.1 20[02] ")
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])

    def test_requests_that_a_drain_finds_half_sent_or_not_yet_sent_are_answered(self):
        health = b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n"
        body = json.dumps({**TRIGGER, "url": "https://www.facebook.com/half"}).encode()
        trigger = (b"POST /api/v1/crawl/trigger HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                   b"Content-Length: %d\r\n\r\n" % len(body)) + body
        half_head, half_body, silent, kept = (self.raw() for _ in range(4))
        half_head.sendall(health[:20])
        half_body.sendall(trigger[:-10])
        kept.sendall(health)
        self.assertRegex(kept.recv(65536), rb"^HTTP/1.1 200 ")
        kept.sendall(health[:20])
        wait_for(lambda: self.accepted() >= 4, "all are accepted")
        self.daemon.program.send(signal.SIGTERM)
        wait_for(lambda: "draining" in self.daemon.log(), "the drain")
        silent.sendall(health)
        half_head.sendall(health[20:])
        kept.sendall(health[20:])
        half_body.sendall(trigger[-10:])
        for connection in (silent, half_head, kept):
            self.assert_answered(connection)
        crawl_id = self.assert_answered(half_body)["crawl_id"]
        self.assertEqual(self.daemon.stop(), 0)
        late = self.raw()
        late.sendall(b"GET /api/v1/crawl/%s/status HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n" % crawl_id.encode())
        self.start_again()
        self.assertEqual(self.assert_answered(late)["crawl_id"], crawl_id)

    def accepted(self):
        """Established connections to the port that a process has taken from the backlog."""
        port = f":{self.listener.getsockname()[1]:04X}"
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(r[1].endswith(port) and r[3] == "01" and r[9] != "0" for r in rows)


if __name__ == "__main__":
    unittest.main()
