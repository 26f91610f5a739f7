"""What the commands say of what cannot be inspected: one clear line, and an exit status."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deferrous.inspect import InspectError, _client

from tests.children import code
from tests.inspect.outside import WAITS, deferrous, running


def says(arguments: list[str], runtime: Path, status: int = 1) -> str:
    """Run a command that fails, and return what it says in one line."""
    outcome = deferrous(*arguments, runtime=runtime)
    assert (outcome.status, outcome.out) == (status, ""), outcome
    # On a slow machine it says before that the program still works.
    return outcome.err.splitlines(keepends=True)[-1]


@pytest.mark.parametrize("command", ["ps", "pstree", "why", "stalls"])
def test_a_process_that_is_not_there(command: str, runtime: Path) -> None:
    assert says([command, "2147483647"], runtime) == f"deferrous {command}: there is no process 2147483647\n"


def test_a_process_that_has_ended_and_is_waited_for(runtime: Path) -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert "there is no process" in says(["ps", str(process.pid)], runtime)


def test_a_process_that_is_not_python(runtime: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            said = says(["ps", str(process.pid)], runtime)
            assert said.startswith(
                f"deferrous ps: process {process.pid} (sleep 1000) is not Python: it runs /"
            )
        finally:
            process.kill()


def test_a_program_without_inspection(runtime: Path) -> None:
    with running(WAITS, runtime, DEFERROUS_INSPECT=None) as program:
        said = says(["why", str(program.pid), "--no-attach"], runtime)
        assert (
            "does not listen: start it with DEFERROUS_INSPECT=1, or call deferrous.inspect.enable() in it"
            in said
        )


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python can attach")
def test_a_program_to_which_its_python_cannot_attach(runtime: Path) -> None:
    with running(WAITS, runtime, DEFERROUS_INSPECT=None) as program:
        said = says(["why", str(program.pid)], runtime)
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        assert "start it with DEFERROUS_INSPECT=1, or call deferrous.inspect.enable() in it" in said
        assert f"CPython {version} has no other way; 3.14 and later have" in said


def test_a_program_that_does_not_use_twisted(runtime: Path) -> None:
    source = "import deferrous.inspect; deferrous.inspect.enable(); print('ready', flush=True); input()"
    with running(source, runtime) as program:
        assert (
            says(["ps", str(program.pid)], runtime) == "deferrous ps: the program has not imported Twisted\n"
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
def test_a_process_of_another_user(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        outcome = code(
            f"""
            import os, pwd, sys
            from deferrous.inspect import _attach, _blocked, _client, _commands
            # What it needs is imported while it may read it.
            _commands.parser("ps")
            os.setgid(65534)
            os.setuid(65534)
            sys.exit(_commands.run("ps", ["{program.pid}"]))
            """
        )
        assert outcome.status == 1
        assert outcome.err.endswith(" belongs to root: ask as root\n")
        assert outcome.err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to start a program of another user")
def test_root_may_ask_a_program_of_another_user(runtime: Path) -> None:
    runtime.chmod(0o755)
    private = runtime / "user"
    private.mkdir()
    os.chown(private, 65534, 65534)
    become = "import os\nos.setgid(65534)\nos.setuid(65534)\n"
    # What it needs is imported while it may read it.
    late = "import deferrous.inspect._report, deferrous.inspect._text, deferrous.inspect._server\n"
    enable = "import deferrous.inspect; deferrous.inspect.enable()\n"
    program = "from twisted.internet import reactor\n" + late + become + enable + WAITS
    with running(program, private, DEFERROUS_INSPECT=None) as asked:
        outcome = deferrous("ps", str(asked.pid), runtime=runtime)
        assert outcome.status == 0, outcome


@contextlib.contextmanager
def pretending(runtime: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Listen where this process's socket belongs, and answer the first who asks."""
    folder = runtime / "deferrous"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(folder / f"{os.getpid()}.sock"))
        listener.listen()

        def serve() -> None:
            connected, _ = listener.accept()
            with connected:
                connected.recv(65536)
                answer(connected)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def sending(*lines: bytes) -> Callable[[socket.socket], None]:
    """Return what sends these lines."""

    def send(connected: socket.socket) -> None:
        for line in lines:
            connected.sendall(line + b"\n")

    return send


def fails(runtime: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[[socket.socket], None]) -> str:
    """Ask a program that answers like this, and return the error."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(runtime))
    with pretending(runtime, answer), pytest.raises(InspectError) as raised:
        _client.ask(os.getpid(), {"command": "ps"}, timeout=2)
    return str(raised.value)


def test_a_program_of_another_version(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = fails(runtime, monkeypatch, sending(json.dumps({"version": 2}).encode()))
    assert "speaks version 2 of the inspection's protocol, and this command 1" in said
    assert "run the deferrous of the program's environment" in said


def test_an_answer_that_is_none(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "this is no line of JSON" in fails(runtime, monkeypatch, sending(b"HTTP/1.1 400 Bad Request"))


def test_an_answer_that_never_comes(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(connected: socket.socket) -> None:
        connected.sendall(b'{"working": true}\n')
        connected.recv(1)

    said = fails(runtime, monkeypatch, answer)
    assert said.startswith(f"process {os.getpid()} (")
    assert said.endswith("has read the question, and its answer never came")


def test_a_program_that_closes_the_connection(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = fails(runtime, monkeypatch, lambda connected: None)
    assert said.endswith("closed the connection without an answer: is it at its end?")


def test_an_answer_that_breaks_off(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = fails(runtime, monkeypatch, lambda connected: connected.sendall(b'{"working": true}\n{"vers'))
    assert said.endswith("closed the connection without an answer: is it at its end?")


def test_a_program_that_ends_instead_of_answering(runtime: Path) -> None:
    source = """
    import os, signal
    from twisted.internet import reactor
    import deferrous.inspect._report as report
    parent = os.getpid()
    report.answer = lambda request: os.kill(parent, signal.SIGKILL) or {}
    print("ready", flush=True)
    reactor.run()
    """
    with running(source, runtime) as program:
        said = says(["ps", str(program.pid)], runtime)
        assert said.endswith(" ended before it answered\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ps", "nginx"], "'nginx' is no process: PID is a number"),
        (["ps", "0"], "'0' is no process"),
        (["ps", "-1"], "-1"),
        (["ps", "99999999999999999999"], "is no process"),
        (["ps", "1", "--older", "long"], "'long' is no duration: say 50ms, 30s, 2m, 1.5h or 1d"),
        (["ps", "1", "--sort", "colour"], "invalid choice: 'colour'"),
        (["why", "1", "--older", "1s"], "unrecognized arguments: --older"),
        (["stalls", "1", "--sort", "count"], "unrecognized arguments: --sort count"),
        (["ps", "1", "2"], "unrecognized arguments: 2"),
    ],
)
def test_a_command_line_that_is_wrong(arguments: list[str], said: str, runtime: Path) -> None:
    outcome = deferrous(*arguments, runtime=runtime)
    assert (outcome.status, outcome.out) == (2, "")
    assert said in outcome.err
