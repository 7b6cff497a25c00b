"""Commands that cannot do what was asked: one line that says why, and an exit code of sysexits(3)."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest
from harness.daemon import POSTHORN, POSTHORND, SCRATCH, environment, free_port
from harness.home import needs_own_cluster
from harness.wait import wait_until

USAGE, UNAVAILABLE, IO, CONFIG = 64, 69, 74, 78


def run(program, *arguments, **settings):
    done = subprocess.run([program, *arguments], env=environment(**settings), capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60, cwd="/")
    done.line = done.stderr.strip()
    return done


def assert_refused(done, codes, *words):
    """One line on stderr with these words, nothing on stdout."""
    assert done.returncode in codes, (done.returncode, done.stderr)
    assert done.line and "\n" not in done.line, done.stderr
    for word in words:
        assert word in done.line, done.line
    assert done.stdout == ""


@pytest.fixture
def new_dir():
    """A directory that --dev may use, with a path short enough for a socket."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="phe-", dir=SCRATCH))
    path.chmod(0o755)
    yield path / "dev"
    shutil.rmtree(path)


@pytest.mark.parametrize("program", [POSTHORND, POSTHORN], ids=["posthornd", "posthorn"])
def test_help_and_version(program):
    shown = run(program, "--help")
    assert shown.returncode == 0 and shown.stderr == "" and program.name in shown.stdout
    version = run(program, "--version")
    assert version.returncode == 0 and version.stdout.split()[0] == program.name


def test_help_names_every_option():
    shown = run(POSTHORND, "--help").stdout
    for option in ("--dev", "--listen", "--workers", "--database-url", "--allow-addresses"):
        assert option in shown


def test_wrong_option():
    assert_refused(run(POSTHORND, "--wrong"), [USAGE, CONFIG], "--wrong")
    assert_refused(run(POSTHORN, "--wrong"), [USAGE], "--wrong")


def test_option_almost_right_is_suggested():
    assert_refused(run(POSTHORND, "--worker=2"), [USAGE, CONFIG], "workers")


@pytest.mark.parametrize("setting, value, word", [
    ("workers", "many", "workers"), ("workers", "-1", "workers"), ("lease", "1y", "lease"),
    ("listen", "nowhere", "listen"), ("log_level", "loud", "log_level"),
    ("allow_addresses", "10.0.0.0/99", "allow_addresses"), ("retry_schedule", "5, soon", "retry_schedule"),
    ("jwt_secret", "short", "jwt_secret"), ("nonsense", "1", "nonsense")])
def test_wrong_setting(tmp_path, setting, value, word):
    settings = {"database_url": "host=/nowhere", "jwt_secret": "s" * 32, setting: value}
    done = run(POSTHORND, **settings)
    assert_refused(done, [CONFIG, USAGE])
    assert word in done.line.lower().replace("-", "_")
    if setting == "jwt_secret":
        assert "short" not in done.line.replace("too short", "")


def test_production_needs_a_database_and_a_key():
    assert_refused(run(POSTHORND, jwt_secret="s" * 32), [CONFIG], "DATABASE_URL")
    assert_refused(run(POSTHORND, database_url="host=/nowhere"), [CONFIG], "JWT_SECRET")


def test_missing_database():
    done = run(POSTHORND, "--listen", f"127.0.0.1:{free_port()}", database_url="host=/nowhere dbname=x",
               jwt_secret="s" * 32)
    assert done.returncode in (UNAVAILABLE, IO, CONFIG), done
    assert "/nowhere" in done.stderr


@pytest.mark.parametrize("setting, value", [
    ("synchronous_commit", "off"), ("default_transaction_isolation", "'repeatable read'")])
def test_database_settings_that_break_promises(start, setting, value):
    daemon = start()
    with daemon.database() as database:
        database.execute(f"alter database {database.info.dbname} set {setting} = {value}")
    assert_refused(run(POSTHORND, "--listen", f"127.0.0.1:{free_port()}", jwt_secret="s" * 32,
                       database_url=daemon.home.database_url), [CONFIG], setting)
    with daemon.database() as database:
        database.execute(f"alter database {database.info.dbname} reset {setting}")


def test_missing_config_file():
    assert_refused(run(POSTHORND, "--config=/nowhere/posthorn.conf"), [CONFIG, 66, IO],
                   "/nowhere/posthorn.conf")


def test_port_in_use(daemon, new_dir):
    done = run(POSTHORND, f"--dev={new_dir}", "--listen", f"127.0.0.1:{daemon.port}")
    assert done.returncode in (IO, UNAVAILABLE), done
    assert "in use" in done.stderr and str(daemon.port) in done.stderr
    assert not list(new_dir.glob("*/postmaster.pid")), "PostgreSQL was left running"


@needs_own_cluster
def test_directory_in_use(daemon):
    done = run(POSTHORND, f"--dev={daemon.dir}/dev", "--listen", f"127.0.0.1:{free_port()}")
    assert done.returncode in (IO, UNAVAILABLE), done
    assert str(daemon.dir) in done.stderr
    assert daemon.api().get("//livez", token=None)


def test_directory_that_cannot_be_made():
    done = run(POSTHORND, "--dev=/proc/nowhere", "--listen", f"127.0.0.1:{free_port()}")
    assert done.returncode in (IO, CONFIG, UNAVAILABLE, 73), done
    assert "/proc/nowhere" in done.stderr


def test_start_twice_in_the_same_directory_keeps_everything(start):
    daemon = start()
    app = daemon.api().new_app("kept")
    token = daemon.token
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.token == token
    assert daemon.api().get(f"/app/{app}").json["name"] == "kept"


def test_ready_line_names_the_url(daemon):
    assert f"http://127.0.0.1:{daemon.port}" in daemon.ready_line


def test_interrupt_stops_it(start):
    daemon = start()
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.process.wait(60) == 0


def test_dead_worker_is_replaced(start):
    daemon = start(workers=2)
    victim = wait_until(lambda: len(daemon.worker_pids()) == 2 and daemon.worker_pids())[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(daemon.worker_pids()) == 2 and victim not in daemon.worker_pids())
    wait_until(lambda: daemon.api().metrics()["posthorn_worker_restarts_total"] == 1)


def test_command_line_without_a_server():
    done = run(POSTHORN, "app", "list", url=f"http://127.0.0.1:{free_port()}", token="x.y.z")
    assert_refused(done, [UNAVAILABLE, IO], "127.0.0.1")


def test_command_line_with_a_wrong_token(daemon):
    done = run(POSTHORN, "app", "list", url=daemon.url, token="x.y.z")
    assert_refused(done, [77])
