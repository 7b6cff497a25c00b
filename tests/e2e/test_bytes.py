"""Promise 3: the bytes delivered and signed are the producer's bytes."""

import json

import pytest

PAYLOADS = {
    "trailing-zero": b'{"amount":1.10}',
    "exponents": b'{"a":1E+2,"b":1e-7,"c":-0,"d":0.1e1,"e":1.0}',
    "two-to-the-64": b'{"n":18446744073709551616,"m":-9223372036854775809}',
    "more-digits-than-a-double": b'{"pi":3.14159265358979323846264338327950288}',
    "key-order": b'{"z":1,"a":2,"m":3}',
    "blanks": b'{ "a" :\t1 ,\r\n  "b": [ 1 ,2 ] }',
    "duplicate-keys": b'{"a":1,"a":2}',
    "escapes": rb'{"slash":"\/","quote":"\"","u":"\u00e9\ud83c\udf89","tab":"\t"}',
    "unicode": '{"name":"Zoë 🎉","日本":"語"}'.encode(),
    "no-normal-form": '{"e":"e\u0301","é":"\u00e9"}'.encode(),
    "line-separators": '{"x":"\u2028\u2029\ufeff"}'.encode(),
    "keys-of-the-envelope": b'{"eventType":"x","payload":{"payload":1},"data":2}',
    "brackets-in-text": rb'{"a":"}]\\\"}{[","b":"//*"}',
    "deep": b'{"a":' * 50 + b"1" + b"}" * 50,
    "empty": b"{}",
    "blank-inside": b"{ \n }",
}


@pytest.fixture(scope="module")
def shared_app(daemon):
    return daemon.api().new_app("bytes")


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_body_is_the_slice_posted(api, shared_app, receiver, payload):
    endpoint = api.new_endpoint(shared_app, receiver.url())
    message = api.send(shared_app, payload)
    got = receiver.wait(1)[0]
    api.delete(f"/app/{shared_app}/endpoint/{endpoint}")
    assert got.id == message
    assert got.body == payload
    assert int(got.headers["content-length"]) == len(payload)


def test_signature_covers_those_bytes(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    for payload in PAYLOADS.values():
        api.send(app, payload)
    secret = api.secret(app, endpoint)
    got = receiver.wait(len(PAYLOADS))
    for one in got:
        one.verify(secret)
    assert sorted(g.body for g in got) == sorted(PAYLOADS.values())


def test_payload_anywhere_in_the_request(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    body = b' {\n"payload" :  {"a":  1.10 }  , "eventType":"t" } \n'
    api.post(f"/app/{app}/msg", body, want=202)
    assert receiver.wait(1)[0].body == b'{"a":  1.10 }'


def test_data_is_another_name_of_payload(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    api.post(f"/app/{app}/msg", b'{"eventType":"t","data":{"b": 2.50}}', want=202)
    assert receiver.wait(1)[0].body == b'{"b": 2.50}'


def test_raw_payload_is_sent_as_it_is(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    raw = "not json: <é>\n"
    api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {},
                                 "transformationsParams": {"rawPayload": raw}}, want=202)
    assert receiver.wait(1)[0].body == raw.encode()


def test_large_payload(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    payload = b'{"x":"' + b"a" * 1_500_000 + b'"}'
    api.send(app, payload)
    assert receiver.wait(1)[0].body == payload


def test_retry_sends_the_same_bytes(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", 500, 200), retrySchedule=[0.05])
    api.send(app, PAYLOADS["blanks"])
    assert {g.body for g in receiver.wait(2)} == {PAYLOADS["blanks"]}


def test_message_reads_back_with_its_values(api, app):
    message = api.send(app, b'{"amount":1.10,"big":18446744073709551616}')
    read = api.get(f"/app/{app}/msg/{message}")
    assert b"18446744073709551616" in read.body
    assert json.loads(read.body)["payload"]["amount"] == 1.1
