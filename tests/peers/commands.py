"""Commands that are peers, and servers of Twisted that peers talk to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.children import PATIENCE, environment
from tests.peers.tools import path_of
from tests.reactors import Loop
from tests.reactors.running import Running

LOCAL = "127.0.0.1"
#: How many bytes go through a connection where much is to go through it.
BYTES = int(os.environ.get("DEFERROUS_PEER_BYTES", str(8 << 20)))


class Result(NamedTuple):
    """What a command has left behind."""

    status: int
    out: bytes
    err: str


def words_of(command: Sequence[str]) -> list[str]:
    """Give a command with the path of its file."""
    path = path_of(command[0])
    assert path is not None, command
    return [path, *command[1:]]


def run(
    *command: str,
    stdin: bytes | Path = b"",
    status: int | None = 0,
    cwd: Path | None = None,
    patience: float = PATIENCE,
) -> Result:
    """Run a command until its end.

    Args:
        command: its words.
        stdin: what it reads, or the file with it.
        status: what it has to end with; None for anything.
        cwd: the folder to run it in.
        patience: for how many seconds it may run.
    """
    text = stdin if isinstance(stdin, bytes) else stdin.read_bytes()
    done = subprocess.run(
        words_of(command),
        input=text,
        capture_output=True,
        timeout=patience,
        cwd=cwd,
        env=environment(LC_ALL="C"),
    )
    result = Result(done.returncode, done.stdout, done.stderr.decode(errors="replace"))
    assert status is None or result.status == status, (command, result.status, result.out[-2000:], result.err)
    return result


def command(*words: str, cwd: Path, patience: float = PATIENCE) -> Running:
    """Start a command, which is a server."""
    return Running(words_of(words), cwd, environment(LC_ALL="C"), patience)


@contextmanager
def talking(
    *words: str, stdin: Path | None = None, stdout: Path | None = None, together: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that is talked to while it runs, and end it.

    Args:
        words: of the command.
        stdin: the file that it reads; without one it is a pipe.
        stdout: the file that it writes; without one it is a pipe.
        together: whether its standard error goes where its output goes.
    """
    with ExitStack() as opened:
        process = subprocess.Popen(
            words_of(words),
            stdin=opened.enter_context(stdin.open("rb")) if stdin else subprocess.PIPE,
            stdout=opened.enter_context(stdout.open("wb")) if stdout else subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
            env=environment(LC_ALL="C"),
        )
        opened.enter_context(process)
        opened.callback(process.kill)
        yield process


class Server:
    """A server of Twisted in a process of its own."""

    def __init__(self, process: Running) -> None:
        self.process = process
        #: What it has listened on.
        self.addresses: list[Any] = process.line()
        self._notes: list[Any] | None = None

    @property
    def port(self) -> Any:
        """The first one of them."""
        return self.addresses[0]

    def stop(self) -> list[Any]:
        """Let it end, which has to be in order and in silence, and give its notes."""
        if self._notes is None:
            self.process.send(signal.SIGTERM)
            outcome = self.process.wait()
            assert (outcome.status, outcome.err) == (0, ""), outcome
            self._notes = json.loads(outcome.out.splitlines()[-1])
        return self._notes


@contextmanager
def serving(loop: Loop, program: Callable[..., Any], *arguments: Any) -> Iterator[Server]:
    """Start a server, and let it end in order.

    Args:
        loop: the reactor.
        program: a function of a test that calls `serve`.
        arguments: of the function.
    """
    with loop.start(program, *arguments) as process:
        server = Server(process)
        yield server
        server.stop()
