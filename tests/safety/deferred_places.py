"""Where the code of a program runs in the middle of an operation of a Deferred.

Each is a function of a module of Deferreds, and of one that is called with the Deferred at that place. It
gives the Deferred back.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from twisted.logger import globalLogPublisher

from tests.apis import queue_name
from tests.helpers import Oops, Steps, same

Once = Callable[[Any], None]
Place = Callable[[ModuleType, Once], Any]
PLACES: dict[str, Place] = {}


def _place(function: Place) -> Place:
    PLACES[function.__name__] = function
    return function


class Called:
    """A callable that does something, and passes its argument on."""

    def __init__(self, does: Callable[[], object]) -> None:
        self.does = does

    def __call__(self, result: Any, *_: Any, **__: Any) -> Any:
        self.does()
        return result


class Ends(Called):
    """A callable, or anything else, that does something at its end."""

    def __call__(self, result: Any = None, *_: Any, **__: Any) -> Any:
        return result

    def __del__(self) -> None:
        self.does()


class Watched(Ends):
    """An object to which a weak reference may be made; its end is not seen."""

    def __del__(self) -> None:
        pass


# Calls.


@_place
def a_callback_is_called(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(Called(lambda: once(d))).addBoth(same)
    d.callback("given")
    return d


@_place
def an_errback_is_called(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addErrback(Called(lambda: once(d))).addErrback(lambda _: "handled")
    d.errback(Oops())
    return d


@_place
def a_callback_raises(api: ModuleType, once: Once) -> Any:
    def raises(_: Any) -> None:
        once(d)
        raise Oops

    d = api.Deferred()
    d.addCallback(raises).addErrback(lambda _: "handled")
    d.callback("given")
    return d


@_place
def a_callback_of_a_fired_one_is_called(api: ModuleType, once: Once) -> Any:
    d = api.succeed("given")
    d.addCallback(Called(lambda: once(d)))
    return d


@_place
def a_callback_with_arguments_is_called(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallbacks(Called(lambda: once(d)), None, [1, 2, 3], {"four": 4}).addCallback(same)
    d.callback("given")
    return d


@_place
def a_callback_returns_one_that_waits(api: ModuleType, once: Once) -> Any:
    inner = api.Deferred()

    def returns(_: Any) -> Any:
        once(d)
        return inner

    d = api.Deferred()
    d.addCallback(returns).addCallback(same)
    d.callback("given")
    inner.callback("inner")
    return d


@_place
def a_callback_returns_one_that_was_fired(api: ModuleType, once: Once) -> Any:
    def returns(_: Any) -> Any:
        once(d)
        return api.succeed("inner")

    d = api.Deferred()
    d.addCallback(returns).addCallback(same)
    d.callback("given")
    return d


@_place
def a_callback_of_the_inner_one_is_called(api: ModuleType, once: Once) -> Any:
    """The Deferred waits for one whose callback does it to the outer one."""
    inner, d = api.Deferred(), api.Deferred()
    d.addCallback(lambda _: inner).addCallback(same)
    d.callback("given")
    inner.addCallback(Called(lambda: once(d)))
    inner.callback("inner")
    return d


@_place
def a_callback_of_the_outer_one_is_called(api: ModuleType, once: Once) -> Any:
    """The Deferred is waited for by one whose callback does it to the inner one."""
    d, outer = api.Deferred(), api.Deferred()
    outer.addCallback(lambda _: d).addCallback(Called(lambda: once(d)))
    outer.callback(None)
    d.addBoth(same)
    d.callback("given")
    return d


@_place
def a_canceller_is_called(api: ModuleType, once: Once) -> Any:
    d = api.Deferred(once)
    d.addBoth(lambda _: "cancelled")
    d.cancel()
    return d


@_place
def the_class_of_a_callback_has_a_descriptor(api: ModuleType, once: Once) -> Any:
    """`__call__` is found by a descriptor."""

    class Described:
        @property
        def __call__(self) -> Any:
            once(d)
            return same

    d = api.Deferred()
    d.addCallback(Described()).addCallback(same)
    d.callback("given")
    return d


# Truth, comparison and classes.


@_place
def a_canceller_is_asked_whether_it_is_true(api: ModuleType, once: Once) -> Any:
    class Canceller:
        def __bool__(self) -> bool:
            once(d)
            return True

        def __call__(self, _: Any) -> None:
            pass

    d = api.Deferred(Canceller())
    d.addErrback(lambda _: "cancelled")
    d.cancel()
    return d


@_place
def a_result_is_asked_for_its_class(api: ModuleType, once: Once) -> Any:
    class Pretends:
        @property
        def __class__(self) -> Any:
            once(d)
            return int

        @__class__.setter
        def __class__(self, _: Any) -> None:
            pass

    d = api.Deferred()
    d.addCallback(lambda _: Pretends()).addBoth(lambda _: "over")
    d.callback("given")
    return d


@_place
def a_returned_result_has_its_own_getattribute(api: ModuleType, once: Once) -> Any:
    class Asked:
        def __getattribute__(self, name: str) -> Any:
            once(d)
            return object.__getattribute__(self, name)

    d = api.Deferred()
    d.addCallback(lambda _: Asked()).addBoth(lambda _: "over")
    d.callback("given")
    return d


@_place
def a_result_compares_as_equal_to_everything(api: ModuleType, once: Once) -> Any:
    class Equal:
        def __eq__(self, other: object) -> bool:
            once(d)
            return True

        def __hash__(self) -> int:
            return 1

    d = api.Deferred()
    d.addCallback(lambda _: Equal()).addBoth(lambda _: "over")
    d.callback(Equal())
    return d


@_place
def the_metaclass_has_its_own_getattribute(api: ModuleType, once: Once) -> Any:
    """What is looked for on the class of a returned Deferred goes through the program."""
    armed: list[Any] = []

    class Meta(type(api.Deferred)):  # type: ignore[misc]
        def __getattribute__(cls, name: str) -> Any:
            if armed and name in ("callback", "_runCallbacks", "debug", "addBoth"):
                armed.clear()
                once(d)
            return super().__getattribute__(name)

    class Sub(api.Deferred, metaclass=Meta):  # type: ignore[misc, name-defined]
        pass

    d = api.Deferred()
    d.addCallback(lambda _: Sub()).addBoth(lambda _: "over")
    # On stock Twisted nothing asks the class, so it is asked here.
    armed.append(True)
    assert Sub.debug is False
    armed.clear()
    d.callback("given")
    return d


@_place
def a_result_is_shown(api: ModuleType, once: Once) -> Any:
    class Shown:
        def __repr__(self) -> str:
            once(d)
            return "shown"

    d = api.succeed(Shown())
    repr(d)
    return d


# Attributes of subclasses.


@_place
def a_method_is_looked_up(api: ModuleType, once: Once) -> Any:
    """Every method that an operation looks up on the object is found by a descriptor."""

    class Finds:
        def __init__(self, name: str) -> None:
            self.name = name

        def __get__(self, instance: Any, owner: Any) -> Any:
            if instance is not None and armed:
                once(instance)
            return getattr(api.Deferred, self.name).__get__(instance, owner)

    armed: list[Any] = []
    members = {
        name: Finds(name) for name in ("_startRunCallbacks", "_runCallbacks", "addCallbacks", "errback")
    }
    d = type("Found", (api.Deferred,), members)()
    d.addCallback(same)
    armed.append(True)
    d.callback("given")
    return d


@_place
def run_callbacks_is_overridden(api: ModuleType, once: Once) -> Any:
    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        def _runCallbacks(self) -> None:
            once(self)
            super()._runCallbacks()

    d = Sub()
    d.addCallback(same)
    d.callback("given")
    d.addCallback(same)
    return d


@_place
def pause_is_overridden(api: ModuleType, once: Once) -> Any:
    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        def pause(self) -> None:
            once(self)
            super().pause()

    inner = api.Deferred()
    d = Sub()
    d.addCallback(lambda _: inner)
    d.callback("given")
    inner.callback("inner")
    return d


@_place
def continuation_is_overridden(api: ModuleType, once: Once) -> Any:
    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        def _continuation(self) -> Any:
            once(self)
            return super()._continuation()

    inner = api.Deferred()
    d = Sub()
    d.addCallback(lambda _: inner)
    d.callback("given")
    inner.callback("inner")
    return d


@_place
def the_list_of_callbacks_is_read_through_an_override(api: ModuleType, once: Once) -> Any:
    """A member of a list, whose entry asks that list for a method when it is shown."""
    armed: list[Any] = []

    class Listing(api.DeferredList):  # type: ignore[misc, name-defined]
        def __getattribute__(self, name: str) -> Any:
            if armed and name == "_cbDeferred":
                armed.clear()
                once(d)
                [object() for _ in range(1000)]
            return super().__getattribute__(name)

    d = api.Deferred()
    listing = Listing([d])
    for number in range(20):
        d.addCallback(lambda result, number=number: result)
    armed.append(True)
    # On stock Twisted the entry is there already.
    assert listing._cbDeferred
    entries = list(getattr(d, queue_name()))
    for entry in entries:
        repr(entry)
    return d


@_place
def chain_deferred_looks_for_methods(api: ModuleType, once: Once) -> Any:
    class Asked(api.Deferred):  # type: ignore[misc, name-defined]
        def __getattribute__(self, name: str) -> Any:
            if name == "errback":
                once(d)
            return super().__getattribute__(name)

    d = api.Deferred()
    d.chainDeferred(Asked())
    if not d.called:
        d.callback("given")
    return d


@_place
def debug_info_is_told(api: ModuleType, once: Once) -> Any:
    """`failResult` of a program's own record is set when a failure has been taken over."""

    class Info:
        def __setattr__(self, name: str, value: Any) -> None:
            once(d)

    d = api.Deferred()
    d.addErrback(lambda _: "handled")
    d._debugInfo = Info()
    d.errback(Oops())
    return d


