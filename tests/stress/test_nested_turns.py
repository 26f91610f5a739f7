"""A call, a result, a timer or an event may run a turn of the reactor, which handles the rest, in order."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import implementer  # type: ignore[import-untyped]

from tests.reactors import Loop
from tests.stress.test_descriptors import Descriptor, pair


class Nesting:
    """Notes what is called in which order; the first call of `nest` runs a turn."""

    def __init__(self, turn: Any) -> None:
        self.notes: list[str] = []
        self.turn = turn

    def nest(self) -> None:
        """Run a turn, once: Twisted's reactors may come here again within the turn."""
        if not self.notes:
            self.notes.append("begins")
            self.turn()
            self.notes.append("ends")

    def note(self, what: str) -> None:
        """Note a call."""
        self.notes.append(what)


def calls(reactor: Any) -> list[str]:
    """Ask for calls, of which the first one runs a turn."""
    nesting = Nesting(lambda: reactor.iterate(0))
    reactor.callFromThread(nesting.nest)
    for what in ("second", "third"):
        reactor.callFromThread(nesting.note, what)
    reactor.iterate(0)
    return nesting.notes


def test_nested_turn_makes_the_other_calls_from_threads(loop: Loop) -> None:
    assert loop.run(calls) == ["begins", "second", "third", "ends"]


def waiting(reactor: Any) -> list[str]:
    """Wait for descriptors in a call, while another call is to be made."""
    nesting = Nesting(lambda: reactor.doIteration(None))
    reactor.callFromThread(nesting.nest)
    reactor.callFromThread(nesting.note, "second")
    reactor.iterate(0)
    return nesting.notes


def test_nested_wait_returns_while_calls_from_threads_are_pending(loop: Loop) -> None:
    assert loop.run(waiting) == ["begins", "ends", "second"]


def added_meanwhile(reactor: Any) -> list[list[str]]:
    """Ask for calls in calls, also after a turn that a call has run."""
    nesting = Nesting(lambda: reactor.iterate(0))

    def ask_again() -> None:
        nesting.note("second")
        reactor.callFromThread(nesting.note, "asked in second")

    reactor.callFromThread(ask_again)
    reactor.callFromThread(nesting.note, "third")
    reactor.runUntilCurrent()
    first = list(nesting.notes)
    reactor.runUntilCurrent()
    return [first, nesting.notes[len(first) :]]


def test_calls_from_threads_that_come_meanwhile_wait_for_the_next_turn(loop: Loop) -> None:
    assert loop.run(added_meanwhile) == [["second", "third"], ["asked in second"]]


@implementer(ILogObserver)  # type: ignore[untyped-decorator]
def ignore(event: LogEvent) -> None:
    """Be told of an event."""


def results(reactor: Any) -> list[str]:
    """Wait for the result of a job in the callback of another one, when both are there."""
    # Twisted's reactors fire the first one again, and log that.
    globalLogBeginner.beginLoggingTo([ignore], discardBuffer=True, redirectStandardIO=False)
    notes: list[Any] = []

    def wait_for_second(_: object) -> None:
        notes.append("begins")
        while not second.called:
            reactor.iterate(0.01)
        notes.append(second.result)

    first, second = (deferToThread(str, name) for name in ("first", "second"))
    first.addCallback(wait_for_second)
    reactor.callLater(0, time.sleep, 0.2)
    second.addBoth(lambda result: reactor.callLater(0.05, reactor.stop) and result)
    reactor.run()
    return notes


def test_nested_turn_fires_the_deferreds_of_other_jobs(loop: Loop) -> None:
    assert loop.run(results) == ["begins", "second"]


def timers(reactor: Any) -> list[str]:
    """Set timers that are due together, of which the first one sets another and runs a turn."""
    now = 100.0
    reactor.seconds = lambda: now

    def turn() -> None:
        reactor.callLater(0, nesting.note, "set meanwhile")
        reactor.iterate(0)

    nesting = Nesting(turn)
    reactor.callLater(1, nesting.nest)
    for number in (2, 3):
        reactor.callLater(number, nesting.note, f"after {number}")
    now = 103.0
    reactor.iterate(0)
    return nesting.notes


