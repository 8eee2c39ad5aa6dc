"""Packages broken on purpose: what is changed, the steps that are run, the assertion that must fail for it.

The first is changed in nothing and must pass them all.
"""

import pathlib


def edit(folder, name, old, new):
    path = pathlib.Path(folder) / name
    text = path.read_text()
    if old not in text:
        raise AssertionError(f"{name} has no {old!r}: the breakage does not fit the package any more")
    path.write_text(text.replace(old, new))


UNIT = "lib/systemd/system/trawld.service"


def wrong_path(folder):
    edit(folder, UNIT, "/usr/sbin/trawld", "/usr/sbin/trawld-gone")


def exits_at_once(folder):
    path = folder / "usr/sbin/trawld"
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)


def leaves_a_file(folder):
    path = folder / "DEBIAN/postinst"
    path.write_text(path.read_text().replace("set -e\n", "set -e\n: >/var/cache/trawld-was-here\n", 1))


def no_sandbox(folder):
    edit(folder, UNIT, "\nSystemCallFilter=", "\n#SystemCallFilter=")


def for_everybody(folder):
    edit(folder, "lib/systemd/system/trawld.socket", "=127.0.0.1:8080", "=0.0.0.0:8080")


def without_socket(folder):
    edit(folder, UNIT, "Requires=trawld.socket\n", "")


FIRST = ("unconfigured", "first start")
ALL = (*FIRST, "https", "hardening", "under load", "purge all")
BREAKAGES = (
    ("nothing", lambda folder: None, ALL, None),
    ("a unit with a wrong path", wrong_path, FIRST, "systemctl start: the unit becomes active"),
    ("a daemon that exits at once", exits_at_once, FIRST, "unconfigured: exit status 78"),
    ("an unprotected unit", no_sandbox, (*FIRST, "hardening"), "exposure is at most 1.2"),
    ("a port for everybody", for_everybody, FIRST, "configured: no port to the outside"),
    ("a service without its socket", without_socket, (*FIRST, "https", "under load"),
     "restart: no connection is refused"),
    ("a file left after the purge", leaves_a_file, (*FIRST, "purge all"),
     "purge leaves nothing but the user"),
)
