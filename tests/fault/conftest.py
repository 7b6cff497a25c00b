"""The harness of tests/e2e, for daemons that are made to fail."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

import pytest  # noqa: E402
from harness.daemon import POSTHORND  # noqa: E402


def pytest_sessionstart(session):
    if not POSTHORND.exists():
        pytest.exit(f"{POSTHORND} is not built: use tests/run fault, or set POSTHORN_BUILD", 3)
