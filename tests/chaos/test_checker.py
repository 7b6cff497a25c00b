"""The checker finds what is wrong with a history: one that is right is spoilt in one place each time."""

import copy
import math

import pytest

from chaos import plan
from chaos.checker import Checker, check
from chaos.history import (FAIL, INFO, OK, Attempt, Change, Dead, Event, Fault, History, Manual, Request,
                           Standing, Stored)
from chaos.model import Endpoint, Write

FIELDS = {"url": "http://h/1-a0/hook/e/v0", "eventTypes": None, "channels": None, "disabled": False,
          "paused": False, "secret": 0, "retrySchedule": [0.1, 0.1], "deleted": False}


def history(ordering=None):
    """Three events, one after the other, and one endpoint that got each of them once."""
    h = History()
    h.facts = {"endpoints": {"e": {"app": "a0", "steady": True, "timeoutMs": 1000, "ordering": ordering}}}
    h.add(Change("a0", "e", "create", -20.0, -19.0, OK, dict(FIELDS)))
    for n in range(3):
        marker, message = f"s1-p-{n}", f"msg_{n}"
        h.add(Event(marker, "a0", "chaos.a", "p", n, f"digest{n}", invoked=float(n), done=n + 0.1, outcome=OK,
                    message=message, order_key="k", tries=1))
        h.add(Request("a0", "e", message, n + 0.2, f"digest{n}", "/1-a0/hook/e/v0", 10, [0], [], 200, n + 0.21,
                      True))
        h.add(Attempt(f"atmpt_{n}", message, "e", 0, 200, None, False))
        h.add(Standing(message, "e", 0))
        h.add(Stored("a0", message, "chaos.a", None, marker))
    return h


def kinds(h):
    return {p.kind for p in check(h).problems}


def without(records, which):
    records[:] = [r for r in records if not which(r)]


def fail_first(h, code=500):
    """The first event's delivery fails for good."""
    h.requests[0].status, h.requests[0].clean = code, False
    h.attempts[0].status, h.attempts[0].code = 2, code
    h.standings[0].status = 2


def test_a_right_history():
    checker = Checker(history())
    assert checker.run() == []
    assert checker.counts["deliveries"] == checker.counts["acknowledged"] == checker.counts["pairs"] == 3
    assert checker.counts["duplicates"] == 0


def lost_from_the_log(h):
    without(h.stored, lambda s: s.id == "msg_1")


def lost_target(h):
    without(h.standings, lambda s: s.message == "msg_1")


def lost_delivery(h):
    without(h.requests, lambda r: r.message == "msg_1")
    without(h.attempts, lambda a: a.message == "msg_1")
    h.standings[1].status = 1


def lost_without_a_dead_letter(h):
    fail_first(h)


def lost_replay(h):
    fail_first(h)
    h.add(Dead("dl_1", "a0", "msg_0", "e", "exhausted", 3, replayed=True))


def lost_resend(h):
    h.add(Manual("a0", "resend", 1.0, 1.1, OK, "e", "msg_0"))


def other_message_than_acknowledged(h):
    h.events[0].message = "msg_x"


@pytest.mark.parametrize("spoil", [lost_from_the_log, lost_target, lost_delivery, lost_without_a_dead_letter,
                                   lost_replay, lost_resend, other_message_than_acknowledged])
def test_lost(spoil):
    h = history()
    spoil(h)
    assert "lost" in kinds(h)


def refused_and_stored(h):
    h.events[1].outcome = FAIL


def stored_twice(h):
    h.add(Stored("a0", "msg_9", "chaos.a", None, "s1-p-1"))


def nobodys_message(h):
    h.add(Stored("a0", "msg_9", "chaos.a", None, "s9-p-1"))


def request_without_message(h):
    h.add(Request("a0", "e", "msg_9", 1.0, "d", status=200, done=1.0, keys=[0]))


def other_application(h):
    h.changes.append(Change("a1", "f", "create", -2.0, -1.0, OK, dict(FIELDS)))
    h.requests[0].app = "a1"


def unwanted_type(h):
    h.add(Change("a0", "e", "filter", -1.0, -0.5, OK, {"eventTypes": ["chaos.b"]}))


def unwanted_channel(h):
    h.add(Change("a0", "e", "filter", -1.0, -0.5, OK, {"channels": ["north"]}))


def disabled_before(h):
    h.add(Change("a0", "e", "disable", -1.0, -0.5, OK, {"disabled": True}))


