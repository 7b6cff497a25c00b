"""Allocations that fail, and transactions that fail, all the time."""

import pytest
from bustle import Bustle
from harness.wait import wait_until

# Allocations from the moment it is set to the one that fails: the small ones fall into what goes on
# just then, the large ones into something else each time.
ALLOCATIONS = [1, 2, 3, 5, 8, 13, 34, 89, 233, 610, 1597, 4181]

SQLSTATES = ["40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "57P02", "57P03",
             "58030", "25006", "08006", "XX000"]
EVERY = 4


@pytest.fixture
def bustle():
    one = Bustle().start()
    yield one
    one.close()


@pytest.mark.parametrize("numbers", [ALLOCATIONS[::2], ALLOCATIONS[1::2]], ids=["some", "others"])
def test_allocations(bustle, numbers):
    """A crash that says why, and that its successor repairs."""
    for number in numbers:
        bustle.more()
        bustle.faults.set("MEMORY", "error", nth=number)
        bustle.faults.wait("MEMORY", 60)
    bustle.nothing_is_lost()
    assert bustle.daemon.log().count("out of memory") == len(numbers)


def test_transactions(bustle):
    """Some fail, with each of the states that a server in trouble gives."""
    for state in SQLSTATES:
        before = bustle.faults.hits("PG_TRANSACTION")
        bustle.faults.set("PG_TRANSACTION", "error", nth=EVERY, every=EVERY, code=state)
        wait_until(lambda: bustle.faults.hits("PG_TRANSACTION") > before + 20 * EVERY, 30, state)
    bustle.faults.clear("PG_TRANSACTION")
    bustle.nothing_is_lost()


@pytest.mark.parametrize("state", ["53100", "58030"])
def test_no_transaction_succeeds_for_a_while(bustle, state):
    """The disk is full, or broken: nothing is given up because of it."""
    bustle.more(100)
    bustle.faults.set("PG_TRANSACTION", "error", every=1, code=state)
    log = len(bustle.daemon.log())
    wait_until(lambda: bustle.daemon.log().count("record.retry", log) >= 14, 60, "results are refused")
    bustle.faults.clear("PG_TRANSACTION")
    bustle.nothing_is_lost()
    assert "record.drop" not in bustle.daemon.log()
