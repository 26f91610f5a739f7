"""asyncio's event loop in Rust.

`run` runs a coroutine on it, as `asyncio.run` does on the standard library's loop::

    import asyncio
    import deferrous.asyncio


    async def main() -> str:
        await asyncio.sleep(0.01)
        return "done"


    print(deferrous.asyncio.run(main()))

`Loop` is the class of loops, for what takes one: `asyncio.Runner(loop_factory=Loop)`. Below Python 3.14,
there is also `EventLoopPolicy`.
"""

import asyncio
import sys
import threading
from collections.abc import Coroutine
from selectors import BaseSelector
from typing import Any, TypeVar

from deferrous import _core, _loop_support
from deferrous import _forks as _forks
from deferrous._loop_selector import Selector

__all__ = ["Loop", "new_event_loop", "run"]

_T = TypeVar("_T")

#: The methods that a loop calls by itself: whoever sets one on a loop has it called.
_CALLED = frozenset(["_run_once", "time", "call_at", "_write_to_self", "_process_events", "_add_callback"])

_core.prepare_loops(_loop_support, asyncio.SelectorEventLoop)
for _own, _stock in ((_core.Handle, asyncio.Handle), (_core.TimerHandle, asyncio.TimerHandle)):
    for _name in ("_repr_info", "__repr__"):
        setattr(_own, _name, getattr(_stock, _name))
for _name in ("__hash__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__"):
    setattr(_core.TimerHandle, _name, getattr(asyncio.TimerHandle, _name))
del _own, _stock, _name


class Loop(_core.LoopCore, asyncio.SelectorEventLoop):  # type: ignore[misc]
    """An event loop of asyncio, whose turns, handles, timers and descriptors are in Rust.

    All that is not here is the standard library's, from which it is derived.

    Args:
        selector: what waits for descriptors, instead of the loop itself.
    """

    # The inherited names that the types of the standard library do not have.
    _run_forever_setup: Any
    _run_forever_cleanup: Any
    _check_running: Any
    _set_coroutine_origin_tracking: Any
    _asyncgen_firstiter_hook: Any
    _asyncgen_finalizer_hook: Any

    def __init__(self, selector: BaseSelector | None = None) -> None:
        if selector is None:
            selector = Selector(self)
            self._own_selector = selector
        super().__init__(selector)
        self._notice_replaced()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in _CALLED:
            self._notice_replaced()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in _CALLED:
            self._notice_replaced()

    if sys.version_info >= (3, 13):

        def run_forever(self) -> None:
            """Run until `stop` is called."""
            self._run_forever_setup()
            try:
                self._turn_until_stopped()
            finally:
                self._run_forever_cleanup()

    else:

        def run_forever(self) -> None:
            """Run until `stop` is called."""
            self._check_closed()
            self._check_running()
            self._set_coroutine_origin_tracking(self._debug)
            hooks = sys.get_asyncgen_hooks()
            first, final = self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook
            try:
                self._thread_id = threading.get_ident()
                sys.set_asyncgen_hooks(firstiter=first, finalizer=final)
                asyncio._set_running_loop(self)
                self._turn_until_stopped()
            finally:
                self._stopping = False
                self._thread_id = None
                asyncio._set_running_loop(None)
                self._set_coroutine_origin_tracking(False)
                sys.set_asyncgen_hooks(*hooks)


def new_event_loop() -> Loop:
    """Return a new loop, which nobody runs yet."""
    return Loop()


def run(main: Coroutine[Any, Any, _T], *, debug: bool | None = None) -> _T:
    """Run a coroutine on a new loop, and close the loop.

    Args:
        main: the coroutine.
        debug: whether the loop is in debug mode; None for what the environment says.

    Returns:
        what the coroutine returns.

    Raises:
        RuntimeError: a loop is running in this thread.
        ValueError: main is no coroutine.
        what the coroutine raises.
    """
    if sys.version_info >= (3, 11):
        if asyncio._get_running_loop() is not None:
            # Before the runner says it in its own words, which are those of `asyncio.run`.
            raise RuntimeError("deferrous.asyncio.run() cannot be called from a running event loop")
        with asyncio.Runner(debug=debug, loop_factory=Loop) as runner:
            return runner.run(main)
    return _run(main, debug)


def _run(main: Coroutine[Any, Any, _T], debug: bool | None) -> _T:
    """`run` for Python 3.10, which has no `asyncio.Runner`."""
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("deferrous.asyncio.run() cannot be called from a running event loop")
    if not asyncio.iscoroutine(main):
        raise ValueError(f"a coroutine was expected, got {main!r}")
    loop = Loop()
    try:
        asyncio.set_event_loop(loop)
        if debug is not None:
            loop.set_debug(debug)
        return loop.run_until_complete(main)
    finally:
        try:
            asyncio.runners._cancel_all_tasks(loop)  # type: ignore[attr-defined]
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


if sys.version_info < (3, 14):

    class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
        """The standard library's policy, with loops of this module: for `asyncio.set_event_loop_policy`."""

        _loop_factory = Loop

    __all__ += ["EventLoopPolicy"]

else:

    def __getattr__(name: str) -> Any:
        if name == "EventLoopPolicy":
            raise AttributeError(
                "asyncio's policies are deprecated since Python 3.14: use deferrous.asyncio.run, or "
                "asyncio.Runner(loop_factory=deferrous.asyncio.Loop)"
            )
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
