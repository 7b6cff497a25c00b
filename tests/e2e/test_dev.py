"""posthornd --dev: its directory, its PostgreSQL and the commands around it."""

import os
import pathlib
import signal
import subprocess

import pytest
from harness.daemon import POSTHORND, Daemon, environment
from harness.home import EmptyHome, needs_own_cluster
from harness.wait import wait_until

pytestmark = needs_own_cluster


@pytest.fixture
def fresh():
    """fresh(): a daemon that is not started yet."""
    made = []

    def fresh(**settings):
        made.append(Daemon(home=EmptyHome, **settings))
        return made[-1]

    yield fresh
    for one in made:
        if one.process:
            one.close()


def run(*arguments, **settings):
    return subprocess.run([POSTHORND, *arguments], env=environment(**settings), capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60)


def mode(path):
    return path.stat().st_mode & 0o777


def test_secrets_are_private(daemon):
    assert mode(daemon.dir / "dev/jwt_secret") == 0o600
    assert mode(daemon.dir / "dev/token") == 0o600
    assert mode((daemon.dir / "dev/run").resolve()) == 0o700
    assert len((daemon.dir / "dev/jwt_secret").read_text().strip()) == 64


def test_postgresql_listens_on_the_socket_only(daemon):
    with daemon.database() as db:
        assert db.execute("show listen_addresses").fetchone()[0] == ""
        assert db.execute("show fsync").fetchone()[0] == "on"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL is another user's")
def test_directory_that_the_cluster_cannot_enter(fresh):
    daemon = fresh()
    daemon.dir.chmod(0o700)
    daemon.start()
    data = (daemon.dir / "dev/postgres").resolve()
    assert daemon.dir not in data.parents
    assert daemon.stop() == 0
    assert daemon.start().stop() == 0
    assert (daemon.dir / "dev/postgres").resolve() == data


def test_path_too_long_for_a_socket(fresh):
    daemon = fresh()
    daemon.dir = daemon.dir / ("long" * 20)
    daemon.start()
    run_dir = (daemon.dir / "dev/run").resolve()
    assert len(str(run_dir)) < 90 and mode(run_dir) == 0o700
    assert daemon.stop() == 0
    assert not run_dir.exists()


def test_stop_while_the_cluster_is_made(fresh):
    daemon = fresh()
    with open(daemon.dir / "log", "ab") as log:
        process = subprocess.Popen(
            [POSTHORND, f"--dev={daemon.dir}/dev", "--listen", f"127.0.0.1:{daemon.port}"],
            env=environment(), stderr=log, stdout=subprocess.DEVNULL)
    wait_until(lambda: (daemon.dir / "dev/postgres.new").exists())
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not (daemon.dir / "dev/postgres").exists()
    daemon.start()


def test_killed_supervisor_leaves_nothing_in_the_way(fresh):
    daemon = fresh(workers=2).start()
    left = [*daemon.worker_pids(), daemon.postmaster_pid()]
    daemon.process.kill()
    daemon.process.wait()
    # The port is free when the workers have seen it; PostgreSQL is waited for by the new one.
    wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}/exe").exists() for pid in left[:2]))
    daemon.start()
    assert daemon.postmaster_pid() not in left


def test_second_interrupt_does_not_wait(fresh):
    daemon = fresh(stop_timeout="600s").start()
    daemon.process.send_signal(signal.SIGINT)
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.process.wait(20) == 0


def test_token_command(daemon):
    directory = f"--dev={daemon.dir}/dev"
    made = run("token", directory, "--app", "app_x", "--lifetime", "1h")
    assert made.returncode == 0 and made.stdout.count(".") == 2 and made.stdout.count("\n") == 1
    assert run("token", directory, "--lifetime", "soon").returncode == 64
    assert run("token", directory, "--org", "nobody").returncode == 64
    assert run("token", "--dev=/nowhere").returncode == 78
    assert run("--org", "org_x").returncode == 64


def test_migrate_command(daemon):
    name = "migrate_command"
    settings = {"database_url": f"host={daemon.dir}/dev/run user=posthorn dbname={name}",
                "jwt_secret": "s" * 32}
    with daemon.database() as db:
        db.execute(f"create database {name}")
    refused = run(**settings)
    assert refused.returncode == 78 and "posthornd migrate" in refused.stderr
    assert run("migrate", **settings).stdout.startswith("applied ")
    assert run("migrate", **settings).stdout.startswith("the schema is up to date")
    with daemon.database() as db:
        db.execute(f"drop database {name}")


def test_config_command_reads_back(tmp_path):
    first = run("config", workers=3, jwt_secret="s" * 32, database_url="postgresql://u:secret@h/d")
    assert first.returncode == 0 and "secret@" not in first.stdout and "ssss" not in first.stdout
    assert "'secret'" not in first.stdout
    path = tmp_path / "posthorn.conf"
    path.write_text(first.stdout)
    again = run("config", "--config", path)
    strip = [line for line in again.stdout.splitlines() if not line.startswith("#")]
    assert strip == [line for line in first.stdout.splitlines() if not line.startswith("#")]
    assert "workers = 3" in strip
