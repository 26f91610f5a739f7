"""The load of servers checks their responses, and gets the descriptors that it needs."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from deferrous.bench.workloads.transports._load import Address, Kind, Load, Traffic

REQUEST = b"question"


def traffic(kind: Kind = "tcp", connections: int = 2) -> Traffic:
    return Traffic(kind, connections, REQUEST, b"answer")


def _serve(server: socket.socket, answers: Iterator[bytes]) -> None:
    """Answer the requests of all connections, and close the connection when there are no more answers."""
    connections = []
    for answer in answers:
        if not answer:
            connections.append(server.accept()[0])
        elif server.type == socket.SOCK_DGRAM:
            _request, sender = server.recvfrom(100)
            server.sendto(answer, sender)
        else:
            assert connections[-1].recv(100) == REQUEST
            connections[-1].sendall(answer)
    for each in connections:
        each.close()


def served(kind: Kind, folder: Path, *answers: bytes) -> Address:
    """The address of a server that gives these answers. An empty one accepts a connection."""
    server = socket.socket(
        socket.AF_UNIX if kind == "unix" else socket.AF_INET,
        socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM,
    )
    server.bind(str(folder / "socket") if kind == "unix" else ("127.0.0.1", 0))
    if kind != "udp":
        server.listen()
    address: Address = server.getsockname()

    def serve() -> None:
        with closing(server):
            _serve(server, iter(answers))

    threading.Thread(target=serve, daemon=True).start()
    return address


def connects(kind: Kind) -> tuple[bytes, ...]:
    return () if kind == "udp" else (b"",)


@pytest.mark.parametrize("kind", ["tcp", "unix", "udp"])
def test_a_wrong_response_is_an_error(kind: Kind, tmp_path: Path) -> None:
    address = served(kind, tmp_path, *connects(kind), b"an answer", b"an answer", b"no answe!")
    load = Load(traffic(kind, 1), address)
    load.exchange(1)
    with pytest.raises(ConnectionError, match="the server sent b'no answe!'"):
        load.exchange(1)


def test_a_connection_that_the_server_closes_is_an_error(tmp_path: Path) -> None:
    load = Load(traffic(connections=1), served("tcp", tmp_path, b"", b"an answer", b"an an"))
    with pytest.raises(ConnectionError, match="closed the connection after b'an an'"):
        load.exchange(1)


def test_all_connections_are_answered_once_before_the_load_is_ready(tmp_path: Path) -> None:
    address = served("tcp", tmp_path, b"", b"an answer", b"", b"no answe!")
    with pytest.raises(ConnectionError, match="the server sent b'no answe!'"):
        Load(traffic(connections=2), address)


def test_a_server_that_does_not_listen_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"the load for the server failed: .*No such file"):
        Load(traffic("unix"), str(tmp_path / "missing"))


#: Sets the limits of descriptors, then asks for some.
LIMITED = """
import resource, sys
from deferrous.bench.workloads.transports import _load
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
try:
    _load.allow_descriptors(connections)
except OSError as error:
    print(error)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def limited(soft: int, hard: int, connections: int) -> list[str]:
    arguments = [str(each) for each in (soft, hard, connections)]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.splitlines()


def test_the_soft_limit_of_descriptors_is_raised_as_far_as_needed() -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2000:
        pytest.skip("the hard limit is too low")
    assert limited(300, 2000, 1000) == ["1512"]
    assert limited(1900, 2000, 1000) == ["1900"]


def test_a_hard_limit_that_is_too_low_is_named() -> None:
    told = "1,000 connections need 1,512 descriptors, and the limit is 900 (ulimit -Hn)"
    assert limited(300, 900, 1000) == [told, "300"]
