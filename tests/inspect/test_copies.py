"""The copy that walks over the objects leaves the program as it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.children import PATIENCE, passes
from tests.inspect.outside import READY, WAITS, exchange, request, running


def test_nothing_of_the_program_is_finalized_or_ended_by_the_copy(runtime: Path) -> None:
    source = """
    import atexit, gc, os, sys, weakref
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    def say(text):
        os.write(1, f"{text} {'here' if os.getpid() == pid else 'in the copy'}\\n".encode())

    class Thing:
        def __del__(self):
            say("finalized")

    pid = os.getpid()
    atexit.register(say, "ended")
    kept = Thing()
    circle = [Thing()]
    circle.append(circle)
    gc.disable()
    del circle
    weakref.finalize(kept, say, "forgotten")
    def ready():
        say("ready")
        sys.stdout.write("not flushed twice\\n")
    reactor.callWhenRunning(ready)
    def end():
        # Not input(), which flushes.
        sys.stdin.readline()
        reactor.callFromThread(reactor.stop)

    reactor.callWhenRunning(reactor.callInThread, end)
    reactor.run()
    """
    with running(source, runtime, ready="ready here\n", PYTHONUNBUFFERED=None) as program:
        for command in ("ps", "pstree", "why"):
            program.answer(command)
        program.send("end")
        written = program.end()
        assert "in the copy" not in written
        assert written.count("not flushed twice") == 1
        assert "ended here" in written


def test_the_copy_closes_all_descriptors_and_keeps_no_signal_handler() -> None:
    passes(
        """
        import os, signal, socket, time
        from deferrous.inspect._copy import start_copy
        signal.signal(signal.SIGTERM, lambda *args: os._exit(3))
        opened = [socket.socketpair() for _ in range(20)]
        before = os.listdir("/proc/self/fd")
        def answer():
            names = os.listdir("/proc/self/fd")
            return {
                "descriptors": [name for name in names if os.path.exists(f"/proc/self/fd/{name}")],
                "handler": str(signal.getsignal(signal.SIGTERM)),
                "enabled": __import__("gc").isenabled(),
            }
        copy = start_copy(answer)
        while not copy.read():
            time.sleep(0.01)
        copy.end()
        import json
        answered = json.loads(copy.received)
        assert len(answered["descriptors"]) == 1, answered
        assert answered["enabled"] is False
        assert "SIG_DFL" in answered["handler"] or answered["handler"] == "0", answered
        assert os.listdir("/proc/self/fd") == before
        """
    )


def test_a_copy_that_ends_takes_no_exit_status_of_another_child(runtime: Path) -> None:
    source = """
    import sys
    from twisted.internet import protocol, reactor
    class Child(protocol.ProcessProtocol):
        def __init__(self, number):
            self.number = number
        def processEnded(self, reason):
            print("right" if (reason.value.exitCode or 0) == self.number else "wrong", flush=True)
            if wanted:
                start((self.number + 1) % 5)
            else:
                reactor.stop()
    wanted = True
    def start(number):
        reactor.spawnProcess(Child(number), "/bin/sh", ["sh", "-c", f"exit {number}"])
    def end():
        global wanted
        sys.stdin.readline()
        wanted = False
    reactor.callWhenRunning(start, 0)
    reactor.callInThread(end)
    reactor.run()
    """
    with running(source, runtime, ready="right\n") as program:
        for _ in range(3):
            assert program.answer("why")["pid"] == program.pid
        assert set(program.end().splitlines()) == {"right"}
        assert program.process.returncode == 0


@pytest.mark.parametrize(
    "setting",
    [
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "threading.Thread(target=reap, daemon=True).start()",
    ],
)
def test_a_program_that_forgets_all_its_children_is_answered(setting: str, runtime: Path) -> None:
    source = f"""
    import os, signal, threading, time
    from twisted.internet import reactor
    def reap():
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                time.sleep(0.001)
    {setting}
    print("ready", flush=True)
    reactor.run(installSignalHandlers=False)
    """
    with running(source, runtime) as program:
        for _ in range(3):
            assert program.answer("ps")["pid"] == program.pid


def test_no_child_of_the_program_is_left(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        program.answer("ps")
        assert not children_of(program.pid)


def test_warnings_that_are_errors_do_not_stop_the_copy(runtime: Path) -> None:
    with running(WAITS, runtime, "-W", "error") as program:
        assert not program.answer("ps").get("in_process")
    late = "import warnings\nfrom twisted.internet import reactor\nwarnings.simplefilter('error')\n" + WAITS
    with running(late, runtime) as program:
        assert not program.answer("ps").get("in_process")
        assert not program.answer("ps").get("in_process")


def test_a_copy_ends_when_nobody_waits_for_it(runtime: Path) -> None:
    source = """
    import deferrous.inspect._report as report, time
    report.answer = lambda request: time.sleep(1000)
    """
    with running(
        "from twisted.internet import reactor\n" + source.replace("    ", "") + WAITS, runtime
    ) as program:
        with program.connect() as connected:
            connected.sendall(request())
            assert connected.recv(100) == b'{"working": true}\n'
            wait_until(lambda: children_of(program.pid))
        wait_until(lambda: not children_of(program.pid))


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(pid: int) -> list[str]:
    """Return the children of all threads of a process."""
    found: list[str] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += path.read_text().split()
    return found


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("os.kill(os.getpid(), 9)", "the copy of the program that was to answer has died"),
        ("os._exit(0)", "the copy of the program that was to answer has died"),
        ("int('the secret')", "the copy of the program failed: ValueError in "),
    ],
)
def test_an_answer_that_fails_is_one_line(answer: str, error: str, runtime: Path) -> None:
    source = f"""
    import os
    from twisted.internet import reactor
    import deferrous.inspect._report as report
    report.answer = lambda request: {answer}
    print("ready", flush=True)
    reactor.run()
    """
    with running(source, runtime) as program:
        outcome = program.ask("ps")
        assert (outcome.status, outcome.out) == (1, "")
        assert outcome.err.splitlines()[-1].startswith(f"deferrous ps: {error}")
        assert "secret" not in outcome.err


def test_a_copy_that_takes_too_long_is_ended(runtime: Path) -> None:
    source = """
    import time
    from twisted.internet import reactor
    from deferrous.inspect import _connection, _report
    _connection.PATIENCE = 1
    _report.answer = lambda request: time.sleep(1000)
    print("ready", flush=True)
    reactor.run()
    """
    with running(source, runtime) as program:
        lines = exchange(program.connect(), request())
        assert b"was not done in 1 s" in lines[-1]
        assert not children_of(program.pid)


def test_a_program_that_cannot_fork_answers_itself_and_says_so(runtime: Path) -> None:
    source = """
    import os
    from twisted.internet import reactor
    def fork():
        raise BlockingIOError(11, "no process left")
    os.fork = fork
    print("ready", flush=True)
    reactor.run()
    """
    with running(source, runtime, ready=READY) as program:
        outcome = program.ask("ps")
        assert outcome.status == 0
        assert "answered in the process itself" in outcome.err
