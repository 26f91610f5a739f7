"""A Deferred from a function that has its answer at once, and from one that does not say which kind it is."""

from __future__ import annotations

from twisted.internet import defer
from twisted.python.failure import Failure


def synchronousIsValidUser(user: str) -> bool:
    """Return true if user is a valid user, false otherwise."""
    return user in ["Alice", "Angus", "Agnes"]


def immediateIsValidUser(user: str) -> defer.Deferred[bool]:
    """Return a Deferred resulting in true if user is a valid user, false otherwise."""
    result = user in ["Alice", "Angus", "Agnes"]

    # return a Deferred object already called back with the value of result
    return defer.succeed(result)


def refuse(user: str) -> defer.Deferred[bool]:
    """Return a Deferred whose errback chain has been fired already."""
    return defer.fail(ValueError(f"{user} cannot be looked up"))


def printResult(valid: bool, user: str) -> None:
    """Print what has been found out about a user."""
    print(user, "is a valid user" if valid else "is not a valid user")


def printError(failure: Failure) -> None:
    """Print what went wrong."""
    print("error:", failure.getErrorMessage())


if __name__ == "__main__":
    for name in ("Alice", "Bob"):
        immediateIsValidUser(name).addCallback(printResult, name)
        defer.maybeDeferred(synchronousIsValidUser, name).addCallback(printResult, name)
    refuse("Carol").addCallback(printResult, "Carol").addErrback(printError)
