#!/usr/bin/env python3
"""Runs the tests of a folder, a few files side by side, and sums them up.

    run.py FOLDER [NAME ...]      all test_*.py there, or those whose name holds NAME

Each file is its own process, so a crash of one is not the end of the rest.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

JOBS = int(os.environ.get("FLOW_JOBS", "2"))
LIMIT = int(os.environ.get("FLOW_LIMIT", "900"))  # seconds one file may take


def run(path):
    start = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-m", "unittest", "-v", path.stem],
            cwd=path.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LIMIT)
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace") + f"\n{path.name}: over {LIMIT} s\n"
        code = 1
    ran = re.search(r"^Ran (\d+) test", output, re.M)
    count = int(ran.group(1)) if ran else 0
    summary = re.search(r"^(?:FAILED|OK) ?\((.*)\)", output, re.M)
    numbers = dict(re.findall(r"(\w+)=(\d+)", summary.group(1))) if summary else {}
    failed = int(numbers.get("failures", 0)) + int(numbers.get("errors", 0))
    skipped = int(numbers.get("skipped", 0))
    if code != 0 and failed == 0:
        failed = 1
    return path, max(count - failed - skipped, 0), failed, skipped, output, time.monotonic() - start


def main():
    folder, words = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    files = [p for p in sorted(folder.glob("test_*.py"))
             if not words or any(w in p.stem for w in words)]
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for path, ok, bad, left, output, seconds in pool.map(run, files):
            print(f"{path.name}: {ok} passed, {bad} failed, {left} skipped in {seconds:.1f} s", flush=True)
            for line in re.findall(r"^= (.*)$", output, re.M):
                print(f"  {line}", flush=True)
            if bad:
                print(output, flush=True)
            passed, failed, skipped = passed + ok, failed + bad, skipped + left
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
