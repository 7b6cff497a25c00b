"""Fixtures: one shared daemon for tests that do not harm it, daemons of their own for the others."""

import pytest

from harness.daemon import POSTHORND, Daemon
from harness.receiver import Receiver


def pytest_configure(config):
    config.addinivalue_line("markers", "serial: measures, or takes the whole machine: run when nothing else is")


def pytest_sessionstart(session):
    if not POSTHORND.exists():
        pytest.exit(f"{POSTHORND} is not built: use tests/run e2e, or set POSTHORN_BUILD", 3)


@pytest.fixture(scope="session")
def daemon():
    """Shared: two workers, everything as in --dev."""
    shared = Daemon(workers=2).start()
    yield shared
    shared.close()


@pytest.fixture
def start():
    """start(workers=…, lease=…): a daemon of the test's own."""
    started = []

    def start(**settings):
        started.append(Daemon(**settings))
        return started[-1].start()

    yield start
    for one in started:
        one.close()


@pytest.fixture
def api(daemon):
    return daemon.api()


@pytest.fixture
def app(api):
    return api.new_app()


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.stop()
