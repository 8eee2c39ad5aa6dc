"""The log as programs read it: JSON lines of whole crawls, what cannot be forged in them, and the catalog."""

import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from harness import BUILD, KEY, REQUEST, FlowTest, Trawld, wait_for

HERE = pathlib.Path(__file__).resolve().parent

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
MEMBERS = {"time", "level", "role", "instance", "kind", "crawl_id", "snapshot_id", "stage", "request_id", "message"}
ROLES = {"trawld", "keeper", "publisher", "poller", "front"}
STORY = ["crawl-accepted", "crawl-polling", "crawl-ready", "crawl-downloading", "crawl-storing", "crawl-completed"]


def catalog():
    """Kind -> (message id, entry), of the catalog that was built."""
    entries = re.split(r"^# (?=[a-z-]+, (?:error|warning|info)$)", (BUILD / "trawld.catalog").read_text(), flags=re.M)
    found = {}
    for entry in entries[1:]:
        name = entry.partition(",")[0]
        found[name] = (re.search(r"^-- ([0-9a-f]{32})$", entry, re.M).group(1), entry)
    return found


class Json(Trawld):
    """trawld that logs JSON; every line of its log is read as such."""

    def lines(self):
        found = []
        for text in self.log().splitlines():
            line = json.loads(text)
            assert set(line) <= MEMBERS, line
            assert {"time", "level", "role", "message"} <= set(line), line
            assert TIME.match(line["time"]) and line["role"] in ROLES, line
            assert line["level"] in ("error", "warning", "info", "debug"), line
            assert line["level"] == "debug" or line["kind"] in CATALOG, line
            # What the catalog says of a kind holds for its lines.
            entry = CATALOG.get(line.get("kind"), ("", ""))[1]
            assert "@TRAWLD_CRAWL_ID@" not in entry or "crawl_id" in line, line
            assert not entry or entry.startswith(f"{line['kind']}, {line['level']}\n"), line
            found.append(line)
        return found

    def of_kind(self, *kinds):
        return [line for line in self.lines() if line.get("kind") in kinds]


CATALOG = catalog()


