"""A TCP relay that delivers every byte later: a round trip of so many milliseconds, at full rate.

    delay_relay.py MILLISECONDS OURS:THEIRS...     ports on 127.0.0.1; says "ready" when it listens
"""

import asyncio
import socket
import sys

BLOCK = 65536


async def pump(reader, writer, delay):
    """What is read now is written `delay` later, in order; so is the end."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def write():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()
    writing = asyncio.create_task(write())
    data = b"."
    while data:
        try:
            data = await reader.read(BLOCK)
        except ConnectionError:
            data = b""
        queue.put_nowait((loop.time() + delay, data))
    await asyncio.gather(writing, return_exceptions=True)


async def serve(delay, pairs):
    async def relay(reader, writer, theirs):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.sleep(2 * delay)  # The handshake that the kernel has answered too soon.
        onward = await asyncio.open_connection("127.0.0.1", theirs)
        await asyncio.gather(pump(reader, onward[1], delay), pump(onward[0], writer, delay))
    servers = []
    for ours, theirs in pairs:
        servers.append(await asyncio.start_server(
            lambda reader, writer, port=theirs: relay(reader, writer, port), "127.0.0.1", ours,
            backlog=1000))
    print("ready", flush=True)
    await asyncio.gather(*(each.serve_forever() for each in servers))


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 2000,
                      [tuple(map(int, pair.split(":"))) for pair in sys.argv[2:]]))
