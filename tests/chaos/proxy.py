"""A TCP proxy that treats connections badly: which ones and how is drawn by the seed, the link's name
and the connection's number. It knows nothing of HTTP or TLS."""

import asyncio
import math

from . import wire
from .history import Fault
from .plan import chance

PIECE = 65536
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # TLS: fatal, handshake_failure


class Connection:
    """`fault`: (kind, its details) or None. `harmed_at`: when the first fault was laid on it."""

    def __init__(self, number):
        self.number, self.port = number, None  # the port is ours towards the target
        self.fault = None
        self.harmed_at = math.inf
        self.writers = []
        self.passed = {"up": 0, "down": 0}  # bytes since the fault

    def reset(self):
        for writer in self.writers:
            wire.reset(writer)


class Link:
    """One listening port, one target."""

    def __init__(self, name, seed, windows, history, clock):
        self.name, self._seed, self._history, self._clock = name, seed, history, clock
        self._windows = [(n, w) for n, w in enumerate(windows) if w.link == name]
        self._connections, self._count, self._tasks = set(), 0, set()
        self._active = None
        self._server = None
        self.by_port = {}  # local port towards the target → connection

    async def listen(self, host, target_host, target_port):
        self._target = target_host, target_port
        self._server = await asyncio.start_server(self._serve, host, 0, backlog=512)
        return self._server.sockets[0].getsockname()[1]

    async def run(self):
        """Opens and closes the windows, one after the other where they overlap."""
        for number, window in sorted(self._windows, key=lambda w: w[1].at):
            await asyncio.sleep(max(0.0, window.at - self._clock()))
            fault = self._history.add(Fault(f"proxy-{self.name}", self._clock(), math.inf, 0,
                                            ",".join(window.kinds)))
            self._active = (number, window, fault)
            for connection in list(self._connections):
                self._strike(connection)
            await asyncio.sleep(max(0.0, window.until - self._clock()))
            self.heal()
            fault.end = self._clock()

    def heal(self):
        """What passes badly passes well again, what is lost is reset."""
        self._active = None
        for connection in list(self._connections):
            if connection.fault:
                kind = connection.fault[0]
                connection.fault = None
                if kind not in ("delay", "slow"):
                    connection.reset()

    def close(self):
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()

    # ---- what is done to whom ----

    def _strike(self, connection):
        if not self._active or connection.fault:
            return
        number, window, fault = self._active
        rng = chance(self._seed, self.name, number, connection.number)
        if rng.random() >= window.share:
            return
        kind = rng.choice(window.kinds)
        connection.fault = kind, {"way": rng.choice(["up", "down", "down"]),
                                  "after": rng.choice([0, 0, 1, 30, 300, 5000]),
                                  "seconds": rng.uniform(0.01, 0.3), "rng": rng}
        connection.passed = {"up": 0, "down": 0}
        connection.harmed_at = min(connection.harmed_at, self._clock())
        fault.hits += 1

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        connection = Connection(self._count)
        self._count += 1
        connection.writers.append(writer)
        self._connections.add(connection)
        try:
            self._strike(connection)
            if connection.fault and connection.fault[0] == "refuse":
                await self._refuse(connection, writer)
            else:
                await self._join(connection, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._connections.discard(connection)
            if self.by_port.get(connection.port) is connection:
                del self.by_port[connection.port]
            for one in connection.writers:
                one.close()

    async def _refuse(self, connection, writer):
        """No connection at all, or one that ends in the handshake."""
        if connection.fault[1]["rng"].random() < 0.5:
            wire.reset(writer)
        else:
            writer.write(ALERT)
            await writer.drain()

    async def _join(self, connection, reader, writer):
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        connection.writers.append(up_writer)
        connection.port = up_writer.get_extra_info("sockname")[1]
        self.by_port[connection.port] = connection
        await asyncio.gather(self._pump(connection, "up", reader, up_writer),
                             self._pump(connection, "down", up_reader, writer))

    async def _pump(self, connection, way, reader, writer):
        try:
            while data := await reader.read(PIECE):
                if not connection.fault:
                    writer.write(data)
                    await writer.drain()
                else:
                    await self._mistreat(connection, way, data, writer)
            if not (connection.fault and connection.fault[0] == "drop"):
                finish(writer)
        except OSError:
            connection.reset()

    async def _mistreat(self, connection, way, data, writer):
        kind, details = connection.fault
        if kind in ("reset", "half-close", "garbage", "refuse"):
            await self._cut(connection, kind, details, way, data, writer)
            return
        if kind == "drop" or (kind == "half-closed" and way == details["way"]):
            return
        if kind == "delay":
            await asyncio.sleep(details["seconds"])
        elif kind == "slow":
            head, data = data[:60], data[60:]
            for n in range(0, len(head), 3):
                writer.write(head[n:n + 3])
                await asyncio.sleep(details["seconds"] / 20)
        writer.write(data)
        await writer.drain()

    async def _cut(self, connection, kind, details, way, data, writer):
        """So many bytes pass in the fault's direction, then it happens; the other one is not touched.
        Garbage goes to the client only: what reaches the target is what was sent."""
        marked = "down" if kind in ("garbage", "refuse") else details["way"]
        room = details["after"] - connection.passed[way]
        if way != marked or len(data) <= room:
            connection.passed[way] += len(data)
            writer.write(data)
            await writer.drain()
            return
        writer.write(data[:max(0, room)])
        connection.passed[way] = details["after"]
        await writer.drain()
        if kind == "half-close":
            finish(writer)
            connection.fault = "half-closed", details
        elif kind == "garbage":
            writer.write(details["rng"].randbytes(details["rng"].randint(1, 2000)))
            await writer.drain()
            writer.close()
        else:
            connection.reset()


def finish(writer):
    """A FIN, unless the connection has ended already."""
    try:
        if not writer.transport.is_closing():
            writer.write_eof()
    except (OSError, RuntimeError):
        pass
