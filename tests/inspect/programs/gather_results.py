"""One of two pages is never there."""

from twisted.internet import task
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults


async def page(number):
    if number == 1:
        await Deferred()  # culprit
    return number


async def main(reactor):
    await gatherResults([ensureDeferred(page(number)) for number in range(2)])


task.react(main)
