"""A reactor that belongs to a module of Deferreds, for the cases of this folder."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def reactor(api: ModuleType) -> Any:
    """Make one of Twisted's for Twisted's own Deferreds, and one of ours for ours. Time stands still."""
    if api.__name__ == "deferrous.defer":
        from deferrous.reactor import DeferrousReactor

        made: Any = DeferrousReactor()
    else:
        from twisted.internet.epollreactor import EPollReactor

        made = EPollReactor()  # type: ignore[no-untyped-call]
    made.seconds = lambda: 100.0
    return made