class Log(FlowTest):
    def json_trawld(self, sim, **conf):
        trawld = Json(self.folder, sim.url, LOG_FORMAT="json", **conf)
        self.programs.append(trawld)
        return trawld

    def test_json_lines_tell_a_crawl_from_its_request_to_its_object(self):
        trawld = self.json_trawld(self.sim())
        answer = trawld.post("/api/v1/crawl/trigger", REQUEST, headers={"X-Request-Id": "req.1"})
        self.assertEqual(answer.status, 200, answer)
        crawl_id = answer.json["crawl_id"]
        status = trawld.wait_status(crawl_id)
        self.assertEqual(trawld.stop(), 0)
        lines = trawld.lines()
        told = [line for line in lines if line.get("crawl_id") == crawl_id and line["level"] != "debug"]
        # One line a change of state, each once; a file that is still building goes round once more.
        steps = [line["kind"] for line in told if line["kind"].startswith("crawl-")]
        self.assertEqual(list(dict.fromkeys(steps)), STORY)
        for kind in ("crawl-accepted", "crawl-polling", "crawl-storing", "crawl-completed"):
            self.assertEqual(steps.count(kind), 1, steps)
        for line in told:
            self.assertEqual(line["level"], "info", line)
            self.assertEqual(line.get("request_id"), "req.1" if line["kind"] == "crawl-accepted" else None, line)
            if line["kind"] != "crawl-accepted":
                self.assertEqual(line["snapshot_id"], status["snapshot_id"], line)
        stages = {line["kind"]: line["stage"] for line in told}
        self.assertEqual(stages["crawl-accepted"], "trigger")
        self.assertEqual(stages["crawl-polling"], "polling")
        self.assertEqual(stages["snapshot-downloaded"], "download")
        self.assertEqual(stages["crawl-completed"], "storage")
        self.assertIn("snapshot_" + status["snapshot_id"], told[-1]["message"])
        self.assertEqual({line["role"] for line in lines}, ROLES)
        self.assertEqual({line.get("instance") for line in lines if line["role"] == "front"}, {0, 1})
        self.assertEqual(len(trawld.of_kind("ready")), 1)
        self.assertEqual(lines[-1]["kind"], "stopped")

    def test_polls_are_debug_and_left_out_at_info(self):
        sim = self.sim("--ready-after", "1")
        for level, polls in (("debug", True), ("info", False)):
            trawld = self.json_trawld(sim, LOG_LEVEL=level, DATA_DIR=str(self.folder / level))
            trawld.wait_status(trawld.trigger())
            self.assertEqual(trawld.stop(), 0)
            said = [line for line in trawld.lines() if "the provider says running" in line["message"]]
            self.assertEqual(bool(said), polls)
            self.assertEqual({line["level"] for line in trawld.lines()} & {"debug"}, {"debug"} if polls else set())

    def test_what_a_client_asks_for_carries_its_request_id(self):
        sim = self.sim("--ready-after", "60")
        trawld = self.json_trawld(sim)
        crawl_id = trawld.trigger()
        trawld.wait_status(crawl_id, "processing")
        answer = trawld.post(f"/api/v1/crawl/{crawl_id}/cancel", headers={"X-Request-Id": "stop-it"})
        self.assertEqual(answer.status, 200, answer)
        trawld.wait_status(crawl_id, "canceled")
        (wish,) = wait_for(lambda: trawld.of_kind("crawl-cancel-asked"), "the wish is logged")
        self.assertEqual((wish["request_id"], wish["crawl_id"], wish["level"]), ("stop-it", crawl_id, "info"))
        (end,) = wait_for(lambda: trawld.of_kind("crawl-canceled"), "the end is logged")
        self.assertEqual((end["crawl_id"], end["level"], end["stage"]), (crawl_id, "info", "canceled"))

    def test_a_download_by_hand_carries_its_request_id(self):
        trawld = self.json_trawld(self.sim(), BACKGROUND_POLLING_ENABLED="false")
        crawl_id = trawld.trigger()
        wait_for(lambda: trawld.post(f"/api/v1/crawl/{crawl_id}/download",
                                     headers={"X-Request-Id": "get-it"}).status == 200, "it is downloaded")
        wishes = wait_for(lambda: trawld.of_kind("crawl-download-asked"), "the wish is logged")
        self.assertEqual({(w["request_id"], w["crawl_id"]) for w in wishes}, {("get-it", crawl_id)})

    def test_a_failed_crawl_is_an_error_and_a_retry_a_warning(self):
        sim = self.sim()
        sim.fault("progress", "status", status=503, count=2)
        trawld = self.json_trawld(sim)
        trawld.wait_status(trawld.trigger())
        (retry, *_) = wait_for(lambda: trawld.of_kind("call-retried"), "the retry is logged")
        self.assertEqual((retry["level"], retry["stage"], retry["role"]), ("warning", "polling", "poller"))
        self.assertEqual([line for line in trawld.lines() if line["level"] == "error"], [])
        sim.fault("trigger", "status", status=400, body='{"error":"no such page"}')
        answer = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual(answer.status, 502, answer)
        (end,) = wait_for(lambda: trawld.of_kind("crawl-failed"), "the end is logged")
        self.assertEqual((end["level"], end["crawl_id"], end["stage"]), ("error", answer.json["crawl_id"], "trigger"))
        self.assertRegex(end["message"], "BRIGHTDATA_REJECTED: .*no such page")

    def test_what_the_provider_says_forges_no_line_and_tells_no_key(self):
        forged = '\r\n2026-11-23T18:20:11.123Z error keeper forged\n{"level":"error","message":"x"}\n\x1b[2J\x9b'
        for form in ("text", "json"):
            for body in (json.dumps({"error": f"{forged} key {KEY} {'long ' * 2000}"}),
                         f"plain, error keeper forged \x9b31m {KEY}"):
                with self.subTest(form=form, body=body[:10]):
                    self.provider_says(form, body)

    def provider_says(self, form, body):
        sim = self.sim()
        sim.fault("trigger", "status", status=400, body=body)
        folder = self.folder / f"data-{len(self.programs)}"
        trawld = Json(self.folder, sim.url, LOG_FORMAT=form, DATA_DIR=str(folder))
        self.programs.append(trawld)
        answer = trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual(answer.status, 502, answer)
        self.assertNotIn(KEY, answer.body.decode())
        self.assertEqual(trawld.stop(), 0)
        log = trawld.log_path.read_bytes().decode()  # which is UTF-8
        self.assertIn("error keeper forged", log)
        self.assertNotIn(KEY, log)
        for line in log.split("\n"):
            self.assertNotRegex(line, r"^2026-11-23|^\{\"level|[\x00-\x1f\x7f-\x9f]")
            self.assertLess(len(line), 1024 if form == "text" else 4096)
            self.assertLess(line.count("long "), 256 / 5)
        if form == "json":
            self.assertEqual([line["kind"] for line in trawld.lines() if line["level"] == "error"], ["crawl-failed"])

    def test_a_start_that_is_refused_says_why_in_json(self):
        first = self.json_trawld(self.sim())
        second = Json(self.folder, first.provider, start=False, LOG_FORMAT="json", DATA_DIR=str(first.data))
        self.programs.append(second)
        second.launch()
        self.assertEqual(second.program.process.wait(30), 75)
        (line,) = second.lines()
        self.assertEqual((line["kind"], line["level"], line["role"]), ("data-dir-held", "error", "trawld"))
        self.assertIn(str(first.program.pid), line["message"])


