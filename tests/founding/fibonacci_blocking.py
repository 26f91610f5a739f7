"""A Deferred alone does not make code asynchronous: all the work is done before it is given back."""

from __future__ import annotations

import time

from twisted.internet import defer

TARGET = 10000


def largeFibonnaciNumber() -> defer.Deferred[int]:
    """Calculate the TARGETth Fibonacci number, and give a Deferred that has fired with it."""
    # create a Deferred object to return:
    d: defer.Deferred[int] = defer.Deferred()

    # calculate the ten thousandth Fibonacci number
    first = 0
    second = 1

    for i in range(TARGET - 1):
        new = first + second
        first = second
        second = new
        if i % 100 == 0:
            print("Progress: calculating the %dth Fibonnaci number" % i)  # noqa: UP031

    # give the Deferred the answer to pass to the callbacks:
    d.callback(second)

    # return the Deferred with the answer:
    return d


def printNumber(number: int) -> None:
    """Print the number."""
    print("The %dth Fibonacci number is %d" % (TARGET, number))  # noqa: UP031


if __name__ == "__main__":
    timeBefore = time.time()

    # call the function and get our Deferred
    d = largeFibonnaciNumber()

    timeAfter = time.time()

    print("Total time taken for largeFibonnaciNumber call: %0.3f seconds" % (timeAfter - timeBefore))

    # add a callback to it to print the number
    print("Adding the callback now.")

    d.addCallback(printNumber)
