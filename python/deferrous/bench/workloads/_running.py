"""The reactor of the process that measures."""

from __future__ import annotations

from typing import Any


def running() -> Any:
    """The reactor that runs.

    Not imported with the workloads, since that would choose one in every process that lists them.
    Its type is any, since Twisted's interfaces are none for type checkers.
    """
    from twisted.internet import reactor

    return reactor
