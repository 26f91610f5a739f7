"""Where the code of a program runs in the middle of an operation of a `DeferredList`."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tests.helpers import Oops, same
from tests.safety import describing
from tests.safety.deferred_places import Called, Ends, Once, Place, in_another_thread

PLACES: dict[str, Place] = {}


def _place(function: Place) -> Place:
    PLACES[function.__name__] = function
    return function


def describe(d: Any) -> Any:
    """Describe the state of a list."""
    names = (
        "_deferredList",
        "resultList",
        "finishedCount",
        "fireOnOneCallback",
        "fireOnOneErrback",
        "consumeErrors",
    )
    return [describing.deferred(d), *(describing.attribute(d, name) for name in names)]


def use_up(d: Any) -> Any:
    """Fire what has not been fired."""
    members = list(d._deferredList) if isinstance(d._deferredList, list) else []
    said = [describing.use_up(member) for member in members]
    return [said, describing.use_up(d)]


def a_list(api: ModuleType, count: int = 3, **keywords: Any) -> tuple[list[Any], Any]:
    members = [api.Deferred() for _ in range(count)]
    d = api.DeferredList(members, **keywords)
    d.addErrback(lambda _: "failed")
    return members, d


@_place
def a_member_is_given_a_result_by_a_callback(api: ModuleType, once: Once) -> Any:
    members = [api.Deferred() for _ in range(3)]
    members[1].addCallback(Called(lambda: once(d)))
    d = api.DeferredList(members)
    for member in members:
        if not member.called:
            member.callback("given")
    return d


@_place
def the_list_fires(api: ModuleType, once: Once) -> Any:
    members, d = a_list(api)
    d.addCallback(Called(lambda: once(d)))
    for member in members:
        if not member.called:
            member.callback("given")
    return d


@_place
def the_list_fires_on_one_callback(api: ModuleType, once: Once) -> Any:
    members, d = a_list(api, fireOnOneCallback=True)
    d.addCallback(Called(lambda: once(d)))
    members[1].callback("given")
    return d


@_place
def the_list_fails_on_one_errback(api: ModuleType, once: Once) -> Any:
    members = [api.Deferred() for _ in range(3)]
    d = api.DeferredList(members, fireOnOneErrback=True, consumeErrors=True)
    d.addErrback(Called(lambda: once(d))).addErrback(lambda _: "failed")
    members[1].errback(Oops())
    return d


@_place
def a_canceller_of_a_member_is_called(api: ModuleType, once: Once) -> Any:
    members = [api.Deferred(lambda _: once(d)) for _ in range(3)]
    d: Any = api.DeferredList(members, consumeErrors=True)
    d.cancel()
    return d


@_place
def a_canceller_of_a_member_raises(api: ModuleType, once: Once) -> Any:
    def cancel(_: Any) -> None:
        once(d)
        raise Oops

    members = [api.Deferred(cancel) for _ in range(3)]
    d = api.DeferredList(members, consumeErrors=True)
    d.cancel()
    return d


@_place
def cancel_of_a_member_is_overridden(api: ModuleType, once: Once) -> Any:
    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        def cancel(self) -> None:
            once(d)
            super().cancel()

    d = api.DeferredList([Sub(), api.Deferred(), Sub()], consumeErrors=True)
    d.cancel()
    return d


@_place
def add_callbacks_of_a_member_is_overridden(api: ModuleType, once: Once) -> Any:
    made: list[Any] = []

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        def addCallbacks(self, *arguments: Any, **keywords: Any) -> Any:
            once(made[0])
            return super().addCallbacks(*arguments, **keywords)

    class Listing(api.DeferredList):  # type: ignore[misc, name-defined]
        def __init__(self, *arguments: Any) -> None:
            made.append(self)
            super().__init__(*arguments)

    d = Listing([api.Deferred(), Sub(), api.Deferred()])
    d.addErrback(lambda _: "failed")
    return d


@_place
def the_members_are_iterated_over(api: ModuleType, once: Once) -> Any:
    made: list[Any] = []

    class Listing(api.DeferredList):  # type: ignore[misc, name-defined]
        def __init__(self, *arguments: Any) -> None:
            made.append(self)
            super().__init__([])
            super().__init__(*arguments)

    def members() -> Iterator[Any]:
        yield api.Deferred()
        once(made[0])
        yield api.Deferred()

    d = Listing(members())
    d.addErrback(lambda _: "failed")
    return d


@_place
def cb_deferred_is_overridden(api: ModuleType, once: Once) -> Any:
    class Listing(api.DeferredList):  # type: ignore[misc, name-defined]
        def _cbDeferred(self, *arguments: Any, **keywords: Any) -> Any:
            once(self)
            return super()._cbDeferred(*arguments, **keywords)

    members = [api.Deferred() for _ in range(3)]
    d = Listing(members)
    for member in members:
        if not member.called:
            member.callback("given")
    return d


class Truth:
    """A flag that is asked."""

    def __init__(self, once: Any, value: bool) -> None:
        self.once = once
        self.value = value

    def __bool__(self) -> bool:
        self.once()
        return self.value


@_place
def a_flag_is_asked_whether_it_is_true(api: ModuleType, once: Once) -> Any:
    members, d = a_list(api)
    d.fireOnOneCallback = Truth(lambda: once(d), False)
    for member in members:
        if not member.called:
            member.callback("given")
    d.fireOnOneCallback = False
    return d


@_place
def a_flag_of_errors_is_asked_whether_it_is_true(api: ModuleType, once: Once) -> Any:
    members, d = a_list(api)
    d.fireOnOneErrback = Truth(lambda: once(d), True)
    for member in members:
        member.addErrback(lambda _: None)
    members[1].called or members[1].errback(Oops())
    d.fireOnOneErrback = False
    return d


@_place
def a_flag_of_consuming_is_asked_whether_it_is_true(api: ModuleType, once: Once) -> Any:
    members, d = a_list(api)
    d.consumeErrors = Truth(lambda: once(d), True)
    members[1].errback(Oops())
    d.consumeErrors = True
    return d


class Results(list[Any]):
    """A list of results that does something when one is put into it, or its length is asked for."""

    once: Any = None

    def __setitem__(self, at: Any, value: Any) -> None:
        super().__setitem__(at, value)
        self.once()

    def __len__(self) -> int:
        self.once()
        return super().__len__()


@_place
def the_results_are_of_a_program(api: ModuleType, once: Once) -> Any:
    members, d = a_list(api)
    results = Results([None, None, None])
    results.once = lambda: once(d)
    d.resultList = results
    for member in members:
        if not member.called:
            member.callback("given")
    return d


@_place
def a_result_ends_that_is_replaced(api: ModuleType, once: Once) -> Any:
    members, d = a_list(api)
    d.resultList[1] = Ends(lambda: once(d))
    members[1].callback("given")
    return d


@_place
def the_results_end_that_are_replaced(api: ModuleType, once: Once) -> Any:
    _, d = a_list(api)
    d.resultList.append(Ends(lambda: once(d)))
    d.resultList = [None] * 3
    return d


@_place
def the_members_end_that_are_replaced(api: ModuleType, once: Once) -> Any:
    _, d = a_list(api)
    d._deferredList.append(Ends(lambda: once(d)))
    d._deferredList = [api.Deferred()]
    return d


@_place
def a_member_of_another_kind_ends_when_it_is_initialised_again(api: ModuleType, once: Once) -> Any:
    _, d = a_list(api)
    d._deferredList.append(Ends(lambda: once(d)))
    d.__init__([api.succeed(1), api.Deferred()])
    return d


@_place
def another_thread_has_the_turn(api: ModuleType, once: Once) -> Any:
    members = [api.Deferred() for _ in range(3)]
    members[1].addCallback(Called(lambda: in_another_thread(lambda: once(d))))
    d = api.DeferredList(members)
    d.addErrback(lambda _: "failed").addBoth(same)
    for member in members:
        if not member.called:
            member.callback("given")
    return d
