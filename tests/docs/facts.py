"""What the programs say of themselves, and what the pages and tables of the documents say of them."""

import os
import pathlib
import re
import subprocess
import unittest

unittest.TestCase.maxDiff = None  # a difference names what is missing
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRAWLD_BUILD", ROOT / "build"))
PROGRAMS = ("trawld", "trawlctl", "trawl-sim")
PAGES = {"trawld": "man8/trawld.8", "trawlctl": "man1/trawlctl.1", "trawl-sim": "man1/trawl-sim.1",
         "trawld.env": "man5/trawld.env.5"}


def run(*words, env=None, **more):
    """A program's answer; with env nothing else of the environment, but for what sanitizers read."""
    if env is not None:
        env = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")} | env
    return subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, env=env, **more)


def out(*words, **more):
    done = run(*words, **more)
    if done.returncode != 0:
        raise AssertionError(f"{words}: status {done.returncode}: {done.stderr}")
    return done.stdout


def forms(text, indent):
    """The options that a help text or a page lists, as "-n, --num-of-posts N"."""
    return {" ".join(m.split()) for m in re.findall(
        rf"(?m)^ {{{indent}}} *((?:-\w, +)?--[\w-]+(?:\[=[A-Z-]+\]| [A-Z-]+)?)(?= {{2}}|$)", text)}


def names(all_forms):
    return {re.search(r"--[\w-]+", f).group() for f in all_forms}


def helped(program, command=None):
    """(of the command or program, taken anywhere) as --help lists them."""
    text = out(BUILD / program, *([command] if command else []), "--help")
    parts = re.split(r"(?m)^Options of every command:\n", text)
    everywhere = forms(parts[1], 2) if len(parts) > 1 else set()
    return forms(parts[0], 2), everywhere


def commands():
    text = out(BUILD / "trawlctl", "--help")
    return re.findall(r"(?m)^  (\w+) ", re.search(r"(?s)\nCommands:\n(.*?)\n\n", text).group(1))


def page(name):
    """The page as a terminal shows it, in lines long enough not to break."""
    text = out("mandoc", "-T", "ascii", "-O", "width=300", BUILD / "man" / PAGES[name])
    return re.sub(r".\x08", "", text)


def section(text, title):
    found = re.search(rf"(?ms)^{re.escape(title)}\n(.*?)(?=^\S|\Z)", text)
    return found.group(1) if found else ""


def tags(text):
    """What stands at the left edge of a section: the words that its list explains."""
    return re.findall(r"(?m)^ {5}(\S.*?)(?= {2}|$)", text)


def settings():
    """name -> default, as an unconfigured trawld prints them."""
    text = out(BUILD / "trawld", "--config", "/dev/null", "--print-config", env={})
    return {n: "" if v == "(not set)" else v for n, v in re.findall(r"(?m)^([A-Z_]+)=(.*)  # default$", text)}


def readme_table(heading, columns):
    """The rows of the first table below a heading, as tuples of cells without their backticks."""
    text = (ROOT / "README.md").read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    width = len(rows[0])
    return [tuple(r[c] for c in range(columns)) for r in rows[2:] if len(r) == width]
