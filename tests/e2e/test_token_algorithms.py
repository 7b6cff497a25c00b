"""Tokens of other algorithms than HS256: one that others signed opens the service, one that the service makes
is what it takes, and no key can be talked into another algorithm. Keys and tokens are made with openssl(1)."""

import base64
import json
import subprocess
import time

import pytest
from harness.api import Api
from harness.daemon import POSTHORN, POSTHORND, environment
from harness.home import needs_own_cluster

CONFIG = 78
HASHES = {"256": "-sha256", "384": "-sha384", "512": "-sha512"}
NEW = {"rsa": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "rsa1024": ("RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
       "ed": ("ED25519",)}


def openssl(*arguments, **more):
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True, timeout=60, **more).stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The paths of keys: keys["rsa"], and the public halves: keys["rsa.pub"]."""
    directory = tmp_path_factory.mktemp("keys")
    paths = {}
    for name, kind in NEW.items():
        paths[name], paths[name + ".pub"] = directory / name, directory / (name + ".pub")
        openssl("genpkey", "-algorithm", *kind, "-out", paths[name])
        openssl("pkey", "-in", paths[name], "-pubout", "-out", paths[name + ".pub"])
    return paths


def signed(tmp_path, algorithm, key, **more):
    """A token of an organisation. key: bytes of a secret, or the path of a private key. more: of the header."""
    now = int(time.time())
    header = {"alg": algorithm, "typ": "JWT", **more}
    claims = {"iss": "svix-server", "iat": now, "nbf": now, "exp": now + 3600, "sub": "org_mover"}
    text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    file = tmp_path / "text"
    file.write_text(text)
    if isinstance(key, bytes):
        signature = openssl("dgst", HASHES[algorithm[2:]], "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}",
                            "-binary", file)
    elif algorithm == "EdDSA":
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file)
    else:
        signature = openssl("dgst", HASHES[algorithm[2:]], "-sign", key, file)
    return f"{text}.{base64url(signature)}"


def opens(daemon, token):
    """Often enough that it is remembered, and that both workers are asked."""
    statuses = {Api("127.0.0.1", daemon.port, token).call("GET", "/app").status for _ in range(8)}
    assert statuses in ({200}, {401}), statuses
    return statuses == {200}


def header_of(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def assert_portal_tokens_work(daemon, token, algorithm):
    api = Api("127.0.0.1", daemon.port, token)
    app = api.new_app()
    portal = api.post(f"/auth/app-portal-access/{app}", {}, want=200).json["token"]
    assert header_of(portal)["alg"] == algorithm
    browser = Api("127.0.0.1", daemon.port, portal)
    assert browser.call("GET", f"/app/{app}").status == 200
    browser.post("/auth/logout", {}, want=204)
    assert browser.call("GET", f"/app/{app}").status == 401


def assert_others_verify(tmp_path, token, public_key):
    """A token that was made here (RS256), judged by openssl."""
    text, _, signature = token.rpartition(".")
    (tmp_path / "made").write_text(text)
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    openssl("dgst", "-sha256", "-verify", public_key, "-signature", tmp_path / "signature", tmp_path / "made")


@needs_own_cluster
def test_a_longer_mac(start, tmp_path):
    secret = b"a secret that the old server had"
    daemon = start(workers=2, jwt_algorithm="HS512", jwt_secret=secret.decode())
    moved = signed(tmp_path, "HS512", secret)
    assert opens(daemon, moved) and opens(daemon, daemon.token)
    assert not opens(daemon, signed(tmp_path, "HS256", secret))
    assert not opens(daemon, signed(tmp_path, "HS384", secret))
    assert_portal_tokens_work(daemon, moved, "HS512")


@needs_own_cluster
def test_rsa(start, tmp_path, keys):
    daemon = start(workers=2, jwt_algorithm="RS256", jwt_public_key_file=keys["rsa.pub"],
                   jwt_private_key_file=keys["rsa"])
    moved = signed(tmp_path, "RS256", keys["rsa"])
    assert opens(daemon, moved) and opens(daemon, daemon.token)
    public = keys["rsa.pub"].read_bytes()
    for secret in (public, public.rstrip(b"\n")):
        assert not opens(daemon, signed(tmp_path, "HS256", secret))
    assert not opens(daemon, signed(tmp_path, "RS512", keys["rsa"]))
    assert not opens(daemon, moved.rsplit(".", 1)[0] + ".")
    assert_portal_tokens_work(daemon, moved, "RS256")
    assert_others_verify(tmp_path, daemon.token, keys["rsa.pub"])
    # The commands find the key where the daemon finds it.
    settings = {"jwt_algorithm": "RS256", "jwt_private_key_file": keys["rsa"]}
    for command in ([POSTHORND, "token"], [POSTHORN, "token", "create", "--org", "org_mover"]):
        made = subprocess.run(command, env=environment(**settings), capture_output=True, text=True, check=True,
                              timeout=60).stdout.strip()
        assert opens(daemon, made), command


@needs_own_cluster
def test_a_public_key_alone(start, tmp_path, keys):
    """Nothing can be made here: that is said, and what is made elsewhere is good."""
    one_line = keys["ed.pub"].read_text().replace("\n", "\\n")  # as a file of variables has it
    daemon = start(workers=2, jwt_algorithm="EdDSA", jwt_public_key=one_line)
    assert "token" not in daemon.ready_line and not (daemon.dir / "dev/token").exists()
    moved = signed(tmp_path, "EdDSA", keys["ed"])
    assert opens(daemon, moved)
    api = Api("127.0.0.1", daemon.port, moved)
    app = api.new_app()
    for route in ("app-portal-access", "dashboard-access"):
        refused = api.post(f"/auth/{route}/{app}", {}, want=400).json
        assert refused["code"] == "no_private_key" and "jwt_private_key" in refused["detail"]
    # Nor is an application made by the way.
    api.post("/auth/app-portal-access/by-the-way", {"application": {"name": "x", "uid": "by-the-way"}}, want=400)
    assert api.call("GET", "/app/by-the-way").status == 404
    for command in ([POSTHORND, "token"], [POSTHORN, "token", "create", "--org", "org_mover"]):
        refused = subprocess.run(command, env=environment(jwt_algorithm="EdDSA", jwt_public_key=one_line),
                                 capture_output=True, text=True, timeout=60)
        assert refused.returncode == CONFIG and "private key" in refused.stderr and refused.stdout == ""


@pytest.mark.parametrize("algorithm, public, private, words", [
    ("RS256", "ed.pub", None, "type ED25519"), ("EdDSA", "rsa.pub", None, "type RSA"),
    ("RS256", "rsa1024.pub", None, "1024 bits"), ("RS256", "rsa", None, "private one"),
    ("RS256", "rsa.pub", "rsa1024", "1024 bits"), ("RS256", None, "ed", "type ED25519"),
    ("HS256", "rsa.pub", None, "jwt_algorithm"), ("RS256", None, None, "PUBLIC_KEY"),
    ("ES256", "rsa.pub", None, "expected HS256"), ("none", None, None, "expected HS256")])
def test_keys_that_are_refused_at_the_start(keys, algorithm, public, private, words):
    settings = {"database_url": "host=/nowhere", "jwt_algorithm": algorithm}
    if public:
        settings["jwt_public_key_file"] = keys[public]
    if private:
        settings["jwt_private_key_file"] = keys[private]
    done = subprocess.run([POSTHORND], env=environment(**settings), capture_output=True, text=True, timeout=60)
    assert done.returncode == CONFIG and words in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "MII" not in done.stderr


def test_two_keys_are_one_too_many(keys):
    done = subprocess.run([POSTHORND], env=environment(
        database_url="host=/nowhere", jwt_algorithm="RS256", jwt_public_key_file=keys["rsa.pub"],
        jwt_secret="s" * 32), capture_output=True, text=True, timeout=60)
    assert done.returncode == CONFIG and "jwt_secret is set" in done.stderr
