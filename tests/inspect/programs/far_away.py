"""The program sleeps for a day where a minute was meant."""

from twisted.internet import task


async def main(reactor):
    await task.deferLater(reactor, 24 * 60 * 60)  # culprit


task.react(main)
