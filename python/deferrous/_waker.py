"""What `reactor.waker` is. It is Python because programs replace its method."""

from __future__ import annotations

from deferrous._core import EventLoop


class Waker:
    """Wakes the reactor. The loop is woken by means of its own, so there is nothing to read.

    As long as the reactor has one of this class, the loop does not call it, and wakes itself. One whose
    method is replaced is of another class from then on.
    """

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        if name == "wakeUp":
            object.__setattr__(self, "__class__", ReplacedWaker)

    def wakeUp(self) -> None:
        """Have the reactor return from its wait."""
        self._loop.wake()


class ReplacedWaker(Waker):
    """A waker whose method a program has replaced, so that it is called."""
