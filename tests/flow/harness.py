"""What the flow tests share: real programs on free ports in temporary folders.

A test makes a Sim and a Trawld, talks to them over HTTP, looks at the files, and
waits for conditions, never for a time. Logs go to files and are printed only when
a test fails. The build folder is $TRAWLD_BUILD (default: build).
"""

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

BUILD = pathlib.Path(os.environ.get("TRAWLD_BUILD", "build")).resolve()
SANITIZED = "address" in BUILD.name or "thread" in BUILD.name
PATIENCE = 60 if SANITIZED else 30  # seconds a condition may take before the test fails
MANY = int(os.environ.get("TRAWLD_MANY", "150" if SANITIZED else "300"))  # crawls of a test of many
THOROUGH = MANY >= 1000  # make check-many: what takes minutes is shown, too
KEY = "flow-test-key-7f3a"  # looked for in logs, environments and command lines

REQUEST = {  # all ten members of the trigger body
    "dataset_id": "gd_lkaxegm826bjpoo9m5",
    "platform": "facebook",
    "competitor": "acme",
    "brand": "acme brand",
    "category": "snacks",
    "url": "https://www.facebook.com/acme",
    "start_date": "2024-12-01",
    "end_date": "2024-12-24",
    "include_profile_data": True,
    "num_of_posts": 10,
}


serial = itertools.count(1)
ROLES = ("keeper", "publisher", "poller", "front")


def wait_for(condition, what, seconds=None):
    """Calls condition() until it gives something true; returns that."""
    end = time.monotonic() + (seconds or PATIENCE)
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


