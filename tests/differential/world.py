"""A program in progress on one API, and its recorded effects."""

from __future__ import annotations

import contextvars
import copy
import functools
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from twisted.internet import defer as stock
from twisted.internet.task import Clock

from tests.apis import Failure
from tests.differential.describe import Describer, Named
from tests.differential.loop import ManualLoop
from tests.differential.program import (
    ATTACHED,
    DEPTH,
    FUEL,
    SLOTS,
    Bare,
    Boom,
    Closed,
    Exit,
    Interrupt,
    Op,
)
from tests.differential.subclasses import Subclasses

Operation = Callable[..., object]

#: What is current in the context, for the programs that look at it.
CURRENT: contextvars.ContextVar[int] = contextvars.ContextVar("current", default=0)
_RAISED: dict[str, Callable[[str], BaseException]] = {
    "boom": Boom,
    "bare": Bare,
    "interrupt": Interrupt,
    "exit": Exit,
    "closed": Closed,
    "stop": StopIteration,
}
_BUILTIN: dict[str, Callable[..., object]] = {"len": len, "type": type, "bool": bool, "abs": abs}


class World:
    """Slots with Deferreds, a clock, locks and a queue, and what has been seen of a program."""

    def __init__(self, api: ModuleType, subclasses: Subclasses, operations: dict[str, Operation]) -> None:
        self.api = api
        self.describer = Describer(api)
        self.describe = self.describer.value
        self.subclasses = subclasses
        self.operations = operations
        self.lines: list[str] = []
        #: What finalisers report. When they run is no business of the programs.
        self.reports: Counter[str] = Counter()
        self.slots: dict[int, Any] = {}
        self.clock = Clock()
        self.loop = ManualLoop(self.report)  # type: ignore[abstract]
        self.futures: dict[int, Any] = {}
        self.primitives: dict[str, Any] = {}
        self.failures: dict[int, Any] = {}
        self.patched: dict[str, Any] = {}
        self._attached: list[Any] = []
        self._depth = 0
        self._fuel = FUEL
        self._counts: Counter[str] = Counter()

    def note(self, line: str) -> None:
        """Write down what is seen now."""
        self.lines.append("  " * self._depth + line)

    def report(self, line: str) -> None:
        """Write down what a finaliser says."""
        self.reports[line] += 1

    def number(self, prefix: str) -> str:
        """Give a name that has not been given yet."""
        self._counts[prefix] += 1
        return f"{prefix}{self._counts[prefix]}"

    # What programs do

    def run(self, ops: Iterable[Op]) -> None:
        """Run operations, as far as the fuel allows."""
        if self._depth > DEPTH:
            self.note("too deep")
            return
        for op in ops:
            if self._fuel <= 0:
                return
            self._fuel -= 1
            self.step(op)

    def step(self, op: Op) -> None:
        """Run one operation, and write down what came of it."""
        name, *arguments = op
        try:
            outcome = self.operations[name](self, *arguments)
        except BaseException as error:
            if type(error) in (KeyboardInterrupt, SystemExit, MemoryError):
                raise
            line = f"{name} raised {self.describer.exception(error)}"
        else:
            line = f"{name} gave {self.describe(outcome)}"
        self.note(line)

    def behave(self, label: str, attached: Any, spec: Any, given: tuple[Any, ...], keywords: Any) -> Any:
        """Do what a callable of the program is to do."""
        handling = sys.exc_info()[0]
        now = f" while {handling.__name__}" if handling is not None else ""
        self.note(f"{label} called with {self.describe(given)} {self.describe(keywords)}{now}")
        if attached is None and given and isinstance(given[0], self.api.Deferred):
            attached = given[0]  # a canceller, which is made before its Deferred
        self._attached.append(attached)
        self._depth += 1
        try:
            self.run(spec[1])
            return self.finish(spec[2], given[0] if given else None)
        finally:
            self._depth -= 1
            self._attached.pop()

    def finish(self, end: Op, result: Any) -> Any:
        """Give the result of a callable, or raise."""
        name, *arguments = end
        if name == "argument":
            return result
        if name == "raise":
            raise self.error(arguments[0])
        if name == "again" and isinstance(result, Failure):
            result.raiseException()
        if name == "trap" and isinstance(result, Failure):
            return result.trap(stock.CancelledError, Boom).__name__
        if name == "new":
            return self.new(*arguments)
        if name == "return":
            stock.returnValue(self.value(arguments[0]))
        return self.value(arguments[0]) if name == "value" else None

    # What programs name

    def slot(self, slot: int) -> Any:
        """Give the Deferred in a slot."""
        if slot == ATTACHED:
            return self._attached[-1] if self._attached else None
        return self.slots.get(slot % SLOTS)

    def put(self, slot: int, value: Any) -> Any:
        """Keep a Deferred in a slot."""
        self.slots[slot % SLOTS] = value
        return value

    def value(self, spec: Any) -> Any:
        """Give the value that a program names."""
        if not isinstance(spec, tuple):
            return spec
        name, *arguments = spec
        if name == "token":
            return Named(self.number("token"))
        if name == "slot":
            return self.slot(arguments[0])
        if name == "result":
            return getattr(self.slot(arguments[0]), "result", None)
        if name == "list":
            return [self.value(item) for item in arguments]
        if name == "callable":
            return self.callable(arguments[0], None)
        return self.failure(spec)

    def error(self, name: str) -> BaseException:
        """Make the exception that a program names."""
        if name in _RAISED:
            return _RAISED[name](self.number(name))
        if name == "failure":
            raise self.failure(("shared", 0))
        kinds: dict[str, type[BaseException]] = {
            "cancelled": stock.CancelledError,
            "already": stock.AlreadyCalledError,
            "timeout": stock.TimeoutError,
            "returned": stock._DefGen_Return,
        }
        return kinds[name](self.number(name))

    def failure(self, spec: tuple[Any, ...]) -> Any:
        """Make or find a failure, or what may be given in its place."""
        how, what = spec
        if how == "shared":
            if what not in self.failures:
                self.failures[what] = self.failure(("caught", "boom"))
            return self.failures[what]
        if how == "caught":
            try:
                raise self.error(what)
            except BaseException:
                return Failure()
        if how == "failure":
            return Failure(self.error(what))
        if how == "copied":
            return copy.copy(self.failure(("shared", what)))
        if how == "extrapolated":
            return Failure(self.failure(("shared", what)))
        return self.error(what) if how == "instance" else None

    def new(self, how: str, slot: int) -> Any:
        """Make a Deferred in a state and keep it."""
        if how in ("failed", "failed and paused"):
            made = self.api.fail(self.error("boom"))
        elif how == "unfired":
            made = self.api.Deferred()
        else:
            made = self.api.succeed(self.value(("token",)))
        if how in ("paused", "failed and paused"):
            made.pause()
        if how == "waiting":
            inner = self.put(slot + 1, self.api.Deferred())
            made.addCallback(lambda _: inner)
        return self.put(slot, made)

    def callable(self, spec: Any, attached: Any) -> Any:
        """Make something to call, of the flavour that the program names."""
        flavour = spec[0]
        if flavour in _BUILTIN:
            return _BUILTIN[flavour]
        if flavour == "number":
            return 5
        if flavour in ("callback", "errback", "cancel", "pause", "unpause"):
            return getattr(self.slot(spec[1]), flavour, None)
        label = self.number("c")
        if flavour in ("object", "method", "false"):
            made = (
                Falsy(self, label, attached, spec)
                if flavour == "false"
                else Called(self, label, attached, spec)
            )
            return made.method if flavour == "method" else made

        def function(*given: Any, **keywords: Any) -> Any:
            return self.behave(label, attached, spec, given, keywords)

        def single(given: Any) -> Any:
            return self.behave(label, attached, spec, (given,), {})

        chosen = single if flavour == "single" else function
        chosen.__dict__["label"] = label
        return functools.partial(chosen, "bound") if flavour == "partial" else chosen


class Called:
    """An object that is called, or whose method is."""

    def __init__(self, world: World, label: str, attached: Any, spec: Any) -> None:
        self.label = label
        self._what = (label, attached, spec)
        self._world = world

    def __call__(self, *given: Any, **keywords: Any) -> Any:
        return self._world.behave(*self._what, given, keywords)

    def method(self, *given: Any, **keywords: Any) -> Any:
        """Do the same as a bound method."""
        return self._world.behave(*self._what, given, keywords)


class Falsy(Called):
    """An object that can be called and is false."""

    def __bool__(self) -> bool:
        self._world.note(f"{self.label} asked whether it is true")
        return False
