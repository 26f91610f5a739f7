"""A Deferred is in the closure of a function that nobody calls."""

from twisted.internet import task
from twisted.internet.defer import Deferred

handlers = []


def next_event():
    event = Deferred()

    def on_event(value):
        event.callback(value)

    handlers.append(on_event)
    return event


async def main(reactor):
    await next_event()  # culprit


task.react(main)
