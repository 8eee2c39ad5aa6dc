"""Each program needs the libraries of its row in the Makefile, and no other."""

import os
import re
import subprocess
import unittest

from tree import BUILD, programs

# What the compiler and its sanitizers bring along.
ALWAYS = {"c"}
SANITIZERS = {"asan", "ubsan", "tsan", "lsan", "m", "gcc_s", "pthread", "rt", "dl", "resolv", "stdc++"}


def link_name(soname):
    """What follows -l: libevent-2.1.so.7 is event."""
    return re.sub(r"(-\d+\.[\d.]+)?\.so(\.[\d.]+)?$", "", soname).removeprefix("lib")


def needed(path):
    said = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout
    names = {link_name(name) for name in re.findall(r"\(NEEDED\).*\[(.*)\]", said)}
    return {name for name in names if not name.startswith("ld-linux")}


class Libraries(unittest.TestCase):
    def test_names(self):
        self.assertEqual([link_name(n) for n in ("libevent-2.1.so.7", "libz.so.1", "libsqlite3.so.0", "libc.so.6",
                                                 "ld-linux-x86-64.so.2", "libcurl-gnutls.so.4")],
                         ["event", "z", "sqlite3", "c", "ld-linux-x86-64", "curl-gnutls"])

    def test_each_program_needs_what_its_row_lists_and_no_more(self):
        free = ALWAYS | (SANITIZERS if os.environ.get("TRAWLD_SAN") else set())
        rows = programs()
        self.assertTrue(rows)
        for name, program in rows.items():
            listed, needs = set(program.libraries), needed(BUILD / name)
            with self.subTest(program=name):
                self.assertEqual(needs - free - listed, set(), f"{name} needs these, and they are not in its row of "
                                 "PROGRAM_ROWS in the Makefile: take out the call, or split the file that holds it")
            with self.subTest(program=name):
                self.assertEqual(listed - needs, set(), f"{name} lists these in PROGRAM_ROWS of the Makefile, and "
                                 "nothing that it links calls them: take them out of its row")


if __name__ == "__main__":
    unittest.main()
