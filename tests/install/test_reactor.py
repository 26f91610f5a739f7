"""Which reactor a program gets."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.children import code, environment, passes, python

#: Prints the class of the reactor that a program gets which picks none.
WHICH = """
from twisted.internet import reactor
print(type(reactor).__name__)
"""


def printed(source: str, **changes: str | None) -> str:
    """Return what a program prints, without the end of the line."""
    return passes(source, **changes).strip()


def test_install_installs_the_reactor() -> None:
    assert printed("import deferrous; deferrous.install()" + WHICH) == "DeferrousReactor"


def test_install_without_the_reactor_leaves_twisteds() -> None:
    assert printed("import deferrous; deferrous.install(reactor=False)" + WHICH) == "EPollReactor"


def test_a_later_call_can_install_the_reactor() -> None:
    source = "import deferrous; deferrous.install(reactor=False); deferrous.install()"
    assert printed(source + WHICH) == "DeferrousReactor"


def test_install_accepts_our_reactor_if_it_is_installed() -> None:
    passes(
        """
        import deferrous.reactor
        deferrous.reactor.install()
        from twisted.internet import reactor
        deferrous.install()
        from twisted.internet import reactor as again
        assert again is reactor
        """
    )


def test_another_reactor_is_an_error_that_names_it_and_changes_nothing() -> None:
    outcome = code(
        """
        from twisted.internet import reactor
        import deferrous
        try:
            deferrous.install()
        except deferrous.InstallError as error:
            print(error)
        assert not deferrous.installed()
        deferrous.install(reactor=False)
        assert deferrous.installed()
        """
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert "twisted.internet.epollreactor.EPollReactor" in outcome.out
    assert "held by __main__" in outcome.out
    assert "deferrous.install(reactor=False)" in outcome.out


def test_installing_the_reactor_alone_leaves_deferreds() -> None:
    passes(
        """
        import deferrous.reactor
        deferrous.reactor.install()
        from twisted.internet import defer, reactor, threads
        assert not deferrous.installed()
        fired = []
        threads.deferToThread(int, "7").addCallback(fired.append)
        reactor.callLater(0.1, reactor.stop)
        reactor.run()
        assert fired == [7]
        """
    )


def test_installing_over_another_reactor_names_that_one() -> None:
    outcome = code(
        """
        from twisted.internet import reactor
        import deferrous.reactor
        deferrous.reactor.install()
        """
    )
    assert outcome.status == 1
    assert (
        "ReactorAlreadyInstalledError: reactor already installed: twisted.internet.epollreactor.EPollReactor"
        in outcome.err
    )


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("from twisted.internet import reactor", ", which is held by __main__. "),
        ("from twisted.internet import reactor as loop", ", which is held by __main__. "),
        ("from twisted.internet import asyncioreactor; asyncioreactor.install()", ". Call"),
    ],
)
def test_the_error_names_the_other_reactor_and_the_modules_that_have_it(first: str, said: str) -> None:
    outcome = code(f"{first}\nimport deferrous; deferrous.install()")
    kind = "asyncioreactor.AsyncioSelectorReactor" if "asyncio" in first else "epollreactor.EPollReactor"
    assert f"A reactor is installed already: twisted.internet.{kind}{said}" in outcome.err


@pytest.mark.parametrize(
    ("reactor", "kind"),
    [
        (None, "DeferrousReactor"),
        ("", "DeferrousReactor"),
        ("deferrous", "DeferrousReactor"),
        ("default", "EPollReactor"),
        ("select", "SelectReactor"),
    ],
)
def test_the_environment_picks_the_reactor(reactor: str | None, kind: str) -> None:
    assert printed(WHICH, DEFERROUS="1", DEFERROUS_REACTOR=reactor) == kind


def test_a_program_gets_the_reactor_that_it_picks() -> None:
    source = "from twisted.internet import selectreactor; selectreactor.install()"
    assert printed(source + WHICH, DEFERROUS="1") == "SelectReactor"


def test_an_unknown_reactor_in_the_environment_is_an_error() -> None:
    outcome = code(WHICH, DEFERROUS="1", DEFERROUS_REACTOR="epol")
    assert outcome.status == 1
    assert "DEFERROUS_REACTOR=epol: there is no reactor 'epol'" in outcome.err
    assert "epoll" in outcome.err


def test_an_unavailable_reactor_in_the_environment_is_an_error() -> None:
    outcome = code(WHICH, DEFERROUS="1", DEFERROUS_REACTOR="kqueue")
    assert outcome.status == 1
    assert (
        "deferrous.InstallError: DEFERROUS_REACTOR=kqueue: deferrous cannot use the reactor 'kqueue' here, "
        "since its module cannot be imported: ImportError: module 'select' has no attribute"
    ) in outcome.err


@pytest.mark.parametrize("name", ["kqueue", "epol"])
def test_an_unknown_reactor_is_no_error_for_programs_without_a_reactor(name: str) -> None:
    passes("from twisted.internet import defer, default", DEFERROUS="1", DEFERROUS_REACTOR=name)


def test_threads_are_replaced_wherever_they_are_named() -> None:
    passes(
        """
        from twisted.internet import base, threads
        from twisted.python import threadpool
        stock = threadpool.ThreadPool, threads.deferToThread, threads.deferToThreadPool
        from twisted.internet.threads import deferToThread
        import deferrous
        deferrous.install()
        from deferrous import threads as ours
        assert threads.deferToThread is deferToThread is ours.deferToThread
        assert threads.deferToThreadPool is ours.deferToThreadPool
        assert base.ThreadPool is threadpool.ThreadPool is ours.ThreadPool
        assert issubclass(ours.ThreadPool, stock[0])
        """
    )


@pytest.mark.parametrize(
    "first", ["twisted.python.threadpool", "twisted.internet.threads", "twisted.enterprise.adbapi"]
)
def test_threads_are_replaced_by_the_environment_in_any_order(first: str) -> None:
    passes(
        f"""
        import {first}
        from twisted.internet import base, threads
        from twisted.python import threadpool
        from deferrous import threads as ours
        assert threads.deferToThread is ours.deferToThread
        assert base.ThreadPool is threadpool.ThreadPool is ours.ThreadPool
        """,
        DEFERROUS="1",
    )


def test_deferrous_run_picks_the_reactor() -> None:
    outcome = python(
        "-m",
        "deferrous",
        "run",
        "--reactor",
        "select",
        "-m",
        "timeit",
        "-n1",
        "-r1",
        "-s",
        WHICH.strip(),
        "0",
    )
    assert outcome.status == 0
    assert "SelectReactor" in outcome.out
    outcome = python(
        "-m", "deferrous", "run", "--reactor=poll", "-m", "timeit", "-n1", "-r1", "-s", WHICH.strip(), "0"
    )
    assert "PollReactor" in outcome.out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--reactor", "epol", "x.py"], "deferrous run: there is no reactor 'epol'"),
        (["--reactor", "kqueue", "x.py"], "deferrous run: deferrous cannot use the reactor 'kqueue' here"),
        (["--reactor"], "which reactor?"),
        (["--reactor=", "x.py"], "which reactor?"),
        (["--reactor", "epoll"], "which program?"),
    ],
)
def test_deferrous_run_reports_a_wrong_reactor(options: list[str], complaint: str) -> None:
    outcome = python("-m", "deferrous", "run", *options)
    assert (outcome.status, outcome.out) == (2, "")
    assert complaint in outcome.err


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("epol", "there is no reactor 'epol'"), ("kqueue", "deferrous cannot use the reactor 'kqueue' here")],
)
def test_deferrous_run_refuses_a_wrong_reactor_before_the_program_starts(
    name: str, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text("print('started')")
    command = ("-m", "deferrous", "run")
    outcome = python(*command, "program.py", env=environment(DEFERROUS_REACTOR=name), cwd=tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"deferrous run: DEFERROUS_REACTOR={name}: {complaint}")
    # What is said on the command line counts instead.
    outcome = python(
        *command, "--reactor=poll", "program.py", env=environment(DEFERROUS_REACTOR=name), cwd=tmp_path
    )
    assert outcome == (0, "started\n", "")


@pytest.mark.parametrize(
    ("option", "kind"), [("epoll", "DeferrousReactor"), ("poll", "PollReactor"), ("select", "SelectReactor")]
)
def test_trial_gets_the_reactor_that_its_option_names(option: str, kind: str, tmp_path: Path) -> None:
    """trial --reactor picks one, and Deferreds and threads are ours all the same. Ours stands for epoll."""
    (tmp_path / "test_kinds.py").write_text(
        textwrap.dedent(
            f"""
            import deferrous.threads
            from twisted.internet import defer, reactor, threads
            from twisted.trial.unittest import TestCase

            class Kinds(TestCase):
                async def test_kinds(self):
                    self.assertEqual(type(reactor).__name__, {kind!r})
                    self.assertIs(defer.Deferred, deferrous.defer.Deferred)
                    self.assertIs(threads.deferToThread, deferrous.threads.deferToThread)
                    self.assertEqual(await threads.deferToThread(lambda: 1 + 1), 2)
            """
        )
    )
    outcome = python(
        *("-m", "twisted.trial", f"--reactor={option}", "test_kinds"),
        env=environment(DEFERROUS="1", PYTHONPATH=str(tmp_path)),
        cwd=tmp_path,
    )
    assert outcome.status == 0, outcome.out + outcome.err
    assert "PASSED (successes=1)" in outcome.out
