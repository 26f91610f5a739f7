"""inlineCallbacks and coroutines: what goes in, what comes out and who is told of errors."""

from __future__ import annotations

import inspect
import warnings
import weakref
from collections.abc import Awaitable, Generator, Iterator
from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import NotACoroutineError

from tests.helpers import UNFIRED, Oops, Steps, handled, outcome, raising


class Token:
    """Something that can be seen to go."""


def test_yielded_values_come_back_and_deferreds_as_their_results(api: ModuleType) -> None:
    """Yielded values come back as they are, and Deferreds as their results."""

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        pass

    sub = Sub()
    sub.callback("sub")

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        got: list[Any] = []
        for what in (1, None, api.succeed("fired"), sub, [2]):
            got.append((yield what))
        return got

    assert outcome(flow()) == [1, None, "fired", "sub", [2]]


def test_a_generator_resumes_in_the_call_that_fires(api: ModuleType) -> None:
    """A generator stops at what has not fired, and goes on in the call that fires it."""
    waits = [api.Deferred(), api.Deferred()]
    steps: list[Any] = []

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        for wait in waits:
            steps.append((yield wait))
        return "done"

    made = flow()
    assert steps == []
    waits[0].callback(1)
    assert steps == [1]
    waits[1].callback(2)
    assert steps == [1, 2]
    assert outcome(made) == "done"
    assert [wait.result for wait in waits] == [None, None]


def test_a_waiting_generator_keeps_no_earlier_result_alive(api: ModuleType) -> None:
    """A waiting generator keeps no result of an earlier wait alive."""

    def waits() -> Iterator[Any]:
        yield api.succeed(Token())
        yield later
        yield api.Deferred()

    def steps() -> Any:
        for wait in waits():
            seen.append(weakref.ref((yield wait)))

    async def coroutine() -> None:
        for wait in waits():
            seen.append(weakref.ref(await wait))

    for start in (api.inlineCallbacks(steps), lambda: api.ensureDeferred(coroutine())):
        seen: list[weakref.ref[Token]] = []
        later = api.Deferred()
        unfinished = start()
        assert [token() for token in seen] == [None]
        later.callback(Token())
        assert [token() for token in seen] == [None, None]
        assert outcome(unfinished) is UNFIRED


def test_failures_are_raised_at_the_yield(api: ModuleType) -> None:
    """The exception itself is raised where it was waited for, at once and later."""
    error, later = Oops("now"), api.Deferred()

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        caught = []
        for what in (api.fail(error), later):
            try:
                yield what
            except Oops as seen:
                caught.append(seen)
        return caught

    made = flow()
    second = Oops("later")
    later.errback(second)
    assert outcome(made) == [error, second]


def test_generators_and_coroutines_can_wait_for_each_other(api: ModuleType) -> None:
    """A generator may yield generators and coroutines, and a coroutine may await them."""

    def inner() -> Steps:
        return (yield api.succeed("inner"))

    async def coroutine() -> Any:
        return await api.succeed("coroutine")

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        first = yield inner()
        second = yield coroutine()
        third = yield api.inlineCallbacks(inner)()
        return [first, second, third]

    assert outcome(flow()) == ["inner", "coroutine", "inner"]


def test_a_decorated_function_keeps_its_name_and_binds_as_a_method(api: ModuleType) -> None:
    """A decorated function keeps its name and attributes, and binds as a method, also as a classmethod."""

    class Service:
        @api.inlineCallbacks  # type: ignore[untyped-decorator]
        def work(self, first: int, *, second: int = 2) -> Steps:
            """Do the work."""
            yield None
            return self, first, second

        @classmethod
        @api.inlineCallbacks  # type: ignore[untyped-decorator]
        def made(cls) -> Steps:
            yield None
            return cls

        @staticmethod
        @api.inlineCallbacks  # type: ignore[untyped-decorator]
        def free() -> Steps:
            yield None
            return "free"

    service = Service()
    assert outcome(service.work(1)) == (service, 1, 2)
    assert outcome(service.work(first=3, second=4)) == (service, 3, 4)
    assert outcome(Service.made()) is Service
    assert outcome(service.free()) == "free"
    assert (Service.work.__name__, Service.work.__doc__) == ("work", "Do the work.")
    assert Service.work.__qualname__.endswith("Service.work")
    assert inspect.isfunction(Service.__dict__["work"])
    assert list(inspect.signature(Service.work).parameters) == ["self", "first", "second"]
    assert hasattr(Service.work, "__wrapped__")
    with pytest.raises(TypeError):
        service.work()


