"""Halting a chain while callbacks are added, so that none of them runs before the last one is there."""

from __future__ import annotations

from twisted.internet import defer


def printed(result: str, step: str) -> str:
    """Print a step of the chain, and pass its result on."""
    print(step, "got", result)
    return f"{result}, {step}"


if __name__ == "__main__":
    d: defer.Deferred[str] = defer.succeed("ready")

    d.addCallback(printed, "unpaused")

    # whoever pauses has to unpause: it is never left to the code that calls callback
    d.pause()
    for number in range(3):
        d.addCallback(printed, f"callback {number}")
    print("all callbacks have been added")
    d.unpause()

    waiting: defer.Deferred[str] = defer.Deferred()
    waiting.pause()
    waiting.addCallback(printed, "paused before firing")
    waiting.callback("fired")
    print("called back, and nothing has run")
    waiting.unpause()
