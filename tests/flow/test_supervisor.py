"""trawld as a parent: starting, refusing, replacing and ending its children."""

import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import unittest

from harness import (BUILD, KEY, SANITIZED, FlowTest, Program, Trawld, call, child_pids, running, wait_for)

NOWHERE = "http://127.0.0.1:1"  # a provider that nobody is; nothing is crawled here
ROLES = {"keeper": 1, "publisher": 1, "poller": 2, "front": 2}
PIDFD_GETFD = 438  # the number of the system call
PROGRAMS = ["trawld"] + ["trawld-" + role for role in ROLES]


def counts(trawld):
    return {role: len(pids) for role, pids in trawld.children().items()}


def all_pids(trawld):
    return sorted(pid for pids in trawld.children().values() for pid in pids)


def healthy(trawld):
    try:
        return call(trawld.url, "GET", "/health").status == 200
    except OSError:
        return False


def break_streams(pid):
    """Shuts down what a process has for talking to others, as its own closing would; not its control socket."""
    pidfd = os.pidfd_open(pid)
    libc = ctypes.CDLL(None, use_errno=True)
    for name in os.listdir(f"/proc/{pid}/fd"):
        fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
        if fd < 0:
            continue
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.close(fd)
            continue
        with contextlib.closing(socket.socket(fileno=fd)) as s:
            if s.family == socket.AF_UNIX and s.type == socket.SOCK_STREAM:
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)
    os.close(pidfd)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit_descriptors(limit):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def log_after(trawld, mark, pattern, what):
    return wait_for(lambda: re.search(pattern, trawld.log()[mark:], re.M), what)


class Notified:
    """The test in systemd's place: a socket that collects what sd_notify says."""

    def __init__(self, test):
        self.path = str(test.folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.lines = []  # (when, line)
        reader = threading.Thread(target=self.collect, daemon=True)
        reader.start()
        test.addCleanup(self.socket.close)
        test.addCleanup(reader.join)
        test.addCleanup(self.socket.shutdown, socket.SHUT_RDWR)

    def collect(self):
        """Reads as it comes: the kernel keeps only a few."""
        while text := self.socket.recv(65536).decode():
            now = time.monotonic()
            self.lines += [(now, line) for line in text.split("\n")]

    def read(self):
        return [line for _, line in list(self.lines)]

    def wait(self, pattern, mark=0):
        return wait_for(lambda: next((l for l in self.read()[mark:] if re.fullmatch(pattern, l)), None),
                        f"notified {pattern}")


class SupervisorTest(FlowTest):
    def start(self, **conf):
        return self.trawld(NOWHERE, **conf)

    def start_with_file(self, text="", **conf):
        self.file = self.folder / "trawld.env"
        self.file.write_text(text)
        trawld = self.trawld(NOWHERE, start=False, **conf)
        trawld.file = self.file
        trawld.start()
        return trawld

    @staticmethod
    def start_given(trawld, *sockets):
        """Starts it in systemd's place: with listening sockets that are there already."""
        trawld.mark = len(trawld.log())
        # The shell gives the descriptors their numbers and keeps the pid that LISTEN_PID names.
        # High numbers, so that none is overwritten before it is copied.
        high = [os.dup(s.fileno()) for s in sockets]
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 60) for fd in high] + high
        given = high[:len(sockets)]
        moves = "".join(f"exec {3 + i}<&{fd}; exec {fd}<&-; " for i, fd in enumerate(given))
        shell = (f"{moves}LISTEN_PID=$$ LISTEN_FDS={len(sockets)} LISTEN_FDNAMES=http:api "
                 f"exec {BUILD / 'trawld'} --config {trawld.file}")
        trawld.program = Program(["/bin/bash", "-c", shell], trawld.log_path,
                                 env=trawld.environment(), pass_fds=given)
        for fd in high:
            os.close(fd)
        trawld.url = log_after(trawld, trawld.mark, r"ready: (http://\S+),", "trawld is ready").group(1)

    def refused(self, *options, limit=None, **conf):
        """Runs a trawld that is expected to end by itself: its status and words."""
        trawld = self.trawld(NOWHERE, start=False)
        env = {**trawld.environment(), **conf}
        env = {k: v for k, v in env.items() if v is not None}
        done = subprocess.run([BUILD / "trawld", *options], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60,
                              preexec_fn=limit and (lambda: limit_descriptors(limit)))
        self.programs.remove(trawld)
        return done

    def own_build(self, **instead):
        """A folder with trawld and its programs, some of them replaced by shell text."""
        folder = self.folder / "programs"
        folder.mkdir()
        for name in PROGRAMS:
            # A copy: trawld looks for the others where its own file lies.
            shutil.copy2(BUILD / name, folder / name)
        for role, text in instead.items():
            self.replace_program(folder, role, text)
        return folder

    @staticmethod
    def replace_program(folder, role, text):
        path = folder / f"trawld-{role}.new"
        path.write_text(text)
        path.chmod(0o755)
        path.rename(folder / f"trawld-{role}")

    def start_from(self, folder, text="", **conf):
        trawld = self.trawld(NOWHERE, start=False, **conf)
        trawld.file.write_text(text)
        env = {name: value for name, value in trawld.environment().items() if f"{name}=" not in text}
        trawld.mark = 0
        trawld.program = Program([folder / "trawld", "--config", trawld.file], trawld.log_path, env=env)
        return trawld


class StubTest(SupervisorTest):
    """trawld with children that only write down what they are told (stub_child.py)."""

    def start_stubs(self, text="", **conf):
        self.stubs = self.own_build()
        header = pathlib.Path(__file__).parents[2] / "src/ipc/inherit.h"
        stub = (f"#!{sys.executable} -B\n" + pathlib.Path(__file__).with_name("stub_child.py").read_text() +
                f"\n\nmain({header.read_text()!r})\n")
        for role in ROLES:
            self.replace_program(self.stubs, role, stub)
        trawld = self.start_from(self.stubs, text, **conf)
        log_after(trawld, 0, r"ready: (http://\S+),", "ready")
        return trawld

    def heard(self, role, *what, instance=0, generation=None):
        lines = [json.loads(line) for line in (self.stubs / "heard").read_text().splitlines()]
        return [(line["what"], line["arg"]) for line in lines
                if line["role"] == role and line["instance"] == instance and
                generation in (None, line["generation"]) and (not what or line["what"] in what)]


