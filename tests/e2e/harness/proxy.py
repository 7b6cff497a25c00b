"""A TCP proxy between the daemon and PostgreSQL: an address that can move, and a network that can fall
silent without a word to either side."""

import asyncio
import threading

from .daemon import free_port


class Proxy:
    """to: the port of 127.0.0.1 that new connections lead to."""

    def __init__(self, to):
        self.to, self.port = to, free_port()
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._listen())

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def silence(self):
        """Not a byte passes any more. New connections are taken, and nothing comes of them."""
        self._loop.call_soon_threadsafe(self._speaks.clear)

    def speak(self):
        self._loop.call_soon_threadsafe(self._speaks.set)

    def close(self):
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _end(self):
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader, writer):
        self.connections += 1
        await self._speaks.wait()
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self._speaks.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        await self._speaks.wait()
        writer.close()
