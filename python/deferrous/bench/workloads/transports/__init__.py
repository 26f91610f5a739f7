"""The workloads of transports: servers under the load of another process, and what they need for a request.

They are coroutines in a reactor that runs, as those of the reactor.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

from .._workload import Group, Obstacle, Peer, Pending, Run, Workload, nothing_missing
from . import _load, echoes, idle, pages, uvloop_peer
from ._traffic import CONNECTIONS, LINES, MANY_CONNECTIONS

__all__ = ["GROUP"]

_IDLE = 3000


def _row(
    name: str,
    run: Run,
    peer: Peer | None = None,
    operations: int = CONNECTIONS,
    obstacle: Obstacle = nothing_missing,
) -> Workload:
    return Workload(name, run, operations=operations, measure="cpu", peer=peer, obstacle=obstacle)


def _needs(module: str, requirement: str) -> Obstacle:
    """Says how to install a module where it is missing."""

    def obstacle() -> str | None:
        return None if find_spec(module) else f"it needs {requirement}: pip install '{requirement}'"

    return obstacle


_many = partial(_load.too_few_descriptors, MANY_CONNECTIONS)

_WORKLOADS = (
    _row("tcp-echo-32", echoes.tcp_32, uvloop_peer.TCP_32),
    _row("tcp-echo-1", echoes.tcp_1, uvloop_peer.TCP_1, operations=1),
    _row("tcp-echo-1000", echoes.tcp_1000, uvloop_peer.TCP_1000, MANY_CONNECTIONS, obstacle=_many),
    _row("tcp-echo-64k", echoes.tcp_64k, uvloop_peer.TCP_64K),
    _row("lines", echoes.lines, uvloop_peer.LINES, operations=CONNECTIONS * LINES),
    _row("unix-echo", echoes.over_unix, uvloop_peer.UNIX),
    _row("udp-echo", echoes.over_udp, uvloop_peer.UDP),
    _row("tls-echo", echoes.over_tls, uvloop_peer.TLS, obstacle=_needs("OpenSSL", "Twisted[tls]")),
    _row("web-hello", pages.web),
    _row("klein-hello", pages.klein, obstacle=_needs("klein", "klein")),
)

GROUP = Group(
    "transports",
    "Transports",
    _WORKLOADS,
    Pending(
        "memory-connections",
        idle.fill,
        count=_IDLE,
        what="idle connections",
        one="a server's TCP connection on which 1 KiB was sent back",
        prepare=idle.prepare,
        obstacle=partial(_load.too_few_descriptors, _IDLE),
    ),
    in_reactor=True,
)
