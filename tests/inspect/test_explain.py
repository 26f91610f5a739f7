"""`explain` says what one Deferred has and waits for, of Twisted and of deferrous, and changes nothing."""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import Any

import pytest
from deferrous.inspect import explain, snapshot

from tests.children import passes

#: What a module has is held on every Python.
kept: list[Any] = []


def later(result: object) -> object:
    return result


class Loud:
    """A value that must not be looked at."""

    def __repr__(self) -> str:
        raise AssertionError("repr was called")

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was read")


def test_a_deferred_that_waits_is_explained_with_its_callbacks(api: ModuleType) -> None:
    deferred = api.Deferred().addCallback(later)
    found = explain(deferred)
    assert (found.fired, found.paused, found.running) == (False, 0, False)
    assert [name for name, _ in found.callbacks] == ["later"]
    assert found.callbacks[0][1].line == later.__code__.co_firstlineno
    assert "not fired" in str(found) and f"test_explain.py:{later.__code__.co_firstlineno}" in str(found)


def test_a_pause_is_told_apart_from_waiting(api: ModuleType) -> None:
    inner, paused = api.Deferred(), api.succeed(None)
    outer = api.succeed(None).addCallback(lambda _: inner)
    paused.pause()
    assert (explain(outer).paused, explain(paused).paused) == (0, 1)
    assert explain(outer).tree is not None
    assert "unpause()" in explain(paused).waits_for


def test_the_value_of_a_result_is_shown_only_if_asked_for(api: ModuleType) -> None:
    secret = api.succeed("the password")
    assert "password" not in str(explain(secret))
    assert "fired with a str" in str(explain(secret))
    assert "password" in str(explain(secret, values=True))


def test_a_repr_that_fails_is_told_and_not_raised(api: ModuleType) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no")

    fired = api.succeed(Broken())
    text = str(explain(fired, values=True))
    assert "Broken instance at" in text


def test_no_code_of_the_program_runs(api: ModuleType) -> None:
    loud = Loud()
    waiting = api.Deferred().addCallback(later)
    fired = api.succeed(loud)
    keeps = [loud, waiting, fired]
    assert "a Loud" in str(explain(fired))
    assert snapshot().groups
    assert len(keeps) == 3


def test_reading_changes_nothing(api: ModuleType) -> None:
    order: list[object] = []
    deferred = api.Deferred()
    deferred.addCallback(order.append).addCallback(order.append)
    # An object of Python gets a dict when somebody looks for its attributes.
    assert vars(deferred) is not None
    before = gc.get_referents(deferred)
    explain(deferred)
    assert [id(thing) for thing in gc.get_referents(deferred)] == [id(thing) for thing in before]
    deferred.callback("first")
    assert order == ["first", None]


def test_a_lost_deferred_is_said_to_never_fire(api: ModuleType) -> None:
    async def wait() -> None:
        await api.Deferred()

    running = api.ensureDeferred(wait())
    assert "can never fire" in explain(running).waits_for


def test_who_holds_a_deferred_is_named(api: ModuleType) -> None:
    class Client:
        pass

    client: Any = Client()
    client.reply = api.Deferred()
    kept.append(client)
    found = explain(client.reply)
    kept.clear()
    assert found.held_by is not None
    assert "Client.reply" in found.held_by[0]


def test_an_attribute_is_named_again_although_looking_has_made_the_dict(api: ModuleType) -> None:
    class Client:
        pass

    client: Any = Client()
    client.reply = api.Deferred()
    kept.append(client)
    for _ in range(2):
        found = explain(client.reply)
        assert found.held_by is not None
        assert "Client.reply" in found.held_by[0]
    kept.clear()


def test_the_variable_of_a_running_function_is_named_where_python_tells_it(api: ModuleType) -> None:
    waiting = api.Deferred()
    held_by = explain(waiting).held_by
    if sys.version_info >= (3, 13):
        assert held_by is not None
        assert held_by[0].startswith("the variable waiting of test_the_variable_of_a_running_function_is_")
    elif sys.version_info >= (3, 11):
        assert held_by is None
        assert "unless a variable of a running function does" in explain(waiting).waits_for
    else:
        assert held_by is not None
        assert held_by[0].startswith("a variable of test_the_variable_of_a_running_function_is_")


def test_only_deferreds_are_explained() -> None:
    with pytest.raises(TypeError, match=r"explain\(\) takes a Deferred, not list"):
        explain([])


def test_circles_and_long_chains_need_no_stack(api: ModuleType) -> None:
    inner = first = api.Deferred()
    for _ in range(5000):
        inner = api.succeed(None).addCallback(lambda _, inner=inner: inner)
    found = explain(inner)
    assert found.tree is not None
    # Those of which nothing is known are left out between the first and the last.
    assert len(str(found).splitlines()) < 20
    first.callback(None)


def test_like_things_are_one_row(api: ModuleType) -> None:
    async def wait() -> None:
        await api.Deferred()

    # Without those of an earlier test, which are garbage.
    gc.collect()
    running = [api.ensureDeferred(wait()) for _ in range(50)]
    rows = [group for group in snapshot().groups if group.name.endswith("<locals>.wait")]
    assert [(row.count, row.kind) for row in rows][:1] == [(50, "coroutine")]
    assert len(running) == 50


def test_a_program_that_has_used_asyncio_is_looked_at() -> None:
    """The free list of `_asyncio` is not followed: on CPython 3.12 that takes all memory."""
    printed = passes(
        """
        import asyncio, resource
        from deferrous.defer import Deferred
        from deferrous.inspect import explain

        async def main():
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await future

        for _ in range(5):
            asyncio.run(main())
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        print([explain(Deferred()).fired for _ in range(2)])
        """
    )
    assert printed == "[False, False]\n"
