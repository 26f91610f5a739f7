"""A reply is awaited that nobody keeps: the code that should fire it has lost it."""

from twisted.internet import task
from twisted.internet.defer import Deferred


def ask(question):
    # The reply should have been put where the answers come in.
    return Deferred()


async def main(reactor):
    print(await ask("anybody there?"))  # culprit


task.react(main)