def test_nested_turn_makes_the_other_timed_calls(loop: Loop) -> None:
    assert loop.run(timers) == ["begins", "after 2", "after 3", "set meanwhile", "ends"]


def events(reactor: Any) -> dict[str, Any]:
    """Have three descriptors be ready at once, of which each reader runs a turn."""
    notes: list[str] = []
    ends = [pair() for _ in range(3)]

    def read(number: int) -> None:
        with contextlib.suppress(BlockingIOError):
            data = ends[number][0].recv(100)
            notes.append(f"{data.decode()} begins")
            reactor.iterate(0)
            notes.append(f"{data.decode()} ends")

    for number, (near, far) in enumerate(ends):
        reactor.addReader(Descriptor(near.fileno(), functools.partial(read, number)))
        far.send(f"{number}".encode())
    reactor.iterate(0)
    reactor.removeAll()
    return {"begin": [note[0] for note in notes[:3]], "end": [note[0] for note in notes[3:]]}


def test_nested_turn_handles_the_other_events(loop: Loop) -> None:
    outcome = loop.run(events)
    assert sorted(outcome["begin"]) == ["0", "1", "2"]
    # Each began within the one before.
    assert outcome["end"] == outcome["begin"][::-1]


def removed(reactor: Any) -> list[str]:
    """Have two readers be ready at once, of which the first removes the other one and runs a turn."""
    notes: list[str] = []
    ends = [pair() for _ in range(2)]

    def read(number: int) -> None:
        notes.append("read")
        reactor.removeReader(readers[1 - number])
        ends[number][0].recv(100)
        reactor.iterate(0)

    readers = [Descriptor(ends[number][0].fileno(), functools.partial(read, number)) for number in range(2)]
    for reader, (_, far) in zip(readers, ends, strict=True):
        reactor.addReader(reader)
        far.send(b"x")
    reactor.iterate(0)
    reactor.iterate(0)
    return notes


def test_reader_that_was_removed_in_a_nested_turn_is_not_called(loop: Loop) -> None:
    assert loop.run(removed) == ["read"]


def handled_once(reactor: Any) -> list[int]:
    """Have two readers be ready at once, of which the first runs a turn, and count the calls of each."""
    ends = [pair() for _ in range(2)]
    counts = [0, 0]

    def read(number: int) -> None:
        counts[number] += 1
        with contextlib.suppress(BlockingIOError):
            ends[number][0].recv(100)
        reactor.iterate(0)

    for number, (near, far) in enumerate(ends):
        reactor.addReader(Descriptor(near.fileno(), functools.partial(read, number)))
        far.send(b"x")
    reactor.iterate(0)
    return counts


def test_event_that_a_nested_turn_has_handled_is_not_handled_again() -> None:
    # Twisted's reactors call the second reader twice: docs/differences.md says so.
    assert Loop("deferrous").run(handled_once) == [1, 1]


def reused(reactor: Any) -> list[str]:
    """Have two readers be ready at once, of which the first gives the other one's number to a new reader."""
    ends = [pair() for _ in range(2)]
    quiet, _ = kept = pair()
    new = Descriptor(-1)

    def read(number: int) -> None:
        other = 1 - number
        reactor.removeAll()
        fd = ends[other][0].fileno()
        os.dup2(quiet.fileno(), fd)
        new.number = fd
        reactor.addReader(new)

    for number, (near, far) in enumerate(ends):
        reactor.addReader(Descriptor(near.fileno(), functools.partial(read, number)))
        far.send(b"x")
    reactor.iterate(0)
    notes = list(new.notes)
    kept[1].send(b"x")
    reactor.iterate(0)
    return [*notes, "then", *new.notes]


def test_event_of_a_closed_descriptor_is_not_given_to_a_new_one() -> None:
    # Twisted's reactors tell it: docs/differences.md says so.
    assert Loop("deferrous").run(reused) == ["then", "read"]
