"""`spawnProcess`: what goes in and out of processes, how they end, and many of them at once."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutput, getProcessOutputAndValue, getProcessValue

from tests.reactors import Loop
from tests.reactors.inside import becomes, descriptors, gathered, until


class Noting(ProcessProtocol):
    """Notes all that it is told."""

    def __init__(self) -> None:
        self.out: dict[int, bytearray] = {}
        self.notes: list[str] = []
        self.started: Deferred[None] = Deferred()
        self.ended: Deferred[Any] = Deferred()

    @property
    def wire(self) -> Any:
        """Give the transport."""
        return self.transport

    def connectionMade(self) -> None:
        """Note it."""
        self.notes.append("made")
        self.started.callback(None)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Collect what each descriptor says."""
        self.out.setdefault(childFD, bytearray()).extend(data)

    def childConnectionLost(self, childFD: int) -> None:
        """Note it."""
        self.notes.append(f"lost {childFD}")

    def processExited(self, reason: Any) -> None:
        """Note it."""
        self.notes.append("exited")

    def processEnded(self, reason: Any) -> None:
        """Note how."""
        value = reason.value
        self.notes.append("ended")
        self.ended.callback([reason.type.__name__, value.exitCode, value.signal])


def spawned(reactor: Any, *command: str, **options: Any) -> Noting:
    """Start a process."""
    protocol = Noting()
    options = {"env": dict(os.environ), **options}
    reactor.spawnProcess(protocol, command[0], list(command), **options)
    return protocol


def ways_to_end(reactor: Any) -> list[Any]:
    """Let processes end in every way."""

    async def main() -> list[Any]:
        commands = ["exit 0", "exit 3", "exit 255", "kill -TERM $$", "kill -KILL $$", "kill -USR1 $$"]
        made = [spawned(reactor, "/bin/sh", "-c", command) for command in commands]
        found = await gathered([each.ended for each in made])
        # With a folder to start in, Twisted forks by itself.
        missing = spawned(reactor, "/no/such/program", path="/")
        found.append((await missing.ended)[:2])
        return found

    return until(reactor, main())


def test_exit_statuses_and_signals_are_reported(loop: Loop) -> None:
    """Exit statuses and signals are told, and a program that is not there ends with 1."""
    assert loop.run(ways_to_end) == [
        ["ProcessDone", 0, None],
        ["ProcessTerminated", 3, None],
        ["ProcessTerminated", 255, None],
        ["ProcessTerminated", None, signal.SIGTERM],
        ["ProcessTerminated", None, signal.SIGKILL],
        ["ProcessTerminated", None, signal.SIGUSR1],
        ["ProcessTerminated", 1],
    ]


def signalling(reactor: Any) -> list[Any]:
    """Send signals to processes, by name and by number, also to one that has ended."""

    async def main() -> list[Any]:
        found: list[Any] = []
        for number in ("INT", "KILL", "TERM", "HUP", signal.SIGUSR2):
            process = spawned(reactor, "/bin/cat")
            await process.started
            process.wire.signalProcess(number)
            found.append(await process.ended)
        try:
            process.wire.signalProcess("KILL")
        except Exception as error:
            found.append(type(error).__name__)
        return [*found, process.wire.pid]

    return until(reactor, main())


def test_a_process_ends_by_the_signal_that_it_is_sent(loop: Loop) -> None:
    """A process ends by the signal that it is sent; one that has ended cannot be sent any."""
    numbers = [signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2]
    expected: list[Any] = [["ProcessTerminated", None, number] for number in numbers]
    assert loop.run(signalling) == [*expected, "ProcessExitedAlready", None]


