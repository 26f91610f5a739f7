"""Programs that ask Twisted for the default reactor, install one again, or name epoll.

Each way of installing has to look as stock Twisted does.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.children import Outcome, code, passes, python


class Way(NamedTuple):
    """How a program is started, and the reactor that it gets then."""

    first_line: str
    variables: dict[str, str | None]
    kind: str


WAYS = {
    "stock": Way("", {}, "EPollReactor"),
    "DEFERROUS=1": Way("", {"DEFERROUS": "1"}, "DeferrousReactor"),
    "install()": Way("import deferrous; deferrous.install()", {}, "DeferrousReactor"),
}

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())

#: Finds the class of the default reactor as pytest-twisted does, and prints it.
FIND_CLASS = """
import inspect
from twisted.internet import default
module = inspect.getmodule(default.install)
(name,) = [name for name in dir(module) if name.lower() == module.__name__.split(".")[-1]]
found = getattr(module, name)
default.install()
from twisted.internet import reactor
assert type(reactor) is found, (type(reactor), found)
print(name)
"""


def started(way: Way, source: str, **changes: str | None) -> str:
    """Run a program in one of the ways, and return what it prints."""
    return passes(f"{way.first_line}\n{textwrap.dedent(source)}", **{**way.variables, **changes}).strip()


def failing(way: Way, source: str) -> Outcome:
    """Run a program that fails."""
    outcome = code(f"{way.first_line}\n{textwrap.dedent(source)}", **way.variables)
    assert outcome.status == 1
    return outcome


@ways
def test_the_class_of_the_default_reactor_is_found_by_the_module_of_install(way: Way) -> None:
    assert started(way, FIND_CLASS) == way.kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deferrous", "DeferrousReactor"),
        ("default", "EPollReactor"),
        ("epoll", "EPollReactor"),
        ("poll", "PollReactor"),
        ("select", "SelectReactor"),
    ],
)
def test_the_class_is_found_if_the_environment_names_the_reactor(name: str, kind: str) -> None:
    assert started(WAYS["DEFERROUS=1"], FIND_CLASS, DEFERROUS_REACTOR=name) == kind


def test_the_class_is_found_under_deferrous_run(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(FIND_CLASS)
    for options, kind in (([], "DeferrousReactor"), (["--reactor=poll"], "PollReactor")):
        outcome = python("-m", "deferrous", "run", *options, "program.py", cwd=tmp_path)
        assert outcome == (0, f"{kind}\n", "")


@ways
def test_twisteds_choice_is_from_its_own_module(way: Way) -> None:
    out = started(
        way,
        """
        import inspect
        from twisted.internet import default, epollreactor
        from twisted.python.runtime import Platform
        install = default._getInstallFunction(Platform("posix", "linux"))
        assert install is epollreactor.install and inspect.getmodule(install) is epollreactor
        print(install.__module__, install.__name__, install.__qualname__)
        """,
    )
    assert out == "twisted.internet.epollreactor install install"


def test_the_module_has_the_class_without_importing_it() -> None:
    passes(
        """
        import sys
        from deferrous import deferrousreactor
        assert "twisted" not in sys.modules
        assert {"DeferrousReactor", "install"} <= set(dir(deferrousreactor))
        from deferrous.deferrousreactor import DeferrousReactor
        import deferrous.reactor
        assert DeferrousReactor is deferrous.reactor.DeferrousReactor
        assert not hasattr(deferrousreactor, "EPollReactor")
        """
    )


def test_names_of_install_that_were_taken_before_are_repaired() -> None:
    passes(
        """
        from twisted.internet import default, epollreactor
        from twisted.internet.default import install as by_default
        from twisted.internet.epollreactor import install as epoll
        import deferrous
        deferrous.install()
        from deferrous import deferrousreactor
        assert default.install is deferrousreactor.install
        assert epoll is by_default is epollreactor.install is deferrousreactor.install_as_epoll
        deferrous.install()
        assert epollreactor.install is deferrousreactor.install_as_epoll
        """
    )


def test_an_install_function_of_the_program_is_kept() -> None:
    passes(
        """
        from twisted.internet import default, epollreactor
        def mine(): raise AssertionError("not called")
        default.install = epollreactor.install = mine
        import deferrous
        deferrous.install()
        assert default.install is epollreactor.install is mine
        """
    )


@ways
def test_a_reactor_can_be_installed_again_once_the_first_is_taken_out(way: Way) -> None:
    out = started(
        way,
        """
        import sys
        from twisted.internet import default, reactor
        reactor.callLater(0, reactor.stop)
        reactor.run()
        for _ in range(2):
            del sys.modules["twisted.internet.reactor"]
            default.install()
            again = sys.modules["twisted.internet.reactor"]
            assert again is not reactor and type(again) is type(reactor)
            import twisted.internet
            assert twisted.internet.reactor is again
            again.callLater(0, again.stop)
            again.run()
            reactor = again
        print(type(reactor).__name__)
        """,
    )
    assert out == way.kind


def test_install_works_again_after_the_reactor_was_removed() -> None:
    passes(
        """
        import sys
        import deferrous
        deferrous.install()
        first = sys.modules.pop("twisted.internet.reactor")
        deferrous.install()
        second = sys.modules["twisted.internet.reactor"]
        assert second is not first and type(second) is type(first)
        """
    )


@ways
def test_installing_a_second_reactor_is_an_error(way: Way) -> None:
    outcome = failing(
        way, "from twisted.internet import default, reactor\ndefault.install()\ndefault.install()"
    )
    assert "twisted.internet.error.ReactorAlreadyInstalledError: reactor already installed" in outcome.err


@ways
def test_no_reactor_is_installed_if_the_program_forbids_it(way: Way) -> None:
    outcome = failing(
        way,
        """
        import sys
        sys.modules["twisted.internet.reactor"] = None
        from twisted.internet import default
        default.install()
        """,
    )
    assert "ReactorAlreadyInstalledError" in outcome.err


@ways
def test_a_program_may_replace_install_reactor(way: Way) -> None:
    started(
        way,
        """
        import sys
        from twisted.internet import default, main
        sys.modules.pop("twisted.internet.reactor", None)
        installed = []
        main.installReactor = installed.append
        default.install()
        assert len(installed) == 1 and "twisted.internet.reactor" not in sys.modules
        """,
    )


@ways
def test_epoll_by_name_is_the_default_reactor(way: Way) -> None:
    out = started(
        way,
        """
        from twisted.internet import epollreactor
        epollreactor.install()
        from twisted.internet import reactor
        print(type(reactor).__name__)
        try:
            epollreactor.install()
        except Exception as error:
            assert type(error).__name__ == "ReactorAlreadyInstalledError", error
        else:
            raise AssertionError("installed twice")
        """,
    )
    assert out == way.kind


@ways
@pytest.mark.parametrize("name", ["poll", "select", "asyncio"])
def test_other_reactors_are_not_replaced(way: Way, name: str) -> None:
    if way.first_line:
        # That one has installed a reactor already.
        way = way._replace(first_line=way.first_line.replace("install()", "install(reactor=False)"))
    out = started(
        way,
        f"""
        from twisted.internet import {name}reactor
        {name}reactor.install()
        from twisted.internet import reactor
        print(type(reactor).__module__)
        """,
    )
    assert out == f"twisted.internet.{name}reactor"


@pytest.mark.parametrize("name", ["epoll", "default", "select"])
def test_epoll_is_twisteds_where_the_environment_picks_a_reactor(name: str) -> None:
    source = """
        from twisted.internet import epollreactor
        epollreactor.install()
        from twisted.internet import reactor
        print(type(reactor).__name__)
        """
    assert started(WAYS["DEFERROUS=1"], source, DEFERROUS_REACTOR=name) == "EPollReactor"
    without = Way("import deferrous; deferrous.install(reactor=False)", {}, "EPollReactor")
    assert started(without, source) == "EPollReactor"


#: Installs the reactor of a name as twistd and trial do.
BY_OPTION = """
from twisted.application.app import ReactorSelectionMixin
from twisted.python.usage import Options
class Command(Options, ReactorSelectionMixin):
    pass
