"""A job in a thread of the pool blocks."""

import threading

from twisted.internet import task
from twisted.internet.threads import deferToThread

never = threading.Event()


def read_tape():
    never.wait()  # culprit


async def main(reactor):
    await deferToThread(read_tape)


task.react(main)
