"""The same work in a thread of the pool, which does not block the program."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet import threads

# What the module is replaced with has methods that type checkers do not know.
reactor: Any = installed_reactor


def largeFibonnaciNumber() -> int:
    """Represent a long running blocking function by calculating the TARGETth Fibonacci number."""
    TARGET = 10000

    first = 0
    second = 1

    for _ in range(TARGET - 1):
        new = first + second
        first = second
        second = new

    return second


def fibonacciCallback(result: int) -> None:
    """Manage the largeFibonnaciNumber result by printing it out."""
    print("largeFibonnaciNumber result =", result)
    # make sure the reactor stops after the callback chain finishes,
    # just so that this example terminates
    reactor.stop()


def run() -> None:
    """Run a series of operations, deferring the largeFibonnaciNumber operation to a thread."""
    # get our Deferred which will be called with the largeFibonnaciNumber result
    d = threads.deferToThread(largeFibonnaciNumber)
    # add our callback to print it out
    d.addCallback(fibonacciCallback)
    print("1st line after the addition of the callback")
    print("2nd line after the addition of the callback")


if __name__ == "__main__":
    run()
    reactor.run()
