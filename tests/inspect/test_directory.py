"""The directory of the sockets: private, ours, and without the sockets of processes that have ended."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest
from deferrous.inspect import InspectError
from deferrous.inspect._directory import (
    directories,
    directory_problem,
    own_path,
    remove_if_dead,
    remove_left_behind,
    remove_own,
)

from tests.children import code
from tests.inspect.outside import WAITS, deferrous, running


def test_only_its_owner_can_reach_the_socket(runtime: Path) -> None:
    old = os.umask(0)
    try:
        with running(WAITS, runtime) as program:
            folder, path = program.socket_of().parent.stat(), program.socket_of().stat()
            assert stat.S_IMODE(folder.st_mode) == 0o700
            assert stat.S_ISSOCK(path.st_mode) and stat.S_IMODE(path.st_mode) == 0o600
    finally:
        os.umask(old)


def test_without_a_runtime_directory_it_is_in_tmp() -> None:
    uid = os.geteuid()
    assert list(directories(uid, None)) == [f"/tmp/deferrous-{uid}"]
    assert list(directories(uid, "relative")) == [f"/tmp/deferrous-{uid}"]
    assert list(directories(uid, "/run/user/1")) == ["/run/user/1/deferrous", f"/tmp/deferrous-{uid}"]


def test_a_runtime_directory_that_is_too_long_or_missing_is_not_used(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "deferrous.inspect._directory.directories", lambda uid, name: [name, f"{runtime}/short"]
    )
    for directory in (runtime / ("x" * 100), runtime / "missing" / "folder"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(directory))
        assert own_path() == f"{runtime}/short/{os.getpid()}.sock"


def test_a_directory_that_is_not_ours_alone_is_refused(runtime: Path) -> None:
    uid = os.geteuid()
    private = runtime / "private"
    private.mkdir(mode=0o700)
    assert directory_problem(os.fspath(private), uid) == ""
    assert "belongs to the user" in directory_problem(os.fspath(private), uid + 1)
    (runtime / "link").symlink_to(private)
    assert "is a symbolic link" in directory_problem(os.fspath(runtime / "link"), uid)
    (runtime / "file").touch()
    assert "is no directory" in directory_problem(os.fspath(runtime / "file"), uid)
    private.chmod(0o750)
    assert "is open to other users: chmod 700" in directory_problem(os.fspath(private), uid)
    with pytest.raises(FileNotFoundError):
        directory_problem(os.fspath(runtime / "missing"), uid)


@pytest.mark.parametrize("kind", ["link", "open"])
def test_a_program_goes_on_without_inspection_where_the_directory_is_refused(
    kind: str, runtime: Path
) -> None:
    private = runtime / "elsewhere"
    private.mkdir(mode=0o700)
    if kind == "link":
        (runtime / "deferrous").symlink_to(private)
    else:
        (runtime / "deferrous").mkdir()
        (runtime / "deferrous").chmod(0o777)
    outcome = code(
        f"""
        import deferrous.inspect._directory as directory
        directory.directories = lambda uid, runtime: [{os.fspath(runtime / "deferrous")!r}]
        from twisted.internet import reactor
        reactor.callWhenRunning(reactor.stop)
        reactor.run()
        print("done")
        """,
        DEFERROUS="1",
        DEFERROUS_INSPECT="1",
    )
    assert (outcome.status, outcome.out) == (0, "done\n")
    assert "RuntimeWarning: this program cannot be inspected: " in outcome.err
    assert not list(private.iterdir())


def test_enable_raises_where_the_directory_is_refused(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runtime / "deferrous").symlink_to(runtime)
    monkeypatch.setattr(
        "deferrous.inspect._directory.directories", lambda uid, name: [os.fspath(runtime / "deferrous")]
    )
    from deferrous.inspect import enable, enabled

    with pytest.raises(InspectError, match="is a symbolic link"):
        enable()
    assert not enabled()


def test_the_socket_of_a_program_that_was_killed_is_removed_by_whoever_asks(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        os.kill(program.pid, signal.SIGKILL)
        program.process.wait()
        assert program.socket_of().exists()
        outcome = program.ask("ps")
        assert (outcome.status, outcome.err) == (1, f"deferrous ps: there is no process {program.pid}\n")
        assert not program.socket_of().exists()


def test_the_next_program_removes_the_sockets_of_those_that_were_killed(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        os.kill(program.pid, signal.SIGKILL)
        program.process.wait()
        assert program.socket_of().exists()
        with running(WAITS, runtime) as following:
            assert following.answer("ps")["pid"] == following.pid
            assert not program.socket_of().exists()
            assert following.socket_of().exists()


def test_sockets_of_processes_that_live_and_other_files_are_kept(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        (runtime / "deferrous" / "other.txt").touch()
        (runtime / "deferrous" / "x.sock").touch()
        remove_left_behind(os.fspath(runtime / "deferrous"))
        assert {path.name for path in (runtime / "deferrous").iterdir()} == {
            "other.txt",
            "x.sock",
            f"{program.pid}.sock",
        }


def leave_socket(path: Path) -> None:
    """Leave a socket that nobody listens on."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.fspath(path))


def test_only_sockets_of_this_user_in_a_private_directory_are_removed(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, shared = runtime / "private", runtime / "shared"
    private.mkdir(mode=0o700)
    shared.mkdir()
    shared.chmod(0o777)
    (private / "1.sock").write_text("a file")
    leave_socket(private / "2.sock")
    (private / "3.sock").symlink_to(private / "2.sock")
    leave_socket(shared / "4.sock")
    kept = [private / "1.sock", private / "3.sock", shared / "4.sock"]
    for path in kept:
        assert not remove_if_dead(os.fspath(path))
        assert not remove_own(os.fspath(path))
        assert os.path.lexists(path)
    uid = os.geteuid()
    # Another user's, whom root may be asked about.
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: uid + 1)
        assert not remove_if_dead(os.fspath(private / "2.sock"))
    assert remove_if_dead(os.fspath(private / "2.sock"))
    assert not (private / "2.sock").exists()


def test_a_socket_that_a_process_of_the_same_number_left_is_replaced(runtime: Path) -> None:
    source = f"""
    import os, socket
    os.mkdir("{runtime}/deferrous", 0o700)
    left = socket.socket(socket.AF_UNIX)
    left.bind(f"{runtime}/deferrous/{{os.getpid()}}.sock")
    left.close()
    """
    source = "\n".join(line.strip() for line in source.splitlines())
    with running(source + WAITS, runtime) as program:
        assert program.answer("ps")["pid"] == program.pid


def test_without_a_process_the_commands_name_those_that_listen(runtime: Path) -> None:
    with running(WAITS, runtime) as program:
        outcome = deferrous("ps", runtime=runtime)
        assert outcome.status == 2
        assert f"{program.pid}  " in outcome.err
    outcome = deferrous("ps", runtime=runtime)
    assert outcome.status == 2
    assert "which program?" in outcome.err
