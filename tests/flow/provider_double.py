"""The server of the second provider (provider_double.c): runs of actors, in the process of the test."""

import http.server
import json
import re
import threading
import time
import urllib.parse

ITEMS = 5
PICTURES = 3


def now():
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


def items(run):
    """Five videos, a slide show and one that could not be had."""
    found = [{"id": str(n), "text": "caf\u00e9 \U0001f680", "webVideoUrl": f"{run['input']['profiles'][0]}/video/{n}",
              "videoMeta": {"duration": n}, "slideshowImageLinks": []} for n in range(1, ITEMS + 1)]
    slides = {"id": "9", "webVideoUrl": "https://www.tiktok.com/@acme/photo/9", "videoMeta": None,
              "slideshowImageLinks": [{"tiktokLink": f"l{n}"} for n in range(PICTURES)]}
    gone = {"url": "https://www.tiktok.com/@acme/video/7", "error": "Post not found", "errorCode": "POST_NOT_FOUND"}
    return found + [slides, gone]


class Double:
    """What it was asked is in calls, the runs it made in runs. A fault answers the next calls that fit in its place."""

    def __init__(self, key, polls=2):
        self.key, self.polls = key, polls
        self.calls, self.runs, self.faults = [], {}, []
        self.lock = threading.Lock()
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                double.serve(self)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def fault(self, pattern, status, kind="", times=1, does=False, **headers):
        """does: the call has its effect all the same."""
        with self.lock:
            self.faults.append({"pattern": pattern, "status": status, "kind": kind, "times": times, "does": does,
                                "headers": {k.replace("_", "-"): v for k, v in headers.items()}})

    def asked(self, pattern):
        with self.lock:
            return [c for c in self.calls if re.search(pattern, c)]

    def serve(self, call):
        body = call.rfile.read(int(call.headers.get("Content-Length", 0)))
        with self.lock:
            name = f"{call.command} {call.path}"
            self.calls.append(name)
            fault = next((f for f in self.faults if f["times"] and re.search(f["pattern"], name)), None)
            if fault:
                fault["times"] -= 1
                if fault["does"]:
                    self.answer(call, body)
                status, said, headers = fault["status"], {"error": {"type": fault["kind"]}}, fault["headers"]
            else:
                (status, said), headers = self.answer(call, body), {}
        text = json.dumps(said).encode()
        call.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": len(text), **headers}.items():
            call.send_header(key, str(value))
        call.end_headers()
        call.wfile.write(text)

    def answer(self, call, body):
        url = urllib.parse.urlsplit(call.path)
        if call.headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {"error": {"type": "user-or-token-not-found"}}
        made = re.fullmatch(r"/v2/actors/([\w~-]+)/runs", url.path)
        if made and call.command == "POST":
            run = {"id": f"run{len(self.runs):014d}", "status": "READY", "startedAt": now(), "actId": made[1],
                   "input": json.loads(body), "polls": 0}
            self.runs[run["id"]] = run
            return 201, {"data": run}
        if made:
            query = dict(urllib.parse.parse_qsl(url.query))
            found = [r for r in self.runs.values() if r["actId"] == made[1] and r["startedAt"] > query["startedAfter"]]
            skip = int(query["offset"])
            return 200, {"data": {"total": len(found), "items": found[skip:skip + int(query["limit"])]}}
        known = re.fullmatch(r"/v2/actor-runs/(\w+)(/.*)?", url.path)
        if not known or known[1] not in self.runs:
            return 404, {"error": {"type": "record-not-found"}}
        return self.about(self.runs[known[1]], f"{call.command} {known[2] or ''}")

    def about(self, run, what):
        if what == "GET ":
            run["polls"] += 1
            if run["status"] in ("READY", "RUNNING"):
                run["status"] = "SUCCEEDED" if run["polls"] > self.polls else "RUNNING"
            return 200, {"data": run}
        if what == "POST /abort":
            run["status"] = "ABORTED"
            return 200, {"data": run}
        if what == "GET /key-value-store/records/INPUT":
            return 200, run["input"]
        if what == "GET /dataset/items":
            return 200, items(run)
        return 404, {"error": {"type": "page-not-found"}}
