"""Delayed calls: the same programs on Twisted's reactor and on ours, whose clock the program sets."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from deferrous.reactor import DeferrousReactor
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import base
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import formatEvent

from tests.apis import Failure
from tests.helpers import Oops
from tests.logs import Log

#: How many random programs are run. The long version of the tests asks for more.
PROGRAMS = int(os.environ.get("DEFERROUS_TIMER_PROGRAMS", "300"))
#: The reference first.
REACTORS: list[Callable[[], Any]] = [EPollReactor, DeferrousReactor]


class Run:
    """The operations of a program on one reactor, and the effects that it sees."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.now: Any = 100.0
        self.reactor.seconds = lambda: self.now
        self.calls: list[Any] = []
        self.seen: list[Any] = []
        self.log = Log()
        #: Calls were cancelled or moved: a reactor may wake for them.
        self.changed = False

    def note(self, number: int, *arguments: Any, **keywords: Any) -> None:
        """Be what is called."""
        self.seen.append(("called", number, arguments, sorted(keywords.items())))

    def fail(self, number: int) -> None:
        """Be called, and raise."""
        self.note(number)
        raise Oops(number)

    def cancel(self, number: int) -> None:
        """Be called, and cancel another call."""
        self.note(number)
        self.changed = True
        self.calls[number // 2].cancel()

    def again(self, number: int) -> None:
        """Be called, and set a call, which has a time of its own."""
        self.note(number)
        self.reactor.callLater(0.125 + 2.0 ** -(number + 8), self.note, -number)

    def attempt(self, action: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Do something, and note what comes of it."""
        try:
            result = action(*arguments, **keywords)
        except Exception as error:
            self.seen.append((type(error).__name__, str(error)))
            return None
        self.seen.append(result if not isinstance(result, base.DelayedCall) else "a call")
        return result

    def set(self, *arguments: Any, **keywords: Any) -> Any:
        """Set a call, and keep it."""
        call = self.attempt(self.reactor.callLater, *arguments, **keywords)
        if call is not None:
            self.calls.append(call)
        return call

    def turn(self, now: Any) -> None:
        """Let the time be something else, and make the calls that are due."""
        self.now = now
        with self.log:
            self.attempt(self.reactor.runUntilCurrent)
        for event in self.log.events:
            self.seen.append((formatEvent(event), repr(event["log_failure"].value)))
        self.log.events.clear()

    def look(self, call: Any) -> None:
        """Note all that can be seen of a call."""
        for name in (
            "time",
            "delayed_time",
            "called",
            "cancelled",
            "args",
            "kw",
            "creator",
            "_repr",
            "debug",
        ):
            self.attempt(lambda name=name: without_addresses(getattr(call, name)))
        self.attempt(lambda: without_addresses(repr(call)))
        self.attempt(lambda: str(call) == repr(call))
        self.attempt(call.getTime)
        self.attempt(call.active)

    def pending(self) -> None:
        """Note which calls are still to be made."""
        pending = {id(call) for call in self.reactor.getDelayedCalls()}
        self.seen.append([number for number, call in enumerate(self.calls) if id(call) in pending])


def without_addresses(value: Any) -> Any:
    """Give a text without what is different in each process."""
    return re.sub("0x[0-9a-f]+", "0x", value) if isinstance(value, str) else value


def close(reactor: Any) -> None:
    """Close the descriptors that wake a reactor: one that never runs does not."""
    for waker in reactor._internalReaders:
        waker.connectionLost(Failure(ConnectionDone()))


def same_on_both(program: Callable[[Run], None]) -> list[Any]:
    """Run a program on both reactors, and give what it has seen, which has to be the same."""
    runs = [Run(make()) for make in REACTORS]
    for run in runs:
        program(run)
        close(run.reactor)
    stock, ours = (run.seen for run in runs)
    assert ours == stock
    assert stock
    return stock


def made(seen: list[Any]) -> list[int]:
    """Give the numbers of the calls that were made, in order."""
    return [entry[1] for entry in seen if isinstance(entry, tuple) and entry[0] == "called"]


@pytest.fixture(params=[False, True], ids=["plain", "debug"])
def debugging(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Switch Twisted's debug mode off and on."""
    monkeypatch.setattr(base.DelayedCall, "debug", request.param)
    on: bool = request.param
    return on


# Random programs.

# Not more: sums of many have to be exact to the last of the powers that `perform` adds.
SECONDS = st.sampled_from([0.0, 0.25, 1.0, 2.5, 60.0, 1000.0])
WHICH = st.integers(0, 30)
STEPS = st.one_of(
    st.tuples(st.just("set"), st.one_of(SECONDS, st.sampled_from([-1.0, float("inf"), float("nan")])), WHICH),
    st.tuples(st.sampled_from(["reset", "delay"]), st.one_of(SECONDS, SECONDS.map(lambda s: -s)), WHICH),
    st.tuples(st.sampled_from(["cancel", "look", "compare", "pending", "timeout"]), st.just(0.0), WHICH),
    st.tuples(st.just("turn"), st.sampled_from([0.0, 0.5, 1.0, 3.0, 100.0, -2.0]), WHICH),
)


def perform(run: Run, number: int, step: tuple[str, float, int]) -> None:
    """Do one step of a random program."""
    action, seconds, which = step
    # Sums of different powers are different, so that no two calls have the same time.
    apart = seconds + 2.0 ** -(number + 8)
    if action == "set":
        kind = [run.note, run.note, run.fail, run.cancel, run.again, None][which % 6]
        given = seconds if seconds < 0 or seconds != seconds else apart
        run.set(given, kind, len(run.calls))
    elif action == "turn":
        run.turn(run.now + seconds)
    elif action == "pending":
        run.pending()
    elif not run.calls:
        return
    elif action == "timeout":
        if not run.changed:
            run.attempt(run.reactor.timeout)
    elif action == "compare":
        one, other = run.calls[which % len(run.calls)], run.calls[which // 2 % len(run.calls)]
        run.seen += [one < other, one <= other, one > other, one >= other, one == other, one != other]
    else:
        call = run.calls[which % len(run.calls)]
        if action == "look":
            run.look(call)
        elif action == "cancel":
            run.changed = True
            run.attempt(call.cancel)
        else:
            run.changed = True
            run.attempt(getattr(call, action), apart)


@settings(max_examples=PROGRAMS, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=30), st.booleans())
def test_random_programs_of_timers_do_the_same_on_both_reactors(
    steps: list[tuple[str, float, int]], debugging: bool
) -> None:
    """Setting, moving, cancelling and making calls in any order looks the same on both reactors."""

    def program(run: Run) -> None:
        for number, step in enumerate(steps):
            perform(run, number, step)
        run.turn(run.now + 1e10)
        run.pending()
        for call in run.calls:
            run.look(call)

    before = base.DelayedCall.debug
    base.DelayedCall.debug = debugging
    try:
        same_on_both(program)
    finally:
        base.DelayedCall.debug = before


# What they do not come to.


def test_call_later_takes_the_same_arguments_as_in_twisted() -> None:
    """The delay and the function may be given by name, and what is wrong with them is said alike."""
    # Twisted's calls with the same time come in any order, so there are none here but equal ones.

    def program(run: Run) -> None:
        run.set(delay=1.1, callable=run.note, number=1)
        run.set(1.2, callable=run.note, number=2)
        run.set(1, run.note, delay=3)
        run.set(1, run.note, callable=run.note)
        run.set()
        run.set(1)
        run.set(callable=run.note)
        run.set(1.3, run.note, 3, 4, key=5)
        run.set(1.4, None)
        run.set(1.5, "text", 1)
        negative: list[Any] = [-1, -1e-300, float("-inf"), float("nan")]
        for delay in (*negative, -0.0, 0, True, float("inf"), "1", None, 1j, []):
            run.set(delay, run.note, 6)
        run.set(10**400, run.note, 7)
        run.pending()
        run.turn(102.0)
        run.pending()

    seen = same_on_both(program)
    assert ("AssertionError", "nan is not greater than or equal to 0 seconds") in seen
    assert ("called", 1, (), []) in seen


def test_reset_and_delay_take_their_argument_by_name() -> None:
    """`reset` and `delay` take what they take by name."""

    def program(run: Run) -> None:
        call = run.set(5, run.note, 1)
        run.attempt(call.reset, secondsFromNow=7)
        run.look(call)
        run.attempt(call.delay, secondsLater=2)
        run.look(call)
        for method in (call.reset, call.delay):
            run.attempt(method)
            run.attempt(method, 1, 2)
            run.attempt(method, seconds=2)
            run.attempt(method, True)
        for end in (call.cancel, lambda: None):
            end()
            for method in (call.cancel, call.reset, call.delay):
                run.attempt(method, *() if method == call.cancel else (1,))

    same_on_both(program)


@pytest.mark.parametrize("value", ["1", None, [], object()], ids=["text", "none", "list", "object"])
def test_times_must_be_numbers(value: Any) -> None:
    """Where Twisted says that it cannot add, this says that it needs a number: both raise TypeErrors."""
    for make in REACTORS:
        run = Run(make())
        call = run.reactor.callLater(5, run.note, 1)
        for method in (call.reset, call.delay):
            with pytest.raises(TypeError):
                method(value)
        run.now = value
        with pytest.raises(TypeError):
            run.reactor.callLater(5, run.note, 2)
        with pytest.raises(TypeError):
            run.reactor.timeout()


# Clocks.


def test_calls_follow_a_clock_that_is_set_back() -> None:
    """A call is due at its time, by whatever the clock says in that turn."""

    def program(run: Run) -> None:
        early, late = run.set(1.0, run.note, 0), run.set(2.0, run.note, 1)
        run.turn(50.0)
        run.attempt(run.reactor.timeout)
        run.set(3.0, run.note, 2)
        early.reset(5.0)
        run.look(early)
        run.turn(54.0)
        late.delay(1.0)
        run.turn(1000.0)
        run.turn(10.0)
        run.pending()

    assert made(same_on_both(program)) == [2, 0, 1]


def test_all_calls_are_due_at_the_end_of_time_and_none_before_its_beginning() -> None:
    """At the end of time all calls are due, and before its beginning none."""

    def program(run: Run) -> None:
        run.set(1.0, run.note, 0)
        run.turn(float("-inf"))
        run.attempt(run.reactor.timeout)
        run.turn(float("inf"))
        run.attempt(run.reactor.timeout)
        run.now = 0.0
        run.set(float("inf"), run.note, 1)
        run.attempt(run.reactor.timeout)
        run.turn(1e300)
        run.pending()
        run.turn(float("inf"))
        run.pending()

    assert ("called", 1, (), []) in same_on_both(program)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_call_at_nan_is_never_due(sign: float) -> None:
    """Neither by the clock nor by the time of a call."""
    nan = sign * float("nan")

    def program(run: Run) -> None:
        run.set(1.0, run.note, 0)
        run.turn(nan)
        run.attempt(run.reactor.timeout)
        run.turn(200.0)
        run.set(float("inf"), run.note, 1).reset(nan)
        run.turn(1e300)
        run.attempt(run.reactor.timeout)
        run.pending()

    assert ("called", 1, (), []) not in same_on_both(program)


def test_a_clock_may_count_from_below_zero() -> None:
    """A clock may start below zero and come to it."""

    def program(run: Run) -> None:
        run.now = 0.0
        run.set(0.0, run.note, 0)
        run.turn(-0.0)
        run.now = -0.0
        run.set(0.0, run.note, 1)
        run.turn(0.0)

    assert ("called", 1, (), []) in same_on_both(program)


def test_times_are_floats_whatever_the_clock_returns() -> None:
    """Times are equal to Twisted's, whatever the clock returns. Ours are of one type."""

    def program(run: Run) -> None:
        run.now = 7
        call = run.set(5, run.note, 1)
        run.seen += [call.time, call.getTime()]
        call.reset(6)
        call.delay(1)
        run.seen += [call.delayed_time, call.getTime()]
        call.reset(1)
        run.seen += [call.time]
        run.turn(8)

    assert ("called", 1, (), []) in same_on_both(program)
    run = Run(DeferrousReactor())
    run.now = 7
    assert repr(run.reactor.callLater(5, run.note, 1).time) == "12.0"


def test_a_timer_set_by_a_timer_waits_for_the_next_turn() -> None:
    """Even one that is due at once waits for the next turn."""

    def program(run: Run) -> None:
        run.set(1.0, lambda: run.set(0, run.note, 1))
        run.turn(101.0)
        run.seen.append("next turn")
        run.turn(101.0)

    seen = same_on_both(program)
    assert seen.index("next turn") < seen.index(("called", 1, (), []))


# Other visible effects.


def test_activate_delay_moves_a_delayed_call_at_once() -> None:
    """A call that was put off may be moved to its new time at once."""

    def program(run: Run) -> None:
        call = run.set(1.0, run.note, 0)
        for now in (100.5, 101.5, 150.0):
            call.delay(10.0)
            run.look(call)
            run.attempt(call.activate_delay)
            run.look(call)
            run.turn(now)

    same_on_both(program)


def test_attributes_that_a_program_sets_decide_whether_a_call_is_made() -> None:
    """A call whose attributes are set is made, or not, as they say."""

    def program(run: Run) -> None:
        first, second, third = (run.set(float(number), run.note, number) for number in range(1, 4))
        first.cancelled = 1
        second.func, second.args, second.kw = run.again, (7,), {}
        third.args, third.kw, third.note = [8, 9], {"key": 10}, "mine"
        run.seen += [third.note, vars(third)["note"], "note" in dir(third), "func" in dir(third)]
        run.pending()
        run.turn(200.0)
        for call in (first, second, third):
            run.attempt(call.cancel)
            run.attempt(call.active)

    seen = same_on_both(program)
    assert made(seen) == [7, 8]


def test_a_delayed_call_is_an_instance_of_twisteds_class_and_interface() -> None:
    """Programs ask for Twisted's class and interface."""

    def program(run: Run) -> None:
        call = run.set(1.0, run.note, 0)
        run.seen += [isinstance(call, base.DelayedCall), call.__class__ is base.DelayedCall]
        run.seen += [IDelayedCall.providedBy(call), weakref.ref(call)() is call, {call: 1}[call]]
        run.seen += [type(call).__name__, type(call).__module__, type(call).__qualname__]
        for other in (3, None, "text"):
            for compare in ("__lt__", "__le__"):
                run.attempt(getattr(call, compare), other)
            run.seen.append(call == other)

    same_on_both(program)


def test_errors_in_calls_are_logged_with_the_creator_in_debug_mode(debugging: bool) -> None:
    """An exception of a call is logged, in debug mode with the stack that set the call."""

    def program(run: Run) -> None:
        call = run.set(1.0, run.fail, 0)
        run.set(2.0, None)
        run.look(call)
        run.turn(110.0)
        run.look(call)
        cancelled = run.set(1.0, run.note, 1, key=[2])
        cancelled.cancel()
        run.now += 7
        run.look(cancelled)

    seen = same_on_both(program)
    logged = [entry[0] for entry in seen if isinstance(entry, tuple) and "timed call" in str(entry[0])]
    assert len(logged) == 2
    assert all(("created here" in text) == debugging for text in logged)
    assert all((__file__ in text) == debugging for text in logged)
