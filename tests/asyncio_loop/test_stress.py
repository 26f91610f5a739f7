"""Many calls from threads and many connections at once; `make soak` has greater numbers."""

from __future__ import annotations

import asyncio
import os
import resource
import threading

import deferrous.asyncio

CALLS = int(os.environ.get("DEFERROUS_CALLS", "50000"))
CONNECTIONS = int(os.environ.get("DEFERROUS_CONNECTIONS", "200"))


def test_each_of_a_great_many_calls_from_threads_is_made_once() -> None:
    loop = deferrous.asyncio.Loop()
    threads, made = 4, [0]

    def call() -> None:
        made[0] += 1
        if made[0] == threads * (CALLS // threads):
            loop.call_soon(loop.call_soon, loop.stop)

    def send() -> None:
        for _ in range(CALLS // threads):
            loop.call_soon_threadsafe(call)

    senders = [threading.Thread(target=send) for _ in range(threads)]
    for sender in senders:
        sender.start()
    loop.run_forever()
    for sender in senders:
        sender.join()
    loop.close()
    assert made[0] == threads * (CALLS // threads)


def test_many_connections_are_served_at_once() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + 100
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    # Each connection has two ends here.
    count = min(CONNECTIONS, (min(wanted, hard) - 100) // 2)

    async def main() -> list[bytes]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1000)
        host, port = server.sockets[0].getsockname()
        opened = []
        for _ in range(count):
            opened.append(await asyncio.open_connection(host, port))

        async def talk(number: int) -> bytes:
            reader, writer = opened[number]
            said = b""
            for _ in range(3):
                writer.write(b"%d\n" % number)
                said += await reader.readline()
            writer.close()
            return said

        answers = await asyncio.gather(*map(talk, range(count)))
        server.close()
        return answers

    assert deferrous.asyncio.run(main()) == [b"%d\n" % number * 3 for number in range(count)]
