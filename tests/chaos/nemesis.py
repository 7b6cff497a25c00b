"""Breaks processes: workers, the supervisor, PostgreSQL. Only what the harness started itself."""

import asyncio
import os
import signal
import time

from harness.daemon import alive, kill
from harness.wait import wait_until

from .history import Fault

BACK_S = 60


class Nemesis:
    def __init__(self, daemon, breaks, history, clock):
        self._daemon, self._breaks, self._history, self._clock = daemon, breaks, history, clock
        self._stopped = []

    async def run(self):
        for one in self._breaks:
            await asyncio.sleep(max(0.0, one.at - self._clock()))
            fault = self._history.add(Fault(one.kind, self._clock(), self._clock()))
            try:
                await asyncio.to_thread(KINDS[one.kind], self, one)
            finally:
                fault.end = self._clock()

    async def heal(self):
        """Everything runs."""
        for pid in self._stopped:
            kill(pid, signal.SIGCONT)
        await asyncio.to_thread(self._all_back)

    def _all_back(self):
        daemon = self._daemon
        wait_until(lambda: len(daemon.worker_pids()) == daemon.workers, BACK_S, "every worker is back")
        if daemon.home.owns_cluster:
            wait_until(self._postgres_answers, BACK_S, "PostgreSQL is back")

    def _postgres_answers(self):
        try:
            with self._daemon.database() as db:
                return db.execute("select true").fetchone()[0]
        except Exception as error:  # psycopg's, whatever they are: not back yet
            raise OSError(str(error)) from error

    def _workers(self):
        return wait_until(self._daemon.worker_pids, BACK_S, "a worker")

    # ---- processes ----

    def kill_worker(self, one):
        workers = self._workers()
        victim = workers[one.victim % len(workers)]
        kill(victim, signal.SIGKILL)
        wait_until(lambda: not alive(victim), BACK_S)
        self._all_back()

    def stop_worker(self, one):
        workers = self._workers()
        victim = workers[one.victim % len(workers)]
        self._stand_still([victim], one.seconds)

    def _stand_still(self, pids, seconds):
        for pid in pids:
            kill(pid, signal.SIGSTOP)
        self._stopped += pids
        try:
            time.sleep(seconds)
        finally:
            for pid in pids:
                kill(pid, signal.SIGCONT)
            self._stopped = [p for p in self._stopped if p not in pids]

    def kill_supervisor(self, _):
        daemon = self._daemon
        workers = daemon.worker_pids()
        os.kill(daemon.process.pid, signal.SIGKILL)
        daemon.process.wait(BACK_S)
        wait_until(lambda: not any(alive(pid) for pid in workers), BACK_S, "the workers are gone, too")
        daemon.start()

    def kill_all(self, _):
        self._daemon.kill_all()
        self._daemon.start()

    # ---- PostgreSQL ----

    def pg_terminate(self, _):
        with self._daemon.database() as db:
            db.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
                       " and backend_type = 'client backend' and datname = current_database()")

    def _end_postmaster(self, signal_number):
        victim = self._daemon.postmaster_pid()
        kill(victim, signal_number)
        wait_until(lambda: self._daemon.postmaster_pid() != victim, BACK_S, "another postmaster")
        wait_until(self._postgres_answers, BACK_S, "PostgreSQL is back")

    def pg_restart(self, _):
        self._end_postmaster(signal.SIGQUIT)  # pg_ctl stop -m immediate

    def pg_kill(self, _):
        self._end_postmaster(signal.SIGKILL)

    def pg_stop(self, one):
        self._stand_still(self._daemon.postgres_pids(), one.seconds)


KINDS = {"kill-worker": Nemesis.kill_worker, "stop-worker": Nemesis.stop_worker,
         "kill-supervisor": Nemesis.kill_supervisor, "kill-all": Nemesis.kill_all,
         "pg-terminate": Nemesis.pg_terminate, "pg-restart": Nemesis.pg_restart,
         "pg-kill": Nemesis.pg_kill, "pg-stop": Nemesis.pg_stop}
