"""A function takes a lock and returns without releasing it: nobody has it any more."""

from twisted.internet import reactor
from twisted.internet.defer import DeferredLock, ensureDeferred

lock = DeferredLock()


async def check(name):
    await lock.acquire()
    if name is None:
        return
    lock.release()


async def main():
    await check(None)
    await check("second")  # culprit


running = ensureDeferred(main())
reactor.run()
