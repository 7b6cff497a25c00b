"""Fault points (lib/base/fault.h) from a test's side: the page that the daemon shares with it."""

import mmap
import pathlib
import re
import struct

from .wait import wait_until

LIB = pathlib.Path(__file__).parents[3] / "lib"
POINT = struct.Struct("=QIIII8s")  # struct fault_point: hits, mode, left, every, delay_ms, code
MODE_AT = 8
MODES = {"none": 0, "crash": 1, "error": 2, "delay": 3}


def table():
    """{name: what happens there}, in the order of faults.def."""
    text = (LIB / "base/faults.def").read_text()
    return dict(re.findall(r'^X\((\w+),\s*"([^"]*)"\)', text, re.MULTILINE))


class Faults:
    """The points of the daemons that are started with **settings (one at a time)."""

    def __init__(self, directory):
        self._number = {name: i for i, name in enumerate(table(), 1)}
        path = pathlib.Path(directory) / "faults"
        path.write_bytes(bytes(POINT.size * (len(self._number) + 1)))
        self.settings = {"fault_page": path}
        with open(path, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), 0)

    def _read(self, name):
        return POINT.unpack_from(self._page, self._number[name] * POINT.size)

    def hits(self, name):
        return self._read(name)[0]

    def waits(self, name):
        """Set, and has not happened (the last time)."""
        return self._read(name)[1] != 0

    def set(self, name, mode, nth=1, every=0, delay_ms=200, code=""):
        """At its nth hit from now on, and every so many after that. The mode is written last: from
        then on it counts."""
        at = self._number[name] * POINT.size
        rest = POINT.pack(0, 0, nth, every, delay_ms, code.encode())
        self._page[at + MODE_AT:at + MODE_AT + 4] = bytes(4)
        self._page[at + MODE_AT + 4:at + POINT.size] = rest[MODE_AT + 4:]
        self._page[at + MODE_AT:at + MODE_AT + 4] = struct.pack("=I", MODES[mode])

    def clear(self, name):
        self.set(name, "none")

    def wait(self, name, deadline_s=30):
        wait_until(lambda: not self.waits(name), deadline_s, f"{name} happens")
