"""/app: applications."""

import uuid

import pytest
from harness.api import Api
from harness.lists import check_list


@pytest.fixture
def org(daemon):
    """A client of an organisation that has nothing yet."""
    token = daemon.token_for("--org", "org_" + uuid.uuid4().hex[:27])
    return Api("127.0.0.1", daemon.port, token)


def fresh():
    return uuid.uuid4().hex


def test_life(api):
    uid = fresh()
    made = api.post("/app", {"name": "a", "uid": uid, "rateLimit": 7, "metadata": {"b": "2", "a": "1"}},
                    want=201).json
    assert made["id"].startswith("app_") and made["uid"] == uid and made["name"] == "a"
    assert made["rateLimit"] == 7 and made["throttleRate"] == 7
    assert made["metadata"] == {"a": "1", "b": "2"} and list(made["metadata"]) == ["b", "a"]
    assert made["createdAt"].endswith("Z") and made["updatedAt"] == made["createdAt"]
    assert api.get(f"/app/{made['id']}").json == made
    assert api.get(f"/app/{uid}").json == made
    api.delete(f"/app/{uid}")
    for path in (made["id"], uid):
        assert api.get(f"/app/{path}", want=404).json["code"] == "not_found"
        api.call("DELETE", f"/app/{path}", want=404)
        api.patch(f"/app/{path}", {"name": "b"}, want=404)


def test_least(api):
    made = api.post("/app", {"name": "only a name"}, want=201).json
    assert "uid" not in made and "rateLimit" not in made
    assert made["throttleRate"] is None and made["metadata"] == {}


@pytest.mark.parametrize("change, shown", [
    ({"name": "other"}, {"name": "other"}),
    ({"uid": None}, {"uid": None}),
    ({"throttleRate": 3}, {"throttleRate": 3, "rateLimit": 3}),
    ({"rateLimit": 4}, {"throttleRate": 4, "rateLimit": 4}),
    ({"throttleRate": None}, {"throttleRate": None, "rateLimit": None}),
    ({"rateLimit": None}, {"throttleRate": None, "rateLimit": None}),
    ({"throttleRate": None, "rateLimit": 9}, {"throttleRate": 9, "rateLimit": 9}),
    ({"metadata": {"x": "y"}}, {"metadata": {"x": "y"}}),
    ({"metadata": None}, {"metadata": {}}),
    ({"unknown": 1}, {}),
    ({}, {}),
])
def test_patch_changes_what_it_names(api, change, shown):
    before = api.post("/app", {"name": "a", "uid": fresh(), "rateLimit": 1, "metadata": {"k": "v"}},
                      want=201).json
    after = api.patch(f"/app/{before['id']}", change, want=200).json
    expected = {k: v for k, v in {**before, **shown}.items() if v is not None or k in ("throttleRate", "endpointChallenge")}
    assert after.pop("updatedAt") > expected.pop("updatedAt")
    assert after == expected
    after["updatedAt"] = api.get(f"/app/{before['id']}").json["updatedAt"]
    assert api.get(f"/app/{before['id']}").json == after


def test_patch_refuses_null_where_it_means_nothing(api, app):
    reply = api.patch(f"/app/{app}", {"name": None}, want=422)
    assert reply.json["detail"][0]["loc"] == ["body", "name"]


def test_put_replaces_everything(api):
    made = api.post("/app", {"name": "a", "uid": fresh(), "rateLimit": 1, "metadata": {"k": "v"}},
                    want=201).json
    after = api.put(f"/app/{made['uid']}", {"name": "b"}, want=200).json
    assert after["id"] == made["id"] and after["name"] == "b" and after["metadata"] == {}
    assert "uid" not in after and after["throttleRate"] is None


@pytest.mark.parametrize("path", ["app_nothing", "app_15Mzzzzzzzz", "some-uid"])
def test_put_makes_what_is_not_there(api, path):
    made = api.put(f"/app/{path}", {"name": "new"}, want=201).json
    assert made["id"] != path and "uid" not in made
    assert api.get(f"/app/{made['id']}").json == made


def test_uids(api):
    one, two = fresh(), fresh()
    first = api.post("/app", {"name": "a", "uid": one}, want=201).json["id"]
    second = api.post("/app", {"name": "b", "uid": two}, want=201).json["id"]
    api.post("/app", {"name": "c", "uid": one}, want=409)
    assert api.patch(f"/app/{second}", {"uid": one}, want=409).json["code"] == "conflict"
    api.put(f"/app/{second}", {"name": "b", "uid": one}, want=409)
    assert api.get(f"/app/{two}").json["id"] == second
    api.patch(f"/app/{first}", {"uid": one}, want=200)  # its own is no conflict
    api.delete(f"/app/{first}")
    assert api.patch(f"/app/{second}", {"uid": one}, want=200).json["uid"] == one
    api.get(f"/app/{two}", want=404)
    api.post("/app", {"name": "d", "uid": two}, want=201)


def test_organisations_do_not_share_uids(api, org):
    uid = fresh()
    mine = api.post("/app", {"name": "a", "uid": uid}, want=201).json["id"]
    theirs = org.post("/app", {"name": "b", "uid": uid}, want=201).json["id"]
    assert mine != theirs and org.get(f"/app/{uid}").json["id"] == theirs
    org.get(f"/app/{mine}", want=404)
    org.patch(f"/app/{mine}", {"name": "x"}, want=404)
    org.call("DELETE", f"/app/{mine}", want=404)
    assert api.get(f"/app/{mine}").json["name"] == "a"


def test_get_if_exists(api):
    uid = fresh()
    path = "/app?get_if_exists=true"
    made = api.post(path, {"name": "a", "uid": uid}, want=201).json
    assert api.post(path, {"name": "other", "uid": uid}, want=200).json == made
    api.post("/app?get_if_exists=false", {"name": "a", "uid": uid}, want=409)
    api.post("/app?get_if_exists=maybe", {"name": "a", "uid": uid}, want=400)
    assert api.post(path, {"name": "a"}, want=201).json["id"] != made["id"]


def test_list(org):
    assert org.get("/app").json == {"data": [], "iterator": None, "done": True}
    made = [org.new_app(f"app {i}") for i in range(10)]
    assert made == sorted(made)
    check_list(org, "/app", made)


def test_list_leaves_out_what_was_deleted(org):
    made = [org.new_app(f"app {i}") for i in range(3)]
    org.delete(f"/app/{made[1]}")
    assert [row["id"] for row in org.list("/app")] == [made[0], made[2]]
    # The iterator of a row that has gone names its place still.
    page = org.get(f"/app?iterator={made[1]}").json
    assert [row["id"] for row in page["data"]] == [made[2]]