# Ends.


@_place
def a_callback_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(Ends(lambda: once(d)))
    d.addBoth(same).addBoth(same)
    d.callback("given")
    return d


@_place
def a_callback_of_a_fired_one_ends(api: ModuleType, once: Once) -> Any:
    d = api.succeed("given")
    d.addCallback(Ends(lambda: once(d)))
    d.addCallback(same)
    return d


@_place
def the_last_callback_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(Ends(lambda: once(d)))
    d.callback("given")
    return d


@_place
def an_argument_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(lambda result, *_: result, Ends(lambda: once(d)))
    d.addBoth(same)
    d.callback("given")
    return d


@_place
def a_keyword_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(lambda result, **_: result, key=Ends(lambda: once(d)))
    d.addBoth(same)
    d.callback("given")
    return d


@_place
def a_given_result_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(lambda _: "next").addBoth(same)
    d.callback(Ends(lambda: once(d)))
    return d


@_place
def a_result_between_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(lambda _: Ends(lambda: once(d))).addCallback(lambda _: "next").addBoth(same)
    d.callback("given")
    return d


@_place
def a_result_that_is_replaced_ends(api: ModuleType, once: Once) -> Any:
    d = api.succeed(None)
    d.result = Ends(lambda: once(d))
    d.result = "other"
    return d


