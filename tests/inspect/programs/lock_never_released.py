"""One coroutine has a lock and waits for ever. All others wait for the lock."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred

lock = DeferredLock()


async def write_log():
    async with lock:
        await Deferred()  # culprit


async def handle(number):
    async with lock:
        return number


writer = ensureDeferred(write_log())
handlers = [ensureDeferred(handle(number)) for number in range(100)]
reactor.run()
