"""What goes through the socket: bad requests get one line, and none of them keeps the others waiting."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from tests.children import PATIENCE, passes
from tests.inspect.outside import WAITS, exchange, request, running


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"ps\n", "this is no line of JSON"),
        (b"\xff\xfe\n", "this is no line of JSON"),
        (b"[" * 60_000 + b"\n", "this is no line of JSON"),
        (b"[1]\n", "this is no JSON object"),
        (b"{}\n", "version 1 of the inspection's protocol, and the command None"),
        (b'{"version": 2, "command": "ps"}\n', "version 1 of the inspection's protocol, and the command 2"),
        (request("rm"), "there is no command 'rm'"),
        (request("ps", name="x" * 64 * 1024), "a request has at most 65536 bytes"),
        (b"x" * 1024 * 1024, "a request has at most 65536 bytes"),
    ],
)
def test_a_bad_request_gets_one_line(sent: bytes, error: str, runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        lines = exchange(program.connect(), sent)
        assert len(lines) == 1
        assert error in json.loads(lines[0])["error"]
        assert program.answer("ps")["pid"] == program.pid


def test_a_request_may_come_in_pieces(runtime: Path) -> None:
    with running(WAITS, runtime) as program, program.connect() as connected:
        for byte in request():
            connected.sendall(bytes([byte]))
        assert len(exchange(connected, b"")) == 2


def test_a_slow_client_keeps_no_other_waiting(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        silent = [program.connect() for _ in range(3)]
        silent[0].sendall(b'{"version"')
        assert program.answer("ps")["pid"] == program.pid
        for connected in silent:
            connected.close()


def test_a_client_that_does_not_read_keeps_no_other_waiting(runtime: Path) -> None:
    source = """
    from twisted.internet import reactor
    import deferrous.inspect._report as report
    answer = report.answer
    report.answer = lambda request: {**answer(request), "more": "x" * 10_000_000}
    print("ready", flush=True)
    reactor.run()
    """
    with running(source, runtime) as program, program.connect() as connected:
        connected.sendall(request())
        assert program.answer("ps")["pid"] == program.pid
        received = b""
        while not received.endswith(b"}\n") or len(received) < 10_000_000:
            received += connected.recv(1 << 20)


def test_only_a_few_are_answered_at_once(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        silent = [program.connect() for _ in range(8)]
        # Until the program has them all.
        outcome = program.ask("ps")
        assert outcome.status == 1
        assert "the program answers 8 others already: try again" in outcome.err
        for connected in silent:
            connected.close()
        assert program.answer("ps")["pid"] == program.pid


def test_a_client_that_says_nothing_is_given_up(runtime: Path) -> None:
    source = "from deferrous.inspect import _connection; _connection.TRANSFER_PATIENCE = 0.2\n"
    with running("import twisted.internet.reactor\n" + source + WAITS, runtime) as program:
        assert exchange(program.connect(), b"") == []
        assert exchange(program.connect(), b'{"version": 1') == []
        assert program.answer("ps")["pid"] == program.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
def test_another_user_is_refused_even_where_the_directory_is_open(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        runtime.chmod(0o755)
        (runtime / "deferrous").chmod(0o755)
        program.socket_of().chmod(0o666)
        written = passes(
            f"""
            import os, socket
            os.setgid(65534)
            os.setuid(65534)
            connected = socket.socket(socket.AF_UNIX)
            connected.settimeout({PATIENCE})
            connected.connect({os.fspath(program.socket_of())!r})
            print(connected.recv(1000).decode())
            """
        )
        assert "the program belongs to the user 0, and answers that user and root" in written


def test_a_caller_that_goes_away_costs_nothing(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        for sent in (b"", b"{", request("ps"), request("ps")):
            with program.connect() as connected:
                connected.sendall(sent)
        for sent in (b"", b"{", request("why")):
            with program.connect() as connected:
                connected.sendall(sent)
                connected.shutdown(socket.SHUT_RDWR)
        assert program.answer("ps")["pid"] == program.pid
