"""Programs that fork, become others, and end are answered, and leave no socket."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from tests.children import PATIENCE
from tests.inspect.outside import READY, WAITS, Program, running


def wait_for_socket(program: Program, pid: int) -> None:
    """Wait until a child listens."""
    deadline = time.monotonic() + PATIENCE
    while not program.socket_of(pid).exists():
        assert time.monotonic() < deadline, f"process {pid} does not listen"
        time.sleep(0.05)


def test_a_child_has_a_socket_of_its_own(runtime: Path) -> None:
    source = """
    import os, time
    from twisted.internet import reactor
    child = os.fork()
    if child == 0:
        time.sleep(1000)
    print(child, flush=True)
    print("ready", flush=True)
    reactor.run()
    """
    with running(source, runtime, ready="") as program:
        child = int(program.line())
        wait_for_socket(program, child)
        assert program.answer("ps", pid=child)["pid"] == child
        assert program.answer("ps")["pid"] == program.pid


def test_a_grandchild_whose_parents_have_gone_has_one_too(runtime: Path) -> None:
    """As a daemon is started."""
    source = """
    import os, time
    from twisted.internet import reactor
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            reactor.run()
        os._exit(0)
    time.sleep(1000)
    """
    with running(source, runtime, ready="") as program:
        daemon = int(program.line())
        try:
            # A process that starts to listen removes the sockets of dead processes.
            wait_for_socket(program, daemon)
            program.process.kill()
            program.process.wait()
            assert program.answer("ps", pid=daemon)["pid"] == daemon
            # They have ended without removing it.
            assert program.socket_of().exists()
            assert "there is no process" in program.ask("ps").err
            assert {path.name for path in program.socket_of().parent.iterdir()} == {f"{daemon}.sock"}
        finally:
            os.kill(daemon, signal.SIGKILL)


def test_a_child_that_becomes_another_program_opens_none(runtime: Path) -> None:
    source = """
    from twisted.internet import protocol, reactor
    class Child(protocol.ProcessProtocol):
        def processEnded(self, reason):
            print("ready", flush=True)
    reactor.callWhenRunning(reactor.spawnProcess, Child(), "/bin/sleep", ["sleep", "1"])
    reactor.run()
    """
    with running(source, runtime) as program:
        assert {path.name for path in program.socket_of().parent.iterdir()} == {f"{program.pid}.sock"}


def test_a_program_that_forks_all_the_time_answers(runtime: Path) -> None:
    source = """
    import os
    from twisted.internet import reactor, task
    def fork():
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0) == (child, 0)
    task.LoopingCall(fork).start(0)
    reactor.callWhenRunning(lambda: print("ready", flush=True))
    reactor.run()
    """
    with running(source, runtime) as program:
        for _ in range(5):
            assert program.answer("ps")["pid"] == program.pid
        assert program.process.poll() is None


def test_a_program_that_has_ended_leaves_no_socket(runtime: Path) -> None:
    source = "from twisted.internet import reactor; print('ready', flush=True); input()"
    with running(source, runtime) as program:
        assert program.socket_of().exists()
        program.send("end")
        program.end()
        assert program.process.returncode == 0
        assert not program.socket_of().exists()


def test_a_program_that_waits_for_a_thread_at_its_end_answers(runtime: Path) -> None:
    source = """
    import threading
    from twisted.internet import reactor
    def keep():
        threading.main_thread().join()
        print("ready", flush=True)
        input()
    threading.Thread(target=keep).start()
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    """
    with running(source, runtime) as program:
        assert program.answer("why")["pid"] == program.pid
        program.send("end")
        program.end()
        assert program.process.returncode == 0
        assert not program.socket_of().exists()


def test_a_program_that_is_kept_by_what_runs_at_its_end_answers(runtime: Path) -> None:
    source = """
    import atexit, sys
    from twisted.internet import reactor
    def keep():
        print("ready", flush=True)
        sys.stdin.readline()
    atexit.register(keep)
    """
    with running(source, runtime, ready=READY) as program:
        assert program.answer("why")["pid"] == program.pid
        program.send("end")
        program.end()
        assert program.process.returncode == 0
        assert not program.socket_of().exists()


def test_a_program_whose_interpreter_ends_is_said_to_be_at_its_end(runtime: Path) -> None:
    source = """
    import os, sys, time
    from twisted.internet import reactor
    class Late:
        def __del__(self, write=os.write, sleep=time.sleep):
            write(1, b"ready\\n")
            sleep(1000)
    sys.late = Late()
    """
    with running(source, runtime, ready=READY) as program:
        outcome = program.ask("why", "--no-attach")
        assert outcome.status == 1
        assert "does not listen" in outcome.err


def test_a_program_that_ends_while_it_is_asked_is_not_kept(runtime: Path) -> None:
    with running(WAITS, runtime) as program, program.connect() as connected:
        connected.sendall(b"{")
        os.kill(program.pid, signal.SIGTERM)
        program.process.wait()
        assert program.process.returncode == 0
        with contextlib.suppress(ConnectionResetError):
            assert connected.recv(100) == b""
        assert not program.socket_of().exists()
