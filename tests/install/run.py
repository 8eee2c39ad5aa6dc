#!/usr/bin/env python3
"""The installed test: the real packages in a Debian that boots with its own systemd.

    run.py [--cache DIR]      all steps, against the packages as they are
    run.py --broken           packages broken on purpose; each must fail, and at the right assertion
    run.py --steps NAME,...   some steps of the first run; what they need is up to you
    run.py --packages DIR     with DIR/this and DIR/next, which hold packages, instead of building them
    run.py --needs            the programs it needs and their Debian packages, as quickstart reads them
    run.py --can              says why it cannot run here, if it cannot (exit status 1)

As root, on Debian. The container's root is kept as a tar file in DIR, by default
${XDG_CACHE_HOME:-~/.cache}/trawld; nothing else outlives the run.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "flow")]

import container  # noqa: E402
import packages  # noqa: E402
import sandbox  # noqa: E402
import world  # noqa: E402
from report import Report, Stop  # noqa: E402


def options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser.add_argument("--cache", default=f"{home}/trawld", metavar="DIR")
    parser.add_argument("--packages", metavar="DIR")
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--can", action="store_true")
    parser.add_argument("--needs", action="store_true")
    parser.add_argument("--steps", default="", metavar="NAME,...")
    parser.add_argument("--in", dest="work", help=argparse.SUPPRESS)  # set by sandbox.enter()
    parser.add_argument("--base", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    wanted = options()
    if wanted.work:
        return inside(wanted)
    if wanted.needs:
        for program, package in sandbox.PROGRAMS.items():
            print(f"{'file' if program.startswith('/') else 'command'}:{program} {package}")
        return 0
    why = sandbox.why_not()
    if why:
        print(why if wanted.can else f"check-install: not run here: {why}")
        return 1
    return 0 if wanted.can else sandbox.enter(lambda work: prepare(work, wanted))


def prepare(work, wanted):
    """What needs the network, or the compiler: the packages, the root. The arguments for inside()."""
    start = time.monotonic()
    if wanted.packages:
        shutil.copytree(wanted.packages, work / "in")
        found = packages.Packages(work / "in")
    else:
        found = packages.build(SOURCE, work, ("deb",) if wanted.broken else ("deb", "rpm"))
    print(f"# packages built in {time.monotonic() - start:.0f} s", flush=True)
    base, seconds = container.make_base(wanted.cache, found.depends())
    if seconds:
        print(f"# the container's root built in {seconds:.0f} s, kept as {base}")
    return [f"--base={base}", *sys.argv[1:]]


def inside(wanted):
    report = Report()
    work = pathlib.Path(wanted.work)
    world.mount()
    run = world.run_broken if wanted.broken else world.run_all
    try:
        run(report, SOURCE, work, wanted.base, [s for s in wanted.steps.split(",") if s])
    except Stop as stop:
        report.say(f"stopped: what follows depends on \"{stop}\"")
    return report.sum_up()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"check-install: {error}")
    except AssertionError as error:
        sys.exit(f"check-install: {error}")