class Pump(threading.Thread):
    """Reads what trawld has for stderr and writes it to the log's file, or rests while nobody shall read. Its
    descriptors are closed when it ends."""

    def __init__(self, log_path, *fds, render=lambda chunk: chunk):
        super().__init__(daemon=True)
        self.log_path, self.fds, self.render = log_path, fds, render
        self.moving, self.ended = threading.Event(), False
        self.moving.set()
        self.start()

    def run(self):
        with open(self.log_path, "ab", buffering=0) as log:
            while not self.ended:
                self.moving.wait()
                for fd in select.select(self.fds, [], [], 0.1)[0]:
                    with contextlib.suppress(OSError):  # EIO: a terminal that nobody has open
                        log.write(self.render(os.read(fd, 1 << 16)))

    def end(self):
        self.ended = True
        self.moving.set()
        self.join()
        for fd in self.fds:
            os.close(fd)


def journal_line(datagram):
    """What `journalctl -o short` would show of it."""
    fields = dict(line.split(b"=", 1) for line in datagram.splitlines() if b"=" in line)
    return fields.get(b"MESSAGE", datagram.strip()) + b"\n"


LOST = re.compile(r"(\d+) lines before this one are lost")


class Unread(FlowTest):
    """A log that nobody reads costs lines, which are counted; it stops nobody."""

    CRAWLS = 1000

    def piped(self, stderr, *fds, render=lambda chunk: chunk, program=(), **conf):
        sim = self.sim("--building", "0")
        trawld = self.trawld(sim, start=False, LOG_LEVEL="debug", TRIGGER_WAIT_SECONDS="0", PROVIDER_CALLS_MAX="64",
                             **conf)
        trawld.pump = Pump(trawld.log_path, *fds, render=render)
        self.addCleanup(trawld.pump.end)
        trawld.start(stderr=stderr, program=program)
        return trawld

    def completed(self, trawld):
        return sum(e["message"]["event_type"] == "data-ingestion-completed" for e in trawld.events())

    def crawls_complete(self, trawld):
        for n in range(self.CRAWLS):
            trawld.trigger(url=f"https://www.facebook.com/page{n}")
        wait_for(lambda: self.completed(trawld) == self.CRAWLS, f"{self.CRAWLS} crawls complete", 120)
        self.assertEqual(trawld.get("/health").status, 200)

    def lost(self, trawld):
        return sum(int(number) for number in LOST.findall(trawld.log()))

    def crawls_complete_unread(self, trawld):
        trawld.pump.moving.clear()
        self.crawls_complete(trawld)
        trawld.pump.moving.set()
        # Without a further reason to log anything.
        wait_for(lambda: self.lost(trawld) > 0, "the lost lines are told")
        self.assertEqual(trawld.stop(), 0)

    def test_a_pipe_that_nobody_reads(self):
        reader, writer = os.pipe()
        trawld = self.piped(writer, reader)
        os.close(writer)
        self.crawls_complete_unread(trawld)
        wait_for(lambda: "trawld stopped" in trawld.log(), "the last line comes through")

    def test_a_pipe_that_nobody_reads_to_the_end(self):
        reader, writer = os.pipe()
        trawld = self.piped(writer, reader)
        trawld.pump.moving.clear()
        os.close(writer)
        writer = os.open(f"/proc/self/fd/{reader}", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"full\n")
        os.close(writer)
        trawld.post("/api/v1/crawl/trigger", REQUEST)
        self.assertEqual(trawld.stop(), 0)

    def test_a_terminal_that_is_suspended(self):
        master, slave = os.openpty()
        trawld = self.piped(slave, master)
        self.crawls_complete_unread(trawld)
        # Whoever shares the terminal finds it as it was.
        self.assertEqual(fcntl.fcntl(slave, fcntl.F_GETFL) & os.O_NONBLOCK, 0)
        os.close(slave)

    def test_a_journal_that_is_stopped(self):
        place = self.folder / "journal"
        place.mkdir()
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        journal.bind(str(place / "socket"))
        ours, theirs = socket.socketpair()
        where = os.fstat(theirs.fileno())
        # In a /run of its own, where the journal is ours.
        script = 'mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind "$0" /run/systemd/journal && ' \
                 'exec "$@"'
        inside = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
            self.skipTest("no mount namespace may be made here")
        trawld = self.piped(theirs, journal.detach(), ours.detach(), render=journal_line,
                            program=[*inside, "sh", "-c", script, place],
                            JOURNAL_STREAM=f"{where.st_dev}:{where.st_ino}")
        theirs.close()
        self.crawls_complete_unread(trawld)

    def test_json_lines_of_all_processes_are_whole_in_a_pipe(self):
        reader, writer = os.pipe()
        trawld = self.piped(writer, reader, LOG_FORMAT="json", BACKGROUND_MAX_WORKERS="4")
        os.close(writer)
        self.crawls_complete(trawld)
        self.assertEqual(trawld.stop(), 0)
        wait_for(lambda: '"kind":"stopped"' in trawld.log(), "the last line comes through")
        lines = trawld.log().splitlines()
        self.assertGreater(len(lines), 10 * self.CRAWLS)
        roles = {(line["role"], line.get("instance")) for line in map(json.loads, lines)}
        self.assertGreaterEqual(len(roles), 9)


