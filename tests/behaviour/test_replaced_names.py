"""Names of `twisted.internet.defer` that a program has replaced are used wherever Twisted's functions look.

There is one program for each function and each name, in `tests/replaced`. The names are those of Twisted's
module for both apis: where `deferrous.defer` is used without an installation, they count as well.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
import twisted
from twisted.internet import defer

from tests import children
from tests.apis import Failure
from tests.helpers import Oops, Steps, handled, outcome, raising, same
from tests.replaced import coroutines, functions, methods
from tests.replaced.case import CASES, Replacer

assert coroutines and functions and methods, "importing them fills CASES"
#: Names whose use no test can see.
UNSEEN = {
    # Both sides of the comparison look the name up.
    ("Deferred._runCallbacks", "_NO_RESULT"),
    ("Deferred.__str__", "_NO_RESULT"),
    ("Deferred.__repr__", "_NO_RESULT"),
    # What `cast` is given and throws away.
    ("DeferredList._cbDeferred", "Any"),
    ("DeferredList._cbDeferred", "_DeferredListResultListT"),
    # These are Twisted's own.
    ("logError", "log"),
    # The same function under another name.
    ("Deferred.__await__", "Failure"),
}
IS_NEWEST = twisted.__version__.startswith("26.")
#: Names that older releases of Twisted have but do not look up.
NEWER = {("Deferred._runCallbacks", "_DEFERRED_SUBCLASSES"), ("Deferred._runCallbacks", "warnAboutFunction")}
#: Names that `docs/differences.md` lists as different.
DIFFERENT = {("DeferredSemaphore.__init__", "_ConcurrencyPrimitive")}


@pytest.fixture
def replace(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Replacer:
    """Give what replaces names."""
    return Replacer(api, monkeypatch)


#: The tests of replaced methods.
METHODS = str(Path(__file__).with_name("test_replaced_methods.py"))


def test_every_name_that_twisted_looks_up_has_a_case() -> None:
    """No function of Twisted looks up a name that is not tested here."""
    if not IS_NEWEST:
        pytest.skip("the cases are for the newest Twisted")
    pairs: set[tuple[str, str]] = set()
    owners: list[Any] = [defer.Deferred, defer.DeferredList, defer._ConcurrencyPrimitive]
    owners += [defer.DeferredLock, defer.DeferredSemaphore, defer.DeferredQueue]
    looking = dict(vars(defer))
    for owner in owners:
        looking.update({f"{owner.__name__}.{name}": value for name, value in vars(owner).items()})
    for name, value in looking.items():
        function = getattr(value, "__func__", value)
        if isinstance(function, FunctionType) and function.__globals__ is vars(defer):
            pairs.update((name, used) for used in names_in(function.__code__) if hasattr(defer, used))
    assert pairs - UNSEEN - DIFFERENT == set(CASES)


def names_in(code: CodeType) -> Iterator[str]:
    """Go through the globals that a function looks up."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def test_the_same_where_deferrous_is_installed() -> None:
    """Names count in the same way after an installation."""
    done = children.python(
        *("-m", "pytest", "-q", __file__, METHODS, "-k", "not installed and not every and not other_tests"),
        env=children.environment(DEFERROUS="1", DEFERROUS_APIS="ours"),
    )
    assert done.status == 0, done.out + done.err


#: Groups of tests that see most of what a Deferred does, and need no stack of any depth.
OTHERS = (
    *("attributes", "cancelling", "context", "copying", "debugging", "failures", "generators"),
    *("letting_go", "lists", "primitives", "subclassing", "unhandled", "warnings"),
)


def test_other_tests_pass_while_a_name_is_replaced() -> None:
    """Twisted's functions do with our Deferreds what they do with their own."""
    files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in OTHERS]
    done = children.python(
        *("-m", "pytest", "-q", "-p", "tests.replaced.always", "-k", "ours", *files),
        env=children.environment(),
    )
    assert done.status == 0, done.out + done.err


def test_a_name_replaced_by_a_callback_is_used_afterwards(api: ModuleType, replace: Replacer) -> None:
    """Later calls use the new name, also in the function that is running."""

    def replacing(*_: object) -> None:
        replace.seen.clear()
        replace.subclass("Failure")
        replace.subclass("DebugInfo")
        raise Oops

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        yield waited
        replacing()

    waited = api.Deferred()
    flowing = flow()
    ways: list[Any] = [
        lambda: api.succeed(None).addCallback(replacing),
        lambda: api.succeed(None).addCallback(same).addCallbacks(replacing, handled),
        lambda: api.maybeDeferred(replacing),
        lambda: api.execute(replacing),
        lambda: (waited.callback(1), flowing)[1],
    ]
    for way in ways:
        failed = way()
        assert type(failed.result).__name__ == "Mine"
        assert replace.seen == ["Failure", "DebugInfo"]
        replace.undo()
        failed.addErrback(handled)


def test_fast_path_returns_when_the_name_is_put_back(replace: Replacer) -> None:
    """While nothing is replaced, no function of Twisted's is called."""
    ours: Any = pytest.importorskip("deferrous.defer")

    def caller(_: object) -> str:
        return sys._getframe(1).f_code.co_name

    here = "test_fast_path_returns_when_the_name_is_put_back"
    assert outcome(ours.succeed(None).addCallback(caller)) == here
    replace.put("FirstError", Oops)
    assert outcome(ours.succeed(None).addCallback(caller)) == "_runCallbacks"
    replace.undo()
    assert outcome(ours.succeed(None).addCallback(caller)) == here


@pytest.mark.parametrize("which", CASES, ids=" ".join)
def test_a_replaced_name_is_used(api: ModuleType, replace: Replacer, which: tuple[str, str]) -> None:
    """The function uses what the program has put in the place of the name."""
    if not hasattr(defer, which[1]) or (which in NEWER and not IS_NEWEST):
        pytest.skip("this Twisted does not look that up")
    CASES[which](api, replace)


@pytest.mark.parametrize("which", CASES, ids=" ".join)
def test_a_restored_name_is_used(api: ModuleType, replace: Replacer, which: tuple[str, str]) -> None:
    """Objects made while a name was replaced go on with Twisted's own."""
    name = which[1]
    if not hasattr(defer, name):
        pytest.skip("this Twisted has no such name")
    replace.put(name, getattr(defer, name))
    replace.put("Failure", type("Mine", (Failure,), {}))
    inner, failing = api.Deferred(), api.succeed(None).addCallback(raising(Oops()))

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        return (yield inner), (yield waited)

    waited = api.Deferred()
    flowing, listed = flow(), api.DeferredList([waited])
    replace.undo()
    failing.addErrback(handled)
    inner.callback(1)
    waited.callback(2)
    assert outcome(flowing) == (1, 2)
    assert outcome(listed) == [(True, 2)]