def call(base, method, path, body=None, headers=None, timeout=60):
    """One HTTP call on a connection of its own."""
    url = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    try:
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class Program:
    """One started program, its log in a file."""

    def __init__(self, argv, log, env=None, stdout=None, stderr=None, **options):
        self.log_path = pathlib.Path(log)
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.DEVNULL,
            stdout=stdout or self.log_file, stderr=stderr or self.log_file,
            env=env, **options)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def send(self, number):
        if self.alive():
            self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it; the exit status. A program that does not go is killed and that is a failure."""
        self.send(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.process.args[0]} did not end within {seconds} s")
        finally:
            self.log_file.close()


def logged(program, pattern, start=0):
    return re.search(pattern, program.log()[start:], re.M)


class Sim:
    """trawl-sim on a free port."""

    def __init__(self, folder, *options, program=BUILD / "trawl-sim"):
        self.program = Program(
            [program, "--port", "0", "--exit-with-parent", *options],
            pathlib.Path(folder) / f"sim-{next(serial)}.log")
        try:
            found = wait_for(
                lambda: logged(self.program, r"listening on (http://\S+)") or
                (not self.program.alive() and self.fail_start()), "trawl-sim listens")
            self.url = found.group(1)
        except BaseException:
            self.program.process.kill()
            raise

    def fail_start(self):
        raise AssertionError("trawl-sim ended: " + self.program.log())

    def get(self, path):
        return call(self.url, "GET", path).json

    def jobs(self):
        return self.get("/_sim/jobs")["jobs"]

    def stats(self):
        return self.get("/_sim/stats")

    def set(self, **what):
        answer = call(self.url, "POST", "/_sim/set", what)
        assert answer.status == 200, answer

    def fault(self, call_name, kind, **more):
        answer = call(self.url, "POST", "/_sim/faults", {"call": call_name, "kind": kind, **more})
        assert answer.status in (200, 201), answer

    def heal(self):
        assert call(self.url, "DELETE", "/_sim/faults").status == 200

    def snapshot_bytes(self, snapshot_id):
        """What the provider sends for a finished job, fetched by the test itself."""
        path = f"/datasets/v3/snapshot/{snapshot_id}?format=json"
        headers = {"Authorization": f"Bearer {KEY}"}
        return wait_for(
            lambda: (lambda a: a.body if a.status == 200 else None)(
                call(self.url, "GET", path, headers=headers)), "the simulator gives the snapshot")

    def stop(self):
        return self.program.stop()


class Relay:
    """A port before a provider that can be closed and opened again, so that nobody is there for a while."""

    def __init__(self, url):
        far = urllib.parse.urlsplit(url)
        self.far = far.hostname, far.port
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.port, self.lanes = 0, set()
        self.open()
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def open(self):
        self.run(self._open())

    def close(self, seconds=0):
        """Nobody is let in any more; those who are inside are thrown out after so many seconds."""
        self.run(self._close(seconds))

    def stop(self):
        self.close()
        self.run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.loop.add_reader(self.listener, self._let_in)

    async def _close(self, seconds):
        if self.listener.fileno() >= 0:
            self.loop.remove_reader(self.listener)
            self._let_in()  # to close the port resets who waits before it
            self.listener.close()
        await asyncio.sleep(seconds)
        for lane in self.lanes:
            lane.transport.abort()

    def _let_in(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.loop.create_task(self._serve(self.listener.accept()[0]))

    @staticmethod
    async def _end():
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the next turn

    async def _serve(self, near):
        lanes = set()
        near.setblocking(False)
        with near, contextlib.suppress(OSError, asyncio.CancelledError):
            reader, writer = await asyncio.open_connection(sock=near)
            lanes.add(writer)
            self.lanes.add(writer)
            far_reader, far_writer = await asyncio.open_connection(*self.far)
            lanes.add(far_writer)
            self.lanes.add(far_writer)
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        for lane in lanes:
            lane.transport.abort()
        self.lanes -= lanes

    @staticmethod
    async def _pass(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


class Trawld:
    """trawld with all its children, its data in a folder of the test."""

    QUICK = {  # the same program, only quicker: what a test would wait for otherwise
        "BACKGROUND_POLL_INTERVAL": "100ms",
        "BACKGROUND_MAX_POLLS": "3000",
        "BACKGROUND_MAX_WORKERS": "2",
        "FRONT_WORKERS": "2",
        "RECONCILE_DELAY": "200ms",
        "LOG_LEVEL": "debug",
    }

    def __init__(self, folder, provider, start=True, programs=BUILD, **conf):
        self.folder = pathlib.Path(folder)
        self.data = pathlib.Path(conf.get("DATA_DIR", self.folder / "data"))
        self.log_path = self.folder / f"trawld-{next(serial)}.log"
        self.file = self.log_path.with_suffix(".env")
        self.file.write_text("")
        self.provider = provider
        self.programs = programs
        self.conf = {**self.QUICK, **conf}
        self.program = None
        self.url = None
        self.starts = 0
        if start:
            self.start()

    def environment(self):
        keep = {k: v for k, v in os.environ.items()
                if k in ("PATH", "TZ", "LANG", "LC_ALL") or k.endswith("SAN_OPTIONS")}
        return {**keep, "BRIGHTDATA_API_KEY": KEY, "BRIGHTDATA_BASE_URL": self.provider,
                "DATA_DIR": str(self.data), "PORT": "0", **self.conf}

    def launch(self, *options, program=(), **more):
        """Starts the program, by another one if given, without waiting for it to serve."""
        self.mark = len(self.log())
        if "--config" not in options:
            options = ("--config", self.file, *options)
        self.program = Program([*program, self.programs / "trawld", *options], self.log_path,
                               env=self.environment(), **more)
        self.starts += 1

    def start(self, *options, **more):
        self.launch(*options, **more)
        found = wait_for(
            lambda: logged(self.program, r"ready: (http://\S+)", self.mark) or
            (not self.program.alive() and self.fail_start()), "trawld is ready")
        self.url = found.group(1).rstrip(",;")

    def change(self):
        """Changes what every process reads, and none behaves otherwise for: a reload replaces them all."""
        self.file.write_text("" if self.file.read_text() else "LOG_FORMAT=text\n")

    def fail_start(self):
        raise AssertionError("trawld ended: " + self.log()[self.mark:])

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self, number=signal.SIGTERM):
        return self.program.stop(number)

    def kill(self):
        """kill -9 of the supervisor; waits until no child is left."""
        pids = [pid for pids in self.children().values() for pid in pids]
        self.program.process.kill()
        self.program.process.wait()
        self.program.log_file.close()
        wait_for(lambda: not any(running(p) for p in pids), "the children of a dead supervisor leave")

    def children(self):
        """Role -> pids, of this trawld's living children."""
        found = {}
        if self.program is None:
            return found
        for pid in child_pids(self.program.pid):
            role = role_of(pid)
            if role:
                found.setdefault(role, []).append(pid)
        return found

    def kill_child(self, role, which=0):
        """kill -9 of one child; returns its pid. It is gone when this returns."""
        pids = wait_for(lambda: self.children().get(role), f"a {role} runs")
        pid = pids[which % len(pids)]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not running(pid), f"{role} {pid} is gone")
        return pid

    # The API.

    def post(self, path, body=None, **options):
        return call(self.url, "POST", path, body, **options)

    def get(self, path, **options):
        return call(self.url, "GET", path, **options)

    def trigger(self, request=None, **changes):
        answer = self.post("/api/v1/crawl/trigger", {**(request or REQUEST), **changes})
        assert answer.status in (200, 202), answer
        return answer.json["crawl_id"]

    def patiently(self, method, path, body=None, headers=None):
        """A call that is made again when a killed process cut it off: what a client does."""
        def attempt():
            try:
                answer = call(self.url, method, path, body, headers)
            except (OSError, http.client.HTTPException):
                return None
            return None if answer.status == 503 else answer
        return wait_for(attempt, f"{method} {path} is answered")

    def status(self, crawl_id):
        answer = self.patiently("GET", f"/api/v1/crawl/{crawl_id}/status")
        assert answer.status == 200, answer
        return answer.json

    def wait_status(self, crawl_id, *wanted, seconds=None):
        wanted = wanted or ("completed",)
        ended = ("completed", "failed", "canceled")

        def look():
            status = self.status(crawl_id)
            if status["status"] in wanted:
                return status
            if status["status"] in ended:
                raise AssertionError(f"the crawl ended otherwise: {status}")
            return None
        return wait_for(look, f"crawl {crawl_id} becomes {' or '.join(wanted)}", seconds)

    def event_files(self):
        """The oldest first."""
        return sorted(self.data.glob("events.ndjson*"), key=lambda path: -int(path.suffix[1:].replace("ndjson", "0")))

    def event_lines(self):
        """Whole lines of all files as they are at one moment, between two rotations."""
        while True:
            with contextlib.suppress(FileNotFoundError):
                before = [(path, path.stat().st_ino) for path in self.event_files()]
                found = b"".join(path.read_bytes() for path, _ in before)
                if before == [(path, path.stat().st_ino) for path in self.event_files()]:
                    return found.split(b"\n")[:-1]

    def events(self, crawl_id=None):
        events = [json.loads(line) for line in self.event_lines()]
        return [e for e in events if crawl_id in (None, e["message"]["data"]["crawl_id"])]

    def event_types(self, crawl_id):
        return [e["message"]["event_type"] for e in self.events(crawl_id)]

    def wait_events(self, crawl_id, *types):
        wait_for(lambda: len(self.event_types(crawl_id)) >= len(types), f"events {types}")
        return self.event_types(crawl_id)

    def object_of(self, status):
        url = status["gcs_path"]
        assert url.startswith("file:///"), url
        return pathlib.Path(urllib.parse.unquote(url[len("file://"):]))