class Orderly(FlowTest):
    """What is asked for is no reason for a warning, however much is under way."""

    def busy(self):
        sim = self.sim("--building", "0", "--ready-after", "600")
        trawld = Json(self.folder, sim.url, LOG_FORMAT="json", BACKGROUND_POLL_INTERVAL="10ms", PROVIDER_CALLS_MAX="64",
                      BACKGROUND_MAX_WORKERS="8", BACKGROUND_MAX_POLLS="1000000", TRIGGER_WAIT_SECONDS="0",
                      DATA_DIR=str(self.folder / f"data-{len(self.programs)}"))
        self.programs.append(trawld)
        for n in range(80):
            trawld.trigger(url=f"https://www.facebook.com/page{n}")
        wait_for(lambda: trawld.get("/health").json["crawls"]["polling"] == 80, "all are polled")
        return trawld

    def busy_everywhere(self):
        """With triggers that come in all the time, downloads that drip, and crawls that end."""
        sim = self.sim("--building", "0", "--ready-after", "0.1")
        sim.fault("snapshot", "drip", bytes=200, ms=20, count=-1)
        sim.fault("trigger", "delay", ms=100, count=-1)
        trawld = Json(self.folder, sim.url, LOG_FORMAT="json", BACKGROUND_POLL_INTERVAL="10ms", PROVIDER_CALLS_MAX="64",
                      BACKGROUND_MAX_WORKERS="4", TRIGGER_WAIT_SECONDS="1")
        self.programs.append(trawld)
        ended = threading.Event()

        def come_in(number):
            n = 0
            while not ended.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    n += 1
                    trawld.post("/api/v1/crawl/trigger", {**REQUEST, "url": f"https://www.facebook.com/p{number}-{n}"})

        threads = [threading.Thread(target=come_in, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()

        def end():
            ended.set()
            for thread in threads:
                thread.join()
        self.addCleanup(end)
        wait_for(lambda: trawld.get("/health").json["crawls"]["completed"] > 20, "crawls complete")
        return trawld

    def test_a_set_with_work_of_every_kind_is_replaced_and_stopped(self):
        trawld = self.busy_everywhere()
        trawld.file.write_text("RETRY_MAX_ATTEMPTS=4\n")
        trawld.program.send(signal.SIGHUP)
        wait_for(lambda: trawld.of_kind("reloaded"), "the set is replaced")
        self.assertEqual(trawld.stop(), 0)
        # A trigger that crosses the word of a poller that leaves is searched for, by one that may leave, too.
        self.assert_quiet(trawld, but="^search of data set .*: this poller leaves$")

    def assert_quiet(self, trawld, but=None):
        self.assertEqual([line for line in trawld.lines() if line["level"] in ("error", "warning") and
                          not (but and re.search(but, line["message"]))], [])

    def test_a_busy_set_is_stopped(self):
        for _ in range(3):
            trawld = self.busy()
            self.assertEqual(trawld.stop(), 0)
            self.assert_quiet(trawld)

    def test_a_busy_set_is_replaced(self):
        trawld = self.busy()
        for n in range(1, 4):
            trawld.file.write_text(f"RETRY_MAX_ATTEMPTS={3 + n}\n")
            trawld.program.send(signal.SIGHUP)
            wait_for(lambda: len(trawld.of_kind("reloaded")) == n, "the set is replaced")
        self.assert_quiet(trawld)


class Catalog(unittest.TestCase):
    """What an operator reads about the kinds of lines."""

    def test_every_kind_is_explained(self):
        self.assertGreater(len(CATALOG), 70)
        self.assertEqual(len({number for number, _ in CATALOG.values()}), len(CATALOG))
        for name, (_, entry) in CATALOG.items():
            self.assertRegex(entry, r"(?m)^Subject: \S.*\nDefined-By: trawld\nSupport: man:trawld\(8\)\n\n\S", name)
            for line in entry.splitlines()[1:]:
                self.assertLessEqual(len(line), 79, name)
                self.assertNotRegex(line, r"^[#;]|^-- (?![0-9a-f]{32}$)", name)

    @unittest.skipUnless(shutil.which("journalctl"), "no journalctl here")
    def test_journalctl_takes_the_catalog(self):
        with tempfile.TemporaryDirectory(prefix="trawld-flow-") as root:
            place = pathlib.Path(root) / "usr/lib/systemd/catalog"
            place.mkdir(parents=True)
            (pathlib.Path(root) / "var/lib/systemd/catalog").mkdir(parents=True)
            shutil.copy(BUILD / "trawld.catalog", place)
            self.journalctl(root, "--update-catalog")
            listed = dict(line.split(" ", 1) for line in self.journalctl(root, "--list-catalog").splitlines())
            self.assertEqual(set(listed), {number for number, _ in CATALOG.values()})
            for number, entry in CATALOG.values():
                self.assertIn(f"Subject: {listed[number].partition(': ')[2]}\n", entry)
            # To the last word of its text.
            number, entry = CATALOG["crawl-failed"]
            dumped = self.journalctl(root, "--dump-catalog", number)
            self.assertEqual(dumped.split("\n\n", 1)[1].strip(), entry.split("\n\n", 1)[1].strip())

    def journalctl(self, root, *words):
        done = subprocess.run(["journalctl", f"--root={root}", "--no-pager", *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout

    def test_the_operations_guide_has_the_table_of_today(self):
        docgen = [BUILD / "packaging/docs/docgen", "trawld", "/dev/stdin", "today"]
        table = subprocess.run(docgen, input="@log-kinds@\n", capture_output=True, text=True, timeout=60)
        self.assertEqual(table.returncode, 0, table)
        guide = (HERE.parent.parent / "OPERATIONS.md").read_text()
        found = re.search(r"<!-- log-kinds:begin -->\n(.*?)<!-- log-kinds:end -->", guide, re.S)
        self.assertEqual(found.group(1), table.stdout, "`make docs` writes it again")
