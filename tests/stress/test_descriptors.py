"""Descriptors that no reactor should be given, or that go behind its back: the loop and others go on."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.main import CONNECTION_LOST
from twisted.internet.threads import deferToThread

from tests import logs
from tests.reactors import Loop
from tests.reactors.inside import becomes, gathered, pause, until


class Descriptor:
    """A descriptor that notes what it is told."""

    def __init__(self, number: int, do: Callable[[], Any] = lambda: None) -> None:
        self.number = number
        self.do = do
        self.notes: list[str] = []

    def fileno(self) -> int:
        """Give its number."""
        return self.number

    def logPrefix(self) -> str:
        """Give the name for logs."""
        return "a descriptor"

    def doRead(self) -> Any:
        """Note it."""
        self.notes.append("read")
        return self.do()

    def doWrite(self) -> Any:
        """Note it."""
        self.notes.append("write")
        return self.do()

    def connectionLost(self, reason: Any) -> None:
        """Note it."""
        self.notes.append(f"lost {type(reason.value).__name__}")


def pair() -> tuple[socket.socket, socket.socket]:
    """Give two ends of a connection that do not block."""
    first, second = socket.socketpair()
    first.setblocking(False)
    second.setblocking(False)
    return first, second


def echoes(reactor: Any) -> Callable[[], bool]:
    """Give what says whether the reactor still serves a pair of sockets."""
    ours, theirs = pair()
    seen: list[bytes] = []
    reactor.addReader(Descriptor(ours.fileno(), lambda: seen.append(ours.recv(10))))

    def check() -> bool:
        if not seen:
            theirs.send(b"x")
            time.sleep(0.001)
        return bool(seen)

    return check


def both_ways(reactor: Any) -> list[Any]:
    """Add and remove readers and writers in every order."""
    ours, theirs = pair()
    both = Descriptor(ours.fileno())
    found: list[Any] = []

    async def main() -> None:
        reactor.addReader(both)
        reactor.addReader(both)
        reactor.addWriter(both)
        found.append([both in reactor.getReaders(), both in reactor.getWriters()])
        await becomes(reactor, lambda: "write" in both.notes)
        reactor.removeWriter(both)
        reactor.removeWriter(both)
        assert "read" not in both.notes
        both.notes.clear()
        theirs.send(b"x")
        await becomes(reactor, lambda: both.notes.count("read") > 2)
        found.append("write" in both.notes)
        reactor.removeReader(both)
        both.notes.clear()
        await pause(reactor, 0.01)
        found.append(list(both.notes))
        reactor.addWriter(both)
        await becomes(reactor, lambda: bool(both.notes))
        found.append("read" in both.notes)
        reactor.removeReader(both)
        reactor.addReader(both)
        await becomes(reactor, lambda: "read" in both.notes)
        theirs.close()
        reactor.removeWriter(both)
        both.do = lambda: CONNECTION_LOST
        await becomes(reactor, lambda: both.notes[-1].startswith("lost"))
        found.append([both.notes[-1], both in reactor.getReaders() + reactor.getWriters()])

    until(reactor, main())
    return found


def test_readers_and_writers_are_called_while_they_are_added(loop: Loop) -> None:
    """They are told as long as they are there, whenever there is something, and are taken out when lost."""
    assert loop.run(both_ways) == [[True, True], False, [], False, ["lost ConnectionLost", False]]


def removing_others(reactor: Any) -> int:
    """Let readers that are ready at the same time take each other out."""
    pairs = [pair() for _ in range(50)]
    readers = [Descriptor(ours.fileno()) for ours, _ in pairs]

    def take_others_out(reader: Descriptor) -> None:
        for other in readers:
            if other is not reader:
                reactor.removeReader(other)

    for reader, (_, theirs) in zip(readers, pairs, strict=True):
        reader.do = lambda reader=reader: take_others_out(reader)  # type: ignore[misc]
        reactor.addReader(reader)
        theirs.send(b"x")
    reactor.callLater(0.02, reactor.stop)
    reactor.run()
    return sum("read" in reader.notes for reader in readers)


def test_a_removed_descriptor_is_not_called_in_the_same_turn(loop: Loop) -> None:
    """Not even if it was ready in the same turn."""
    assert loop.run(removing_others) == 1


def closing_others(reactor: Any) -> list[Any]:
    """Let a reader close another that is ready in the same turn, and give its number to a new one."""
    logs.begin()
    pairs = [pair() for _ in range(20)]
    made: list[tuple[Descriptor, Any]] = []
    readers = [Descriptor(ours.fileno()) for ours, _ in pairs]
    new = Descriptor(-1)

    def replace() -> None:
        for reader, (ours, theirs) in zip(readers, pairs, strict=True):
            reactor.removeReader(reader)
            number = ours.fileno()
            ours.close()
            theirs.close()
            if not made:
                ours, theirs = pair()
                os.dup2(ours.fileno(), number)
                new.number = number
                made.append((new, (ours, theirs)))
                reactor.addReader(new)

    for reader, (_, theirs) in zip(readers, pairs, strict=True):
        reader.do = replace
        reactor.addReader(reader)
        theirs.send(b"x")

    async def main() -> None:
        await becomes(reactor, lambda: bool(made))
        await pause(reactor, 0.01)
        assert new.notes == [], "it was told of what had come for another"
        made[0][1][1].send(b"x")
        await becomes(reactor, lambda: "read" in new.notes)

    until(reactor, main())
    return [sum("read" in reader.notes for reader in readers)]


def test_a_reused_descriptor_number_gets_no_old_events(loop: Loop) -> None:
    """A new descriptor with the number of a closed one gets its own events and no earlier ones."""
    assert loop.run(closing_others) == [1]


def closed_behind_its_back(reactor: Any) -> list[Any]:
    """Close descriptors that the reactor still has, ready ones and others, and take them out then."""
    logs.begin()
    going_on = echoes(reactor)
    found: list[Any] = []
    kept: list[int] = []

    async def main() -> None:
        for sends_before in (False, True):
            for add, remove in (
                (reactor.addReader, reactor.removeReader),
                (reactor.addWriter, reactor.removeWriter),
            ):
                ours, theirs = pair()
                gone = Descriptor(ours.fileno())
                add(gone)
                if sends_before:
                    theirs.send(b"x")
                gone.number = -1
                ours.close()
                await pause(reactor, 0.01)
                # Where the system says what is wrong, it may be passed on.
                with contextlib.suppress(OSError):
                    remove(gone)
                await pause(reactor)
                found.append([note for note in gone.notes if note in ("read", "write")])
                theirs.close()
                # Nobody else gets the numbers, for which stock Twisted may not be ready then.
                kept.extend([os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)])
        await becomes(reactor, going_on)

    until(reactor, main())
    return found


def test_a_closed_descriptor_is_not_called(loop: Loop) -> None:
    """A closed descriptor is not called, and others go on."""
    assert loop.run(closed_behind_its_back) == [[]] * 4


def bad_numbers(reactor: Any) -> list[str]:
    """Add what cannot be waited for."""
    going_on = echoes(reactor)
    found: list[str] = []

    async def main() -> None:
        for number in (-1, 9999):
            for add in (reactor.addReader, reactor.addWriter):
                bad = Descriptor(number)
                try:
                    add(bad)
                    found.append("added")
                except Exception as error:
                    found.append(type(error).__name__)
                assert bad not in reactor.getReaders() + reactor.getWriters()
                reactor.removeReader(bad)
                reactor.removeWriter(bad)
        await becomes(reactor, going_on)

    until(reactor, main())
    return found


def test_wrong_descriptors_are_refused_as_by_twisted(loop: Loop, stock_loop: Loop) -> None:
    """They are refused with the same errors as by Twisted, and nothing of them is left."""
    found = loop.run(bad_numbers)
    assert found == stock_loop.run(bad_numbers)
    assert len(found) == 4 and "added" not in found


def regular_files(reactor: Any, folder: str) -> list[Any]:
    """Read from a regular file and write to one, as programs do whose standard input or output is one."""
    going_on = echoes(reactor)
    path = Path(folder, "file")
    path.write_bytes(b"some text")
    got: list[bytes] = []

    async def main() -> list[Any]:
        with path.open("rb", buffering=0) as file, Path(folder, "written").open("wb", buffering=0) as written:
            reader = Descriptor(file.fileno(), lambda: got.append(file.read(4)))
            writer = Descriptor(written.fileno(), lambda: written.write(b"ab") and None)
            reactor.addReader(reader)
            reactor.addWriter(writer)
            await becomes(reactor, lambda: b"" in got and len(writer.notes) > 2)
            present = [reader in reactor.getReaders(), writer in reactor.getWriters()]
            reactor.removeReader(reader)
            reactor.removeWriter(writer)
            notes = len(reader.notes) + len(writer.notes)
            await pause(reactor, 0.01)
            await becomes(reactor, going_on)
            return [*present, len(reader.notes) + len(writer.notes) - notes, reactor.getReaders() == []]

    found = until(reactor, main())
    return [b"".join(got).decode(), *found[:3]]


def test_regular_files_are_always_ready(loop: Loop, tmp_path: Path) -> None:
    """They are always ready, as `select` says of them, though epoll refuses them."""
    assert loop.run(regular_files, str(tmp_path)) == ["some text", True, True, 0]
    assert (tmp_path / "written").read_bytes().startswith(b"ababab")


def hanging_up(reactor: Any) -> list[Any]:
    """Let the other side of pipes and sockets go."""
    found: list[Any] = []

    async def main() -> None:
        reading, writing = os.pipe()
        reader = Descriptor(reading, lambda: CONNECTION_LOST if not os.read(reading, 10) else None)
        reactor.addReader(reader)
        os.write(writing, b"x")
        os.close(writing)
        await becomes(reactor, lambda: any(note.startswith("lost") for note in reader.notes))
        found.append([reader.notes[0], reader.notes[-1].split(" ")[0]])
        reading, writing = os.pipe()
        os.close(reading)
        writer = Descriptor(writing)
        reactor.addWriter(writer)
        await becomes(reactor, lambda: any(note.startswith("lost") for note in writer.notes))
        found.append([writer.notes[-1], writer in reactor.getWriters()])

    until(reactor, main())
    return found


def test_readers_and_writers_notice_a_lost_connection(loop: Loop) -> None:
    """A reader gets what was sent before; a writer is told that the connection is lost."""
    assert loop.run(hanging_up) == [["read", "lost"], ["lost ConnectionLost", False]]


def idle(reactor: Any) -> float:
    """Have readers with nothing to read, a timer that is far away, threads without jobs, and wait."""
    logs.begin()
    for _ in range(10):
        ours, _theirs = pair()
        reactor.addReader(Descriptor(ours.detach()))
        _theirs.detach()
    reactor.callLater(3600, print, "never")
    ours, theirs = pair()
    gone = Descriptor(ours.fileno())

    async def main() -> float:
        await gathered([deferToThread(time.sleep, 0.001) for _ in range(5)])
        reactor.addReader(gone)
        gone.number = -1
        ours.close()
        theirs.close()
        await pause(reactor, 0.05)
        before = time.process_time()
        await pause(reactor, 1)
        return time.process_time() - before

    return until(reactor, main())


def test_an_idle_loop_leaves_the_processor_alone(loop: Loop) -> None:
    """In a second without anything to do it does not use half a second of the processor."""
    assert loop.run(idle) < 0.5


def removing_all(reactor: Any) -> list[Any]:
    """Take everything out at once, and look whether the loop can still be woken."""
    ours, _theirs = pair()
    reader, writer = Descriptor(ours.fileno()), Descriptor(ours.fileno())
    reactor.addReader(reader)
    reactor.addWriter(reader)
    other, _other_end = pair()
    writer.number = other.fileno()
    reactor.addWriter(writer)
    removed = reactor.removeAll()
    found = [removed.count(reader), removed.count(writer), len(reactor.getWriters())]
    reactor.callInThread(reactor.callFromThread, reactor.stop)
    reactor.run()
    return [*found, reader.notes, writer.notes]


def test_remove_all_removes_all_but_the_waker(loop: Loop) -> None:
    """Everybody's descriptors go, each named once, and the loop can still be woken by threads."""
    assert loop.run(removing_all) == [1, 1, 0, [], []]


def losing_all(reactor: Any) -> list[Any]:
    """End with readers and writers that are still there."""
    made = [pair() for _ in range(3)]
    descriptors = [Descriptor(ours.fileno()) for ours, _ in made]
    reactor.addReader(descriptors[0])
    reactor.addReader(descriptors[1])
    reactor.addWriter(descriptors[1])
    reactor.addWriter(descriptors[2])
    descriptors[1].do = descriptors[2].do = lambda: None
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    return [[note for note in each.notes if note != "write"] for each in descriptors]


def test_every_remaining_descriptor_is_told_of_the_end(loop: Loop) -> None:
    """Each reader or writer that is left is told once that it is lost."""
    assert loop.run(losing_all) == [["lost ConnectionLost"]] * 3
