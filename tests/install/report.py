"""Counts and prints assertions; when one fails, also what the container says about it."""

import contextlib
import sys
import time
import traceback


class Stop(Exception):
    """What comes next would make no sense any more."""


class Report:
    def __init__(self, quiet=False):
        self.quiet = quiet
        self.lines = []  # what was said
        self.passed = 0
        self.failed = []
        self.notes = []
        self.evidence = None  # called at the first failure of a step; text
        self.told = False
        self.start = time.monotonic()

    def say(self, text):
        self.lines.append(text)
        if not self.quiet:
            print(text, flush=True)

    def expect(self, what, holds, detail=""):
        """One assertion. The detail says what was there instead."""
        if holds:
            self.passed += 1
            self.say(f"ok    {what}")
            return True
        self.failed.append(what)
        self.say(f"FAIL  {what}")
        self.tell(str(detail))
        if self.evidence and not self.told:
            self.told = True
            self.tell(self.evidence())
        return False

    def tell(self, text):
        for line in text.splitlines():
            self.say(f"      | {line}")

    def equal(self, what, found, wanted):
        return self.expect(what, found == wanted, f"found {found!r}, wanted {wanted!r}")

    def need(self, what, holds, detail=""):
        """An assertion that the rest of the run depends on."""
        if not self.expect(what, holds, detail):
            raise Stop(what)

    def note(self, what, value):
        """A figure; printed here and once more at the end."""
        self.notes.append((what, value))
        self.say(f"#     {what}: {value}")

    @contextlib.contextmanager
    def step(self, name):
        """A part of the run; an exception in it is one failed assertion."""
        self.told = False
        self.say(f"== {name} ({time.monotonic() - self.start:.0f} s)")
        try:
            yield
        except Stop:
            raise
        except Exception as error:  # pylint: disable=broad-except
            where = "".join(traceback.format_tb(sys.exc_info()[2], 8)[1:])
            self.expect(f"{name}: goes through", False, f"{error}\n{where}")

    def sum_up(self):
        for what, value in self.notes:
            self.say(f"# {what}: {value}")
        for what in self.failed:
            self.say(f"failed: {what}")
        self.say(f"{self.passed} passed, {len(self.failed)} failed")
        return 1 if self.failed or not self.passed else 0