def child_pids(pid):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def role_of(pid):
    """The role of a child process, None for anything else (the kernel cuts names at 15)."""
    try:
        name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((role for role in ROLES if f"trawld-{role}"[:15] == name), None)


def running(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class FlowTest(unittest.TestCase):
    """A temporary folder, programs that end with the test, logs only on failure."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trawld-flow-"))
        self.programs = []
        self.addCleanup(self._clean)

    def sim(self, *options):
        sim = Sim(self.folder, "--ready-after", "0.3", "--building", "1", *options)
        self.programs.append(sim)
        return sim

    def trawld(self, sim, **conf):
        provider = sim if isinstance(sim, str) else sim.url
        trawld = Trawld(self.folder, provider, **conf)
        self.programs.append(trawld)
        return trawld

    def figures(self, **figures):
        """A line for the summary of a run, whether the test passes or not."""
        shown = ", ".join(f"{name.replace('_', ' ')} {value:.1f}" if isinstance(value, float) else
                          f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
        print(f"\n= {self._testMethodName}: {shown}", flush=True)

    def _failed(self):
        """Whether anything of this test has; while it is cleaned up, unittest's own word is about the cleaning."""
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors)

    def _clean(self):
        findings = []
        for program in reversed(self.programs):
            inner = program.program
            if inner is None:
                continue
            if inner.alive():
                inner.process.send_signal(signal.SIGTERM)
                try:
                    inner.process.wait(20)
                except subprocess.TimeoutExpired:
                    inner.process.kill()
                    inner.process.wait()
                    findings.append(f"{inner.process.args[0]} did not end within 20 s")
            inner.log_file.close()
        for path in sorted(self.folder.glob("*.log")):
            text = path.read_text(errors="replace")
            if KEY in text:
                findings.append(f"the provider's key stands in {path.name}")
            if re.search(r"(Address|Leak|Thread)Sanitizer|runtime error:", text):
                findings.append(f"sanitizer findings in {path.name}")
        if findings or self._failed():
            for path in sorted(self.folder.glob("*.log")):
                text = path.read_text(errors="replace")
                print(f"--- {self.id()}: {path.name} (last part)\n{text[-12000:]}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)
        if findings:
            raise AssertionError("; ".join(findings))


def sqlite_rows(path, query):
    """Reads the store of a trawld that is not running."""
    import sqlite3
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def pending_events(path):
    """How many events of the store of a trawld that is not running its sink has not got."""
    return sqlite_rows(path, "SELECT count(*) FROM outbox, sinks WHERE name = 'file' AND seq > cursor")[0][0]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sqlite_change(path, statement):
    """Changes one row of the store of a trawld that is not running."""
    import sqlite3
    connection = sqlite3.connect(path)
    try:
        with connection:
            assert connection.execute(statement).rowcount == 1, statement
    finally:
        connection.close()
