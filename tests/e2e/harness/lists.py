"""How every list of the API behaves: pages forth and back, both orders, bounds."""

import pytest

from .api import Unexpected


def page(api, path, **query):
    text = "&".join(f"{k}={v}" for k, v in query.items())
    return api.get(path + ("?" + text if text else "")).json


def keys_of(found, key):
    return [row[key] for row in found["data"]]


def check_list(api, path, made, key="id", by_name=False, default="ascending"):
    """`made`: the keys of ten objects, in ascending order; the list holds nothing else."""
    wanted = made if default == "ascending" else made[::-1]
    assert len(made) == 10
    check_limits(api, path, wanted, key)
    check_pages(api, path, wanted, key, {})
    if not by_name:
        check_pages(api, path, made, key, {"order": "ascending"})
        check_pages(api, path, made[::-1], key, {"order": "descending"})
    for bad in ("limit=0", "limit=251", "limit=300", "iterator=%20", "iterator=-"):
        with pytest.raises(Unexpected) as refused:
            api.get(f"{path}?{bad}")
        assert "<422" in str(refused.value), bad


def check_limits(api, path, wanted, key):
    for limit, done in ((1, False), (6, False), (9, False), (10, True), (50, True), (250, True)):
        found = page(api, path, limit=limit)
        assert keys_of(found, key) == wanted[:limit]
        assert found["done"] is done, limit
    assert keys_of(page(api, path), key) == wanted


def check_pages(api, path, wanted, key, query):
    """Forth in steps of four, then back the same way."""
    first = page(api, path, limit=4, **query)
    second = page(api, path, limit=4, iterator=first["iterator"], **query)
    third = page(api, path, limit=4, iterator=second["iterator"], **query)
    pages = [keys_of(p, key) for p in (first, second, third)]
    assert pages == [wanted[0:4], wanted[4:8], wanted[8:]]
    assert [p["done"] for p in (first, second, third)] == [False, False, True]
    beyond = page(api, path, limit=4, iterator=third["iterator"], **query)
    assert (beyond["data"], beyond["done"]) == ([], True)

    back = page(api, path, limit=4, iterator=third["prevIterator"], **query)
    assert keys_of(back, key) == wanted[4:8] and not back["done"]
    start = page(api, path, limit=4, iterator=back["prevIterator"], **query)
    assert keys_of(start, key) == wanted[0:4] and start["done"]
    # What follows the page one has gone back to is the page one came from.
    again = page(api, path, limit=4, iterator=back["iterator"], **query)
    assert keys_of(again, key) == wanted[8:]
    before = page(api, path, limit=4, iterator=start["prevIterator"], **query)
    assert (before["data"], before["done"]) == ([], True)