def in_and_out(reactor: Any, size: int) -> list[Any]:
    """Send much through a process, and close its streams one by one."""

    async def main() -> list[Any]:
        process = spawned(reactor, "/bin/sh", "-c", "cat; echo error >&2; exec 1>&-; sleep 0.05; exit 5")
        await process.started
        data = bytes(range(256)) * (size // 256)
        for start in range(0, size, 100_000):
            process.wire.write(data[start : start + 100_000])
        process.wire.closeStdin()
        end = await process.ended
        order = [note for note in process.notes if note != "lost 2"]
        return [process.out[1] == data, process.out[2].decode(), end, order, process.notes.count("lost 2")]

    return until(reactor, main())


def test_all_output_arrives_and_every_stream_and_the_end_are_reported(loop: Loop) -> None:
    """All comes through, and the protocol is told of each stream, of the exit, and of the end."""
    end = ["ProcessTerminated", 5, None]
    order = ["made", "lost 0", "lost 1", "exited", "ended"]
    assert loop.run(in_and_out, 5_120_000) == [True, "error\n", end, order, 1]


def other_descriptors(reactor: Any, folder: str) -> list[Any]:
    """Give a process descriptors of other numbers, a folder, an environment and a terminal."""

    async def main() -> list[Any]:
        found: list[Any] = []
        command = "read line <&4; echo got $line >&3; pwd; echo $NAME; ls /proc/self/fd | wc -l"
        process = spawned(
            reactor,
            "/bin/sh",
            "-c",
            command,
            childFDs={0: "w", 1: "r", 2: 2, 3: "r", 4: "w"},
            path=folder,
            env={"NAME": "a value", "PATH": os.environ["PATH"]},
        )
        process.wire.writeToChild(4, b"a line\n")
        await process.ended
        found.append([process.out[3].decode(), process.out[1].decode().splitlines()])
        terminal = spawned(
            reactor, "/bin/sh", "-c", "test -t 0 && echo terminal; read line; echo $line", usePTY=True
        )
        terminal.wire.write(b"typed\n")
        await terminal.ended
        text = b"".join(terminal.out.values()).decode().replace("\r\n", "\n")
        return [*found, "terminal\n" in text, text.count("typed")]

    return until(reactor, main())


def test_a_process_has_the_descriptors_that_were_asked_for(loop: Loop, tmp_path: Path) -> None:
    """It has the descriptors that were asked for and no others, its folder, environment and terminal."""
    first, terminal, typed = loop.run(other_descriptors, str(tmp_path))
    # `ls` has one more, by which it looks.
    assert first == ["got a line\n", [str(tmp_path), "a value", "6"]]
    assert (terminal, typed) == (True, 2)


def many(reactor: Any, count: int) -> list[Any]:
    """Have many processes at once, which end in any order, and look what is left of them."""
    before = descriptors()

    async def main() -> list[Any]:
        made = [
            spawned(reactor, "/bin/sh", "-c", f"read line; echo $line; exit {number % 7}")
            for number in range(count)
        ]
        for number, each in reversed(list(enumerate(made))):
            each.wire.write(b"line %d\n" % number)
        ends = await gathered([each.ended for each in made])
        return [
            [end[1] for end in ends] == [number % 7 for number in range(count)],
            [each.out[1] for each in made] == [b"line %d\n" % number for number in range(count)],
        ]

    found = until(reactor, main())
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        found.append("none left")
    return [*found, [each for each in descriptors() if each not in before and "pipe" in each][2:]]


def test_many_processes_at_once_give_their_own_output(loop: Loop) -> None:
    """Each gives its own output and status, and neither processes nor pipes are left."""
    assert loop.run(many, 100) == [True, True, "none left", []]


def short_ones(reactor: Any, count: int) -> int:
    """Start processes that end at once, several at a time, one after the other."""

    async def one() -> None:
        for _ in range(count // 5):
            assert (await spawned(reactor, "/bin/true").ended)[1] == 0

    async def main() -> int:
        await gathered([Deferred.fromCoroutine(one()) for _ in range(5)])
        return count

    return until(reactor, main())


def test_no_process_end_is_missed(loop: Loop) -> None:
    """No end is missed, however close they are."""
    assert loop.run(short_ones, 150) == 150


def helpers(reactor: Any) -> list[Any]:
    """Use the functions for simple cases."""

    async def main() -> list[Any]:
        code = "import sys; print('out'); print('error', file=sys.stderr); sys.exit(4)"
        out, err, status = await getProcessOutputAndValue(sys.executable, ["-c", code])
        found: list[Any] = [out.decode(), err.decode(), status]
        found.append((await getProcessOutput("/bin/echo", ["said"])).decode())
        found.append(await getProcessValue("/bin/false"))
        killed: list[Any] = []
        await getProcessOutputAndValue("/bin/sh", ["-c", "kill -9 $$"]).addErrback(killed.append)
        out, err, number = killed[0].value
        return [*found, [out.decode(), err.decode(), number]]

    return until(reactor, main())


def test_helpers_give_the_output_status_and_signal_of_a_process(loop: Loop) -> None:
    """Output, status and signals come as results and failures."""
    assert loop.run(helpers) == ["out\n", "error\n", 4, "said\n", 1, ["", "", 9]]


def without_handlers(reactor: Any) -> list[Any]:
    """Run without handlers for signals, so that nobody tells of the end of processes."""

    async def main() -> Any:
        process = spawned(reactor, "/bin/echo", "said")
        await becomes(reactor, lambda: "lost 1" in process.notes and "lost 2" in process.notes)
        # If it has ended by the time its last pipe closes, it is reaped there.
        if process.wire.pid is not None:
            os.waitid(os.P_PID, process.wire.pid, os.WEXITED | os.WNOWAIT)
            process.wire.reapProcess()
        return [process.out[1].decode(), await process.ended]

    found = until(reactor, main(), installSignalHandlers=False)
    return [found, signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL]


def test_process_output_arrives_without_signal_handlers(loop: Loop) -> None:
    """The output of a process arrives all the same, and its end can be polled."""
    assert loop.run(without_handlers) == [["said\n", ["ProcessDone", 0, None]], True]


def handlers_of_others(reactor: Any) -> list[Any]:
    """Have processes of the reactor's and of Python's own module at the same time."""
    import subprocess

    async def main() -> list[Any]:
        process = spawned(reactor, "/bin/cat")
        await process.started
        statuses = [subprocess.run(["/bin/sh", "-c", f"exit {number}"]).returncode for number in range(5)]
        process.wire.closeStdin()
        return [statuses, await process.ended]

    return until(reactor, main())


def test_processes_of_other_code_are_not_reaped(loop: Loop) -> None:
    """They are left to those who have started them."""
    assert loop.run(handlers_of_others) == [list(range(5)), ["ProcessDone", 0, None]]


@pytest.mark.parametrize("pipes", [True, False])
def test_streams_that_a_process_leaves_to_its_child(loop: Loop, pipes: bool) -> None:
    """The end is told when the streams have ended too, or at once if there are none."""
    order = ["made", "exited", "lost 0", "lost 1", "lost 2", "ended"]
    assert loop.run(leaving, pipes) == (order if pipes else ["made", "exited", "ended"])


def leaving(reactor: Any, pipes: bool) -> list[str]:
    """Let a process leave its streams to a child of its own, which goes on until it is told."""

    async def main() -> list[str]:
        options: dict[str, Any] = {} if pipes else {"childFDs": {}}
        process = spawned(reactor, "/bin/sh", "-c", "exec 5<&0; cat <&5 & exit 0", **options)
        await becomes(reactor, lambda: "exited" in process.notes)
        if pipes:
            assert "ended" not in process.notes
            process.wire.closeStdin()
        await process.ended
        return [*process.notes[:2], *sorted(process.notes[2:-1]), process.notes[-1]]

    return until(reactor, main())
