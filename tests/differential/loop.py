"""An event loop of asyncio that turns when it is told to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any


class ManualLoop(asyncio.AbstractEventLoop):
    """The little that futures need of a loop."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...], Context | None]] = deque()

    def get_debug(self) -> bool:
        """Say that futures need not keep where they were made."""
        return False

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """Keep a call for the next turn."""
        self._ready.append((callback, args, context))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report what a future that was never asked for its exception has to say."""
        self._report(f"asyncio: {context['message']} {type(context.get('exception')).__name__}")

    def turn(self) -> int:
        """Make the calls that are due, and say how many there were."""
        due, self._ready = self._ready, deque()
        for callback, args, context in due:
            if context is None:
                callback(*args)
            else:
                context.run(callback, *args)
        return len(due)

    def clear(self) -> None:
        """Forget the calls that are due."""
        self._ready.clear()
