"""No code of a metaclass or of an object runs when the program is looked at, whatever they define."""

from __future__ import annotations

import functools
import types
from types import ModuleType
from typing import Any

import pytest
from deferrous.inspect import _report, explain, snapshot
from deferrous.inspect._metrics import metrics
from deferrous.inspect._text import render

from tests.reactors import Loop

#: What has been run of the classes below while they were not to be.
ran: list[str] = []
armed = False


def _notes(name: str) -> Any:
    def method(*arguments: Any, **keywords: Any) -> Any:
        if armed:
            ran.append(name)
            raise AssertionError(f"{name} was run")
        return getattr(type, name)(*arguments, **keywords)

    return method


def _notes_reading(name: str) -> Any:
    def read(kind: Any) -> Any:
        if armed:
            ran.append(name)
            raise AssertionError(f"{name} was read")
        return type.__dict__[name].__get__(kind)

    return property(read)


class Meta(type):
    """A metaclass all of whose methods notice that they are run."""

    __hash__ = _notes("__hash__")
    __eq__ = _notes("__eq__")
    __ne__ = _notes("__ne__")
    __getattribute__ = _notes("__getattribute__")
    __instancecheck__ = _notes("__instancecheck__")
    __subclasscheck__ = _notes("__subclasscheck__")
    __repr__ = _notes("__repr__")
    __name__ = _notes_reading("__name__")
    __module__ = _notes_reading("__module__")
    __mro__ = _notes_reading("__mro__")
    __dict__ = _notes_reading("__dict__")  # type: ignore[misc]


def _is_run(self: Any, *_: Any) -> Any:
    if armed:
        ran.append("a method of an instance")
        raise AssertionError("a method of an instance was run")
    return True


class Text(str):
    """A name that must not be compared."""

    __hash__ = _is_run
    __eq__ = _is_run
    __format__ = _is_run
    rpartition = _is_run


def hostile() -> Any:
    """Return a class whose metaclass and methods notice that they are run."""
    names = ("__call__", "__bool__", "__len__", "__eq__", "__hash__", "__repr__")
    return Meta("Hostile", (), {"__module__": "app", **dict.fromkeys(names, _is_run)})


def look_at_everything(deferreds: list[Any]) -> str:
    """Return what all commands and functions say, in which no hostile code may run."""
    global armed
    armed = True
    try:
        said = [render(_report.answer({"command": command})) for command in ("ps", "pstree", "why")]
        said.append(str(snapshot()))
        said += [str(explain(deferred)) for deferred in deferreds]
        metrics()
    finally:
        armed = False
    assert ran == []
    return "\n".join(said)


def test_nothing_of_hostile_classes_runs(api: ModuleType) -> None:
    kind = hostile()
    thing = kind()

    # Twisted's class has a metaclass, too.
    metaclass: Any = Meta if type(api.Deferred) is type else type("Both", (Meta, type(api.Deferred)), {})

    Sub = metaclass("Sub", (api.Deferred,), {})
    waiting = api.Deferred().addCallback(thing).addCallback(functools.partial(thing, kind))
    waiting.addCallback(types.MethodType(thing, thing)).addBoth(kind)
    held = Sub()
    thing.held = [held]
    made = [waiting, held, api.succeed(thing), api.succeed(kind), api.DeferredList([waiting, held])]

    async def coroutine() -> None:
        await Sub()

    coroutine.__qualname__ = Text("the coroutine")
    made.append(api.ensureDeferred(coroutine()))
    assert "Hostile" in look_at_everything(made)


def test_nothing_of_a_hostile_class_runs_that_an_error_was_of(api: ModuleType) -> None:
    kind = Meta("Wrong", (Exception,), {})
    failed = api.fail(kind())
    assert "Wrong" in look_at_everything([failed])
    failed.addErrback(lambda _: None)


def outstanding(reactor: Any) -> str:
    """Have hostile things outstanding in a reactor, and return what is said of them."""
    from twisted.internet.defer import Deferred
    from twisted.internet.protocol import Factory, Protocol
    from twisted.internet.task import LoopingCall
    from twisted.internet.threads import deferToThread

    thing: Any = hostile()()
    told: list[str] = []

    class Hears(Protocol, metaclass=Meta):
        __len__ = __bool__ = _is_run

    class Makes(Factory, metaclass=Meta):
        __len__ = __bool__ = _is_run
        protocol = Hears

    def look() -> None:
        told.append(look_at_everything([waiting]))
        reactor.stop()

    waiting: Any = Deferred()
    reactor.callLater(1000, thing, waiting)
    reactor.callLater(1000, waiting.callback, thing)
    loop = LoopingCall(thing)
    loop.start(1000, now=False)
    reactor.addSystemEventTrigger("before", "shutdown", bool, thing)
    port = reactor.listenTCP(0, Makes(), interface="127.0.0.1")
    done = deferToThread(functools.partial(type(thing).__call__, thing))
    done.addBoth(lambda _: reactor.callLater(0, look))
    reactor.run()
    assert port and done
    return told[0]


def test_nothing_of_hostile_things_of_a_reactor_runs(loop: Loop) -> None:
    said = loop.run(outstanding)
    assert "Hostile" in said
    assert "Makes" in said


def test_a_class_of_a_known_name_is_not_taken_for_ours(api: ModuleType) -> None:
    class _Attribute:
        def __get__(self, *_: Any) -> Any:
            return _is_run(self)

    class _Driver:
        resume = _is_run
        generator = status = property(_is_run)

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        _deferredList = waiting = _Attribute()

    sub = Sub().addCallback(_Driver().resume)
    assert "not fired" in look_at_everything([sub])


@pytest.mark.parametrize("name", ["twisted.internet.defer", 7, None, ["a list"]])
def test_a_class_may_have_anything_as_its_module(name: Any) -> None:
    made = type("Odd", (), {"__module__": name, "__dict__": property(_is_run)})
    keeps = [made(), made]
    assert look_at_everything([])
    assert keeps
