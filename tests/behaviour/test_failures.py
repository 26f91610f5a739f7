"""The failures that chains make: the same state as Twisted's, to be printed, pickled and raised again."""

from __future__ import annotations

import copy
import pickle
import traceback
from types import ModuleType
from typing import Any

import pytest

from tests.apis import Failure, own_files
from tests.helpers import Oops, Steps, noting, outcome, raising


def deep(level: int) -> None:
    """Raise from some frames further down."""
    if level:
        deep(level - 1)
    raise Oops("deep")


def failing(_: object) -> None:
    """Be a callback that raises from some frames further down."""
    deep(2)


WAYS = ["callback", "errback", "generator", "coroutine", "maybeDeferred", "execute", "errback method"]


def fail_by(api: ModuleType, way: str) -> Any:
    """Give the failure that is made in one of the ways there are."""

    def generator() -> Steps:
        yield api.succeed(None)
        deep(2)

    async def coroutine() -> None:
        await api.succeed(None)
        deep(2)

    def handling() -> Any:
        deferred = api.Deferred()
        try:
            deep(2)
        except Oops:
            deferred.errback()
        return deferred

    made = {
        "callback": lambda: api.succeed(None).addCallback(failing),
        "errback": lambda: api.fail(KeyError()).addErrback(failing),
        "generator": lambda: api.inlineCallbacks(generator)(),
        "coroutine": lambda: api.ensureDeferred(coroutine()),
        "maybeDeferred": lambda: api.maybeDeferred(failing, None),
        "execute": lambda: api.execute(failing, None),
        "errback method": handling,
    }[way]()
    found: list[Any] = []
    made.addErrback(found.append)
    return found[0]


def visible(failure: Any) -> list[str]:
    """Give the functions of a failure's frames without those of Twisted, or of what stands for it."""
    hidden = own_files()
    return [
        name
        for name, file, *_ in failure.frames
        if file not in hidden and not file.endswith(("internet/defer.py", "python/failure.py"))
    ]


@pytest.mark.parametrize("way", WAYS)
def test_failures_have_the_attributes_of_twisted(api: ModuleType, stock: ModuleType, way: str) -> None:
    """A failure has the attributes of Twisted's, in the same order and with the same kinds of values."""
    ours, theirs = fail_by(api, way), fail_by(stock, way)
    assert type(ours) is Failure
    assert list(vars(ours)) == list(vars(theirs))
    for name, value in vars(theirs).items():
        assert type(vars(ours)[name]) is type(value), name
    assert ours.type is Oops
    assert ours.tb is ours.getTracebackObject()
    assert (ours.captureVars, ours.pickled, ours.parents) == (False, 0, theirs.parents)


@pytest.mark.parametrize("way", WAYS)
def test_failures_have_all_frames_of_the_program(api: ModuleType, stock: ModuleType, way: str) -> None:
    """The frames of the program are all there, in order, with their lines."""
    ours, theirs = fail_by(api, way), fail_by(stock, way)
    assert visible(ours) == visible(theirs)
    assert visible(ours)[-3:] == ["deep"] * 3
    lines = [line for name, _, line, *_ in theirs.frames if name == "deep"]
    assert [line for name, _, line, *_ in ours.frames if name == "deep"] == lines


def test_each_failure_gets_the_next_number(api: ModuleType) -> None:
    """Each failure has a number, one up from the last."""
    first = api.succeed(None).addCallback(failing)
    second = api.succeed(None).addCallback(failing)
    third = Failure(Oops())
    counts = [first.result.count, second.result.count, third.count]
    assert counts == [counts[0], counts[0] + 1, counts[0] + 2]
    outcome(first)
    outcome(second)


def test_raise_exception_raises_the_original_with_its_traceback(api: ModuleType) -> None:
    """raiseException raises the exception itself, with its traceback."""
    failure = fail_by(api, "callback")
    with pytest.raises(Oops) as caught:
        failure.raiseException()
    assert caught.value is failure.value
    assert [frame.name for frame in traceback.extract_tb(caught.tb)][-3:] == ["deep"] * 3