def long_paused(h):
    h.add(Change("a0", "e", "pause", -5.0, -4.0, OK, {"paused": True}))
    h.requests[0].at = h.requests[0].done = 5.0


def moved_long_ago(h):
    h.requests[2].path = "/1-a0/hook/e/v7"


def stray(h):
    h.facts["strays"] = ["/trap"]


@pytest.mark.parametrize("spoil", [refused_and_stored, stored_twice, nobodys_message, request_without_message,
                                   other_application, unwanted_type, unwanted_channel, disabled_before,
                                   long_paused, moved_long_ago, stray])
def test_unexpected(spoil):
    h = history()
    spoil(h)
    assert "unexpected" in kinds(h)


def other_bytes(h):
    h.requests[0].digest = "other"


def bad_signature(h):
    h.requests[0].bad = ["no signature by a secret of this endpoint"]


def old_secret_only(h):
    h.add(Change("a0", "e", "rotate", -9.0, -8.0, OK, {"secret": 1}))


@pytest.mark.parametrize("spoil", [other_bytes, bad_signature, old_secret_only])
def test_damaged(spoil):
    h = history()
    spoil(h)
    assert "damaged" in kinds(h)


def again(h, at=5.0, **fields):
    """The first event is received once more."""
    more = copy.copy(h.requests[0])
    more.at, more.done = at, at + 0.01
    h.add(more)
    h.add(Attempt("atmpt_9", "msg_0", "e", 0, 200, None, False))
    for name, value in fields.items():
        setattr(h.requests[0], name, value)


def test_duplicate_without_a_crash():
    h = history()
    again(h)
    assert kinds(h) == {"duplicate"}


def test_duplicate_long_after_a_crash():
    h = history()
    h.add(Fault("kill-worker", 3.0, 3.1))
    again(h)
    assert kinds(h) == {"duplicate"}


@pytest.mark.parametrize("fault", [Fault("kill-worker", 0.3, 0.5), Fault("pg-stop", 0.0, 4.0)])
def test_duplicate_around_a_crash_is_counted(fault):
    h = history()
    h.add(fault)
    again(h)
    checker = check(h)
    assert checker.problems == []
    assert checker.counts["duplicates"] == checker.counts["duplicates, crash"] == 1
    assert checker.duplicates_of[id(fault)] == 1


@pytest.mark.parametrize("fields", [{"last": 0.2}, {"clean": False}])
def test_duplicate_after_a_harmed_answer_is_counted(fields):
    h = history()
    again(h, **fields)
    checker = check(h)
    assert checker.problems == [] and checker.counts["duplicates, connection harmed"] == 1


def test_resend_is_no_duplicate():
    h = history()
    h.add(Manual("a0", "resend", 4.0, 4.1, OK, "e", "msg_0"))
    again(h)
    h.attempts[-1].manual = True
    checker = check(h)
    assert checker.problems == [] and checker.counts["duplicates"] == 0


def unlisted(h):
    without(h.attempts, lambda a: a.message == "msg_0")


def listed_and_never_received(h):
    h.attempts[0].code = 500


def success_that_nobody_saw(h):
    h.requests[0].status = 500
    h.add(Dead("dl_1", "a0", "msg_0", "e", "exhausted", 3))


def dead_though_received(h):
    h.add(Dead("dl_1", "a0", "msg_0", "e", "exhausted", 3))


def dead(reason, attempts=3):
    def spoil(h):
        fail_first(h)
        h.add(Dead("dl_1", "a0", "msg_0", "e", reason, attempts))
    return spoil


@pytest.mark.parametrize("spoil", [unlisted, listed_and_never_received, success_that_nobody_saw,
                                   dead_though_received, dead("exhausted", 2), dead("gone"), dead("disabled"),
                                   dead("deleted"), dead("blocked")])
def test_disagreed(spoil):
    h = history()
    spoil(h)
    assert "disagreed" in kinds(h)


def test_dead_letters_that_are_right():
    for reason, code, change in (("exhausted", 500, None), ("gone", 410, None),
                                 ("disabled", 500, {"disabled": True}), ("deleted", 500, {"deleted": True})):
        h = history()
        fail_first(h, code)
        h.add(Dead("dl_1", "a0", "msg_0", "e", reason, 3))
        if change:
            h.add(Change("a0", "e", "change", 3.0, 3.1, OK, change))
        assert kinds(h) == set(), reason


def test_stuck():
    h = history()
    h.standings[0].status, h.standings[0].next_at = 3, "2026-01-01T00:00:00Z"
    assert "stuck" in kinds(h)
    h = history()
    h.facts["unsettled"] = ["msg_0 at e: status 1"]
    assert "stuck" in kinds(h)


