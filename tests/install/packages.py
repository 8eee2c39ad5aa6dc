"""The packages under test: this version, a next one with one more step in its schema, broken ones.

Each kind has a folder below `shared`, which the container sees as /in.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil

from container import run

NEXT_STEP = '#define STORE_EXTRA_MIGRATION "CREATE TABLE next(n INTEGER) STRICT;"\n'
OURS = ("trawld", "trawl-sim")


def build(source, work, targets=("deb", "rpm")):
    """Has make build the targets from copies of the project at `source`, which stays as it is."""
    this = re.search(r"^VERSION :?= *(\S+)", (source / "Makefile").read_text(), re.M).group(1)
    *front, last = this.split(".")
    following = ".".join((*front, str(int(last) + 1)))
    header = work / "next.h"  # a file, since the definition has quotes, which no Makefile hands on unharmed
    header.write_text(NEXT_STEP)
    later = [f"VERSION={following}", f"CFLAGS=-include {header}"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(_make, source, work, kind, target, options)
                     for kind, options in (("this", []), ("next", later)) for target in targets]:
            done.result()
    return Packages(work / "in")


def _make(source, work, kind, target, options):
    copy, result = work / f"{kind}-{target}", work / "in" / kind
    shutil.copytree(source, copy, symlinks=True, ignore=lambda folder, names: [
        name for name in names if name in (".git", "__pycache__") or
        folder == str(source) and (name == "build" or name.startswith("build-"))])
    if (kind, target) == ("next", "rpm"):
        with open(copy / "packaging/trawld.env", "a") as defaults:
            defaults.write("# A line that the version before had not.\n")
    # A make that called us hands on nothing.
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS"))}
    run(["make", "-s", "-C", copy, target, *options], env=environment)
    result.mkdir(parents=True, exist_ok=True)
    for package in (copy / "build/packages").glob(f"*.{target}"):
        package.rename(result / package.name)
    shutil.rmtree(copy)


class Packages:
    def __init__(self, shared):
        self.shared = pathlib.Path(shared)

    def debs(self, kind):
        return sorted(self.shared.glob(f"{kind}/*.deb"))

    def rpms(self, kind):
        return sorted(p for p in self.shared.glob(f"{kind}/*.rpm") if not p.name.endswith(".src.rpm"))

    def debs_inside(self, kind):
        return [f"/in/{kind}/{p.name}" for p in self.debs(kind)]

    def rpms_inside(self, kind):
        return [f"/in/{kind}/{p.name}" for p in self.rpms(kind)]

    def deb(self, kind, name):
        return next(self.shared.glob(f"{kind}/{name}_*.deb"))

    def version(self, kind):
        """As the programs say it: without Debian's revision."""
        return field(self.deb(kind, "trawld"), "Version").rsplit("-", 1)[0]

    def depends(self):
        """Debian packages that ours depend on, of alternatives the first -> with the versions asked for."""
        asked = {}
        for deb in self.debs("this"):
            for name in ("Depends", "Pre-Depends", "Recommends"):
                for one in filter(None, field(deb, name).split(",")):
                    asked[re.split(r"[ (|:]", one.strip())[0]] = one.strip()
        return {package: one for package, one in asked.items() if package not in OURS}

    def sizes(self):
        files = (*self.debs("this"), *self.rpms("this"))
        return ", ".join(f"{p.name} {p.stat().st_size / 1024:.0f} kB" for p in files)

    def break_deb(self, source, kind, name, change):
        """The packages of `source` once more, as `kind`, that of `name` changed by change(folder)."""
        target = self.shared / kind
        target.mkdir()
        for deb in self.debs(source):
            shutil.copy(deb, target)
        deb = self.deb(kind, name)
        folder = target / "unpacked"
        run(["dpkg-deb", "-R", deb, folder])
        change(folder)
        run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", folder, deb])
        shutil.rmtree(folder)


def field(deb, name):
    return run(["dpkg-deb", "-f", deb, name]).stdout.strip()
