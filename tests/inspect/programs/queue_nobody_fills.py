"""Workers wait for jobs from a queue that nobody fills."""

from twisted.internet import reactor
from twisted.internet.defer import DeferredQueue, ensureDeferred

JOBS = DeferredQueue()


async def work(number):
    while True:
        job = await JOBS.get()  # culprit
        job()


workers = [ensureDeferred(work(number)) for number in range(4)]
reactor.run()