Command().parseOptions(["--reactor=NAME"])
from twisted.internet import reactor
print(type(reactor).__name__)
"""


@ways
def test_epoll_as_an_option_is_the_default_reactor(way: Way) -> None:
    assert started(way, BY_OPTION.replace("NAME", "epoll")) == way.kind
    assert started(way, BY_OPTION.replace("NAME", "default")) == way.kind


@pytest.mark.parametrize(
    ("option", "named", "kind"),
    [
        ("epoll", "epoll", "EPollReactor"),
        ("epoll", "default", "EPollReactor"),
        ("deferrous", "epoll", "DeferrousReactor"),
        ("poll", None, "PollReactor"),
    ],
)
def test_the_environment_and_the_option_pick_the_reactor_together(
    option: str, named: str | None, kind: str
) -> None:
    source = BY_OPTION.replace("NAME", option)
    assert started(WAYS["DEFERROUS=1"], source, DEFERROUS_REACTOR=named) == kind


def test_without_epoll_the_default_of_the_system_is_replaced_alone() -> None:
    """As on systems that have no epoll: there, the module of that reactor cannot be imported."""
    passes(
        """
        import select, sys
        del select.epoll
        import deferrous
        deferrous.install()
        from deferrous import deferrousreactor
        from twisted.internet import default, reactor
        assert default.install is deferrousreactor.install
        assert "twisted.internet.epollreactor" not in sys.modules
        """
    )


def test_threads_that_install_at_once_get_one_reactor() -> None:
    passes(
        """
        import sys, threading
        import deferrous, deferrous.reactor
        from twisted.internet import main
        deferrous.install(reactor=False)
        made = []
        class Counted(deferrous.reactor.DeferrousReactor):
            def __init__(self):
                together.wait()
                super().__init__()
        deferrous.reactor.DeferrousReactor = Counted
        put, main.installReactor = main.installReactor, lambda reactor: (made.append(reactor), put(reactor))
        together = threading.Barrier(4)
        errors = []
        def install():
            try:
                deferrous.install()
            except BaseException as error:
                errors.append(error)
        threads = [threading.Thread(target=install) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert errors == [] and made == [sys.modules["twisted.internet.reactor"]]
        """
    )


def test_installing_in_the_middle_of_installing_waits_for_nothing() -> None:
    """A program may replace installReactor, and lazy imports may run any code."""
    passes(
        """
        import sys
        import deferrous
        from twisted.internet import main
        put = main.installReactor
        def nested(reactor):
            put(reactor)
            deferrous.install()
        main.installReactor = nested
        deferrous.install()
        assert deferrous.installed()
        """
    )