def test_what_was_answered_wrong_and_what_the_daemon_says():
    h = history()
    h.events[0].note = "same-key: other ids"
    h.facts["daemon"] = ["worker ended: signal 11"]
    assert kinds(h) == {"answer", "daemon"}


# Order


def swap_last_two(h):
    """The third event is received before the second has been."""
    h.requests[1].at, h.requests[1].done = 4.0, 4.01


@pytest.mark.parametrize("ordering", ["endpoint", "key"])
def test_order(ordering):
    h = history(ordering)
    assert kinds(h) == set()
    swap_last_two(h)
    assert kinds(h) == {"order"}


def test_order_is_not_asked_where_it_is_not_promised():
    h = history()
    swap_last_two(h)
    assert kinds(h) == set()
    h = history("key")
    swap_last_two(h)
    h.events[1].order_key = "other"
    assert kinds(h) == set()


def test_no_order_between_events_posted_at_the_same_time():
    h = history("endpoint")
    swap_last_two(h)
    h.events[1].done = 2.05
    assert kinds(h) == set()


def test_order_after_a_failure():
    """The second event fails at first; the third may not be tried before it has succeeded."""
    h = history("endpoint")
    failed = copy.copy(h.requests[1])
    failed.status, failed.clean = 500, False
    h.add(failed)
    h.add(Attempt("atmpt_8", "msg_1", "e", 2, 500, None, False))
    swap_last_two(h)
    assert kinds(h) == {"order"}
    h.requests[2].at, h.requests[2].done = 5.0, 5.01
    assert kinds(h) == set()


# What is not known


def test_unknown_events_may_be_stored_or_not():
    h = history()
    h.events[0].outcome, h.events[0].done, h.events[0].message = INFO, math.inf, None
    checker = check(h)
    assert checker.problems == [] and checker.counts["recovered"] == 1
    without(h.requests, lambda r: r.message == "msg_0")
    assert "lost" in kinds(h)  # stored, and then it has to be delivered
    for records in (h.stored, h.attempts, h.standings):
        without(records, lambda r: "msg_0" in (getattr(r, "message", None), getattr(r, "id", None)))
    assert kinds(h) == set()


def test_changes_under_way_are_judged_leniently():
    for outcome, done in ((OK, 1.05), (INFO, 0.6)):
        h = history()
        h.add(Change("a0", "e", "filter", 0.5, done, outcome, {"eventTypes": ["chaos.b"]}))
        h.add(Change("a0", "e", "filter", 1.06, 1.07, OK, {"eventTypes": None}))
        assert kinds(h) == set()
        for records in (h.requests, h.attempts, h.standings):
            without(records, lambda r: r.message == "msg_1")
        assert kinds(h) == set()


def test_registers():
    e = Endpoint("a0", "e", {})
    assert e.possible("deleted", 0, 1) == [True]
    e.write("deleted", Write(1.0, 2.0, True, "false"))
    assert e.possible("deleted", 0, 0.5) == [True]
    assert e.possible("deleted", 0, 1.5) == [True, False]
    assert e.possible("deleted", 2.0, 3.0) == [False]
    e.write("deleted", Write(4.0, 5.0, False, "true"))  # nobody knows
    assert e.possible("deleted", 3.0, 3.5) == [False]
    assert e.possible("deleted", 6.0, 7.0) == [False, True]
    e.write("deleted", Write(6.0, 6.5, True, "false"))
    assert e.possible("deleted", 7.0, 8.0) == [False]


# Files, plans


def test_histories_are_read_as_they_were_written(tmp_path):
    h = history("key")
    h.add(Fault("kill-worker", 1.0, math.inf))
    h.write(tmp_path / "h")
    again = History.read(tmp_path / "h")
    assert vars(again)["events"] == h.events and again.faults == h.faults and again.facts == h.facts
    assert again.requests == h.requests and again.changes == h.changes


def test_one_seed_is_one_plan():
    options = plan.Options()
    texts = [plan.to_text(plan.make_plan(seed, options)) for seed in (*range(50), *range(50))]
    assert texts[:50] == texts[50:] and len(set(texts)) == 50
    assert plan.make_plan(7, options) == plan.make_plan(7, options)
    kinds = {b.kind for seed in range(200) for b in plan.make_plan(seed, options).breaks}
    assert kinds == {k for kinds in plan.FAULTS.values() for k in kinds}