class Starting(SupervisorTest):
    def test_all_children_run_when_it_says_ready(self):
        trawld = self.start()
        self.assertEqual(counts(trawld), ROLES)
        self.assertTrue(healthy(trawld))
        mode = (trawld.data / "api.sock").stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o660)
        for name in ("objects", "spool", "quarantine"):
            self.assertTrue((trawld.data / name).is_dir())
        self.assertEqual((trawld.data / "lock").read_text().strip(), str(trawld.program.pid))

    def test_children_hold_their_descriptors_and_no_others(self):
        trawld = self.start()
        listening = self.listening_inodes()
        for role, pids in trawld.children().items():
            for pid in pids:
                fds = pathlib.Path(f"/proc/{pid}/fd")
                links = {int(f.name): os.readlink(f) for f in fds.iterdir()}
                self.assertEqual(links[0], "/dev/null")
                self.assertEqual(links[1], "/dev/null")
                self.assertRegex(links[3], "^socket:")
                self.assertTrue(links[5].endswith("/lock"), links)
                held = [f for f, link in links.items() if link in listening]
                self.assertEqual(sorted(held), [6] if role == "front" else [], role)

    @staticmethod
    def listening_inodes():
        lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
        return {f"socket:[{l.split()[9]}]" for l in lines if l.split()[3] == "0A"}

    def test_no_secret_in_environment_or_command_line_of_a_child(self):
        trawld = self.start(NOT_OURS="surprise")
        seen = set()
        for pid in all_pids(trawld):
            environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            self.assertNotIn(KEY.encode(), environment)
            self.assertNotIn(KEY.encode(), pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
            seen |= {v.split(b"=")[0].decode() for v in environment.split(b"\0") if v}
        allowed = {"PATH", "TZ", "LANG", "LC_ALL", "JOURNAL_STREAM",
                   "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"}
        self.assertLessEqual(seen, allowed)

    def test_a_role_started_by_hand_says_so(self):
        for role in ROLES:
            for arguments in ([], ["--child"], ["--help"]):
                done = subprocess.run([BUILD / f"trawld-{role}", *arguments], capture_output=True,
                                      text=True, stdin=subprocess.DEVNULL, timeout=30)
                self.assertEqual(done.returncode, 64, (role, arguments, done))
                self.assertIn("is started by trawld", done.stderr)

    def test_listening_sockets_of_systemd_are_used(self):
        tcp = socket.socket()
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(16)
        local = socket.socket(socket.AF_UNIX)
        local.bind(str(self.folder / "given.sock"))
        local.listen(16)
        self.addCleanup(tcp.close)
        self.addCleanup(local.close)
        port = tcp.getsockname()[1]
        trawld = self.trawld(NOWHERE, start=False, PORT="1")
        self.start_given(trawld, tcp, local)
        self.assertEqual(trawld.url, f"http://127.0.0.1:{port}")
        self.assertTrue(healthy(trawld))
        self.assertFalse((trawld.data / "api.sock").exists())
        warnings = re.findall("warning .* listens on .*", trawld.log())
        self.assertEqual(len(warnings), 1)
        for part in (trawld.url, "BIND_ADDRESS=127.0.0.1 PORT=1 ", "ListenStream="):
            self.assertIn(part, warnings[0])
        self.assertEqual(trawld.stop(), 0)
        self.assertTrue((self.folder / "given.sock").exists())
        for same in (str(port), "0"):
            trawld.conf["PORT"] = same
            self.start_given(trawld, tcp, local)
            self.assertNotIn("listens on", trawld.log()[trawld.mark:])
            self.assertEqual(trawld.stop(), 0)

    def test_ipv6_is_served(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("this machine has no ::1")
        trawld = self.start(BIND_ADDRESS="::1")
        self.assertRegex(trawld.url, r"^http://\[::1\]:\d+$")
        self.assertTrue(healthy(trawld))

    def test_the_data_directory_is_made_with_its_parents_even_with_a_long_path(self):
        trawld = self.trawld(NOWHERE, start=False)
        trawld.data = trawld.folder / "a" / ("b" * 90) / ("c" * 90)
        trawld.start()
        self.assertTrue((trawld.data / "api.sock").exists())


class Refusing(SupervisorTest):
    def test_a_second_one_on_the_same_data_is_refused(self):
        first = self.start()
        second = self.refused(DATA_DIR=str(first.data))
        self.assertEqual(second.returncode, 75)
        self.assertIn(str(first.program.pid), second.stderr)
        self.assertTrue(healthy(first))
        self.assertTrue((first.data / "api.sock").exists())

    def test_who_is_left_of_a_dead_set_and_holds_its_data_is_named(self):
        first = self.start()
        left = first.children()["poller"][1]
        os.kill(left, signal.SIGSTOP)
        try:
            others = [pid for pid in all_pids(first) if pid != left]
            first.program.process.kill()
            first.program.process.wait()
            first.program.log_file.close()
            wait_for(lambda: not any(running(p) for p in others), "the others leave")
            for user in (None, 12345) if os.geteuid() == 0 else (None,):
                with self.subTest(user):
                    self.refused_because_of(first, left, user)
        finally:
            os.kill(left, signal.SIGKILL)
        wait_for(lambda: not running(left), "it is gone")
        first.start()

    def refused_because_of(self, first, left, user):
        """Also for a user who may not look into the process: a poller hides its descriptors."""
        folder = self.folder / f"as-{user}"
        folder.mkdir()
        self.folder.chmod(0o755)
        for name in PROGRAMS:
            shutil.copy2(BUILD / name, folder / name)
        os.chmod(first.data, 0o777)
        os.chmod(first.data / "lock", 0o666)
        for name in ("objects", "spool", "quarantine"):
            os.chmod(first.data / name, 0o777)
        env = {**first.environment(), "DATA_DIR": str(first.data)}
        done = subprocess.run([folder / "trawld"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, user=user)
        self.assertEqual(done.returncode, 75, done.stderr)
        # Who may not look into processes is told of all that may be it: other tests leave some, too.
        before, which = ("", "which is .*; end that one") if user is None else (r"(trawld-\w+ with pid \d+, )*",
                                                                             "which (is|are) .*; end (that one|those)")
        self.assertRegex(done.stderr, rf"is in use by {before}trawld-poller with pid {left}\b.*, {which} \(kill -9\), or set "
                         "DATA_DIR to another place")
        self.assertNotIn(f"pid {first.program.pid}", done.stderr)

    def test_too_few_descriptors_for_all_processes_are_refused_before_a_port_is_open(self):
        processes = sum(ROLES.values())
        for limit in (16, 24, processes + 25):
            done = self.refused(limit=limit)
            self.assertEqual(done.returncode, 78, (limit, done.stderr))
            self.assertRegex(done.stderr, rf"{processes} processes need {processes + 26} file descriptors .*"
                             rf"the limit is {limit}: .*ulimit -n.*LimitNOFILE=.*BACKGROUND_MAX_WORKERS")

    def test_the_fewest_descriptors_that_are_not_refused_are_enough(self):
        sim = self.sim()
        trawld = self.trawld(sim, start=False)
        trawld.launch(preexec_fn=lambda: limit_descriptors(sum(ROLES.values()) + 26))
        trawld.url = log_after(trawld, 0, r"ready: (http://\S+),", "ready").group(1)
        for _ in range(2):
            trawld.wait_status(trawld.trigger())
            trawld.change()
            mark = len(trawld.log())
            trawld.program.send(signal.SIGHUP)
            log_after(trawld, mark, "reloaded: ", "reloaded")
        self.assertNotIn("Too many open files", trawld.log())

    def test_a_taken_port_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            port = taken.getsockname()[1]
            done = self.refused(PORT=str(port))
        self.assertEqual(done.returncode, 69)
        self.assertIn(f"127.0.0.1 port {port}", done.stderr)

    def test_a_data_directory_that_cannot_be_made_or_written(self):
        (self.folder / "file").write_text("")
        done = self.refused(DATA_DIR=str(self.folder / "file" / "data"))
        self.assertEqual(done.returncode, 73)
        self.assertIn("DATA_DIR", done.stderr)
        done = self.refused(DATA_DIR="/proc/trawld")
        self.assertEqual(done.returncode, 73)

    def test_a_bad_configuration(self):
        path = self.folder / "trawld.env"
        path.write_text("# mine\nPROT=8080\n")
        for done in (self.refused(PORT="eighty"), self.refused(BRIGHTDATA_API_KEY=None),
                     self.refused("--config", str(path)),
                     self.refused("--config", str(self.folder / "none.env")),
                     self.refused("--check-config", PORT="eighty"),
                     self.refused("--check-config", BRIGHTDATA_API_KEY=None)):
            self.assertEqual(done.returncode, 78, done)
            self.assertTrue(done.stderr.strip(), done)
            self.assertNotIn(KEY, done.stderr)
        self.assertIn("trawld.env:2", self.refused("--config", str(path)).stderr)

    def test_command_line(self):
        done = self.refused("--check-config")
        self.assertEqual((done.returncode, done.stdout), (0, "configuration is valid\n"))
        done = self.refused("--print-config")
        self.assertEqual(done.returncode, 0)
        self.assertIn("PORT=0  # environment", done.stdout)
        self.assertNotIn(KEY, done.stdout)
        self.assertRegex(self.refused("--version").stdout, r"^trawld \d+\.\d+")
        shown = self.refused("--help").stdout
        self.assertIn("--config FILE", shown)
        self.assertLess(shown.index("Examples:"), shown.index("Usage:"))
        for wrong, says in ((["--nonsense"], "--nonsense"), (["word"], "word"), (["--config"], "needs a value"),
                            (["--chek-config"], "did you mean --check-config?")):
            done = self.refused(*wrong)
            self.assertEqual(done.returncode, 64)
            self.assertIn(says, done.stderr)

    def test_an_end_that_no_restart_mends_ends_the_set_with_its_status(self):
        for status, whole in ((78, 78), (73, 73), (70, 75)):
            with self.subTest(status):
                folder = self.own_build(publisher=f"#!/bin/sh\nexit {status}\n")
                trawld = self.start_from(folder)
                self.assertEqual(trawld.program.process.wait(30), whole)
                shutil.rmtree(folder)


class Living(SupervisorTest):
    def test_each_killed_child_comes_back(self):
        trawld = self.start()
        for role in ROLES:
            pid = trawld.kill_child(role)
            wait_for(lambda: counts(trawld) == ROLES and pid not in all_pids(trawld),
                     f"{role} is there again")
            wait_for(lambda: healthy(trawld), f"healthy after the death of {role}")
        self.assertTrue(trawld.program.alive())

    def test_callers_wait_and_are_not_refused_while_all_fronts_are_dead(self):
        trawld = self.start(FRONT_WORKERS="1")
        for _ in range(5):
            trawld.kill_child("front")
            self.assertTrue(healthy(trawld))

    def test_a_child_that_keeps_dying_is_started_ever_more_slowly(self):
        folder = self.own_build(publisher="#!/bin/sh\nexit 1\n")
        trawld = self.start_from(folder)
        log_after(trawld, 0, r"publisher\[0\] is started again in 800 ms", "the pauses grow")
        pauses = re.findall(r"publisher\[0\] is started again in (\d+) ms", trawld.log())
        self.assertEqual(pauses[:4], ["100", "200", "400", "800"])
        self.assertNotIn("ready: ", trawld.log())
        self.assertEqual(trawld.stop(), 0)

    def test_a_child_that_never_gets_ready_is_killed(self):
        folder = self.own_build(publisher="#!/bin/sh\nexec /bin/sleep 600\n")
        trawld = self.start_from(folder)
        log_after(trawld, 0, r"publisher pid \d+ is killed: it was not ready in time", "the kill")
        self.assertEqual(trawld.stop(), 0)

    def test_a_killed_supervisor_leaves_no_child(self):
        trawld = self.start()
        pids = all_pids(trawld)
        trawld.program.process.kill()
        trawld.program.process.wait()
        start = time.monotonic()
        wait_for(lambda: not any(running(p) for p in pids), "the children leave")
        self.assertLess(time.monotonic() - start, 8 if SANITIZED else 2)
        trawld.start()  # the stale api.sock and the lock are no hindrance
        self.assertTrue(healthy(trawld))

    def test_children_whose_stream_to_the_keeper_broke_are_started_anew(self):
        trawld = self.start()
        pids = trawld.children()
        break_streams(pids["keeper"][0])
        wait_for(lambda: trawld.log().count("the keeper is gone") >= 5, "every child notices")
        self.assertEqual(trawld.children(), pids)
        wait_for(lambda: counts(trawld) == ROLES and
                 not set(all_pids(trawld)) & set(pids["poller"] + pids["publisher"] + pids["front"]),
                 "all of them are new", 90)
        wait_for(lambda: healthy(trawld), "healthy")
        self.assertEqual(trawld.children()["keeper"], pids["keeper"])

    def test_the_keeper_can_be_stopped_only_for_a_while_before_systemd_knows(self):
        notified = Notified(self)
        trawld = self.start(NOTIFY_SOCKET=notified.path, WATCHDOG_USEC="400000")
        beats = lambda: notified.read().count("WATCHDOG=1")
        wait_for(lambda: beats() >= 3, "the watchdog is fed")
        keeper = trawld.children()["keeper"][0]
        os.kill(keeper, signal.SIGSTOP)
        try:
            log_after(trawld, 0, r"the keeper has been silent", "the silence is noticed")
            before = beats()
            wait_for(lambda: trawld.log().count("the keeper has been silent") >= 4, "and goes on")
            self.assertEqual(beats(), before)
        finally:
            os.kill(keeper, signal.SIGCONT)
        wait_for(lambda: beats() > before, "fed again")


class Moving(SupervisorTest):
    """DATA_DIR is taken away under the running set. (A real file system in test_disk.py.)"""

    def setUp(self):
        super().setUp()
        self.notified = Notified(self)
        self.moved = self.folder / "moved"

    def take_away(self, trawld):
        trawld.data.rename(self.moved)
        log_after(trawld, trawld.mark, "nothing of the former .* is held", "all of it is let go")
        self.notified.wait("STATUS=.* is not where it was, requests are refused: waiting for a job store .*")

    def held(self, trawld):
        """What the set has open of it."""
        pids = [trawld.program.pid, *all_pids(trawld)]
        links = [os.readlink(link) for pid in pids for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        return [link for link in links if link.startswith(str(self.moved))]

    def test_it_is_let_go_and_taken_again(self):
        trawld = self.start(NOTIFY_SOCKET=self.notified.path, WATCHDOG_USEC="400000", TRIGGER_WAIT_SECONDS="0")
        crawl_id = trawld.trigger()
        before = all_pids(trawld)
        self.take_away(trawld)
        self.assertEqual(self.held(trawld), [])
        self.assertEqual(counts(trawld), {"front": 2})
        self.assertEqual(call(trawld.url, "GET", "/health").status, 503)
        trawld.data.mkdir()  # as the bare place of a mount
        trawld.program.send(signal.SIGHUP)  # is done when it is back
        beats = self.notified.read().count("WATCHDOG=1")
        wait_for(lambda: self.notified.read().count("WATCHDOG=1") > beats + 12, "the watchdog is fed for 2 s and more")
        self.assertEqual(os.listdir(trawld.data), [], "nothing is begun where no store is")
        trawld.data.rmdir()
        self.moved.rename(trawld.data)
        log_after(trawld, trawld.mark, "a job store is in .* again", "it is taken again")
        wait_for(lambda: healthy(trawld), "all serve again")
        log_after(trawld, trawld.mark, "reloaded: ", "the reload that was asked for is done")
        wait_for(lambda: counts(trawld) == ROLES, "a whole set")
        self.assertEqual(set(before) & set(all_pids(trawld)), set())
        self.assertEqual(trawld.status(crawl_id)["crawl_id"], crawl_id)
        self.assertTrue((trawld.data / "api.sock").is_socket())
        self.assertEqual(trawld.stop(), 0)

    def test_a_stop_while_it_is_away(self):
        trawld = self.start(NOTIFY_SOCKET=self.notified.path)
        self.take_away(trawld)
        self.assertEqual(trawld.stop(), 0)
        self.assertFalse(trawld.data.exists())
        self.moved.rename(trawld.data)
        trawld.start()
        self.assertTrue(healthy(trawld))


class Reloading(SupervisorTest):
    def reload(self, trawld, pattern=r"reloaded: (http://\S+),"):
        mark = len(trawld.log())
        trawld.program.send(signal.SIGHUP)
        return log_after(trawld, mark, pattern, f"reload: {pattern}")

    def test_every_child_is_replaced_and_nobody_is_refused(self):
        trawld = self.start()
        before = all_pids(trawld)
        stop, bad, done, closed = threading.Event(), [], [], []

        def ask():
            while not stop.is_set():
                try:
                    answer = call(trawld.url, "GET", "/health")
                    (done if answer.status in (200, 503) else bad).append(answer)
                except http.client.RemoteDisconnected:
                    closed.append(1)  # open but silent when its front left: a client tries again
                except OSError as error:
                    bad.append(error)

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            for _ in range(2):
                trawld.change()
                self.reload(trawld)
        finally:
            stop.set()
            asker.join()
        wait_for(lambda: not any(running(p) for p in before), "the old ones leave")
        wait_for(lambda: counts(trawld) == ROLES, "as many as before")
        self.assertEqual(bad, [])
        self.assertTrue(done)
        self.assertLessEqual(len(closed), 2 * 2 * ROLES["front"])
        self.assertTrue(healthy(trawld))

    def test_two_signals_at_once_end_in_a_whole_set(self):
        trawld = self.start()
        for _ in range(5):
            trawld.change()
            trawld.program.send(signal.SIGHUP)
            time.sleep(0.01)
        log_after(trawld, 0, r"reloaded: ", "reloaded")
        wait_for(lambda: trawld.log().count("reloading the config") == trawld.log().count("reloaded: ")
                 and counts(trawld) == ROLES, "all reloads are through")
        self.assertTrue(healthy(trawld))

    def test_one_that_changes_nothing_replaces_nobody_and_says_so(self):
        trawld = self.start()
        before = trawld.children()
        trawld.file.write_text("# the same, said otherwise\nBACKGROUND_DOWNLOAD_TIMEOUT=5m\n")
        self.reload(trawld, r"reloaded: \S+, data in \S+; nothing has changed$")
        trawld.file.write_text(f"BRIGHTDATA_API_KEY_FILE={self.folder / 'unused'}\n")
        self.reload(trawld, r"reloaded: \S+, data in \S+; every process stays$")
        self.assertEqual(trawld.children(), before)

    def test_only_who_reads_what_changed_is_replaced(self):
        trawld = self.start()
        for line, replaced in (("RECONCILE_DELAY=201ms", {}),  # the environment wins
                               ("PUBSUB_TOPIC_PREFIX=other", {"publisher"}),
                               ("PUBSUB_TOPIC_PREFIX=other\nRETRY_MAX_ATTEMPTS=4", {"keeper", "poller"}),
                               ("RETRY_MAX_ATTEMPTS=4", {"publisher"}),
                               ("RETRY_MAX_ATTEMPTS=4\nTRIGGER_WAIT_SECONDS=9", {"keeper", "front"})):
            before = trawld.children()
            trawld.file.write_text(line + "\n")
            names = ", ".join(role for role in ROLES if role in replaced)
            self.reload(trawld, f"; replaced: {names}$" if replaced else "; nothing has changed$")
            wait_for(lambda: counts(trawld) == ROLES, "the old ones leave")
            now = trawld.children()
            for role in ROLES:
                kept = set(before[role]) & set(now[role])
                self.assertEqual(kept, set() if role in replaced else set(before[role]), (line, role))
        self.assertTrue(healthy(trawld))

    def test_who_does_not_serve_is_started_anew_whatever_changed(self):
        folder = self.own_build(publisher="#!/bin/sh\nexit 1\n")
        trawld = self.start_from(folder)
        log_after(trawld, 0, r"publisher\[0\] is started again in 100 ms", "it fails")
        shutil.copy2(BUILD / "trawld-publisher", folder / "new")
        (folder / "new").rename(folder / "trawld-publisher")
        log_after(trawld, 0, r"ready: (http://\S+),", "ready")
        self.replace_program(folder, "publisher", "#!/bin/sh\nexit 1\n")
        trawld.kill_child("publisher")
        log_after(trawld, 0, r"publisher\[0\] is started again in 6400 ms", "its pauses grow")
        shutil.copy2(BUILD / "trawld-publisher", folder / "new")
        (folder / "new").rename(folder / "trawld-publisher")
        start = time.monotonic()
        self.reload(trawld, "; nothing has changed$")
        self.assertLess(time.monotonic() - start, 4)
        self.assertEqual(counts(trawld), ROLES)

    def test_a_bad_file_keeps_the_old_children(self):
        trawld = self.start_with_file("RETRY_MAX_ATTEMPTS=3\n")
        before = all_pids(trawld)
        for bad in ("RETRY_MAX_ATTEMPTS=many\n", "NONSENSE=1\n"):
            self.file.write_text(bad)
            self.reload(trawld, r"reload refused, .*trawld\.env:1")
        self.file.unlink()
        self.reload(trawld, r"reload refused, .*No such file")
        self.assertEqual(all_pids(trawld), before)
        self.assertTrue(healthy(trawld))

    def test_counts_change(self):
        trawld = self.trawld(NOWHERE, start=False)
        trawld.QUICK = {k: v for k, v in Trawld.QUICK.items()
                        if k not in ("BACKGROUND_MAX_WORKERS", "FRONT_WORKERS")}
        trawld.conf = dict(trawld.QUICK)
        self.file = self.folder / "trawld.env"
        others = {}
        for pollers, fronts in ((2, 2), (4, 3), (1, 1)):
            self.file.write_text(f"BACKGROUND_MAX_WORKERS={pollers}\nFRONT_WORKERS={fronts}\n")
            if trawld.program:
                self.reload(trawld)
            else:
                trawld.start("--config", str(self.file))
            wait_for(lambda: counts(trawld) == {**ROLES, "poller": pollers, "front": fronts},
                     f"{pollers} pollers and {fronts} fronts")
            now = trawld.children()
            kept = others or now
            self.assertEqual((now["keeper"], now["publisher"]), (kept["keeper"], kept["publisher"]))
            self.assertIn(kept["poller"][0], now["poller"])
            others = now
        log_after(trawld, 0, "; replaced: front; poller processes: 1 instead of 4; front processes: 1 instead of 3$",
                  "the counts are told")
        self.assertTrue(healthy(trawld))

    def test_the_address_changes_and_one_that_cannot_be_had_is_refused(self):
        trawld = self.start_with_file()
        before = all_pids(trawld)
        # PORT stands in the environment, which wins over the file; BIND_ADDRESS does not.
        self.file.write_text("BIND_ADDRESS=192.0.2.1\n")
        self.reload(trawld, r"reload refused, .*192\.0\.2\.1")
        self.assertEqual(all_pids(trawld), before)
        self.file.write_text("BIND_ADDRESS=127.0.0.2\n")
        url = self.reload(trawld).group(1)
        self.assertRegex(url, r"^http://127\.0\.0\.2:\d+$")
        self.assertEqual(call(url, "GET", "/health").status, 200)
        wait_for(lambda: not healthy(trawld), "the old address is served no more")

    def test_more_processes_than_there_are_descriptors_for_are_refused(self):
        trawld = self.trawld(NOWHERE, start=False)
        trawld.conf = {name: value for name, value in trawld.conf.items() if name != "FRONT_WORKERS"}
        trawld.file.write_text("FRONT_WORKERS=2\n")
        trawld.launch(preexec_fn=lambda: limit_descriptors(40))
        trawld.url = log_after(trawld, 0, r"ready: (http://\S+),", "ready").group(1)
        before = all_pids(trawld)
        trawld.file.write_text("FRONT_WORKERS=30\n")
        self.reload(trawld, "reload refused, .* 34 processes need 60 file descriptors")
        self.assertEqual(all_pids(trawld), before)
        self.assertTrue(healthy(trawld))

    def test_the_data_directory_cannot_change(self):
        trawld = self.trawld(NOWHERE, start=False)
        environment = trawld.environment
        trawld.environment = lambda: {k: v for k, v in environment().items() if k != "DATA_DIR"}
        self.file = self.folder / "trawld.env"
        self.file.write_text(f"DATA_DIR={trawld.data}\n")
        trawld.start("--config", str(self.file))
        self.file.write_text(f"DATA_DIR={self.folder / 'other'}\n")
        self.reload(trawld, r"reload refused, .*DATA_DIR cannot change")
        self.assertFalse((self.folder / "other").exists())
        self.assertTrue(healthy(trawld))

    def test_a_new_child_that_cannot_start_leaves_the_old_ones_in_place(self):
        folder = self.own_build()
        trawld = self.start_from(folder)
        trawld.url = log_after(trawld, 0, r"ready: (http://\S+),", "ready").group(1)
        fronts = sorted(trawld.children()["front"])
        self.replace_program(folder, "front", "#!/bin/sh\nexit 78\n")
        trawld.change()
        self.reload(trawld, r"the old configuration is in use again")
        self.assertEqual(sorted(trawld.children()["front"]), fronts)
        wait_for(lambda: counts(trawld) == ROLES, "a whole set")
        self.assertTrue(healthy(trawld))
        self.assertEqual(trawld.stop(), 0)

    def test_a_new_key_reaches_new_pollers_only(self):
        key = self.folder / "key"
        key.write_text("first-key-0001\n")
        trawld = self.trawld(NOWHERE, start=False)
        environment = trawld.environment
        trawld.environment = lambda: {
            **{k: v for k, v in environment().items() if k != "BRIGHTDATA_API_KEY"},
            "BRIGHTDATA_API_KEY_FILE": str(key)}
        trawld.start()
        before = trawld.children()
        key.write_text("second-key-0002\n")
        self.reload(trawld, "; replaced: poller$")
        wait_for(lambda: not set(before["poller"]) & set(trawld.children()["poller"]), "new pollers")
        self.assertEqual({**trawld.children(), "poller": None}, {**before, "poller": None})
        key.unlink()
        self.reload(trawld, r"reload refused, ")
        self.assertNotIn("-key-000", trawld.log())


class Hearing(StubTest):
    def test_one_that_speaks_another_version_is_killed_and_heard_no_more(self):
        trawld = self.start_stubs()
        (self.stubs / "babble-publisher").touch()
        first = trawld.kill_child("publisher")
        log_after(trawld, 0, r"publisher\[0\] is started again in 200 ms", "it was tried a few times")
        killed = re.findall(r"publisher pid (\d+) is killed: it speaks another version", trawld.log())
        self.assertGreaterEqual(len(killed), 2)
        self.assertEqual(len(killed), len(set(killed)))
        self.assertNotIn(str(first), killed)
        (self.stubs / "babble-publisher").unlink()
        wait_for(lambda: counts(trawld) == ROLES, "a whole set")


class ReloadingStubs(StubTest):
    """What a reload tells its children, and children that do not leave."""

    POLLER_ONLY = "BRIGHTDATA_BASE_URL=https://{}.example"

    def reload(self, trawld, host=None):
        mark = len(trawld.log())
        if host:
            trawld.file.write_text(self.POLLER_ONLY.format(host) + "\n")
        start = time.monotonic()
        trawld.program.send(signal.SIGHUP)
        log_after(trawld, mark, "reloaded: ", "reloaded")
        return time.monotonic() - start

    def start_with_pollers_that_hold(self, *generations):
        trawld = self.start_stubs(self.POLLER_ONLY.format("first") + "\n")
        for generation in generations:
            (self.stubs / f"hold-poller-{generation}").touch()
        return trawld

    def test_the_keeper_is_told_when_one_is_through(self):
        trawld = self.start_with_pollers_that_hold()
        for reloads in (1, 2):
            self.reload(trawld)
            wait_for(lambda: len(self.heard("keeper", "RELOADED")) == reloads, "the keeper is told")
        trawld.file.write_text("NONSENSE=1\n")
        trawld.program.send(signal.SIGHUP)
        log_after(trawld, 0, "reload refused", "one is refused")
        mark = len(trawld.log())
        trawld.file.write_text(self.POLLER_ONLY.format("first") + "\nLOG_FORMAT=text\n")
        trawld.program.send(signal.SIGHUP)
        log_after(trawld, mark, "; replaced: keeper, publisher, poller, front$", "one that replaces all")
        wait_for(lambda: self.heard("keeper", "RELOADED", generation=2), "the new keeper is told")
        self.assertEqual(len(self.heard("keeper", "RELOADED")), 3)
        for role in ("publisher", "poller", "front"):
            self.assertEqual(self.heard(role, "RELOADED"), [])

    def test_nobody_waits_for_a_poller_that_has_a_call_open(self):
        trawld = self.start_with_pollers_that_hold(1)
        old = trawld.children()["poller"]
        self.assertLess(self.reload(trawld, "second"), 5)
        self.assertEqual(counts(trawld)["poller"], 4)
        self.assertEqual(self.heard("poller", "LEAVE", "SIGTERM", generation=1), [("LEAVE", 60000), ("SIGTERM", 0)])
        self.assertLess(self.reload(trawld, "third"), 5)
        wait_for(lambda: counts(trawld)["poller"] == 4, "the second generation left")
        self.assertLessEqual(set(old), set(trawld.children()["poller"]))
        self.assertEqual(len(self.heard("poller", "LEAVE", generation=1)), 1)
        (self.stubs / "hold-poller-1").unlink()
        wait_for(lambda: counts(trawld) == ROLES, "the call is answered")
        self.assertNotIn("is killed", trawld.log())

    def test_the_end_of_the_set_hurries_who_was_leaving(self):
        trawld = self.start_with_pollers_that_hold(1)
        self.reload(trawld, "second")
        start = time.monotonic()
        self.assertEqual(trawld.stop(), 0)
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual(self.heard("poller", "LEAVE", "SIGTERM", generation=1),
                         [("LEAVE", 60000), ("SIGTERM", 0), ("LEAVE", 3000)])
        self.assertEqual(trawld.log().count("is killed: it did not leave in time"), ROLES["poller"])

    def test_old_generations_are_few_at_a_time(self):
        trawld = self.start_with_pollers_that_hold(1, 2, 3, 4, 5)
        most, stop = [0], threading.Event()

        def watch():
            while not stop.wait(0.02):
                most[0] = max(most[0], counts(trawld).get("poller", 0))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            quick = [self.reload(trawld, f"host{n}") < 3 for n in range(5)]
        finally:
            stop.set()
            watcher.join()
        self.assertEqual(quick[:3], [True] * 3)
        self.assertEqual(most[0], ROLES["poller"] * 4)  # PLACE_OLD_MAX and the one that counts
        for generation, told in ((1, [60000, 3000]), (2, [60000, 3000]), (3, [60000]), (5, [60000])):
            self.assertEqual([arg for _, arg in self.heard("poller", "LEAVE", generation=generation)], told)
        self.assertEqual(trawld.log().count("is killed: it did not leave in time"), 2 * ROLES["poller"])


class AskingForAReload(SupervisorTest):
    """trawld --reload: the same, with the outcome told to who asked."""

    def ask(self, trawld, *options, start=False, **conf):
        env = {k: v for k, v in {**trawld.environment(), **conf}.items() if v is not None}
        command = [BUILD / "trawld", "--reload", *(["--config", str(self.file)] if hasattr(self, "file") else []),
                   *options]
        run = dict(env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if start:
            return subprocess.Popen(command, **run)
        return subprocess.run(command, timeout=90, **run)

    def test_a_good_one_is_0_when_every_child_is_new(self):
        trawld = self.start()
        before = all_pids(trawld)
        trawld.change()
        done = self.ask(trawld)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"reloaded: {trawld.url}, data in {trawld.data}; "
                         "replaced: keeper, publisher, poller, front\n")
        fresh = [p for p in all_pids(trawld) if p not in before]
        self.assertGreaterEqual(len(fresh), sum(ROLES.values()))
        self.assertEqual(stat.S_IMODE((trawld.data / "reload.sock").stat().st_mode), 0o600)
        self.assertEqual(trawld.stop(), 0)
        self.assertFalse((trawld.data / "reload.sock").exists())

    def test_a_bad_configuration_is_78_and_nothing_happens(self):
        trawld = self.start_with_file("RETRY_MAX_ATTEMPTS=3\n")
        before = all_pids(trawld)
        self.file.write_text("# mine\nRETRY_MAX_ATTEMPTS=many\n")
        done = self.ask(trawld)
        self.assertEqual(done.returncode, 78)
        self.assertIn("trawld.env:2", done.stderr)
        self.assertNotIn("reloading", trawld.log())
        self.assertEqual(all_pids(trawld), before)

    def test_a_main_process_that_systemd_names_hears_of_a_bad_one(self):
        trawld = self.start_with_file("RETRY_MAX_ATTEMPTS=3\n")
        self.file.write_text("RETRY_MAX_ATTEMPTS=many\n")
        self.assertEqual(self.ask(trawld, MAINPID=str(trawld.program.pid)).returncode, 78)
        log_after(trawld, 0, r"reload refused, .*trawld\.env:1", "the daemon refuses it, too")

    def test_who_asks_needs_no_key(self):
        # The commands of ExecReload= cannot read the unit's credentials (systemd 252).
        trawld = self.start()
        done = self.ask(trawld, BRIGHTDATA_API_KEY=None)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_one_that_only_the_daemon_can_refuse_is_1_with_its_reason(self):
        trawld = self.start_with_file()
        self.file.write_text("BIND_ADDRESS=192.0.2.1\n")
        done = self.ask(trawld)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^trawld: reload refused, the old configuration stays: .*192\.0\.2\.1")

    def test_one_that_is_given_up_is_1_when_the_old_set_is_whole(self):
        folder = self.own_build()
        trawld = self.start_from(folder)
        trawld.url = log_after(trawld, 0, r"ready: (http://\S+),", "ready").group(1)
        self.replace_program(folder, "front", "#!/bin/sh\nexit 78\n")
        trawld.change()
        done = self.ask(trawld)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "trawld: reload given up: front[0] does not start with the new configuration; "
                         "the old configuration is in use again\n")
        self.assertTrue(healthy(trawld))
        self.assertEqual(trawld.stop(), 0)

    def test_nobody_there_is_69(self):
        trawld = self.trawld(NOWHERE, start=False)
        done = self.ask(trawld)
        self.assertEqual(done.returncode, 69)
        self.assertIn(f"no trawld runs on the data directory {trawld.data}", done.stderr)
        trawld.start()
        trawld.kill()  # its socket still lies there
        self.assertTrue((trawld.data / "reload.sock").exists())
        self.assertEqual(self.ask(trawld).returncode, 69)

    def test_each_who_asks_gets_the_outcome_of_a_reload_that_began_after(self):
        trawld = self.trawld(NOWHERE, start=False)
        trawld.conf = {k: v for k, v in trawld.conf.items() if k != "BACKGROUND_MAX_WORKERS"}
        self.file = self.folder / "trawld.env"
        self.file.write_text("BACKGROUND_MAX_WORKERS=1\n")
        trawld.start("--config", str(self.file))
        askers = []
        for workers in (2, 3, 4):
            self.file.write_text(f"BACKGROUND_MAX_WORKERS={workers}\n")
            askers.append(self.ask(trawld, start=True))
            wait_for(lambda: trawld.log().count("reloading the config") >= 1, "one has begun")
        for asker in askers:
            with asker:
                self.assertEqual(asker.wait(60), 0)
        # Whoever asked last has the last file's word for it.
        self.assertEqual(len(trawld.children()["poller"]), 4)

    def test_without_a_free_descriptor_who_asks_waits_and_nothing_spins(self):
        trawld = self.start()
        pid, before = trawld.program.pid, resource.prlimit(trawld.program.pid, resource.RLIMIT_NOFILE)
        used = [int(name) for name in os.listdir(f"/proc/{pid}/fd")]
        lowest_free = next(n for n in range(1024) if n not in used)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, before[1]))
        with self.ask(trawld, start=True) as asker:
            log_after(trawld, 0, "nobody can ask for a reload now: .*Too many open files", "it says so")
            start = cpu_seconds(pid)
            time.sleep(1)
            self.assertLess(cpu_seconds(pid) - start, 0.3)
            self.assertIsNone(asker.poll())
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            self.assertEqual(asker.wait(10), 0)
        self.assertEqual(trawld.log().count("nobody can ask"), 1)

    def test_a_daemon_that_stops_meanwhile_says_so(self):
        folder = self.own_build()
        trawld = self.start_from(folder)
        log_after(trawld, 0, r"ready: (http://\S+),", "ready")
        self.replace_program(folder, "publisher", "#!/bin/sh\nexec /bin/sleep 600\n")
        trawld.change()
        with self.ask(trawld, start=True) as asker:
            log_after(trawld, 0, "reloading the configuration", "it has begun")
            trawld.program.send(signal.SIGTERM)
            self.assertEqual(asker.wait(30), 1)
            self.assertIn("trawld is stopping", asker.stderr.read())
        self.assertEqual(trawld.program.process.wait(30), 0)

    def test_a_daemon_that_is_killed_meanwhile_is_69(self):
        folder = self.own_build()
        trawld = self.start_from(folder)
        log_after(trawld, 0, r"ready: (http://\S+),", "ready")
        self.replace_program(folder, "publisher", "#!/bin/sh\nexec /bin/sleep 600\n")
        trawld.change()
        with self.ask(trawld, start=True) as asker:
            log_after(trawld, 0, "reloading the configuration", "it has begun")
            sleeping = lambda: [p for p in child_pids(trawld.program.pid)
                                if pathlib.Path(f"/proc/{p}/comm").read_text() == "sleep\n"]
            left_behind = wait_for(sleeping, "the new publisher")
            trawld.program.process.kill()
            self.assertEqual(asker.wait(30), 69)
            os.kill(left_behind[0], signal.SIGKILL)
        trawld.program.process.wait()


class Ending(StubTest):
    def test_sigterm_and_sigint_end_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                trawld = self.start()
                pids = all_pids(trawld)
                start = time.monotonic()
                self.assertEqual(trawld.stop(number), 0)
                self.assertLess(time.monotonic() - start, 10)
                self.assertFalse([p for p in pids if running(p)])
                self.assertFalse((trawld.data / "api.sock").exists())

    def test_sigterm_while_it_starts(self):
        trawld = self.trawld(NOWHERE, start=False)
        trawld.launch()
        wait_for(lambda: child_pids(trawld.program.pid), "the first child")
        pids = child_pids(trawld.program.pid)
        self.assertEqual(trawld.stop(), 0)
        self.assertFalse([p for p in pids if running(p)])

    def test_a_stopped_child_is_killed_within_the_limit(self):
        trawld = self.start()
        pids = all_pids(trawld)
        for role in ("front", "keeper"):
            os.kill(trawld.children()[role][0], signal.SIGSTOP)
        start = time.monotonic()
        trawld.program.send(signal.SIGTERM)
        time.sleep(0.1)
        trawld.program.send(signal.SIGTERM)  # a second one changes nothing
        self.assertEqual(trawld.stop(), 0)
        self.assertLess(time.monotonic() - start, 11)
        self.assertFalse([p for p in pids if running(p)])

    def test_each_is_told_its_time_before_the_signal(self):
        trawld = self.start_stubs()
        self.assertEqual(trawld.stop(), 0)
        for role, within in (("front", 4000), ("poller", 3000), ("publisher", 1000), ("keeper", 2000)):
            self.assertEqual(self.heard(role)[1:], [("LEAVE", within), ("SIGTERM", 0)], role)

    def test_systemd_is_told(self):
        notified = Notified(self)
        trawld = self.start(NOTIFY_SOCKET=notified.path)
        notified.wait("READY=1")
        notified.wait("STATUS=.+")
        mark = len(notified.read())
        trawld.program.send(signal.SIGHUP)
        notified.wait("RELOADING=1", mark)
        notified.wait(r"MONOTONIC_USEC=\d+", mark)
        notified.wait("READY=1", mark)
        mark = len(notified.read())
        self.assertEqual(trawld.stop(), 0)
        notified.wait("STOPPING=1", mark)
        notified.wait(r"EXTEND_TIMEOUT_USEC=\d+", mark)


if __name__ == "__main__":
    unittest.main()
