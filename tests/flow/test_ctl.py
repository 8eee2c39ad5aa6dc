"""trawlctl from outside: each command and each exit status.

Most run against a real trawld; what a real one does not do on request (answers that
are no JSON, a connection that breaks, a restart at the worst moment) comes from a
small server here.
"""

import contextlib
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import uuid

from harness import BUILD, KEY, FlowTest, free_port, wait_for

CTL = BUILD / "trawlctl"
PAGE = "https://www.facebook.com/acme"
NOBODY = "0190a0b0-0000-7000-8000-000000000000"
OK, FAILED, USAGE, UNREACHABLE, TIMED_OUT, CONFIG = 0, 1, 64, 69, 75, 78


def ctl_environment(more):
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG") or k.endswith("SAN_OPTIONS")}
    return {**keep, "DATA_DIR": "/nonexistent", **more}


def ctl(*words, stdin=None, timeout=120, **environment):
    return subprocess.run([str(CTL), *map(str, words)], env=ctl_environment(environment), input=stdin,
                          capture_output=True, text=True, timeout=timeout,
                          **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))


def start_ctl(*words, **environment):
    return subprocess.Popen([str(CTL), *map(str, words)], env=ctl_environment(environment), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class CtlTest:
    def expect(self, done, status, *words):
        """Checks the exit status, and that stderr (stdout when it is empty) holds the words."""
        self.assertEqual(done.returncode, status, done)
        for word in words:
            self.assertIn(word, done.stderr + done.stdout)
        self.assertNotIn("\033", done.stdout + done.stderr)
        return done

    def following(self, *words):
        follower = start_ctl("events", "--follow", *words)

        def end():
            follower.kill()
            follower.communicate()
        self.addCleanup(end)
        return follower

    def fields(self, text):
        return dict(re.split(r"  +", line, maxsplit=1) for line in text.splitlines() if "  " in line)


class Words(CtlTest, unittest.TestCase):
    """What needs no daemon."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trawld-flow-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def test_help_at_each_level_goes_to_stdout(self):
        top = self.expect(ctl("--help"), OK)
        commands = ("trigger", "status", "wait", "download", "cancel", "retry", "events", "health", "backup", "help")
        for command in commands:
            self.assertRegex(top.stdout, rf"(?m)^  {command} ")
            own = self.expect(ctl(command, "--help"), OK)
            self.assertEqual(own.stdout, ctl("help", command).stdout)
            self.assertLess(own.stdout.index("Examples:"), own.stdout.index("Usage:"))
            self.assertEqual(own.stderr, "")
        self.assertEqual(ctl("help").stdout, top.stdout)
        self.expect(ctl("--version"), OK, "trawlctl ")

    def test_wrong_use_is_64_and_says_what_was_meant(self):
        self.expect(ctl(), USAGE, "no command")
        self.expect(ctl("triger"), USAGE, "did you mean \"trigger\"")
        self.expect(ctl("help", "triger"), USAGE, "did you mean \"trigger\"")
        self.expect(ctl("trigger", PAGE, "--platfrom", "x"), USAGE, "did you mean --platform")
        self.expect(ctl("status"), USAGE, "ID")
        self.expect(ctl("status", "not-an-id"), USAGE, "not-an-id")
        self.expect(ctl("wait", NOBODY, "--timeout", "soon"), USAGE, "--timeout")
        self.expect(ctl("retry", "not-an-id"), USAGE, "not-an-id")
        self.expect(ctl("retry", NOBODY, "--wait", "--timeout", "soon"), USAGE, "--timeout")
        self.expect(ctl("trigger"), USAGE, "no page")
        self.expect(ctl("trigger", PAGE, "-n", "many"), USAGE, "--num-of-posts")
        self.expect(ctl("trigger", "--file", self.folder / "missing.json"), USAGE, "missing.json")
        self.expect(ctl("trigger", "--file", "-", stdin="{"), USAGE, "standard input")
        self.expect(ctl("trigger", PAGE, "--idempotency-key", "a b"), USAGE, "--idempotency-key")
        self.expect(ctl("trigger", PAGE, "--wait", "--interval", "0"), USAGE, "--interval")
        self.expect(ctl("--daemon", "nonsense", "health"), USAGE, "--daemon")
        self.expect(ctl("--daemon", "http://h", "--socket", "/s", "health"), USAGE, "--socket")
        self.expect(ctl("download", NOBODY, "--json", "-o", "-"), USAGE, "--json")
        self.expect(ctl("events", "--limit", "0"), USAGE, "--limit")

    def test_wrong_environment_is_78(self):
        self.expect(ctl("health", TRAWLD_URL="nonsense"), CONFIG, "TRAWLD_URL", "nonsense")
        self.expect(ctl("health", PORT="0"), CONFIG, "PORT")
        self.expect(ctl("help", TRAWLD_URL="nonsense"), OK)

    def test_a_daemon_that_is_not_there_is_69_with_the_address_that_was_tried(self):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        self.expect(ctl("--daemon", url, "health"), UNREACHABLE, url, "is it running")
        self.expect(ctl("health", TRAWLD_URL=url), UNREACHABLE, url)
        self.expect(ctl("health", PORT=str(port)), UNREACHABLE, url)
        done = self.expect(ctl("--socket", self.folder / "none.sock", "status", NOBODY, "--json"), UNREACHABLE,
                           "none.sock")
        self.assertEqual(done.stdout, "")

    def event_line(self, crawl_id, kind="crawl-triggered", **data):
        return json.dumps({"topic": f"t-{kind}", "attributes": {}, "message": {
            "event_type": kind, "timestamp": "2026-01-02T03:04:05.678Z", "source": "data-ingestion-service",
            "data": {"crawl_id": crawl_id, **data}}})

    def test_events_come_from_a_file_in_whole_lines(self):
        log = self.folder / "events.ndjson"
        self.expect(ctl("events", DATA_DIR=self.folder), FAILED, str(log), "--data-dir")
        ids = [str(uuid.uuid4()) for _ in range(3)]
        lines = [self.event_line(i, snapshot_id="sd_1") for i in ids]
        lines.append(self.event_line(ids[0], "data-ingestion-completed", gcs_path="file:///x", post_count=5,
                                     media_count=9))
        lines.append(self.event_line(ids[1], "crawl-failed", error_message="no\033luck", error_code="SNAPSHOT_FAILED",
                                     stage="polling"))
        log.write_text("\n".join(lines) + "\nnot an event\n" + lines[0][:40])
        done = self.expect(ctl("events", DATA_DIR=self.folder), OK, "passed over 1 line")
        self.assertEqual(len(done.stdout.splitlines()), 6)
        self.assertIn("5 posts, 9 media, file:///x", done.stdout)
        self.assertIn("SNAPSHOT_FAILED at polling", done.stdout)
        done = self.expect(ctl("events", ids[0], "--data-dir", self.folder, "--json"), OK)
        self.assertEqual(done.stdout.splitlines(), [lines[0], lines[3]])
        done = self.expect(ctl("events", "--file", log, "--limit", "2", "--json"), OK)
        self.assertEqual(done.stdout.splitlines(), lines[3:])
        self.expect(ctl("events", "--file", self.folder), FAILED, str(self.folder))

    def test_events_are_followed_into_a_file_that_grows_and_one_that_takes_its_place(self):
        log = self.folder / "events.ndjson"
        ids = [str(uuid.uuid4()) for _ in range(4)]
        with start_ctl("events", "--follow", "--json", "--file", log) as follower:
            self.addCleanup(follower.kill)
            self.assertIn("waiting for it", follower.stderr.readline())
            with open(log, "a") as out:
                out.write(self.event_line(ids[0]) + "\n" + self.event_line(ids[1])[:30])
                out.flush()
                self.assertIn(ids[0], follower.stdout.readline())
                out.write(self.event_line(ids[1])[30:] + "\n")
            self.assertIn(ids[1], follower.stdout.readline())
            other = self.folder / "new"
            other.write_text(self.event_line(ids[2]) + "\n")
            other.rename(log)
            self.assertIn(ids[2], follower.stdout.readline())
            follower.send_signal(signal.SIGINT)
            self.assertEqual(follower.wait(20), OK)


    def old_log(self, number):
        return self.folder / f"events.ndjson.{number}"

    def test_events_are_read_from_old_files_first(self):
        log = self.folder / "events.ndjson"
        lines = [self.event_line(str(uuid.uuid4())) for _ in range(60)]
        # A rotation was cut short: one number is free.
        for number, first in ((12, 0), (2, 10), (1, 20), (0, 30)):
            path = self.old_log(number) if number else log
            path.write_text("".join(line + "\n" for line in lines[first:first + 10]))
        for other in ("1.gz", "x", "1x", "-20260101"):
            (self.folder / f"events.ndjson.{other}").write_text("not one of them\n")
        done = self.expect(ctl("events", "--json", "--file", log), OK)
        self.assertEqual((done.stdout.splitlines(), done.stderr), (lines[:40], ""))
        for limit in (1, 9, 10, 11, 35, 40, 100):
            done = self.expect(ctl("events", "--json", "--file", log, "--limit", limit), OK)
            self.assertEqual(done.stdout.splitlines(), lines[:40][-limit:], limit)
        only = json.loads(lines[15])["message"]["data"]["crawl_id"]
        done = self.expect(ctl("events", only, "--json", "--file", log, "--limit", "1"), OK)
        self.assertEqual(done.stdout.splitlines(), [lines[15]])
        # The one that is written is about to be made.
        log.unlink()
        for words in ((), ("--limit", "100")):
            done = self.expect(ctl("events", "--json", "--file", log, *words), OK)
            self.assertEqual(done.stdout.splitlines(), lines[:30])

    def rotate(self, count):
        """As the publisher does it."""
        free = next((n for n in range(1, count) if not self.old_log(n).exists()), count)
        for number in range(free, 1, -1):
            self.old_log(number - 1).rename(self.old_log(number))
        (self.folder / "events.ndjson").rename(self.old_log(1))

    def put(self, lines, rest=""):
        with open(self.folder / "events.ndjson", "a") as out:
            out.write("".join(line + "\n" for line in lines) + rest)

    def test_events_are_followed_from_the_first_one_on_however_late_it_is_seen(self):
        log = self.folder / "events.ndjson"
        lines = [self.event_line(str(uuid.uuid4())) for _ in range(30)]
        follower = self.following("--json", "--file", log)
        self.assertIn("waiting for it", follower.stderr.readline())
        follower.send_signal(signal.SIGSTOP)
        for first in (0, 10, 20):
            self.put(lines[first:first + 10])
            if first < 20:
                self.rotate(9)
        follower.send_signal(signal.SIGCONT)
        self.assertEqual([follower.stdout.readline().rstrip("\n") for _ in range(30)], lines)

    def test_events_are_followed_over_half_a_line_that_is_cut_off(self):
        log = self.folder / "events.ndjson"
        lines = [self.event_line(str(uuid.uuid4())) for _ in range(30)]
        self.put(lines[:10], lines[10][:50])
        follower = self.following("--json", "--file", log)
        self.assertEqual([follower.stdout.readline().rstrip("\n") for _ in range(10)], lines[:10])
        follower.send_signal(signal.SIGSTOP)
        # A writer that was killed; the next one cuts off what it left, and is fast.
        os.truncate(log, log.stat().st_size - 50)
        for first in (10, 20):
            self.rotate(9)
            self.put(lines[first:first + 10])
        follower.send_signal(signal.SIGCONT)
        self.assertEqual([follower.stdout.readline().rstrip("\n") for _ in range(20)], lines[10:])

    def test_events_are_followed_over_rotations(self):
        log = self.folder / "events.ndjson"
        lines = [self.event_line(str(uuid.uuid4())) for _ in range(2000)]
        log.write_text("".join(line + "\n" for line in lines[:100]))
        follower = self.following("--json", "--file", log)
        for _ in range(100):
            follower.stdout.readline()
        # Many between two looks, and a reader that comes to some in the midst of it.
        readers = []
        for first in range(100, 2000, 25):
            if random.random() < 0.9:
                self.rotate(99)
            with open(log, "a") as out:
                out.write("".join(line + "\n" for line in lines[first:first + 25]))
            if first % 300 == 0:
                readers.append(start_ctl("events", "--json", "--file", log))
            time.sleep(random.choice((0, 0, 0, 0.02, 0.2)))
        seen = [follower.stdout.readline().rstrip("\n") for _ in range(1900)]
        self.assertEqual(seen, lines[100:])
        for reader in readers:
            with reader:
                got = reader.stdout.read().splitlines()
                self.assertEqual(got, lines[:len(got)])
                self.assertGreater(len(got), 100)
        # Stopped for so long that its file is gone; then what is newer is all there is.
        follower.send_signal(signal.SIGSTOP)
        for path in self.folder.glob("events.ndjson.*"):
            path.unlink()
        log.unlink()
        self.old_log(1).write_text(lines[0] + "\n")
        log.write_text(lines[1] + "\n")
        follower.send_signal(signal.SIGCONT)
        self.assertEqual([follower.stdout.readline().rstrip("\n") for _ in range(2)], lines[:2])
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.wait(20), OK)
        self.assertEqual(follower.stdout.read(), "")


class Real(CtlTest, FlowTest):
    """Against a real trawld."""

    def setUp(self):
        super().setUp()
        self.provider = self.sim()
        self.daemon = self.trawld(self.provider)

    def run_ctl(self, *words, **options):
        return ctl("--daemon", self.daemon.url, *words, **options)

    def trigger(self, *words):
        done = self.expect(self.run_ctl("trigger", PAGE, "-n", "10", *words), OK)
        return self.fields(done.stdout)["crawl"]

    def test_a_crawl_from_trigger_to_copy(self):
        done = self.expect(self.run_ctl("trigger", PAGE, "--competitor", "acme", "--brand", "b", "--category", "c",
                                        "--num-of-posts", "10", "--start-date", "2024-12-01", "--end-date",
                                        "2024-12-24", "--include-profile-data"), OK, "next: trawlctl --daemon")
        made = self.fields(done.stdout)
        crawl_id = made["crawl"]
        self.assertTrue(made["snapshot"])
        done = self.expect(self.run_ctl("wait", crawl_id, "--interval", "100ms"), OK)
        ended = self.fields(done.stdout)
        self.assertEqual((ended["status"], ended["competitor"]), ("completed", "acme"))
        copy = self.folder / "copy.json"
        done = self.expect(self.run_ctl("download", crawl_id, "-o", copy), OK, "copied")
        fields = self.fields(done.stdout)
        self.assertEqual(fields["object"], ended["object"])
        stored = self.daemon.object_of({"gcs_path": fields["object"]}).read_bytes()
        self.assertEqual(copy.read_bytes(), stored)
        self.assertEqual(len(json.loads(stored)), int(fields["posts"]))
        printed = subprocess.run([CTL, "--daemon", self.daemon.url, "download", crawl_id, "-o", "-"],
                                 capture_output=True, env=ctl_environment({}), timeout=60)
        self.assertEqual(printed.stdout, stored)
        self.daemon.wait_events(crawl_id, "crawl-triggered", "data-ingestion-completed")
        done = self.expect(ctl("events", crawl_id, "--data-dir", self.daemon.data), OK)
        self.assertIn("data-ingestion-completed", done.stdout)

    def test_events_of_a_log_that_is_rotated_while_its_writer_is_killed(self):
        daemon = self.trawld(self.sim("--building", "0", "--ready-after", "0"), EVENTS_FILE_SIZE="64K",
                             EVENTS_FILE_COUNT="100", TRIGGER_WAIT_SECONDS="0", BACKGROUND_POLL_INTERVAL="10ms",
                             DATA_DIR=str(self.folder / "rotated"), BACKGROUND_MAX_WORKERS="4", PROVIDER_CALLS_MAX="64")
        log = daemon.data / "events.ndjson"
        follower = self.following("--json", "--file", log)
        for n in range(400):
            daemon.trigger(url=f"{PAGE}{n}")
            if n % 80 == 40:
                daemon.kill_child("publisher")
        wait_for(lambda: len(daemon.event_lines()) == 800, "all events are there", 120)
        files = daemon.event_files()
        self.assertGreater(len(files), 5)
        self.assertEqual(len({e["attributes"]["ce-id"] for e in daemon.events()}), 800)
        for path in files[:-1]:
            self.assertLessEqual(path.stat().st_size, 65536 + 65536)
        written = [line.decode() for line in daemon.event_lines()]
        done = self.expect(ctl("events", "--json", "--data-dir", daemon.data), OK)
        self.assertEqual(done.stdout.splitlines(), written)
        self.assertEqual([follower.stdout.readline().rstrip("\n") for _ in range(800)], written)

    def test_json_is_the_apis_own(self):
        made = json.loads(self.expect(self.run_ctl("trigger", PAGE, "-n", "5", "--json"), OK).stdout)
        self.assertEqual(made["status"], "success")
        crawl_id = made["crawl_id"]
        ended = json.loads(self.expect(self.run_ctl("wait", crawl_id, "--json"), OK).stdout)
        self.assertEqual((ended["crawl_id"], ended["status"]), (crawl_id, "completed"))
        for words in (("status", crawl_id), ("download", crawl_id), ("health",)):
            self.assertIsInstance(json.loads(self.expect(self.run_ctl(*words, "--json"), OK).stdout), dict)
        refused = self.expect(self.run_ctl("status", NOBODY, "--json"), FAILED, "what to do")
        self.assertEqual(json.loads(refused.stdout)["error_code"], "NOT_FOUND")

    def test_trigger_by_file_and_wait_in_one(self):
        request = json.dumps({"url": PAGE, "num_of_posts": 5, "competitor": "acme"})
        done = self.expect(self.run_ctl("trigger", "--file", "-", "--wait", "-i", "100ms", stdin=request), OK)
        self.assertEqual(self.fields(done.stdout)["status"], "completed")
        path = self.folder / "request.json"
        path.write_text(request)
        done = self.expect(self.run_ctl("trigger", "-f", path, "--wait", "--json", "-i", "100ms"), OK)
        self.assertEqual(json.loads(done.stdout)["status"], "completed")

    def test_what_the_api_refuses_is_1_with_its_reason(self):
        self.expect(self.run_ctl("trigger", PAGE, "-n", "5", "--platform", "myspace"), FAILED, "myspace",
                    "INVALID_REQUEST", "what to do")
        for command in ("status", "wait", "download", "cancel"):
            self.expect(self.run_ctl(command, NOBODY), FAILED, "NOT_FOUND", NOBODY)

    def test_a_wait_that_is_over_first_is_75_and_says_how_to_go_on(self):
        self.provider.set(ready_after=3600)
        crawl_id = self.trigger()
        self.expect(self.run_ctl("wait", crawl_id, "--timeout", "600ms", "-i", "100ms"), TIMED_OUT,
                    f"trawlctl --daemon {self.daemon.url} wait {crawl_id}")
        self.expect(self.run_ctl("download", crawl_id), FAILED, "NOT_READY")
        self.expect(self.run_ctl("cancel", crawl_id), OK)
        done = self.expect(self.run_ctl("wait", crawl_id, "-i", "100ms"), FAILED)
        self.assertEqual(self.fields(done.stdout)["status"], "canceled")

    def test_ctrl_c_ends_the_wait_not_the_crawl(self):
        self.provider.set(ready_after=3600)
        crawl_id = self.trigger()
        with start_ctl("--daemon", self.daemon.url, "wait", crawl_id, "-i", "100ms") as waiter:
            self.addCleanup(waiter.kill)
            self.assertIn(crawl_id, waiter.stderr.readline())
            waiter.send_signal(signal.SIGINT)
            self.assertEqual(waiter.wait(20), 130)
            self.assertIn(f"wait {crawl_id}", waiter.stderr.read())
        self.assertIn(self.daemon.status(crawl_id)["status"], ("pending", "processing"))

    def test_a_wait_goes_on_over_a_restart(self):
        port = free_port()
        self.daemon.stop()
        self.daemon.conf["PORT"] = str(port)
        self.daemon.start()
        self.provider.set(ready_after=3600)
        crawl_id = self.trigger()
        with start_ctl("--daemon", self.daemon.url, "wait", crawl_id, "-i", "100ms") as waiter:
            self.addCleanup(waiter.kill)
            self.assertIn(crawl_id, waiter.stderr.readline())
            self.daemon.kill()
            self.assertIn("trying again", waiter.stderr.readline())
            self.daemon.start()
            self.expect(self.run_ctl("cancel", crawl_id), OK)
            self.assertEqual(waiter.wait(60), FAILED)
            self.assertEqual(self.fields(waiter.stdout.read())["status"], "canceled")

    def test_the_socket_in_the_data_directory_is_found_by_itself(self):
        done = self.expect(ctl("health", DATA_DIR=self.daemon.data), OK)
        self.assertTrue(done.stdout.startswith("healthy: data-ingestion"), done.stdout)
        self.expect(ctl("health", "--data-dir", self.daemon.data), OK)
        self.expect(ctl("health", "--socket", self.daemon.data / "api.sock"), OK)
        self.assertNotIn(KEY, done.stdout + done.stderr)


    @unittest.skipUnless(os.geteuid() == 0, "takes root")
    def test_the_installed_socket_is_found_and_one_that_is_not_for_us_is_passed_over(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="trawld-flow-"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        shutil.copy2(CTL, folder / "trawlctl")
        run = folder / "run"
        (run / "trawld").mkdir(parents=True)
        (run / "trawld" / "api.sock").symlink_to(self.daemon.data / "api.sock")
        self.daemon.data.parent.chmod(0o755)
        self.daemon.data.chmod(0o755)
        socket_path = self.daemon.data / "api.sock"
        socket_path.chmod(0o660)
        port = urllib.parse.urlsplit(self.daemon.url).port

        def try_as(user, port):
            # /run of this one process is the test's.
            script = f'mount --bind {run} /run && exec setpriv --reuid={user} --regid={user} --clear-groups "$@"'
            return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", folder / "trawlctl", "health"],
                                  env=ctl_environment({"PORT": str(port)}), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60)

        self.assertNotEqual(port, 1)
        self.expect(try_as(0, 1), OK, "healthy")
        self.expect(try_as(65534, port), OK, "healthy")
        self.expect(try_as(65534, 1), UNREACHABLE, "http://127.0.0.1:1", "/run/trawld/api.sock is not for this user")
        socket_path.chmod(0o666)
        self.expect(try_as(65534, 1), OK, "healthy")


class Documents(unittest.TestCase):
    """What is written about options is what the programs know."""

    ROOT = pathlib.Path(__file__).resolve().parents[2]

    def defaults(self):
        with tempfile.NamedTemporaryFile(prefix="trawld-flow-") as empty:
            done = subprocess.run([BUILD / "trawld", "--config", empty.name, "--print-config"], timeout=30,
                                  capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
        found = dict(re.findall(r"(?m)^([A-Z_]+)=(.*?)  # default$", done.stdout))
        self.assertGreater(len(found), 20, done)
        return {**found, "BRIGHTDATA_API_KEY": ""}

    def test_the_sample_configuration_shows_every_default(self):
        sample = (self.ROOT / "packaging" / "trawld.env").read_text()
        self.assertEqual(dict(re.findall(r"(?m)^#([A-Z_]+)=(.*)$", sample)), self.defaults())
        self.assertEqual(re.findall(r"(?m)^[^#\n].*", sample), [])

    def test_the_readme_lists_every_option_with_its_default(self):
        text = (self.ROOT / "README.md").read_text().split("\n## Configuration\n")[1].split("\n## ")[0]
        rows = re.findall(r"(?m)^\| `([A-Z_]+)` \| (.*?) \|", text)
        listed = {name: "" if value == "-" else value.strip("`") for name, value in rows}
        self.assertEqual(listed, self.defaults())


class Fake(http.server.ThreadingHTTPServer):
    """Answers from a list; the last one again and again. None: the connection breaks."""

    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), FakeHandler)
        self.answers, self.calls = list(answers), []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class FakeHandler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls.append((self.command, self.path, self.headers.get("Idempotency-Key"), body))
        answers = self.server.answers
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if found is None:
            self.close_connection = True
            return
        status, content = found
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


class Answers(CtlTest, unittest.TestCase):
    """Against answers that a healthy trawld does not give."""

    DONE = {"crawl_id": NOBODY, "snapshot_id": "sd_1", "status": "success"}
    BUSY = {"status": "error", "message": "the keeper restarts", "error_code": "UNAVAILABLE",
            "crawl_id": NOBODY}

    def fake(self, *answers):
        server = Fake(*answers)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def status_of(self, word, **more):
        return 200, {"crawl_id": NOBODY, "status": word, "ready_for_download": word == "ready", **more}

    def test_every_try_of_a_trigger_bears_the_same_key_and_body(self):
        server = self.fake(None, (503, self.BUSY), (200, self.DONE))
        done = self.expect(ctl("--daemon", server.url, "trigger", PAGE), OK, "trying again")
        self.assertEqual(self.fields(done.stdout)["crawl"], NOBODY)
        self.assertEqual(len(server.calls), 3)
        self.assertEqual(len(set(server.calls)), 1, server.calls)
        uuid.UUID(server.calls[0][2])
        ctl("--daemon", server.url, "trigger", PAGE)
        self.assertNotEqual(server.calls[0][2], server.calls[-1][2])

    def test_a_key_can_be_given(self):
        server = self.fake((202, {**self.DONE, "status": "accepted", "snapshot_id": None}))
        done = self.expect(ctl("--daemon", server.url, "trigger", PAGE, "--idempotency-key", "mine"), OK)
        self.assertIn("accepted", self.fields(done.stdout)["status"])
        self.assertEqual(server.calls[0][2], "mine")

    def test_a_trigger_that_the_provider_failed_is_not_sent_again(self):
        server = self.fake((503, {**self.BUSY, "error_code": "BRIGHTDATA_UNAVAILABLE", "crawl_id": NOBODY}))
        self.expect(ctl("--daemon", server.url, "trigger", PAGE), FAILED, "BRIGHTDATA_UNAVAILABLE")
        self.assertEqual(len(server.calls), 1)

    def test_something_else_at_the_address_is_69(self):
        for body in (b"<html>hello</html>", b"[]", b"", b"{\"a\":1,\"a\":2}", b"\xff"):
            server = self.fake((200, body))
            self.expect(ctl("--daemon", server.url, "health"), UNREACHABLE, server.url, "not a trawld")

    def test_an_answer_without_its_members_does_not_pass_for_good(self):
        server = self.fake((200, {}))
        self.expect(ctl("--daemon", server.url, "trigger", PAGE), FAILED, "crawl_id")
        self.expect(ctl("--daemon", server.url, "wait", NOBODY), FAILED)
        self.expect(ctl("--daemon", server.url, "health"), FAILED)

    def test_health_that_is_bad_is_1(self):
        server = self.fake((503, {"status": "unhealthy", "service": "data-ingestion",
                                  "background_tasks": {"active_count": 0, "max_workers": 1, "enabled": True},
                                  "checks": {"keeper": {"ok": False, "since": "now"}, "store": "read-only"}}))
        done = self.expect(ctl("--daemon", server.url, "health"), FAILED)
        self.assertIn("unhealthy", done.stdout)
        self.assertIn("read-only", done.stdout)
        self.assertEqual(len(server.calls), 1)

    PROVIDER = {"state": "key_refused", "until": "2026-01-02T03:04:05.678Z", "calls_in_flight": 1, "calls_max": 16,
                "refusals_in_5_minutes": 3}

    def test_health_tells_of_the_provider_in_a_line(self):
        health = {"status": "healthy", "service": "data-ingestion", "provider_paused": True,
                  "background_tasks": {"active_count": 0, "max_workers": 1, "enabled": True},
                  "checks": {"keeper": "ok", "provider": "refuses the API key"}, "provider": self.PROVIDER}
        server = self.fake((200, health))
        done = self.expect(ctl("--daemon", server.url, "health"), OK)
        self.assertEqual(self.fields(done.stdout)["provider"],
                         "refuses the API key, until 2026-01-02T03:04:05.678Z; "
                         "1 of 16 calls in flight, 3 refused for too many in 5 minutes")
        health["provider"] = {**self.PROVIDER, "state": "ok", "until": None}
        health["checks"]["provider"] = "ok"
        done = self.expect(ctl("--daemon", server.url, "health"), OK)
        self.assertIn("ok; 1 of 16", self.fields(done.stdout)["provider"])

    NOTED = (200, {"status": "success", "message": "The provider is asked again", "crawl_id": NOBODY,
                   "snapshot_id": "sd_1", "crawl_status": "processing"})

    def test_retry_says_what_comes_now_and_waits_when_told_to(self):
        server = self.fake(self.NOTED)
        done = self.expect(ctl("--daemon", server.url, "retry", NOBODY), OK, f"wait {NOBODY}")
        fields = self.fields(done.stdout)
        self.assertEqual((fields["status"], fields["message"]), ("processing", "The provider is asked again"))
        self.assertEqual([c[:2] for c in server.calls], [("POST", f"/api/v1/crawl/{NOBODY}/retry")])
        done = self.expect(ctl("--daemon", server.url, "retry", NOBODY, "--json"), OK)
        self.assertEqual((json.loads(done.stdout), done.stderr), (self.NOTED[1], ""))
        for word, status in (("completed", OK), ("failed", FAILED)):
            server = self.fake(self.NOTED, self.status_of("processing"), self.status_of(word))
            done = self.expect(ctl("--daemon", server.url, "retry", NOBODY, "--wait", "-i", "20ms"), status)
            self.assertTrue(done.stdout.startswith(f"crawl       {NOBODY}\nstatus      processing"), done.stdout)
            server = self.fake(self.NOTED, self.status_of(word))
            done = self.expect(ctl("--daemon", server.url, "retry", NOBODY, "--wait", "--json"), status)
            self.assertEqual(json.loads(done.stdout)["status"], word)
        server = self.fake(self.NOTED, self.status_of("processing"))
        self.expect(ctl("--daemon", server.url, "retry", NOBODY, "-w", "-t", "200ms", "-i", "50ms"), TIMED_OUT,
                    f"wait {NOBODY}")

    def test_a_retry_that_is_refused_is_1_with_the_reason(self):
        server = self.fake((409, {"status": "error", "message": "The crawl has not failed", "error_code": "CONFLICT",
                                  "crawl_id": NOBODY, "recovery_suggestion": "Look at it."}))
        for words in ((), ("--wait",)):
            self.expect(ctl("--daemon", server.url, "retry", NOBODY, *words), FAILED, "cannot retry the crawl",
                        "has not failed", "CONFLICT", "what to do: Look at it.")
        self.assertEqual(len(server.calls), 2)

    def test_a_key_that_finds_a_completed_crawl_is_told_so(self):
        server = self.fake((200, {**self.DONE, "message": "Crawl completed already",
                                  "background_processing": {"enabled": True, "status": "completed"}}))
        done = self.expect(ctl("--daemon", server.url, "trigger", PAGE, "--idempotency-key", "mine"), OK)
        self.assertEqual(self.fields(done.stdout)["status"], "Crawl completed already")

    def test_what_a_crawl_waits_for_is_told_and_until_when(self):
        waits = {"waiting_for": "Bright Data refuses the API key", "waiting_until": "2026-01-02T03:04:05.678Z"}
        server = self.fake((202, {**self.DONE, "status": "accepted", "snapshot_id": None, **waits}))
        done = self.expect(ctl("--daemon", server.url, "trigger", PAGE), OK)
        self.assertIn(f"\nwaiting for {waits['waiting_for']}\n", done.stdout)
        server = self.fake(self.status_of("pending", **waits))
        done = self.expect(ctl("--daemon", server.url, "status", NOBODY), OK)
        self.assertIn(f"\nwaiting for {waits['waiting_for']}\nuntil       {waits['waiting_until']}\n", done.stdout)
        later = {**waits, "waiting_until": "2026-01-02T03:05:05.678Z"}
        server = self.fake(self.status_of("pending", **waits), self.status_of("pending", **later),
                           self.status_of("completed"))
        done = self.expect(ctl("--daemon", server.url, "wait", NOBODY, "-i", "20ms"), OK)
        told = done.stderr.splitlines()
        self.assertEqual(len(told), 1, told)  # only the moment moved
        self.assertIn(f"pending ({waits['waiting_for']}), until {waits['waiting_until']}, after", told[0])

    def test_states_are_told_once_each_on_stderr(self):
        server = self.fake(self.status_of("pending"), self.status_of("processing"), self.status_of("processing"),
                           self.status_of("downloading"),
                           self.status_of("completed", gcs_path="file:///x", post_count=3, media_count=4))
        done = self.expect(ctl("--daemon", server.url, "wait", NOBODY, "-i", "20ms"), OK)
        told = [line for line in done.stderr.splitlines()]
        self.assertEqual(len(told), 3, told)
        self.assertEqual(self.fields(done.stdout)["posts"], "3")

    def test_a_failed_crawl_is_1_with_its_error(self):
        server = self.fake(self.status_of("failed", error_code="SNAPSHOT_FAILED", error_message="no rows",
                                          stage="polling", recovery_suggestion="try another page"))
        done = self.expect(ctl("--daemon", server.url, "wait", NOBODY), FAILED)
        fields = self.fields(done.stdout)
        self.assertEqual((fields["error"], fields["what to do"]), ("SNAPSHOT_FAILED", "try another page"))

    def test_without_background_polling_a_ready_crawl_is_handed_back(self):
        server = self.fake(self.status_of("ready", background_processing={"enabled": False}))
        self.expect(ctl("--daemon", server.url, "wait", NOBODY), TIMED_OUT, f"download {NOBODY}")

    def test_objects_elsewhere_are_not_copied(self):
        server = self.fake((200, {**self.DONE, "gcs_path": "gs://bucket/path.json", "post_count": 1,
                                  "media_count": 1}))
        self.expect(ctl("--daemon", server.url, "download", NOBODY, "-o", "out.json"), FAILED, "gcloud storage cp")

    def test_a_download_without_an_answer_in_time_is_75(self):
        class Slow(FakeHandler):
            def do_POST(self):
                time.sleep(3)
                with contextlib.suppress(OSError):
                    self.answer()
        server = self.fake((200, self.DONE))
        server.RequestHandlerClass = Slow
        self.expect(ctl("--daemon", server.url, "download", NOBODY, "--timeout", "300ms"), TIMED_OUT,
                    f"download {NOBODY}")

    def test_escapes_in_answers_do_not_reach_the_terminal(self):
        server = self.fake(self.status_of("processing", snapshot_id="\033[2Jsd\r\n"))
        self.expect(ctl("--daemon", server.url, "status", NOBODY), OK)

    def test_a_terminal_gets_one_line_that_moves(self):
        server = self.fake(self.status_of("processing"), self.status_of("processing"),
                           self.status_of("completed"))
        for term, lively in (("xterm", True), ("dumb", False)):
            try:
                master, slave = os.openpty()
            except OSError as missing:
                self.skipTest(f"no pseudo terminals here: {missing}")
            done = subprocess.run([CTL, "--daemon", server.url, "wait", NOBODY, "-i", "20ms"], stdin=slave,
                                  stdout=subprocess.PIPE, stderr=slave, env=ctl_environment({"TERM": term}),
                                  timeout=60)
            os.close(slave)
            shown = b""
            with contextlib.suppress(OSError):
                while part := os.read(master, 4096):
                    shown += part
            os.close(master)
            self.assertEqual(done.returncode, OK)
            self.assertEqual(b"\r\033[K" in shown, lively, shown)
            server.answers[:0] = [self.status_of("processing")] * 2


if __name__ == "__main__":
    unittest.main()
