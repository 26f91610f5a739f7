"""Two downloads hang, and all others wait for one of the two tokens."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredSemaphore

semaphore = DeferredSemaphore(2)


async def download(number):
    if number < 2:
        await Deferred()  # culprit
    return number


downloads = [semaphore.run(download, number) for number in range(10)]
reactor.run()
