"""A time of the day of a daemon's own, that is set while it runs (tests/support/other_clock.c)."""

import mmap
import struct

from .daemon import BUILD, environment

MODULE = BUILD / "tests/libother_clock.so"


class Clock:
    """Clock(path, ahead_s): of every process that is started with `environment`."""

    def __init__(self, path, ahead_s=0):
        path.write_bytes(struct.pack("=q", ahead_s))
        with open(path, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), 8)
        # A sanitizer wants to be the first library of a process; this one is before it.
        self.environment = {
            "LD_PRELOAD": str(MODULE), "OTHER_CLOCK": str(path),
            "ASAN_OPTIONS": environment()["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}

    def set(self, ahead_s):
        self._page[:] = struct.pack("=q", ahead_s)