def test_tracebacks_are_printed_as_in_twisted(api: ModuleType, stock: ModuleType) -> None:
    """Tracebacks are printed as Twisted does it, but for the frames of Twisted."""
    brief = fail_by(api, "callback").getBriefTraceback().splitlines()
    assert brief[0] == "Traceback: <class 'tests.helpers.Oops'>: deep"
    assert brief[-1].endswith(":deep")
    long = fail_by(api, "callback").getTraceback()
    assert long.startswith("Traceback (most recent call last):\n")
    assert long.endswith("tests.helpers.Oops: deep\n")
    assert 'raise Oops("deep")' in long
    assert repr(fail_by(api, "callback")) == repr(fail_by(stock, "callback"))


@pytest.mark.parametrize("how", ["pickle", "copy"])
def test_a_copied_failure_has_its_frames_as_text(api: ModuleType, how: str) -> None:
    """A copy has the frames as text and no traceback object."""
    failure = fail_by(api, "callback")
    again = pickle.loads(pickle.dumps(failure)) if how == "pickle" else copy.copy(failure)
    assert again.tb is None
    assert again.pickled == 1
    assert (again.type, str(again.value), again.count) == (Oops, "deep", failure.count)
    assert [tuple(frame) for frame in again.frames] == failure.frames


def test_clean_failure_releases_all_objects(api: ModuleType) -> None:
    """cleanFailure lets go of everything but the words."""
    failure = fail_by(api, "callback")
    failure.cleanFailure()
    assert failure.tb is None
    assert failure.value.__traceback__ is None
    assert visible(failure)[-1] == "deep"


def test_check_and_trap_accept_classes_and_names(api: ModuleType) -> None:
    """Types are checked by class or by name, and what is not trapped is raised."""
    failure = fail_by(api, "callback")
    assert failure.check(KeyError, Oops) is Oops
    assert failure.check("tests.helpers.Oops") == "tests.helpers.Oops"
    assert failure.check(KeyError) is None
    assert failure.trap(Exception) is Exception
    with pytest.raises(Oops):
        failure.trap(KeyError)


def test_a_failure_is_passed_on_unchanged(api: ModuleType) -> None:
    """A failure is passed on as it is, and one that is raised is not wrapped."""
    failure = Failure(Oops("one"))
    seen: list[Any] = []
    deferred = api.fail(failure)
    deferred.addCallback(raising(AssertionError()))
    deferred.addErrback(noting(seen))
    deferred.addErrback(lambda f: seen.append(f))
    assert [item is failure for item in seen] == [True, True]
    raised = api.succeed(None).addCallback(raising(failure))
    seen.clear()
    raised.addErrback(seen.append)
    assert seen[0].value is failure.value
    assert seen[0].count == failure.count


def test_the_exception_that_was_being_handled(api: ModuleType) -> None:
    """An exception that is raised by a callback has no context, unless the firing happened in one."""
    plain = api.succeed(None).addCallback(failing)
    assert plain.result.value.__context__ is None
    outcome(plain)
    deferred = api.Deferred()
    deferred.addCallback(failing)
    try:
        raise KeyError("around")
    except KeyError as around:
        deferred.callback(None)
        assert deferred.result.value.__context__ is around
    outcome(deferred)


def test_callbacks_of_a_failed_generator_see_its_exception(api: ModuleType) -> None:
    """Twisted fires the Deferred of a generator while its exception is being handled."""
    waited = api.Deferred()

    def generator() -> Steps:
        yield waited
        raise Oops("generator")

    made = api.inlineCallbacks(generator)()
    seen: list[Any] = []

    def callback(_: object) -> None:
        raise KeyError("callback")

    made.addErrback(callback)
    made.addErrback(lambda failure: seen.append(failure.value.__context__))
    waited.callback(None)
    assert [str(error) for error in seen] == ["generator"]


def test_errback_without_arguments_needs_a_current_exception(api: ModuleType) -> None:
    """errback and fail without arguments need one that is being handled."""
    from twisted.python.failure import NoCurrentExceptionError

    for action in (api.Deferred().errback, api.fail):
        with pytest.raises(NoCurrentExceptionError):
            action()
