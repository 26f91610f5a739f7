"""setDebugging: where a Deferred was made and fired is told when it is fired twice, and when it fails."""

from __future__ import annotations

import gc
import inspect
import re
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import AlreadyCalledError

from tests.helpers import Oops, handled
from tests.logs import Log


def make(api: ModuleType) -> Any:
    """Make a Deferred, for its name to be seen in a stack."""
    return api.Deferred()


def fire(deferred: Any, value: Any = None) -> None:
    """Fire a Deferred, for its name to be seen in a stack."""
    deferred.callback(value)


def line_of(function: Any, offset: int) -> int:
    """Give the number of a line in a function."""
    return inspect.getsourcelines(function)[1] + offset


@pytest.fixture
def debugging(api: ModuleType) -> Any:
    """Switch debugging on for one test."""
    api.setDebugging(True)
    yield api
    api.setDebugging(False)


def test_set_debugging_sets_the_attribute_of_the_class(api: ModuleType) -> None:
    """setDebugging takes any truth, and sets the class attribute that programs also set directly."""
    assert api.getDebugging() is False
    api.setDebugging(1)
    assert api.getDebugging() is True
    assert api.Deferred.debug is True
    api.Deferred.debug = False
    assert api.getDebugging() is False
    assert api.Deferred()._debugInfo is None


def test_without_debugging_the_error_has_no_details(api: ModuleType) -> None:
    """The error says nothing, and the first result stays."""
    deferred = api.succeed("first")
    for again in (deferred.callback, deferred.errback):
        with pytest.raises(AlreadyCalledError) as caught:
            again(Oops())
        assert caught.value.args == ()
    assert deferred.result == "first"


def test_the_second_firing_tells_of_making_and_of_the_first(debugging: ModuleType) -> None:
    """The stacks end where the Deferred was made and fired, in the format of tracebacks."""
    deferred = make(debugging)
    fire(deferred)
    with pytest.raises(AlreadyCalledError) as caught:
        fire(deferred)
    text = str(caught.value)
    creator, invoker = text.split(" I: First Invoker was:\n")
    assert creator.startswith("\n C: Deferred was created:\n C:  File ")
    made = f'"{__file__}", line {line_of(make, 2)}, in make\n C:    return api.Deferred()\n'
    assert creator.endswith(made)
    lines = [line for line in invoker.splitlines(keepends=True) if "defer.py" not in line]
    fired = f' I:  File "{__file__}", line {line_of(fire, 2)}, in fire\n'
    assert lines[-2:] == [fired, " I:    deferred.callback(value)\n"]
    assert invoker.endswith(lines[-1])


def test_stacks_from_before_debugging_are_not_reported(debugging: ModuleType) -> None:
    """Firings and creations before debugging was switched on are not reported."""
    debugging.setDebugging(False)
    deferred = make(debugging)
    debugging.setDebugging(True)
    fire(deferred)
    with pytest.raises(AlreadyCalledError) as caught:
        fire(deferred)
    assert str(caught.value).startswith("\n I: First Invoker was:\n")
    early = api_succeed(debugging)
    debugging.setDebugging(True)
    with pytest.raises(AlreadyCalledError) as caught:
        fire(early)
    assert str(caught.value) == "\n"


def api_succeed(api: ModuleType) -> Any:
    """Make a fired Deferred while nothing is recorded."""
    api.setDebugging(False)
    return api.succeed(1)


def test_creator_and_invoker_are_lists_of_frames(debugging: ModuleType) -> None:
    """creator and invoker are lists of formatted frames."""
    deferred = make(debugging)
    info: Any = deferred._debugInfo
    assert type(info).__name__ == "DebugInfo"
    assert (info.invoker, info.failResult) == (None, None)
    assert "in make" in info.creator[-1]
    fire(deferred)
    assert "in fire" in [frame for frame in info.invoker if "defer.py" not in frame][-1]
    assert all(re.match(r'  File ".*", line \d+, in ', frame) for frame in [*info.creator, *info.invoker])


def test_debug_may_be_set_on_an_instance_or_a_subclass(api: ModuleType) -> None:
    """debug is also looked up on the instance and on a subclass."""
    deferred = api.Deferred()
    deferred.debug = True
    fire(deferred)
    assert deferred._debugInfo.invoker is not None

    class Watched(api.Deferred):  # type: ignore[misc, name-defined]
        debug = True

    assert make_of(Watched)._debugInfo.creator is not None


def make_of(kind: Any) -> Any:
    """Make an instance."""
    return kind()


def test_a_report_tells_of_making_and_firing(debugging: ModuleType, logged: Log) -> None:
    """The log event of a failure that nobody handles has the stacks in it."""
    make(debugging).errback(Oops("lost"))
    gc.collect()
    heading, report = logged.events
    assert heading["log_format"] == "Unhandled error in Deferred:"
    assert report["log_format"] == "(debug: {debugInfo})"
    assert " C: Deferred was created:\n" in report["debugInfo"]
    assert " I: First Invoker was:\n" in report["debugInfo"]
    logged.events.clear()


def test_failures_capture_variables_while_debugging(debugging: ModuleType) -> None:
    """While debugging, a failure made by the chain has the variables of its frames."""

    def failing(_: object) -> None:
        secret = "seen"
        raise Oops(secret)

    watched = debugging.succeed(None).addCallback(failing)
    assert watched.result.captureVars is True
    assert ("secret", "seen") in watched.result.frames[-1][3]
    watched.addErrback(handled)
    debugging.setDebugging(False)
    plain = debugging.succeed(None).addCallback(failing)
    assert plain.result.captureVars is False
    assert plain.result.frames[-1][3] == ()
    plain.addErrback(handled)
