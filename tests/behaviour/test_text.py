"""What a Deferred says of itself in logs and debuggers."""

from __future__ import annotations

from types import ModuleType

from tests.faces import Failure
from tests.helpers import Oops, handled


def address(deferred: object) -> str:
    """Give the address as Twisted prints it."""
    return f"0x{id(deferred):x}"


def test_repr_has_the_class_the_address_and_the_result(face: ModuleType) -> None:
    """str and repr name the class, the address and the result, if there is one."""
    deferred = face.Deferred()
    assert str(deferred) == repr(deferred) == f"<Deferred at {address(deferred)}>"
    deferred.callback(["a", None])
    assert str(deferred) == f"<Deferred at {address(deferred)} current result: ['a', None]>"
    assert f"{deferred}" == "%s" % deferred == str(deferred)  # noqa: UP031


def test_repr_shows_failures_and_none(face: ModuleType) -> None:
    """A failure is shown as it shows itself, and None as None."""
    failed = face.fail(Oops("broken"))
    shown = "<twisted.python.failure.Failure tests.helpers.Oops: broken>"
    assert str(failed) == f"<Deferred at {address(failed)} current result: {shown}>"
    failed.addErrback(handled)
    assert str(failed) == f"<Deferred at {address(failed)} current result: None>"


def test_repr_names_the_awaited_deferred(face: ModuleType) -> None:
    """Who waits says for whom, and stops when the wait is over."""
    inner = face.Deferred()
    outer = face.succeed(None).addCallback(lambda _: inner)
    assert repr(outer) == f"<Deferred at {address(outer)} waiting on Deferred at {address(inner)}>"
    inner.callback(1)
    assert repr(outer) == f"<Deferred at {address(outer)} current result: 1>"
    assert repr(inner) == f"<Deferred at {address(inner)} current result: None>"


def test_repr_names_the_deferred_that_will_fire_this_one(face: ModuleType) -> None:
    """chainDeferred shows on the one that is fired by the other."""
    first, second = face.Deferred(), face.Deferred()
    first.chainDeferred(second)
    assert str(second) == f"<Deferred at {address(second)} waiting on Deferred at {address(first)}>"
    first.callback(1)
    assert str(second) == f"<Deferred at {address(second)} current result: 1>"


def test_repr_shows_a_deferred_in_a_result(face: ModuleType) -> None:
    """A Deferred in the result of another is shown within it."""
    inner = face.Deferred()
    outer = face.succeed((inner, Failure(Oops("in"))))
    inside = f"(<Deferred at {address(inner)}>, <twisted.python.failure.Failure tests.helpers.Oops: in>)"
    assert repr(outer) == f"<Deferred at {address(outer)} current result: {inside}>"


def test_repr_has_the_name_of_the_subclass(face: ModuleType) -> None:
    """The name is that of the class, without its module."""

    class Inner(face.Deferred):  # type: ignore[misc, name-defined]
        pass

    made = Inner()
    assert str(made) == f"<Inner at {address(made)}>"
    combined = face.DeferredList([])
    assert str(combined) == f"<DeferredList at {address(combined)} current result: []>"
