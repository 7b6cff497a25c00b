"""Every fault point of lib/base/faults.def in every mode: what was accepted is delivered, what died runs
again, and nobody but the one who asked notices more than a delay."""

import re
import signal

import pytest
from bustle import Bustle
from harness.daemon import Daemon, kill
from harness.faults import LIB, table
from harness.home import EmptyHome
from harness.wait import Late, wait_until

POINTS = table()
SOURCES = [path.read_text() for folder in (LIB, LIB.parent / "cmd") for path in folder.rglob("*.[ch]")]

# Where no error can be told: FAULT_POINT(NAME).
CANNOT_FAIL = {name for text in SOURCES for name in re.findall(r"FAULT_POINT\((\w+)\)", text)}

# A round restarts its daemon after so many points: the supervisor waits twice as long after each crash.
ROUND = 8


def used_names():
    for text in SOURCES:
        yield from re.findall(r"fault_hit\(FAULT_(\w+)\)", text)
        yield from re.findall(r"FAULT_POINT\((\w+)\)", text)
        for name in re.findall(r"pg_submit_at\((\w+),", text):
            yield from (f"{name}_SUBMIT", f"{name}_ANSWER")


def test_the_table_is_what_the_code_has():
    used = set(used_names()) - {"name", "APPEND…"}
    assert used - {"point_SUBMIT", "point_ANSWER"} == set(POINTS)


# How a point is reached, where what goes on anyhow does not: after it was set.


def kill_worker(bustle):
    kill(wait_until(bustle.daemon.worker_pids)[0], signal.SIGKILL)


def stop_worker(bustle):
    kill(wait_until(lambda: len(bustle.daemon.worker_pids()) == 2 and bustle.daemon.worker_pids())[0],
         signal.SIGTERM)


def lose_an_append(bustle):
    bustle.faults.set("APPEND_ANSWER", "error")


def kill_postgres(bustle):
    kill(bustle.daemon.postmaster_pid(), signal.SIGKILL)


PROVOKE = {
    "PG_CONNECT": kill_worker, "ADOPT": kill_worker, "HOLD_TAKE": kill_worker,
    "NEWEST": kill_worker, "RECOVER": kill_worker,
    "RETRY": kill_worker, "CATALOGUE": kill_worker, "PARTITION_MAKE": kill_worker,
    "PARTITION_DROP": kill_worker, "WORKER_FORK": kill_worker, "WORKER_BEGIN": kill_worker,
    "WORKER_READY": kill_worker, "RELEASE": stop_worker, "WORKER_STOP": stop_worker,
    "HANDOVER_GIVE": stop_worker, "HANDOVER_TAKE": stop_worker, "LIMBO": lose_an_append,
    "POSTGRES_FORK": kill_postgres,
}
AT_FIRST = ["CLUSTER_MAKE", "MIGRATE_BEGIN", "MIGRATE_NOTE", "MIGRATE_COMMIT", "MIGRATE_DONE"]
OF_SUPERVISOR = {"WORKER_FORK", "POSTGRES_FORK"}
LATER = [name for name in POINTS if name not in AT_FIRST]


def provocation(point):
    return PROVOKE.get(point) or PROVOKE.get(re.sub("_(SUBMIT|ANSWER)$", "", point))


@pytest.fixture
def bustle():
    one = Bustle().start()
    yield one
    one.close()


def one_fault(bustle, point, mode):
    """Sets the point, waits until it has happened, and gets over it."""
    wait_until(lambda: len(bustle.daemon.worker_pids()) > 0, 30)
    bustle.faults.set(point, mode)
    provoke = provocation(point)
    if provoke:
        provoke(bustle)
    if mode == "crash" and point in OF_SUPERVISOR:
        bustle.daemon.process.wait(30)
        start_again(bustle)
    bustle.faults.wait(point)
    if point.startswith("LIMBO"):
        bustle.faults.clear("APPEND_ANSWER")


def start_again(bustle):
    """The supervisor is gone; those that it left behind make room."""
    wait_until(lambda: bustle.daemon.start(), 60, "another start")


def by_provocation(points):
    groups = {}
    for point in points:
        groups.setdefault(provocation(point), []).append(point)
    return groups


@pytest.mark.parametrize("mode", ["error", "delay"])
def test_errors_and_delays(bustle, mode):
    """One at a time; all at once where somebody has to be killed for them."""
    groups = by_provocation(p for p in LATER if mode == "delay" or p not in CANNOT_FAIL)
    for point in groups.pop(None):
        one_fault(bustle, point, mode)
    for provoke, points in groups.items():
        for point in points:
            bustle.faults.set(point, mode)
        for point in points:
            while bustle.faults.waits(point):
                provoke(bustle)
                happens_soon(bustle, point)
        bustle.faults.clear("APPEND_ANSWER")
    bustle.nothing_is_lost()


def happens_soon(bustle, point):
    try:
        bustle.faults.wait(point, 8)
    except Late:
        print(f"{point}: provoked once more")


@pytest.mark.parametrize("points", [LATER[i:i + ROUND] for i in range(0, len(LATER), ROUND)],
                         ids=lambda points: points[0])
def test_crashes(bustle, points):
    for point in points:
        bustle.more()
        one_fault(bustle, point, "crash")
    bustle.nothing_is_lost()


def test_the_first_start():
    """It fails at every point of it, one after the other, and the next start goes on from there."""
    faults = [f"{name}:{mode}" for name in AT_FIRST for mode in ("crash", "error")
              if mode == "crash" or name not in CANNOT_FAIL]
    daemon = Daemon(workers=1, home=EmptyHome)
    try:
        for fault in faults:
            daemon.settings["fault"] = fault
            with pytest.raises(RuntimeError):
                daemon.start()
            crashed = daemon.process.returncode == -signal.SIGKILL
            assert crashed == fault.endswith("crash"), (fault, daemon.process.returncode)
            assert f"fault: {fault.replace(':', ' ')}" in daemon.log()
        del daemon.settings["fault"]
        daemon.start()
        assert daemon.api().new_app()
    finally:
        daemon.close()
