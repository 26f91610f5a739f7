"""DeferredList, gatherResults and race in all their ways."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import FAILURE, SUCCESS, CancelledError, FailureGroup, FirstError

from tests.apis import Failure
from tests.helpers import UNFIRED, Oops, handled, noting, outcome, raising


def test_a_list_has_a_pair_for_each_member_in_order(api: ModuleType) -> None:
    """The result has a pair for each, in the order of the list and not of firing."""
    members = [api.Deferred() for _ in range(3)]
    combined = api.DeferredList(members)
    members[2].callback("c")
    error = Oops("b")
    members[1].errback(error)
    assert combined.resultList == [None, (False, members[1].result), (True, "c")]
    assert combined.finishedCount == 2
    assert not combined.called
    members[0].callback("a")
    (first, second, third) = outcome(combined)
    assert (first, third) == ((SUCCESS, "a"), (SUCCESS, "c"))
    assert second[0] is FAILURE
    assert second[1].value is error
    assert outcome(members[2]) == "c"
    assert outcome(members[1]) is error


def test_an_empty_list_fires_at_once(api: ModuleType) -> None:
    """An empty list fires at once, unless it is to fire with the first result."""
    assert outcome(api.DeferredList([])) == []
    assert outcome(api.gatherResults([])) == []
    assert outcome(api.DeferredList([], fireOnOneErrback=True)) == []
    assert outcome(api.DeferredList([], fireOnOneCallback=True)) is UNFIRED
    assert outcome(api.race([])) is UNFIRED


def test_fire_on_one_callback_gives_the_first_value_and_its_index(api: ModuleType) -> None:
    """With fireOnOneCallback the first value and its index are the result, and failures do not count."""
    members = [api.Deferred() for _ in range(3)]
    combined = api.DeferredList(members, fireOnOneCallback=True, consumeErrors=True)
    members[0].errback(Oops())
    assert not combined.called
    members[2].callback("won")
    assert combined.result == ("won", 2)
    members[1].callback("lost")
    assert outcome(combined) == ("won", 2)
    failing = [api.fail(Oops()) for _ in range(2)]
    results = outcome(api.DeferredList(failing, fireOnOneCallback=True, consumeErrors=True))
    assert [success for success, _ in results] == [False, False]


def test_fire_on_one_errback_gives_the_first_failure_with_its_index(api: ModuleType) -> None:
    """With fireOnOneErrback the first failure is wrapped with its index."""
    members = [api.Deferred() for _ in range(2)]
    combined = api.DeferredList(members, fireOnOneErrback=True, consumeErrors=True)
    error = Oops("second")
    members[1].errback(error)
    first = outcome(combined)
    assert isinstance(first, FirstError)
    assert (first.index, first.subFailure.value) == (1, error)
    assert str(first).startswith("FirstError[#1, [Failure instance: Traceback")
    members[0].errback(Oops("too late"))
    assert outcome(members[0]) is None


@pytest.mark.parametrize("consume", [True, False])
def test_members_keep_values_and_unconsumed_failures(api: ModuleType, consume: bool) -> None:
    """Values stay with the members, and failures unless they are consumed."""
    good, bad = api.succeed("kept"), api.fail(Oops())
    api.DeferredList([good, bad], consumeErrors=consume)
    assert outcome(good) == "kept"
    assert (outcome(bad) is None) is consume


def test_the_flags_and_members_of_a_list_can_be_read(api: ModuleType) -> None:
    """The flags and the list can be read, and the list is a copy."""
    members = [api.Deferred()]
    combined = api.DeferredList(members, True, True, True)
    assert (combined.fireOnOneCallback, combined.fireOnOneErrback, combined.consumeErrors) == (True,) * 3
    assert combined._deferredList == members
    members.append(api.Deferred())
    assert len(combined._deferredList) == 1
    assert api.DeferredList.fireOnOneCallback is False
    assert api.DeferredList.fireOnOneErrback is False


def test_cancelling_a_list_cancels_all_members(api: ModuleType) -> None:
    """All members are cancelled, and the list fires with what becomes of them."""
    cancelled: list[int] = []
    members = [api.Deferred(lambda _, number=number: cancelled.append(number)) for number in range(3)]
    members[1].callback("done")
    combined = api.DeferredList(members, consumeErrors=True)
    combined.cancel()
    assert cancelled == [0, 2]
    results = outcome(combined)
    assert [success for success, _ in results] == [False, True, False]
    assert results[0][1].check(CancelledError)
    combined.cancel()


def test_cancelling_a_fired_list_does_nothing(api: ModuleType) -> None:
    """Once it has fired, the other members go on."""
    slow = api.Deferred()
    combined = api.DeferredList([api.succeed(1), slow], fireOnOneCallback=True)
    combined.cancel()
    assert not slow.called


def test_gather_results_gives_the_values_or_the_first_failure(api: ModuleType) -> None:
    """gatherResults gives the values alone, or the first failure."""
    members = [api.Deferred() for _ in range(2)]
    gathered = api.gatherResults(iter(members))
    assert type(gathered) is api.DeferredList
    members[1].callback(2)
    members[0].callback(1)
    assert outcome(gathered) == [1, 2]
    failed = outcome(api.gatherResults([api.succeed(1), api.fail(Oops())], consumeErrors=True))
    assert isinstance(failed, FirstError)
    assert failed.index == 1


def test_the_same_deferred_may_be_in_a_list_twice(api: ModuleType) -> None:
    """A Deferred may be in a list more than once, and sees what the first place leaves it."""
    member = api.Deferred()
    combined = api.DeferredList([member, member])
    member.callback("both")
    assert outcome(combined) == [(True, "both"), (True, "both")]


def test_a_list_gets_the_results_after_earlier_callbacks(api: ModuleType) -> None:
    """A list gets what comes of a member after the callbacks that it had."""
    inner = api.Deferred()
    member = api.Deferred().addCallback(lambda _: inner)
    combined = api.DeferredList([member])
    member.callback(None)
    assert not combined.called
    inner.callback("inner")
    assert outcome(combined) == [(True, "inner")]


def test_a_race_gives_the_first_value_and_cancels_the_others(api: ModuleType) -> None:
    """The first value wins with its index, and the others are cancelled before the race fires."""
    order: list[str] = []
    members = [api.Deferred(lambda _, n=n: order.append(f"cancelled {n}")) for n in range(3)]
    raced = api.race(members)
    raced.addCallback(noting(order, "fired"))
    members[0].errback(Oops())
    assert not raced.called
    members[1].callback("won")
    assert order == ["cancelled 2", "fired"]
    assert outcome(raced) == (1, "won")
    assert [outcome(member) for member in members] == [None] * 3


def test_a_race_calls_an_overridden_method_as_twisted_does(api: ModuleType) -> None:
    """It passes the place of a Deferred by keyword."""
    seen: list[object] = []

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        def addCallbacks(self, callback: Any, errback: Any = None, **keywords: Any) -> Any:
            seen.append(keywords)
            return super().addCallbacks(callback, errback, **keywords)

    deferred = Sub()
    result = api.race([deferred])
    deferred.callback("won")
    assert (result.result, seen[0]) == ((0, "won"), {"callbackArgs": (0,), "errbackArgs": (0,)})


def test_a_race_without_a_winner_groups_all_failures(api: ModuleType) -> None:
    """The failures are grouped in the order of the members."""
    members = [api.Deferred() for _ in range(3)]
    raced = api.race(members)
    errors = [Oops(str(number)) for number in range(3)]
    for number in (2, 0, 1):
        members[number].errback(errors[number])
    group = outcome(raced)
    assert isinstance(group, FailureGroup)
    assert [failure.value for failure in group.failures] == errors
    assert all(isinstance(failure, Failure) for failure in group.failures)


def test_cancelling_a_race_cancels_all_members(api: ModuleType) -> None:
    """All members are cancelled, and the race ends with their failures."""
    members = [api.Deferred() for _ in range(2)]
    raced = api.race(members)
    raced.cancel()
    group = outcome(raced)
    assert isinstance(group, FailureGroup)
    assert [failure.type for failure in group.failures] == [CancelledError] * 2


def test_a_race_with_a_member_that_wins_when_cancelled(api: ModuleType) -> None:
    """Only one wins, also if a canceller fires with a value."""
    stubborn = api.Deferred(lambda d: d.callback("too late"))
    fast = api.Deferred()
    raced = api.race([stubborn, fast])
    fast.callback("won")
    assert outcome(raced) == (1, "won")
    assert outcome(stubborn) is None


def test_a_race_with_a_canceller_that_raises(api: ModuleType) -> None:
    """Its exception goes into the chain of the winner."""
    broken = api.Deferred(raising(Oops("canceller")))
    fast = api.Deferred()
    raced = api.race([broken, fast])
    fast.callback("won")
    assert isinstance(outcome(fast), Oops)
    assert outcome(raced) is UNFIRED


def test_a_callback_of_a_list_may_fire_other_members(api: ModuleType) -> None:
    """A callback of the list may fire members that are still open."""
    members = [api.Deferred() for _ in range(3)]
    combined = api.DeferredList(members, fireOnOneCallback=True)
    got: list[Any] = []

    def fire_others(result: Any) -> None:
        got.append(result)
        members[1].callback("second")
        members[2].errback(Oops())

    combined.addCallback(fire_others)
    members[0].callback("first")
    assert got == [("first", 0)]
    assert combined.finishedCount == 3
    members[2].addErrback(handled)
