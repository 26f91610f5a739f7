"""All threads of the pool are taken by jobs that block, and another job waits for one."""

import threading

from twisted.internet import task
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

never = threading.Event()


def hog():
    never.wait()  # culprit


def compute():
    return 42


async def main(reactor):
    reactor.suggestThreadPoolSize(2)
    hogs = [deferToThread(hog), deferToThread(hog)]
    await deferToThread(compute)
    await gatherResults(hogs)


task.react(main)
