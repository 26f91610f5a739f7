"""Programs to be inspected from outside, each in a process of its own, and the commands that ask them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.children import PATIENCE, Outcome, environment, python

#: Written by a program when it is where the test wants it.
READY = "ready\n"

#: A program that waits, and writes that it is ready when the reactor runs.
WAITS = """
from twisted.internet import reactor
def ready():
    print("ready", flush=True)
reactor.callWhenRunning(ready)
reactor.run()
"""


class Program:
    """A program that runs until the test is over."""

    def __init__(self, process: subprocess.Popen[bytes], runtime: Path) -> None:
        self.process = process
        self.pid = process.pid
        #: Its XDG_RUNTIME_DIR.
        self.runtime = runtime
        self._written = b""

    def line(self) -> str:
        """Return the next line that the program writes; "" at its end."""
        while b"\n" not in self._written and self._read():
            pass
        line, newline, self._written = self._written.partition(b"\n")
        return (line + newline).decode()

    def has_written(self, within: float) -> bool:
        """Say whether the program writes something within so many seconds, or has done so."""
        assert self.process.stdout is not None
        return bool(self._written or select.select([self.process.stdout], [], [], within)[0])

    def until(self, text: str) -> str:
        """Return the next line that the program writes and that has this text."""
        lines = []
        while True:
            lines.append(self.line())
            assert lines[-1], lines
            if text in lines[-1]:
                return lines[-1]

    def _read(self) -> bool:
        """Read what the program writes.

        Returns:
            whether there was something: it does not write any longer otherwise.
        """
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE)[0], "it writes nothing"
        piece = os.read(self.process.stdout.fileno(), 65536)
        self._written += piece
        return bool(piece)

    def send(self, text: str) -> None:
        """Write a line to the program."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """Close the program's standard input, wait for its end, and return what else it has written."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        while self._read():
            pass
        self.process.wait(PATIENCE)
        return self._written.decode()

    def socket_of(self, pid: int | None = None) -> Path:
        """Return where the socket of this program, or of a child, is."""
        return self.runtime / "deferrous" / f"{self.pid if pid is None else pid}.sock"

    def connect(self) -> socket.socket:
        """Connect to the socket, without a command."""
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(PATIENCE)
        connected.connect(os.fspath(self.socket_of()))
        return connected

    def ask(self, command: str, *options: str, pid: int | None = None) -> Outcome:
        """Run a command about this program, or about a child."""
        return deferrous(command, str(self.pid if pid is None else pid), *options, runtime=self.runtime)

    def answer(self, command: str, *options: str, pid: int | None = None) -> dict[str, Any]:
        """Return what a command prints as JSON."""
        outcome = self.ask(command, "--json", *options, pid=pid)
        # On a slow machine it also says that the program still works.
        assert outcome.status == 0, outcome
        answer: dict[str, Any] = json.loads(outcome.out)
        return answer


@contextlib.contextmanager
def running(
    source: str, runtime: Path, *options: str, ready: str = READY, **changes: str | None
) -> Iterator[Program]:
    """Run a program with inspection on, until the block ends.

    Args:
        source: the program. It prints a line when it is where the test wants it.
        runtime: its XDG_RUNTIME_DIR.
        options: those of the interpreter.
        ready: what it prints.
        changes: to its environment.
    """
    settings: dict[str, str | None] = {
        "DEFERROUS": "1",
        "DEFERROUS_INSPECT": "1",
        "XDG_RUNTIME_DIR": os.fspath(runtime),
        **changes,
    }
    process = subprocess.Popen(
        [sys.executable, *options, "-c", textwrap.dedent(source)],
        env=environment(**settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            program = Program(process, runtime)
            if ready:
                assert program.line() == ready
            yield program
        finally:
            # With its children.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def deferrous(*arguments: str, runtime: Path) -> Outcome:
    """Run a command of deferrous."""
    env = environment(XDG_RUNTIME_DIR=os.fspath(runtime), COLUMNS="200")
    return python("-m", "deferrous", *arguments, env=env)


def exchange(connected: socket.socket, sent: bytes) -> list[bytes]:
    """Send something, and return all lines that come back."""
    with connected:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connected.sendall(sent)
        received = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while piece := connected.recv(65536):
                received += piece
    return bytes(received).splitlines()


def request(command: str = "why", **options: Any) -> bytes:
    """Return a request as the commands send it."""
    return json.dumps({"version": 1, "command": command, **options}).encode() + b"\n"