def test_a_decorated_function_without_a_generator_raises_at_once(api: ModuleType) -> None:
    """A function that makes none raises at once, and says what it made."""

    def plain() -> int:
        return 5

    with pytest.raises(TypeError) as caught:
        api.inlineCallbacks(plain)()
    assert str(caught.value) == (f"inlineCallbacks requires {plain!r} to produce a generator; instead got 5")

    def leaving() -> None:
        defer.returnValue(1)

    with pytest.raises(TypeError, match="returnValue being used in a non-generator"), pytest.warns():
        api.inlineCallbacks(leaving)()
    with pytest.raises(Oops):
        api.inlineCallbacks(raising(Oops()))()


def test_a_returned_deferred_is_the_result(api: ModuleType) -> None:
    """A Deferred that is returned is the result, as Twisted has it, and is passed to callbacks as it is."""
    inner = api.Deferred()

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        yield None
        return inner

    made = flow()
    assert made.result is inner


def test_a_stop_iteration_in_a_generator_is_an_error(api: ModuleType) -> None:
    """A StopIteration that gets out of a generator is an error, and one from a failure ends nothing."""

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def leaking() -> Steps:
        yield None
        raise StopIteration("leaked")

    assert isinstance(outcome(leaking()), RuntimeError)

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def catching() -> Steps:
        try:
            yield api.fail(StopIteration("waited for"))
        except StopIteration as stop:
            return f"caught {stop.value}"

    assert outcome(catching()) == "caught waited for"


def test_ensure_deferred_takes_coroutines_generators_and_deferreds(api: ModuleType) -> None:
    """Coroutines and generators become Deferreds, Deferreds stay what they are, all else is refused."""

    async def coroutine() -> str:
        return "coroutine"

    def generator() -> Steps:
        return (yield api.succeed("generator"))

    assert outcome(api.ensureDeferred(coroutine())) == "coroutine"
    assert outcome(api.ensureDeferred(generator())) == "generator"
    deferred = api.Deferred()
    assert api.ensureDeferred(deferred) is deferred
    others: list[Any] = [None, 5, coroutine, [], object]
    for other in others:
        with pytest.raises(NotACoroutineError) as caught:
            api.ensureDeferred(other)
        assert str(caught.value) == f"{other!r} is not a coroutine or a Deferred"
        with pytest.raises(NotACoroutineError) as caught:
            api.Deferred.fromCoroutine(other)
        assert str(caught.value) == f"{other!r} is not a coroutine"


def test_from_coroutine_makes_plain_deferreds(api: ModuleType) -> None:
    """The class it is called on does not matter, as in Twisted."""

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        pass

    async def coroutine() -> int:
        return 1

    assert type(Sub.fromCoroutine(coroutine())) is api.Deferred


def test_maybe_deferred_makes_a_deferred_of_every_outcome(api: ModuleType) -> None:
    """Results, failures, errors, Deferreds and coroutines all become Deferreds."""
    deferred = api.Deferred()
    failure = api.fail(Oops("returned")).addErrback(lambda f: [f]).result[0]

    async def coroutine(value: int) -> int:
        return value

    assert outcome(api.maybeDeferred(lambda a, b: a + b, 1, b=2)) == 3
    assert api.maybeDeferred(lambda: deferred) is deferred
    assert outcome(api.maybeDeferred(lambda: failure)) is failure.value
    assert isinstance(outcome(api.maybeDeferred(raising(Oops()))), Oops)
    assert isinstance(outcome(api.maybeDeferred(raising(SystemExit()))), SystemExit)
    assert outcome(api.maybeDeferred(coroutine, 4)) == 4
    assert isinstance(outcome(api.execute(raising(Oops()), 1, key=2)), Oops)
    assert api.execute(lambda: deferred).result is deferred
    assert isinstance(outcome(api.maybeDeferred(5)), TypeError)


def test_awaiting_takes_a_result_or_waits_for_it(api: ModuleType) -> None:
    """await takes what is there, and waits where there is nothing or the Deferred is paused."""
    paused = api.succeed("paused")
    paused.pause()
    waiting_for = api.Deferred()
    waiting = api.succeed(None).addCallback(lambda _: waiting_for)
    got: list[Any] = []

    async def coroutine(deferred: Any) -> None:
        got.append(await deferred)

    for deferred in (api.succeed("fired"), paused, waiting):
        api.ensureDeferred(coroutine(deferred))
    assert got == ["fired"]
    paused.unpause()
    waiting_for.callback("late")
    assert got == ["fired", "paused", "late"]


def test_awaiting_takes_the_result_out_only_if_it_waits(api: ModuleType) -> None:
    """A fired Deferred keeps the result that is awaited, and one that is waited for passes it on."""

    async def coroutine(deferred: Any) -> Any:
        return await deferred

    fired = api.succeed("kept")
    assert outcome(api.ensureDeferred(coroutine(fired))) == "kept"
    assert fired.result == "kept"
    unfired = api.Deferred()
    made = api.ensureDeferred(coroutine(unfired))
    unfired.callback("once")
    assert outcome(made) == "once"
    assert unfired.result is None


