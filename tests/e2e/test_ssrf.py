"""Promise 6: nothing reaches an address that it may not, however the address is spelt."""

import pytest
from harness.daemon import Daemon, free_port
from harness.names import Names
from harness.receiver import Receiver, Step
from harness.wait import wait_until

LOOPBACK = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
    "017700000001", "%31%32%37.0.0.1", "0", "0.0.0.0", "127.0.0.1.", "[::1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "localhost", "LOCALHOST", "localhost.", "x.localhost", "①②⑦.0.0.1",
    "１２７.0.0.1", "127。0。0。1",
]
INTERNAL = [
    "169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "2852039166", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1",
    "224.0.0.1", "255.255.255.255", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[2001:db8::1]",
    "metadata.google.internal",
]
NAMED = {
    "a-loopback": ["127.0.0.1"],
    "aaaa-loopback": ["::1"],
    "mapped": ["::ffff:127.0.0.1"],
    "metadata": ["169.254.169.254"],
    "private": ["10.1.2.3"],
    "any": ["0.0.0.0"],
}


@pytest.fixture(scope="module")
def names():
    """What the name server says: see the tests that use each."""
    table = {f"{key}.hooks-of-acme.com": [addresses] for key, addresses in NAMED.items()}
    table["allowed.hooks-of-acme.com"] = [["127.0.0.2"]]
    table["metadata.google.internal"] = [["169.254.169.254"]]
    table["rebound.hooks-of-acme.com"] = [["127.0.0.2"], ["127.0.0.1"]]
    server = Names(table)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def strict(names):
    """No internal address is allowed."""
    one = Daemon(allow_addresses="", dns_servers=names.server).start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def partly(names):
    """127.0.0.2 alone is allowed."""
    one = Daemon(allow_addresses="127.0.0.2/32", dns_servers=names.server).start()
    yield one
    one.close()


def assert_blocked(daemon, receiver, url):
    """The URL is refused when it is registered, or blocked when it is used; either way nobody calls."""
    api = daemon.api()
    app = api.new_app("ssrf")
    reply = api.post(f"/app/{app}/endpoint", {"url": url, "retrySchedule": []})
    if reply.status == 201:
        before = daemon.api().metrics()['posthorn_attempts_total{outcome="blocked"}']
        message = api.send(app)
        letter = wait_until(lambda: api.dead_letters(app))[0]
        assert letter["reason"] == "blocked", letter
        attempts = api.attempts(app, message)
        assert all(a["responseStatusCode"] == 0 and a["status"] == 2 for a in attempts), attempts
        assert daemon.api().metrics()['posthorn_attempts_total{outcome="blocked"}'] > before
    else:
        assert reply.status == 422 and reply.json["detail"][0]["loc"][:2] == ["body", "url"], reply
    assert receiver.connections == 0


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_in_every_spelling(strict, receiver, host):
    assert_blocked(strict, receiver, f"http://{host}:{receiver.port}/hook")


@pytest.mark.parametrize("host", INTERNAL)
def test_internal_addresses(strict, receiver, host):
    assert_blocked(strict, receiver, f"http://{host}/latest/meta-data/")


@pytest.mark.parametrize("name", NAMED)
def test_names_of_internal_addresses(strict, names, receiver, name):
    host = f"{name}.hooks-of-acme.com"
    assert_blocked(strict, receiver, f"http://{host}:{receiver.port}/hook")
    assert names.asked(host) > 0


@pytest.mark.parametrize("url", [
    "http://user@127.0.0.1:{port}/", "http://hooks-of-acme.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@hooks-of-acme.com/", "http:/127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/", "http://127.0.0.1\\@hooks-of-acme.com:{port}/",
    "http://127.0.0.1:{port}\t/", "//127.0.0.1:{port}/", "http://[::1%25lo]:{port}/"])
def test_urls_that_parsers_disagree_about(strict, receiver, url):
    assert_blocked(strict, receiver, url.format(port=receiver.port))


def test_allowed_name_is_delivered(partly, names):
    """The control: the same way leads to a receiver when its address is allowed."""
    receiver = Receiver(host="127.0.0.2")
    api = partly.api()
    app = api.new_app()
    api.new_endpoint(app, f"http://allowed.hooks-of-acme.com:{receiver.port}/hook")
    message = api.send(app)
    got = receiver.wait(1)[0]
    assert got.id == message
    assert got.headers["host"] == f"allowed.hooks-of-acme.com:{receiver.port}"
    receiver.stop()


def test_name_that_is_rebound_is_judged_again(partly, names):
    inside = Receiver(host="127.0.0.1")
    outside = Receiver(host="127.0.0.2", port=inside.port)
    outside.script("/hook", Step(200, close=True))
    api = partly.api()
    app = api.new_app()
    api.new_endpoint(app, f"http://rebound.hooks-of-acme.com:{inside.port}/hook", retrySchedule=[])
    api.send(app)
    outside.wait(1)
    # An answer may be remembered for a while: then the address that was judged is the one called.
    letter = wait_until(lambda: api.send(app) and api.dead_letters(app), 60)[0]
    assert letter["reason"] == "blocked"
    assert names.asked("rebound.hooks-of-acme.com") >= 2
    assert inside.connections == 0
    inside.stop()
    outside.stop()


def test_redirect_to_an_internal_address_is_not_followed(partly, receiver):
    outside = Receiver(host="127.0.0.2")
    outside.script("/hook", Step(307, {"Location": receiver.url()}))
    api = partly.api()
    app = api.new_app()
    api.new_endpoint(app, outside.url(), retrySchedule=[])
    api.send(app)
    wait_until(lambda: api.dead_letters(app))
    assert receiver.connections == 0 and len(outside.got()) == 1
    outside.stop()


def test_blocked_endpoint_tells_nothing_about_the_inside(strict, receiver):
    """A closed and an open port of an internal host look the same to a tenant."""
    api = strict.api()
    seen = []
    for port in (receiver.port, free_port()):
        app = api.new_app()
        reply = api.post(f"/app/{app}/endpoint",
                         {"url": f"http://a-loopback.hooks-of-acme.com:{port}/", "retrySchedule": []})
        if reply.status != 201:
            seen.append(reply.body.replace(str(port).encode(), b""))
            continue
        message = api.send(app)
        wait_until(lambda: api.dead_letters(app))
        seen.append([(a["response"], a["responseStatusCode"]) for a in api.attempts(app, message)])
    assert seen[0] == seen[1]
    assert "127.0.0.1" not in str(seen)
