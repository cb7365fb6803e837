"""A proxy on loopback that stands between Sntry and a service, and passes on, delays, cuts or spoils what goes through.

    with Proxy(("127.0.0.1", 5000)) as proxy:
        proxy.mode = "hang"

It runs in a thread of its own with its own event loop, so that programs and tests without one can use it.
"""

import asyncio
import contextlib
import os
import socket
import struct
import threading

MODES = ("pass", "delay", "cut", "half", "garbage", "drip", "hang", "refuse")
DELAY_SECONDS, DRIP_SECONDS = 2.0, 0.2
Target = tuple[str, int] | str  # host and port, or the path of a unix socket


class Proxy:
    """`mode` counts for what comes from now on, also on connections that are open:

    pass; delay (each piece two seconds late); cut (a reset instead of the answer); half (half of the answer's first
    piece, then the end); garbage (random bytes for the answer); drip (one byte each 0.2 s); hang (nothing goes
    through); refuse (connections are closed at once).
    """

    def __init__(self, target: Target) -> None:
        self.target, self.mode, self.connections = target, "pass", 0
        self.port, self._writers = 0, set()
        self._loop, self._ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut_all(self) -> None:
        """Reset every connection that is open."""

        async def cut() -> None:
            for writer in list(self._writers):
                reset(writer)

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        outer = None
        try:
            if self.mode == "refuse":
                return
            theirs, outer = await self._connect()
            await asyncio.wait(
                [asyncio.create_task(self._pump(reader, outer, spoils=False)),
                 asyncio.create_task(self._pump(theirs, writer, spoils=True))],
                return_when=asyncio.FIRST_COMPLETED,
            )  # fmt: skip
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            for each in (writer, outer):
                if each is not None:
                    each.close()

    async def _connect(self):
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, spoils: bool) -> None:
        """Pass on until one side ends; only the answers are spoilt, but nothing goes through while it hangs."""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                while self.mode == "hang":
                    await asyncio.sleep(0.05)
                if spoils and not await self._spoil(data, writer):
                    return
                if not spoils or self.mode in ("pass", "delay"):
                    writer.write(data)
                await writer.drain()

    async def _spoil(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        """Do to an answer what the mode says; False once the connection is over."""
        mode = self.mode
        if mode == "delay":
            await asyncio.sleep(DELAY_SECONDS)
        elif mode == "garbage":
            writer.write(os.urandom(len(data)))
        elif mode == "drip":
            for place in range(len(data)):
                writer.write(data[place : place + 1])
                await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
        elif mode == "half":
            writer.write(data[: len(data) // 2])
            await writer.drain()
            return False
        elif mode in ("cut", "refuse"):
            reset(writer)
            return False
        return True


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST rather than FIN."""
    wire = writer.get_extra_info("socket")
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
