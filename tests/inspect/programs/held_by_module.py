"""A Deferred is in a dict of the module, and nobody looks there."""

from twisted.internet import task
from twisted.internet.defer import Deferred

PENDING = {}


def ask(question):
    PENDING[question] = Deferred()
    return PENDING[question]


async def main(reactor):
    await ask("anybody there?")  # culprit


task.react(main)
