"""Records say what has made a Deferred, and unhandled errors tell them."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from deferrous import _core
from deferrous.inspect import Place, _names, _recorded, disable, enable, enabled, explain, snapshot

from tests.apis import Failure, load
from tests.helpers import Oops, outcome
from tests.logs import Log

FILE = __file__


@pytest.fixture
def recording() -> Iterator[ModuleType]:
    """Keep records of our Deferreds."""
    api = load("ours")
    enable()
    yield api
    disable()


def line_of(function: Any, after: int) -> int:
    """Return the number of a line that comes so many lines after the beginning of a function."""
    return int(function.__code__.co_firstlineno) + after


def make(api: ModuleType, **keywords: Any) -> Any:
    return api.Deferred(
        **keywords,
    )


def place(thing: object) -> tuple[str, int, str]:
    """Return the file, the line and the function of a record."""
    record = _recorded.record_of(thing)
    assert record is not None
    return record.code.co_filename, record.place.line, _names.code_name(record.code)


def test_a_deferred_has_the_line_and_the_function_that_made_it(recording: ModuleType) -> None:
    assert place(make(recording)) == (FILE, line_of(make, 1), "make")


def test_every_way_to_make_a_deferred_leaves_a_record(recording: ModuleType) -> None:
    class Sub(recording.Deferred):  # type: ignore[misc, name-defined]
        pass

    async def coroutine() -> None:
        await recording.Deferred()

    @recording.inlineCallbacks  # type: ignore[untyped-decorator]
    def generator() -> Any:
        yield recording.Deferred()

    made = [
        recording.succeed(1),
        recording.maybeDeferred(lambda: 1),
        recording.execute(int),
        recording.DeferredList([]),
        recording.gatherResults([]),
        Sub(),
        recording.Deferred.fromCoroutine(coroutine()),
        recording.ensureDeferred(coroutine()),
        generator(),
        make(recording, canceller=print),
    ]
    made.append(recording.fail(Oops()))
    made[-1].addErrback(lambda _: None)
    for deferred in made:
        file, _, name = place(deferred)
        # Of a generator it is the function itself: Twisted's decorator calls it.
        assert (file, name.rpartition(".")[2]) in [(FILE, "make"), (FILE, made_here), (FILE, "generator")]


made_here = test_every_way_to_make_a_deferred_leaves_a_record.__name__


def test_a_record_tells_the_age(recording: ModuleType) -> None:
    deferred = recording.Deferred()
    time.sleep(0.1)
    record = _recorded.record_of(deferred)
    assert record is not None
    # The clock of records advances a few hundred times a second.
    assert 0.08 <= record.age < 60.0


def test_without_enable_there_is_no_record() -> None:
    api = load("ours")
    assert not enabled()
    assert _recorded.record_of(api.Deferred()) is None
    assert _recorded.record_of(object()) is None


def test_records_stay_when_no_more_are_kept(recording: ModuleType) -> None:
    before = recording.Deferred()
    disable()
    assert _recorded.record_of(before) is not None
    assert _recorded.record_of(recording.Deferred()) is None


def test_memory_that_is_used_again_has_no_old_record(recording: ModuleType) -> None:
    for _ in range(100):
        recording.Deferred()
    disable()
    assert [_recorded.record_of(recording.Deferred()) for _ in range(200)] == [None] * 200


def test_a_record_keeps_no_frame_alive(recording: ModuleType) -> None:
    class Local:
        pass

    def function() -> Any:
        local = Local()
        return recording.Deferred(), local

    deferred, _ = function()
    del _
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is Local]
    assert place(deferred)[2].endswith("function")


def test_code_that_has_been_replaced_is_kept_by_the_record(recording: ModuleType) -> None:
    names: dict[str, Any] = {"api": recording}
    exec(compile("def gone():\n    return api.Deferred()\n", "gone.py", "exec"), names)
    deferred = names.pop("gone")()
    names.clear()
    gc.collect()
    assert place(deferred) == ("gone.py", 2, "gone")


def told(logged: Log) -> str:
    """Return what was told of the Deferred of the one unhandled error."""
    gc.collect()
    heading, report = logged.events
    logged.events.clear()
    assert heading["log_format"] == "Unhandled error in Deferred:"
    assert report["log_format"] == "(debug: {debugInfo})"
    text: str = report["debugInfo"]
    return text


@pytest.fixture
def log(recording: ModuleType) -> Iterator[Log]:
    with Log() as logged:
        yield logged


def fails(_: object) -> None:
    raise Oops("lost")


def passes(value: object) -> object:
    return value


def test_an_unhandled_error_tells_what_made_the_deferred(recording: ModuleType, log: Log) -> None:
    make(recording).errback(Oops("lost"))
    assert told(log) == (
        " C: Deferred was created:\n"
        f' C:  File "{FILE}", line {line_of(make, 1)}, in make\n'
        " C:    return api.Deferred(\n"
    )


def test_an_unhandled_error_tells_the_last_callback(recording: ModuleType, log: Log) -> None:
    deferred = make(recording)
    deferred.addCallback(passes).addCallback(fails).addCallback(passes)
    deferred.callback(1)
    del deferred
    line = fails.__code__.co_firstlineno
    assert told(log).endswith(
        " L: Last callback was:\n"
        f' L:  File "{FILE}", line {line}, in fails\n'
        " L:    def fails(_: object) -> None:\n"
    )


def test_a_callback_that_returns_a_failure_is_the_last(recording: ModuleType, log: Log) -> None:
    def returns(_: object) -> object:
        return Failure(Oops("lost"))

    recording.succeed(1).addCallback(returns)
    assert "in test_a_callback_that_returns_a_failure_is_the_last.<locals>.returns\n" in qualified(told(log))
    deferred = recording.Deferred()
    deferred.addCallback(passes).addCallback(returns)
    deferred.callback(1)
    del deferred
    assert "returns\n" in told(log)


def qualified(text: str) -> str:
    """Before Python 3.11, code has no qualified name."""
    name = "test_a_callback_that_returns_a_failure_is_the_last.<locals>.returns\n"
    return text if name in text else text.replace("in returns\n", f"in {name}")


def test_methods_builtins_and_other_callables_are_named(recording: ModuleType, log: Log) -> None:
    class Callable:
        def __call__(self, _: object) -> None:
            raise Oops("lost")

        def method(self, _: object) -> None:
            raise Oops("lost")

    recording.succeed(1).addCallback(Callable().method)
    assert "method\n" in told(log)
    recording.succeed("x").addCallback(Callable())
    assert told(log).endswith(" L:  an object of the class " + Callable.__qualname__ + "\n")
    recording.succeed("x").addCallback(abs)
    assert told(log).endswith(" L:  the built-in function abs\n")


def test_a_deferred_that_the_collector_ends_is_told(recording: ModuleType, log: Log) -> None:
    deferred = recording.fail(Oops("lost"))
    deferred.itself = deferred
    del deferred
    assert " C: Deferred was created:\n" in told(log)


def test_debug_info_that_was_looked_at_tells_it_too(recording: ModuleType, log: Log) -> None:
    deferred = recording.fail(Oops("lost"))
    assert isinstance(deferred._debugInfo, load("stock").DebugInfo)
    del deferred
    assert told(log).startswith(" C: Deferred was created:\n")


def test_debug_mode_tells_what_it_told_before(recording: ModuleType, log: Log) -> None:
    """The stack of debug mode has the place already."""
    recording.setDebugging(True)
    try:
        make(recording).errback(Oops("lost"))
    finally:
        recording.setDebugging(False)
    text = told(log)
    assert text.count("Deferred was created:") == 1
    assert " I: First Invoker was:\n" in text


def test_an_error_that_is_handled_is_not_told(recording: ModuleType, log: Log) -> None:
    assert isinstance(outcome(recording.succeed(1).addCallback(fails)), Oops)
    gc.collect()
    assert not log.events


def test_disabled_records_change_nothing_of_the_report() -> None:
    api = load("ours")
    enable()
    disable()
    with Log() as logged:
        api.fail(Oops("lost"))
        gc.collect()
        assert [event["log_format"] for event in logged.events] == ["Unhandled error in Deferred:", ""]
        assert logged.events[1]["debugInfo"] == ""


def test_lines_are_those_of_the_instruction() -> None:
    code = compile("a = 1\nb = 2\n\nc = 3\n", "some.py", "exec")
    lines = {line for _, _, line in code.co_lines() if line}
    found = {_recorded.line_of(code, at) for at in range(0, len(code.co_code), 2)}
    assert lines <= found | {1}
    assert _recorded.line_of(code, 1 << 20) == 1


def test_objects_without_a_record_are_refused_nothing() -> None:
    assert _core.record(1) is None
    assert _core.count_unfired([1, "x", load("ours").Deferred(), load("ours").succeed(1)]) == 1


def test_a_snapshot_tells_ages_and_where_deferreds_were_made(recording: ModuleType) -> None:
    waits = make(recording)
    found = snapshot()
    assert found.records
    (group,) = (group for group in found.groups if group.place == Place(FILE, line_of(make, 1)))
    assert (group.kind, group.count) == ("deferred", 1)
    assert group.oldest is not None and 0 <= group.oldest < 60
    del waits


def test_explaining_a_deferred_tells_what_made_it(recording: ModuleType) -> None:
    assert explain(make(recording)).made_at == Place(FILE, line_of(make, 1))
    disable()
    assert not explain(make(recording)).made_at.file


def test_the_collector_sees_the_class_that_a_record_holds(recording: ModuleType) -> None:
    """The class of a callable leads back to the Deferred here, and nothing else does."""

    class Callable:
        deferred: Any

        def __call__(self, _: object) -> None:
            raise Oops("lost")

    with Log() as logged:
        Callable.deferred = recording.succeed(1).addCallback(Callable())
        watch = weakref.ref(Callable)
        del Callable
        gc.collect()
        # Collecting it has logged the failure, which leads to the class by the frames of its traceback.
        assert len(logged.events) == 2
        logged.events.clear()
        gc.collect()
        assert watch() is None
