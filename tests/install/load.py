#!/usr/bin/env python3
"""Clients that do not stop coming: requests at a steady rate, each on a connection of its own.

    load.py PORT RATE SEED

Until SIGTERM; then what became of them, as JSON. One request in CRAWL_EVERY starts a crawl of
a page of its own; of the others every second asks for the state of such a crawl. A request is
sent when its time has come, whether or not those before it have been answered.
"""

import asyncio
import json
import signal
import sys
import time

CRAWL_EVERY = 40
PATIENCE = 30  # seconds until an answer counts as missing


class Load:
    def __init__(self, port, rate, seed):
        self.port, self.rate, self.seed = port, rate, seed
        self.sent, self.slowest = 0, 0.0
        self.statuses, self.failures, self.examples = {}, {}, []
        self.crawls = {}  # id -> page
        self.ending = asyncio.Event()

    def request(self, n):
        """Method, path, body of the n-th request, and the page it asks for, if it does."""
        if n % CRAWL_EVERY == 0:
            page = f"https://www.facebook.com/{self.seed}-{n}"
            return "POST", "/api/v1/crawl/trigger", json.dumps({"url": page, "num_of_posts": 10}), page
        if n % 2 and self.crawls:
            ids = list(self.crawls)
            return "GET", f"/api/v1/crawl/{ids[n % len(ids)]}/status", "", None
        return "GET", "/health", "", None

    async def one(self, n):
        method, path, body, page = self.request(n)
        head = (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
        start = time.monotonic()
        try:
            status, answer = await asyncio.wait_for(self.exchange((head + body).encode()), PATIENCE)
        except ConnectionRefusedError:
            self.fail("refused", path)
        except ConnectionError as error:
            self.fail("reset", f"{path}: {error}")
        except asyncio.TimeoutError:
            self.fail("no answer", path)
        except (EOFError, ValueError) as error:
            self.fail("cut off", f"{path}: {error}")
        else:
            self.count(status, path, answer, page)
        self.slowest = max(self.slowest, time.monotonic() - start)

    async def exchange(self, request):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line.split(b":")[1] for line in head.split(b"\r\n")
                      if line.lower().startswith(b"content-length:")]
            body = await reader.readexactly(int(length[0])) if length else await reader.read()
            return int(head.split()[1]), body
        finally:
            writer.close()

    def count(self, status, path, answer, page):
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status not in (200, 202):
            self.example(f"{path}: {status} {answer[:300].decode(errors='replace')}")
        elif page:
            self.crawls[json.loads(answer)["crawl_id"]] = page

    def fail(self, kind, detail):
        self.failures[kind] = self.failures.get(kind, 0) + 1
        self.example(f"{kind}: {detail}")

    def example(self, text):
        if len(self.examples) < 10:
            self.examples.append(f"{time.strftime('%H:%M:%S')} {text}")

    async def run(self):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.ending.set)
        print("started", flush=True)
        start, open_requests = time.monotonic(), set()
        while not self.ending.is_set():
            due = int((time.monotonic() - start) * self.rate)
            while self.sent <= due:
                task = loop.create_task(self.one(self.sent))
                open_requests.add(task)
                task.add_done_callback(open_requests.discard)
                self.sent += 1
            await asyncio.sleep(1 / self.rate)
        seconds = time.monotonic() - start
        if open_requests:
            await asyncio.wait(open_requests)
        print(json.dumps({
            "sent": self.sent, "rate": self.sent / seconds, "slowest": self.slowest, "crawls": self.crawls,
            "statuses": self.statuses, "failures": self.failures, "examples": self.examples}), flush=True)


if __name__ == "__main__":
    async def main():
        await Load(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).run()
    asyncio.run(main())
