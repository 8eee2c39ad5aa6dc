"""A child of trawld that does nothing: it says READY and writes down what it is told.

test_supervisor.py puts it in the place of trawld's programs. Beside itself it appends
lines of JSON to "heard", and looks for files: "hold-ROLE-GENERATION" has it stay when
it is told to leave, "babble-ROLE" has it speak another version, often.
"""

import json
import os
import pathlib
import re
import signal
import socket
import struct
import time

FORM = struct.Struct("=5Iiq512s")  # struct inherit_message
FOLDER = pathlib.Path(__file__).parent
ROLE_NAMES = ("supervisor", "keeper", "publisher", "poller", "front")


class Stub:
    def __init__(self, types):
        self.types = types
        self.control = socket.socket(fileno=3)
        packet = FORM.unpack(self.control.recv(FORM.size))
        self.control.setblocking(False)
        self.version, _, self.role, self.instance, self.generation, _, self.arg, _ = packet
        self.name = ROLE_NAMES[self.role]
        self.left = False
        self.note("WELCOME", self.arg)

    def has(self, what):
        return (FOLDER / what).exists()

    def note(self, what, arg=0):
        line = {"role": self.name, "instance": self.instance, "generation": self.generation,
                "pid": os.getpid(), "what": what, "arg": arg}
        with open(FOLDER / "heard", "a") as out:
            out.write(json.dumps(line) + "\n")

    def say(self, what, version=None):
        packet = FORM.pack(version or self.version, self.types.index(what), self.role, self.instance,
                           self.generation, os.getpid(), 0, b"")
        self.control.send(packet)

    def listen(self):
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.control, FORM.size, 1)
            except BlockingIOError:
                return
            if not data:
                os._exit(0)
            for fd in fds:
                os.close(fd)
            packet = FORM.unpack(data)
            if self.types[packet[1]] != "PEER":
                self.note(self.types[packet[1]], packet[6])

    def on_term(self, *_):
        self.listen()  # as control.c does: LEAVE was sent before
        self.note("SIGTERM")
        self.left = True

    def run(self):
        signal.signal(signal.SIGTERM, self.on_term)
        if self.has(f"babble-{self.name}"):
            for _ in range(50):
                self.say("BEAT", version=77)
        self.say("READY")
        while not self.left or self.has(f"hold-{self.name}-{self.generation}"):
            self.listen()
            self.say("BEAT")
            time.sleep(0.02)


def main(header):
    Stub(re.findall(r"^\tINHERIT_(\w+),", header, re.M)).run()
