"""The str and repr of Deferreds."""

from __future__ import annotations

from types import ModuleType

from tests.apis import Failure
from tests.helpers import Oops, handled


def address(deferred: object) -> str:
    """Give the address as Twisted prints it."""
    return f"0x{id(deferred):x}"


def test_repr_has_the_class_the_address_and_the_result(api: ModuleType) -> None:
    """str and repr name the class, the address and the result, if there is one."""
    deferred = api.Deferred()
    assert str(deferred) == repr(deferred) == f"<Deferred at {address(deferred)}>"
    deferred.callback(["a", None])
    assert str(deferred) == f"<Deferred at {address(deferred)} current result: ['a', None]>"
    assert f"{deferred}" == "%s" % deferred == str(deferred)  # noqa: UP031


def test_repr_shows_failures_and_none(api: ModuleType) -> None:
    """A failure is shown as it shows itself, and None as None."""
    failed = api.fail(Oops("broken"))
    shown = "<twisted.python.failure.Failure tests.helpers.Oops: broken>"
    assert str(failed) == f"<Deferred at {address(failed)} current result: {shown}>"
    failed.addErrback(handled)
    assert str(failed) == f"<Deferred at {address(failed)} current result: None>"


def test_repr_names_the_awaited_deferred(api: ModuleType) -> None:
    """A waiting Deferred names the awaited one, until the wait is over."""
    inner = api.Deferred()
    outer = api.succeed(None).addCallback(lambda _: inner)
    assert repr(outer) == f"<Deferred at {address(outer)} waiting on Deferred at {address(inner)}>"
    inner.callback(1)
    assert repr(outer) == f"<Deferred at {address(outer)} current result: 1>"
    assert repr(inner) == f"<Deferred at {address(inner)} current result: None>"


def test_repr_names_the_deferred_that_will_fire_this_one(api: ModuleType) -> None:
    """chainDeferred shows on the one that is fired by the other."""
    first, second = api.Deferred(), api.Deferred()
    first.chainDeferred(second)
    assert str(second) == f"<Deferred at {address(second)} waiting on Deferred at {address(first)}>"
    first.callback(1)
    assert str(second) == f"<Deferred at {address(second)} current result: 1>"


def test_repr_shows_a_deferred_in_a_result(api: ModuleType) -> None:
    """A Deferred in the result of another is shown within it."""
    inner = api.Deferred()
    outer = api.succeed((inner, Failure(Oops("in"))))
    inside = f"(<Deferred at {address(inner)}>, <twisted.python.failure.Failure tests.helpers.Oops: in>)"
    assert repr(outer) == f"<Deferred at {address(outer)} current result: {inside}>"


def test_repr_has_the_name_of_the_subclass(api: ModuleType) -> None:
    """The name is that of the class, without its module."""

    class Inner(api.Deferred):  # type: ignore[misc, name-defined]
        pass

    made = Inner()
    assert str(made) == f"<Inner at {address(made)}>"
    combined = api.DeferredList([])
    assert str(combined) == f"<DeferredList at {address(combined)} current result: []>"
