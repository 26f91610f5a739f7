"""A chain was paused, and whoever did so has forgotten it."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred


def print_answer(answer):  # culprit
    print(answer)


async def main():
    await reply


reply = Deferred().addCallback(print_answer)
reply.pause()
reply.callback("hello")
running = ensureDeferred(main())
reactor.run()