def test_iterating_yields_the_deferred_until_it_has_a_result(api: ModuleType) -> None:
    """__await__ and __iter__ give themselves until there is a result."""
    deferred = api.Deferred()
    for method in (deferred.__await__, deferred.__iter__):
        steps = method()
        assert next(steps) is deferred
        assert next(steps) is deferred
    steps = deferred.__await__()
    next(steps)
    deferred.callback("end")
    with pytest.raises(StopIteration) as stopped:
        steps.send(None)
    assert stopped.value.value == "end"
    assert isinstance(deferred, Awaitable)


def test_steps_can_be_thrown_into_and_closed(api: ModuleType) -> None:
    """The object from __await__ can be used like a generator."""
    deferred = api.Deferred()
    steps = deferred.__await__()
    next(steps)
    with pytest.raises(Oops):
        steps.throw(Oops())
    closed = deferred.__await__()
    next(closed)
    closed.close()
    with pytest.raises(StopIteration):
        next(closed)


#: What `throw` of a generator takes, with what it refuses.
THROWN = (
    (Oops("instance"),),
    (Oops,),
    (Oops, "text"),
    (Oops, ("several", 1)),
    (Oops, Oops("instance")),
    (StopIteration,),
    (StopIteration("instance"),),
    (GeneratorExit,),
    (Oops("instance"), "a value of its own"),
    (Oops, None, "no traceback"),
    (Oops, None, None),
    (int,),
    (5,),
    (None,),
    (),
    (Oops, None, None, None),
)


def thrown(steps: Any, arguments: tuple[object, ...]) -> tuple[object, ...]:
    """Throw into an iterator, and tell what comes out and whether the iterator has ended."""
    with warnings.catch_warnings(record=True) as caught, pytest.raises(BaseException) as raised:
        warnings.simplefilter("always")
        steps.throw(*arguments)
    error = raised.value
    said = () if "argument" in str(error) and len(arguments) in (0, 4) else error.args
    kinds = [(warning.category, str(warning.message)) for warning in caught]
    return type(error), said, type(error.__cause__), kinds, next(steps, "ended") == "ended"


@pytest.mark.parametrize("arguments", THROWN, ids=repr)
def test_an_exception_is_thrown_as_into_a_generator(api: ModuleType, arguments: tuple[object, ...]) -> None:
    def wait() -> Generator[None, None, None]:
        while True:
            yield

    generator, steps = wait(), api.Deferred().__await__()
    next(generator)
    next(steps)
    assert thrown(steps, arguments) == thrown(generator, arguments)
    generator.close()
    steps.close()
    assert thrown(steps, arguments) == thrown(generator, arguments)


def test_a_wait_that_returns_nothing_stops_without_an_argument(api: ModuleType) -> None:
    for result, arguments in ((None, ()), (5, (5,)), ((1, 2), ((1, 2),))):
        with pytest.raises(StopIteration) as stopped:
            api.succeed(result).__await__().send(None)
        assert stopped.value.args == arguments


def test_send_takes_its_value_by_position(api: ModuleType) -> None:
    steps = api.succeed(5).__await__()
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        steps.send(value=None)
    with pytest.raises(StopIteration):
        steps.send(None)


def test_the_end_of_iteration_that_a_wait_refuses_is_released_at_once(api: ModuleType) -> None:
    class End(StopIteration):
        pass

    end = End()
    gone = weakref.ref(end)
    deferred = api.fail(end)
    try:
        next(deferred.__iter__())
    except RuntimeError as refused:
        assert refused.__cause__ is end
        # The frames keep what they used.
        end.__traceback__ = None
    del end
    deferred.addErrback(handled)
    assert gone() is None


def test_of_many_waiters_the_first_gets_the_result(api: ModuleType) -> None:
    """Only the first that waits gets the result, and the others get what it leaves behind."""
    got: list[Any] = []
    deferred = api.Deferred()

    async def coroutine() -> None:
        got.append(await deferred)

    made = [api.ensureDeferred(coroutine()) for _ in range(3)]
    deferred.callback("once")
    assert got == ["once"] + [None] * 2 or got == ["once"] * 3
    assert [outcome(item) for item in made] == [None] * 3


def test_an_exception_of_a_coroutine_fails_its_deferred(api: ModuleType) -> None:
    """An exception makes the Deferred fail, and nothing is raised where it started."""

    async def coroutine() -> None:
        raise Oops("at once")

    made = api.ensureDeferred(coroutine())
    assert isinstance(made.result.value, Oops)
    made.addErrback(handled)


def test_async_comprehensions_and_generators(api: ModuleType) -> None:
    """Asynchronous generators and comprehensions await Deferreds as coroutines do."""

    async def numbers() -> Any:
        for number in range(3):
            yield await api.succeed(number)

    async def flow() -> Any:
        return [number async for number in numbers()], [await api.succeed(n) for n in range(2)]

    assert outcome(api.ensureDeferred(flow())) == ([0, 1, 2], [0, 1])
