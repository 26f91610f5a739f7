"""`stop`, `crash`, `iterate` and `run` in every state that a reactor can be in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorAlreadyRunning, ReactorNotRestartable, ReactorNotRunning

from tests import logs
from tests.helpers import raising
from tests.reactors import Loop

PHASES = ("before", "during", "after")


def refusal(action: Callable[[], Any]) -> str | None:
    """Give the kind of error that a call ends in."""
    try:
        action()
    except (ReactorAlreadyRunning, ReactorNotRestartable, ReactorNotRunning) as error:
        return type(error).__name__
    return None


def noting_events(reactor: Any, notes: list[str]) -> None:
    """Note each phase of start and end, and whether the reactor says then that it runs."""
    for event in ("startup", "shutdown"):
        for phase in PHASES:
            reactor.addSystemEventTrigger(
                phase, event, lambda text: notes.append(f"{text} {reactor.running}"), f"{phase} {event}"
            )


def stopping_before_it_runs(reactor: Any) -> list[Any]:
    """Stop what has not been started, and then run it nevertheless."""
    found: list[Any] = [refusal(reactor.stop), reactor.running]
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    return [*found, reactor.running, refusal(reactor.stop), refusal(reactor.run)]


def test_stopping_before_the_start_is_an_error(loop: Loop) -> None:
    """Stopping early is a harmless error. A reactor that has ended can neither be stopped nor run again."""
    expected = ["ReactorNotRunning", False, False, "ReactorNotRunning", "ReactorNotRestartable"]
    assert loop.run(stopping_before_it_runs) == expected


def stopping_in_a_trigger(reactor: Any, phase: str) -> list[str]:
    """Stop in a phase of the start."""
    notes: list[str] = []
    noting_events(reactor, notes)
    reactor.addSystemEventTrigger(phase, "startup", reactor.stop)
    reactor.callLater(0, notes.append, "timer")
    reactor.callLater(1000, notes.append, "never")
    reactor.run()
    return notes


@pytest.mark.parametrize("phase", PHASES)
def test_stopping_in_a_startup_trigger_ends_after_the_start(loop: Loop, phase: str) -> None:
    """The start is finished and then the end begins, all phases of it."""
    assert loop.run(stopping_in_a_trigger, phase) == [
        "before startup False",
        "during startup True",
        "after startup True",
        "timer",
        "before shutdown True",
        "during shutdown False",
        "after shutdown False",
    ]


def stopping_in_a_timer(reactor: Any) -> list[Any]:
    """Stop twice in a timer, and ask for more after that."""
    notes: list[Any] = []
    noting_events(reactor, notes)

    def stop() -> None:
        reactor.stop()
        notes.append(refusal(reactor.stop))
        reactor.callLater(0, notes.append, "never")
        reactor.callFromThread(notes.append, "never")

    reactor.callLater(0, stop)
    reactor.callLater(1000, notes.append, "never")
    reactor.run()
    return notes


def test_stopping_twice_is_an_error(loop: Loop) -> None:
    """The second time is an error, and what is asked for afterwards is not done."""
    notes = loop.run(stopping_in_a_timer)
    assert notes[3:] == [
        "ReactorNotRunning",
        "before shutdown True",
        "during shutdown False",
        "after shutdown False",
    ]


def stopping_from_a_thread(reactor: Any, of_the_pool: bool) -> str:
    """Stop a reactor that waits for nothing, from another thread."""

    def stop() -> None:
        reactor.callFromThread(reactor.stop)

    if of_the_pool:
        reactor.callInThread(stop)
    else:
        reactor.callWhenRunning(threading.Thread(target=stop).start)
    reactor.run()
    return "stopped"


@pytest.mark.parametrize("of_the_pool", [False, True])
def test_stopping_from_a_thread_wakes_the_reactor(loop: Loop, of_the_pool: bool) -> None:
    """A loop that sleeps wakes up, whether the thread is of the pool or not."""
    assert loop.run(stopping_from_a_thread, of_the_pool) == "stopped"


def waiting_for_triggers(reactor: Any) -> list[Any]:
    """Let the end wait for a Deferred, while timers, threads and calls of `stop` go on."""
    notes: list[Any] = []
    noting_events(reactor, notes)

    def before() -> Any:
        notes.append(refusal(reactor.stop))
        done: Deferred[None] = Deferred()
        reactor.callLater(0.01, reactor.callInThread, reactor.callFromThread, done.callback, None)
        return done.addCallback(lambda _: notes.append(f"waited {reactor.running}"))

    def after() -> None:
        notes.append(refusal(reactor.stop))

    reactor.addSystemEventTrigger("before", "shutdown", before)
    reactor.addSystemEventTrigger("after", "shutdown", after)
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    return notes


def test_stopping_in_a_shutdown_trigger_is_an_error(loop: Loop) -> None:
    """It is an error there too, and the loop runs until the Deferreds of the first phase have fired."""
    assert loop.run(waiting_for_triggers) == [
        "before startup False",
        "during startup True",
        "after startup True",
        "before shutdown True",
        "ReactorNotRunning",
        "waited True",
        "during shutdown False",
        "after shutdown False",
        "ReactorNotRunning",
    ]


def crashing(reactor: Any) -> list[Any]:
    """Crash, run again, and stop then."""
    notes: list[Any] = []
    noting_events(reactor, notes)
    reactor.callWhenRunning(reactor.crash)
    reactor.callLater(1000, notes.append, "never")
    reactor.run()
    notes.append(f"crashed {reactor.running}")
    reactor.callLater(0.01, reactor.stop)
    reactor.callWhenRunning(notes.append, "again")
    reactor.run()
    notes.append(refusal(reactor.run))
    return notes


def test_a_crashed_reactor_can_run_again(loop: Loop) -> None:
    """A crash calls no triggers, leaves everything as it is, and the reactor can be run again."""
    assert loop.run(crashing) == [
        "before startup False",
        "during startup True",
        "after startup True",
        "crashed False",
        "again",
        "before shutdown True",
        "during shutdown False",
        "after shutdown False",
        "ReactorNotRestartable",
    ]


def crashing_often(reactor: Any, rounds: int) -> list[int]:
    """Crash and run, again and again, with a timer and a job each time."""
    done: list[int] = []
    for number in range(rounds):
        reactor.callLater(0, done.append, number)
        reactor.callLater(0.001, reactor.callInThread, reactor.callFromThread, reactor.crash)
        reactor.run()
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    return done


def test_timers_and_threads_work_after_repeated_crashes(loop: Loop) -> None:
    """Timers and threads work in each run."""
    assert loop.run(crashing_often, 30) == list(range(30))


def running_within(reactor: Any) -> list[Any]:
    """Run a reactor from within itself."""
    found: list[Any] = []
    reactor.callWhenRunning(lambda: found.append(refusal(reactor.run)))
    reactor.callLater(0, lambda: found.append(refusal(reactor.run)))
    reactor.callLater(0.01, reactor.stop)
    reactor.run()
    return found


def test_running_within_a_run_is_an_error(loop: Loop) -> None:
    """A nested run is an error, and the outer run goes on."""
    assert loop.run(running_within) == ["ReactorAlreadyRunning"] * 2


def iterating(reactor: Any) -> list[Any]:
    """Turn the loop by hand, before it runs, and from within itself."""
    notes: list[Any] = []
    reactor.callLater(0, notes.append, "timer")
    reactor.callFromThread(notes.append, "call")
    reactor.iterate()
    notes.append(reactor.running)
    reactor.callLater(0.01, notes.append, "later")
    while "later" not in notes:
        reactor.iterate(0.005)
    threading.Timer(0.01, reactor.callFromThread, [notes.append, "woken"]).start()
    reactor.iterate(1000)
    reactor.iterate()

    def within() -> None:
        reactor.callLater(0, notes.append, "inner timer")
        reactor.callFromThread(notes.append, "inner call")
        for _ in range(3):
            reactor.iterate()
        notes.append("within")
        reactor.stop()
        reactor.iterate()
        notes.append(reactor.running)

    reactor.callLater(0, within)
    reactor.run()
    return notes


def test_iterate_runs_one_turn(loop: Loop) -> None:
    """Each turn does what is due; one that is told to wait is woken; and a loop can be turned from within."""
    notes = loop.run(iterating)
    assert sorted(notes[:2]) == ["call", "timer"]
    assert notes[2:5] == [False, "later", "woken"]
    assert sorted(notes[5:7]) == ["inner call", "inner timer"]
    assert notes[7:] == ["within", False]


def failing_triggers(reactor: Any) -> list[Any]:
    """Raise in every phase of start and end."""
    logs.begin()
    notes: list[Any] = []
    noting_events(reactor, notes)
    for event in ("startup", "shutdown"):
        for phase in PHASES:
            reactor.addSystemEventTrigger(phase, event, raising(ValueError(f"{phase} {event}")))
    noting_events(reactor, notes)
    reactor.callLater(0.01, reactor.stop)
    with logs.Log() as log:
        reactor.run()
        return [notes, [text for text in log.take() if "ValueError" in text]]


def test_exceptions_of_triggers_are_logged(loop: Loop) -> None:
    """Each exception is logged, and all other triggers are called."""
    notes, logged = loop.run(failing_triggers)
    names = [f"{phase} {event}" for event in ("startup", "shutdown") for phase in PHASES]
    assert [note.rsplit(" ", 1)[0] for note in notes] == [name for name in names for _ in range(2)]
    assert [text.split("ValueError")[1] for text in logged] == [f"({name})" for name in names]
    assert all(text.startswith("critical ") for text in logged)


def removing_triggers(reactor: Any) -> list[Any]:
    """Take triggers away, also one that is about to be called."""
    notes: list[Any] = []
    early = reactor.addSystemEventTrigger("before", "shutdown", notes.append, "early")
    late = reactor.addSystemEventTrigger("during", "shutdown", notes.append, "late")
    reactor.removeSystemEventTrigger(early)
    reactor.addSystemEventTrigger("before", "shutdown", reactor.removeSystemEventTrigger, late)
    started = reactor.callWhenRunning(notes.append, "started")
    reactor.removeSystemEventTrigger(started)
    reactor.addSystemEventTrigger("after", "shutdown", notes.append, "kept")
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    try:
        reactor.removeSystemEventTrigger(early)
    except Exception as error:
        notes.append(type(error).__name__)
    return notes


def test_removed_triggers_are_not_called(loop: Loop) -> None:
    """They are not called, and taking one away twice is an error."""
    assert loop.run(removing_triggers) == ["kept", "ValueError"]
