#!/usr/bin/env python3
"""What the tree says of itself: programs as the Makefile has them, files and who knows whom.

    tree.py [FOLDER ...]      prints each folder's files, the lowest first, with the arrows from
                              each: who includes whom, who calls whom. TRAWLD_BUILD says where the
                              objects are (build).

A file is a header and its source together. An arrow goes from the one that includes or calls.
"""

import functools
import os
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRAWLD_BUILD", ROOT / "build"))


class Program(NamedTuple):
    folder: str
    layers: list      # names of folders in src
    libraries: list   # "event" for -levent


def programs():
    """The Makefile's rows, which it has written to .parts."""
    rows = re.findall(r"(?m)^(\S+): (\S+): (.*): (.*)$", (BUILD / ".parts").read_text())
    return {name: Program(folder, layers.split(), re.findall(r"-l(\S+)", words))
            for name, folder, layers, words in rows}


def folders():
    return ["supervisor"] + sorted(f"src/{p.name}" for p in (ROOT / "src").iterdir() if p.is_dir())


def files(folder):
    return sorted({p.stem for p in (ROOT / folder).glob("*.[ch]")})


def includes(folder):
    """The paths that each file includes, as they are written there: "base/mem.h"."""
    found = {name: set() for name in files(folder)}
    for path in (ROOT / folder).glob("*.[ch]"):
        found[path.stem] |= set(re.findall(r'(?m)^#include "(.*)"', path.read_text()))
    return found


def include_arrows(folder):
    """{(from, to): why} between files of the folder."""
    name = folder.rpartition("/")[2]
    return {(file, to.stem): [str(to)]
            for file, paths in includes(folder).items() for to in map(pathlib.PurePath, paths)
            if str(to.parent) == name and to.stem != file}


@functools.cache
def symbols(path):
    """What an object defines for others, what it needs of others."""
    said = subprocess.run(["nm", "-P", path], check=True, capture_output=True, text=True).stdout
    kinds = [line.split()[:2] for line in said.splitlines()]
    return ({name for name, kind in kinds if kind.isupper() and kind != "U"},
            {name for name, kind in kinds if kind == "U"})


def call_arrows(folder):
    """{(from, to): names} between files of the folder, out of their objects; data count as calls."""
    found = {path.stem: symbols(BUILD / folder / f"{path.stem}.o")
             for path in sorted((ROOT / folder).glob("*.c"))}
    arrows = {}
    for file, (_, needs) in found.items():
        for to, (has, _) in found.items():
            if to != file and needs & has:
                arrows[file, to] = sorted(needs & has)
    return arrows


def reachable(arrows):
    """For each file all that arrows lead to from there."""
    to = {}
    for a, b in arrows:
        to.setdefault(a, set()).add(b)
    result = {}
    for start in to:
        seen, left = set(), [start]
        while left:
            new = to.get(left.pop(), set()) - seen
            seen |= new
            left += new
        result[start] = seen
    return result


def circles(arrows):
    """The largest sets of files each of which leads to every other."""
    reach = reachable(arrows)
    return {frozenset(b for b in reach[a] if a in reach.get(b, ())) for a in reach if a in reach[a]}


def show(folder):
    for what, arrows in (("includes", include_arrows(folder)), ("calls", call_arrows(folder))):
        reach = reachable(arrows)
        print(f"{folder}, {what}:")
        for file in sorted(files(folder), key=lambda f: (len(reach.get(f, ())), f)):
            print(f"  {file:20} {' '.join(b for a, b in sorted(arrows) if a == file)}".rstrip())
        for circle in circles(arrows):
            print(f"  circle: {' '.join(sorted(circle))}")


if __name__ == "__main__":
    for given in sys.argv[1:] or folders():
        show(given.rstrip("/"))
