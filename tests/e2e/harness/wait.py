"""Waiting for a condition, never for a time."""

import threading
import time

INTERVAL_S = 0.02


class Late(AssertionError):
    """A condition that did not come true in time."""


def wait_until(condition, deadline_s=15.0, what=None):
    """Calls condition until what it returns is true, and returns that. Exceptions count as "not yet"
    until the deadline, when the last one is the cause of Late."""
    end = time.monotonic() + deadline_s
    pause = threading.Event()
    while True:
        last = None
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError, LookupError, ValueError) as error:
            last, value = error, None
        if time.monotonic() > end:
            name = what or getattr(condition, "__name__", "condition")
            raise Late(f"not within {deadline_s} s: {name}; last: {last or value!r}") from last
        pause.wait(INTERVAL_S)
