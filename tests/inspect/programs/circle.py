"""Each of two coroutines waits for what the other one does later."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred


async def first(left, right):
    await right  # culprit
    left.callback(None)


async def second(left, right):
    await left
    right.callback(None)


def start():
    left, right = Deferred(), Deferred()
    return [ensureDeferred(first(left, right)), ensureDeferred(second(left, right))]


both = start()
reactor.run()
