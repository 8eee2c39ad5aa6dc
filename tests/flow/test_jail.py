"""Every process in the jail of its role (src/ipc/jail.h): that it is, that all work is done in it, and what is
said where the kernel has only part of it. What each jail refuses is tests/unit/test-ipc-jail.c's."""

import ctypes
import errno
import os
import pathlib
import re
import signal
import unittest

from harness import ROLES, FlowTest, wait_for
from test_ctl import ctl
from test_supervisor import all_pids, counts, healthy, log_after

LANDLOCK_CREATE_RULESET = 444  # the number of the call, the same everywhere
ALLOW, REFUSE = 0x7fff0000, 0x00050000  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO()
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22
MASKED_EQUAL = 7  # SCMP_CMP_MASKED_EQ
TOLD_NO = "(?i)operation not permitted|permission denied|function not implemented|not supported|bad system call"


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("mask", ctypes.c_uint64), ("bits", ctypes.c_uint64)]


def kernel_without(*calls):
    """For a program that is about to start: these calls are answered as by a kernel that has them not."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]

    def prepare():
        context = lib.seccomp_init(ALLOW)
        for name, option in calls:
            number = lib.seccomp_syscall_resolve_name(name.encode())
            where = Comparison(0, MASKED_EQUAL, 0xffffffff, option or 0)
            if lib.seccomp_rule_add_array(context, REFUSE | errno.ENOSYS, number, option is not None, ctypes.byref(where)) < 0:
                os._exit(99)
        if lib.seccomp_load(context) < 0:
            os._exit(99)
    return prepare


NO_LANDLOCK = [("landlock_create_ruleset", None)]
NO_SECCOMP = [("prctl", PR_SET_SECCOMP), ("seccomp", None)]


def landlock_abi():
    return ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, 1)


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def core_limit(pid):
    lines = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max core file size")).split()[4:6]


def filters(pid):
    return int(status_of(pid)["Seccomp_filters"])


class Jail(FlowTest):
    def start(self, sim=None, **conf):
        return self.trawld(sim or self.sim("--building", "0"), **{"JAIL": "true", **conf})

    def assert_jailed(self, trawld):
        def is_jailed(pid):
            status = status_of(pid)
            return (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2") and core_limit(pid) == ["0", "0"]

        for role, pids in trawld.children().items():
            for pid in pids:
                wait_for(lambda: is_jailed(pid), f"{role} {pid} is in its jail")

    def assert_nothing_was_refused(self, trawld):
        refusals = [line for line in trawld.log().splitlines() if re.search(TOLD_NO, line)]
        self.assertEqual(refusals, [])

    def whole(self, trawld):
        wait_for(lambda: counts(trawld) == {"keeper": 1, "publisher": 1, "poller": 2, "front": 2} and healthy(trawld),
                 "a whole set")

    def reload(self, trawld):
        """One that replaces every process."""
        before, mark = all_pids(trawld), len(trawld.log())
        trawld.program.send(signal.SIGHUP)
        log_after(trawld, mark, "reloaded", "the reload is through")
        wait_for(lambda: not set(before) & set(all_pids(trawld)), "all were replaced")
        self.whole(trawld)

    def one_crawl(self, trawld):
        crawl_id = trawld.trigger()
        self.assertTrue(trawld.object_of(trawld.wait_status(crawl_id)).exists())
        trawld.wait_events(crawl_id, "crawl-triggered", "data-ingestion-completed")

    def test_every_role_is_in_its_jail_and_all_work_is_done_there(self):
        trawld = self.start(EVENTS_FILE_SIZE="64K")
        self.whole(trawld)
        with self.subTest("each role"):
            self.assert_jailed(trawld)
            for role in ROLES:
                self.assertRegex(trawld.log(), rf"{role}(\[\d\])? in the jail of a {role}" if landlock_abi() > 1 else "jail")
        with self.subTest("what the keeper learns of its parent"):
            self.assertRegex((trawld.data / "trawld.mark").read_text(), r"running \d+\.[1-9]\d*\.")
        with self.subTest("a crawl"):
            self.one_crawl(trawld)
        with self.subTest("a backup"):
            copy = self.folder / "copy.db"
            done = ctl("--daemon", trawld.url, "backup", copy)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(copy.exists())
        with self.subTest("event files"):
            while not (trawld.data / "events.ndjson.1").exists():
                for crawl_id in [trawld.trigger(brand="b" * 200) for _ in range(20)]:
                    trawld.wait_status(crawl_id)
        with self.subTest("a reload"):
            trawld.change()
            self.reload(trawld)
            self.assert_jailed(trawld)
        with self.subTest("each role killed"):
            for role in ROLES:
                trawld.kill_child(role)
                self.whole(trawld)
            self.assert_jailed(trawld)
            self.one_crawl(trawld)
        with self.subTest("a stop and a start"):
            self.assertEqual(trawld.stop(), 0)
            trawld.start()
            self.one_crawl(trawld)
        self.assert_nothing_was_refused(trawld)
        if landlock_abi() > 1:
            self.assertNotIn("jail lacks", trawld.log())

    @unittest.skipIf(os.getuid() != 0, "needs root, to be another user")
    def test_an_ordinary_user_has_the_same_jail(self):
        self.folder.chmod(0o755)
        data = self.folder / "theirs"
        data.mkdir()
        os.chown(data, 65534, 65534)
        trawld = self.trawld(self.sim("--building", "0"), start=False, JAIL="true", DATA_DIR=str(data))
        trawld.start(user=65534, group=65534, extra_groups=[])
        self.whole(trawld)
        self.assert_jailed(trawld)
        self.one_crawl(trawld)
        self.assert_nothing_was_refused(trawld)

    def test_a_folder_that_is_missing_or_linked_elsewhere(self):
        """An operator who puts objects on a larger disk links them there."""
        data, disk = self.folder / "data", self.folder / "disk"
        (data / "spool").mkdir(parents=True)
        disk.mkdir()
        (data / "objects").symlink_to(disk)
        trawld = self.start()
        self.one_crawl(trawld)
        self.assertEqual([p.name for p in disk.iterdir()], ["raw_snapshots"])
        (data / "quarantine").rmdir()
        for role in ("poller", "poller"):
            trawld.kill_child(role)
        self.whole(trawld)
        wait_for((data / "quarantine").is_dir, "it is there again")
        self.one_crawl(trawld)
        self.assert_nothing_was_refused(trawld)

    def test_the_way_out_and_back(self):
        trawld = self.trawld(self.sim("--building", "0"), start=False)
        trawld.file.write_text("JAIL=false\n")
        trawld.start()
        self.whole(trawld)
        for pid in all_pids(trawld):
            self.assertEqual(status_of(pid)["Seccomp"], status_of(os.getpid())["Seccomp"])
        self.assertEqual(len(re.findall(r" info +keeper .*no process is in a jail: JAIL=false", trawld.log())), 1)
        self.one_crawl(trawld)
        trawld.file.write_text("JAIL=true\n")
        self.reload(trawld)
        self.assert_jailed(trawld)
        self.one_crawl(trawld)

    def test_auto_is_for_systemd(self):
        for jailed, env in ((False, {}), (True, {"INVOCATION_ID": "0123456789abcdef0123456789abcdef"})):
            with self.subTest(env=env):
                trawld = self.start(JAIL="auto", DATA_DIR=str(self.folder / f"auto-{jailed}"), **env)
                self.whole(trawld)
                if jailed:
                    self.assert_jailed(trawld)
                for pid in all_pids(trawld):
                    self.assertEqual(status_of(pid)["Seccomp"] != status_of(os.getpid())["Seccomp"], jailed)
                trawld.stop()

    def test_a_kernel_that_has_only_part_of_it(self):
        cases = (
            (NO_LANDLOCK, "files: no Landlock here .Function not implemented.", 2),
            (NO_SECCOMP, "calls: seccomp does not hold .*", 1),
            (NO_LANDLOCK + NO_SECCOMP, "files: no Landlock here .*; calls: seccomp does not hold .*", 1),
        )
        if landlock_abi() < 2:
            self.skipTest("this kernel lacks a part by itself")
        for calls, words, count in cases:
            with self.subTest(words):
                trawld = self.trawld(self.sim("--building", "0"), start=False, JAIL="true",
                                     DATA_DIR=str(self.folder / f"data-{len(self.programs)}"))
                trawld.start(preexec_fn=kernel_without(*calls))
                self.whole(trawld)
                told = re.findall(r" info +keeper .*the jail lacks a part: .*", trawld.log())
                self.assertEqual(len(told), 1, told)
                self.assertRegex(told[0], f"part: {words}$")
                for pid in all_pids(trawld):
                    self.assertEqual(filters(pid), count)
                self.one_crawl(trawld)
                self.assertEqual(trawld.stop(), 0)


if __name__ == "__main__":
    unittest.main()
