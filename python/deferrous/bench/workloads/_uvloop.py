"""The loop of the workloads that are measured on uvloop."""

from __future__ import annotations

import asyncio
from functools import cache


@cache
def uvloop_loop() -> asyncio.AbstractEventLoop:
    """The one loop of the process that measures uvloop."""
    # Only where it is measured, since users of the command need not have it.
    import uvloop

    return uvloop.new_event_loop()