@_place
def a_result_that_is_deleted_ends(api: ModuleType, once: Once) -> Any:
    d = api.succeed(None)
    d.result = Ends(lambda: once(d))
    del d.result
    return d


@_place
def a_canceller_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred(Ends(lambda: once(d)))
    d.addBoth(same)
    d.callback("given")
    return d


@_place
def a_canceller_that_is_replaced_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred(Ends(lambda: once(d)))
    d._canceller = None
    return d


@_place
def a_canceller_ends_in_init(api: ModuleType, once: Once) -> Any:
    d = api.Deferred(Ends(lambda: once(d)))
    d.addBoth(same)
    d.__init__()
    return d


@_place
def callbacks_end_in_init(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(Ends(lambda: once(d))).addBoth(same)
    d.__init__()
    return d


@_place
def callbacks_that_are_replaced_end(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(Ends(lambda: once(d))).addBoth(same)
    setattr(d, queue_name(), [])
    return d


@_place
def callbacks_of_a_list_that_was_read_end(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(Ends(lambda: once(d)))
    assert len(getattr(d, queue_name())) == 1
    d.addBoth(same).addBoth(same)
    d.callback("given")
    return d


@_place
def what_it_says_it_waits_for_ends(api: ModuleType, once: Once) -> Any:
    class Inner(api.Deferred):  # type: ignore[misc, name-defined]
        def __del__(self) -> None:
            once(d)

    d = api.Deferred()
    Inner().chainDeferred(d)
    d.callback("given")
    return d


@_place
def a_deferred_that_was_returned_ends(api: ModuleType, once: Once) -> Any:
    class Inner(api.Deferred):  # type: ignore[misc, name-defined]
        def __del__(self) -> None:
            once(d)

    def returns(_: Any) -> Any:
        inner = Inner()
        inner.callback("inner")
        return inner

    d = api.Deferred()
    d.addCallback(returns).addBoth(same)
    d.callback("given")
    return d


@_place
def an_exception_ends(api: ModuleType, once: Once) -> Any:
    class Ending(Exception):
        def __del__(self) -> None:
            once(d)

    def raises(_: Any) -> None:
        raise Ending

    d = api.Deferred()
    d.addCallback(raises).addErrback(lambda _: "handled").addBoth(same)
    d.callback("given")
    return d


@_place
def an_attribute_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(same)
    d.note = Ends(lambda: once(d))
    d.note = None
    return d


@_place
def a_subclass_ends(api: ModuleType, once: Once) -> Any:
    """`__del__` of the Deferred itself, which revives it."""
    kept: list[Any] = []

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        def __del__(self) -> None:
            once(self)
            kept.append(self)

    d = Sub()
    d.addCallback(same)
    d.callback("given")
    del d
    gc.collect()
    return kept.pop()


# Weak references.


@_place
def a_weak_reference_to_a_callback_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    callback = Watched(lambda: None)
    kept = weakref.ref(callback, lambda _: once(d))
    d.addCallback(callback).addBoth(same)
    del callback
    d.callback("given")
    assert kept() is None
    return d


@_place
def a_weak_reference_to_a_result_ends(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    result = Watched(lambda: None)
    kept = weakref.ref(result, lambda _: once(d))
    d.addCallback(lambda _: "next").addBoth(same)
    d.callback(result)
    del result
    assert kept() is None or d is not None
    return d


@_place
def a_weak_reference_to_the_inner_one_ends(api: ModuleType, once: Once) -> Any:
    kept: list[Any] = []
    d = api.Deferred()

    def returns(_: Any) -> Any:
        inner = api.Deferred()
        kept.append(weakref.ref(inner, lambda _: once(d)))
        waiting.append(inner)
        return inner

    waiting: list[Any] = []
    d.addCallback(returns).addBoth(same)
    d.callback("given")
    waiting.pop().callback("inner")
    return d


# The collector.


@_place
def the_collector_runs_in_a_callback(api: ModuleType, once: Once) -> Any:
    def collects(phase: str, _: Any) -> None:
        once(d)

    def callback(result: Any) -> Any:
        gc.callbacks.append(collects)
        gc.collect()
        gc.callbacks.remove(collects)
        return result

    d = api.Deferred()
    d.addCallback(callback).addBoth(same)
    d.callback("given")
    return d


@_place
def a_cycle_is_collected_in_a_callback(api: ModuleType, once: Once) -> Any:
    def callback(result: Any) -> Any:
        cycle: Any = Ends(lambda: once(d))
        cycle.own = cycle
        del cycle
        gc.collect()
        return result

    d = api.Deferred()
    d.addCallback(callback).addBoth(same)
    d.callback("given")
    return d


@_place
def a_cycle_through_it_is_collected(api: ModuleType, once: Once) -> Any:
    """The collector has found the Deferred, and its callback revives it."""
    kept: list[Any] = []

    def revive(d: Any) -> None:
        kept.append(d)
        once(d)

    def make() -> None:
        d = api.Deferred()
        d.addCallback(Ends(lambda: revive(d))).addBoth(same)

    make()
    gc.collect()
    return kept.pop()


@_place
def a_cycle_of_an_unhandled_failure_is_collected(api: ModuleType, once: Once) -> Any:
    """What is logged of a failure gets at another Deferred."""
    d = api.Deferred()
    d.addCallback(same)
    failed = api.fail(Oops())
    failed.own = failed
    observer: Any = lambda _: once(d)  # noqa: E731
    globalLogPublisher.addObserver(observer)
    del failed
    gc.collect()
    globalLogPublisher.removeObserver(observer)
    return d


@_place
def an_unhandled_failure_is_logged_within_a_callback(api: ModuleType, once: Once) -> Any:
    def callback(result: Any) -> Any:
        api.fail(Oops())
        return result

    d = api.Deferred()
    d.addCallback(callback).addBoth(same)
    observer: Any = lambda _: once(d)  # noqa: E731
    globalLogPublisher.addObserver(observer)
    d.callback("given")
    globalLogPublisher.removeObserver(observer)
    return d


# Other threads.


def in_another_thread(does: Callable[[], object]) -> None:
    """Hand something over to another thread, and wait for it."""
    thread = threading.Thread(target=does)
    thread.start()
    thread.join()


@_place
def another_thread_has_the_turn_in_a_callback(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(Called(lambda: in_another_thread(lambda: once(d)))).addBoth(same)
    d.callback("given")
    return d


@_place
def another_thread_has_the_turn_in_a_finalizer(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()
    d.addCallback(Ends(lambda: in_another_thread(lambda: once(d)))).addBoth(same)
    d.callback("given")
    return d


# Arguments that run code when they are unpacked.


@_place
def arguments_are_iterated_over(api: ModuleType, once: Once) -> Any:
    class Arguments:
        def __iter__(self) -> Iterator[Any]:
            once(d)
            return iter(("argument",))

    d = api.Deferred()
    d.addCallbacks(lambda result, _: result, None, Arguments()).addBoth(same)
    d.callback("given")
    return d


@_place
def keywords_are_a_mapping(api: ModuleType, once: Once) -> Any:
    class Keywords:
        def keys(self) -> Any:
            once(d)
            return ["key"]

        def __getitem__(self, name: str) -> Any:
            return name

    d = api.Deferred()
    d.addCallbacks(lambda result, key: result, None, (), Keywords()).addBoth(same)
    d.callback("given")
    return d


# Coroutines and generators.


@_place
def a_generator_goes_on(api: ModuleType, once: Once) -> Any:
    waited = api.Deferred()

    def generator() -> Steps:
        yield waited
        once(d)
        return "returned"

    d = api.inlineCallbacks(generator)()
    d.addErrback(lambda _: "failed")
    waited.callback(None)
    return d


@_place
def a_generator_goes_on_and_gets_at_what_it_waits_for(api: ModuleType, once: Once) -> Any:
    d = api.Deferred()

    def generator() -> Steps:
        yield d
        once(d)
        yield api.succeed(None)
        return "returned"

    made = api.inlineCallbacks(generator)()
    made.addErrback(lambda _: "failed")
    d.callback("given")
    return d


@_place
def a_generator_is_closed(api: ModuleType, once: Once) -> Any:
    """Nothing waits for it any more, and its `finally` runs where its Deferred is cancelled."""
    waited: list[Any] = [api.Deferred()]

    def generator() -> Steps:
        try:
            yield waited[0]
        finally:
            once(d)

    d = api.inlineCallbacks(generator)()
    d.addErrback(lambda _: "failed")
    waited.clear()
    gc.collect()
    return d


@_place
def a_generator_is_cancelled(api: ModuleType, once: Once) -> Any:
    def generator() -> Steps:
        try:
            yield api.Deferred()
        except Exception:
            once(d)
            return "cancelled"

    d = api.inlineCallbacks(generator)()
    d.cancel()
    d.addErrback(lambda _: "failed")
    return d


@_place
def a_coroutine_goes_on(api: ModuleType, once: Once) -> Any:
    waited = api.Deferred()

    async def coroutine() -> str:
        await waited
        once(d)
        return "returned"

    d = api.ensureDeferred(coroutine())
    d.addErrback(lambda _: "failed")
    waited.callback(None)
    return d


@_place
def a_coroutine_is_given_something_of_its_own(api: ModuleType, once: Once) -> Any:
    """What is yielded is asked whether it can be waited for."""
    armed: list[Any] = []

    class Yielded:
        def __getattribute__(self, name: str) -> Any:
            if armed:
                armed.clear()
                once(d)
            return object.__getattribute__(self, name)

    def generator() -> Steps:
        yield waited
        armed.append(True)
        yield Yielded()
        return "returned"

    waited = api.Deferred()
    d = api.inlineCallbacks(generator)()
    d.addErrback(lambda _: "failed")
    waited.callback(None)
    return d


@_place
def add_both_is_overridden_where_a_generator_waits(api: ModuleType, once: Once) -> Any:
    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        def addBoth(self, *arguments: Any, **keywords: Any) -> Any:
            once(self)
            return super().addBoth(*arguments, **keywords)

    d = Sub()

    def generator() -> Steps:
        yield d

    api.inlineCallbacks(generator)().addErrback(lambda _: "failed")
    if not d.called:
        d.callback("given")
    return d


@_place
def an_iterator_is_asked_within_another(api: ModuleType, once: Once) -> Any:
    """`await` of a Deferred whose own iterator has begun."""
    d = api.Deferred()
    iterator = iter(d)
    assert next(iterator) is d
    once(d)
    if not d.called:
        d.callback("given")
    try:
        next(iterator)
    except BaseException:
        d.addErrback(lambda _: None)
    return d
