"""Imports that CPython 3.15 puts off until a name is used: those with `lazy`, or all, by an option."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.children import environment, passes, python

pytestmark = pytest.mark.skipif(sys.version_info < (3, 15), reason="CPython before 3.15 has no lazy imports")

#: The option that makes the imports at the top level of every module lazy.
ALL = ("-X", "lazy_imports=all")

#: The ways of running a program, on stock Twisted and on deferrous, with what each puts at its top.
WAYS = {
    "stock": "",
    "variable": "",
    "run": "",
    "install": "import deferrous; deferrous.install()\n",
    "reactor": "import deferrous.reactor; deferrous.reactor.install()\n",
}

#: How a program may import the reactor, and the options of Python.
IMPORTS = [
    pytest.param("lazy from twisted.internet import reactor\n", (), id="from"),
    pytest.param("lazy import twisted.internet.reactor as reactor\n", (), id="import"),
    pytest.param("from twisted.internet import reactor\n", ALL, id="all"),
]

#: Uses Deferreds, timers and the pool. Prints the class of the reactor, and whether deferrous is installed.
PROGRAM = """
from twisted.internet import defer, task, threads

@defer.inlineCallbacks
def main():
    total = yield threads.deferToThread(sum, [1, 2]).addTimeout(60, reactor)
    yield task.deferLater(reactor, 0)
    print(total)
    reactor.stop()

reactor.callWhenRunning(main)
reactor.run()
print(type(reactor).__name__)
import deferrous
print(deferrous.installed())
"""


def printed(folder: Path, way: str, source: str, *options: str) -> list[str]:
    """Run a program, which has to end well and silently, and return the lines that it prints.

    Args:
        folder: where it is written to.
        way: how it is run. What this puts at its top is in `source` already.
        source: the program.
        options: those of Python.
    """
    file = folder / "app.py"
    file.write_text(source)
    command = ["-m", "deferrous", "run", str(file)] if way == "run" else [str(file)]
    outcome = python(*options, *command, env=environment(DEFERROUS="1" if way == "variable" else None))
    assert (outcome.status, outcome.err) == (0, ""), outcome.err
    return outcome.out.splitlines()


def reactor_of(way: str) -> str:
    """Return the class of the reactor that a program gets which picks none."""
    return "EPollReactor" if way == "stock" else "DeferrousReactor"


def expected(way: str) -> list[str]:
    """Return what PROGRAM prints. Installing the reactor alone leaves Twisted's Deferred."""
    return ["3", reactor_of(way), str(way not in ("stock", "reactor"))]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("statement", "options"), IMPORTS)
def test_program_runs_that_imports_the_reactor_lazily(
    tmp_path: Path, way: str, statement: str, options: tuple[str, ...]
) -> None:
    assert printed(tmp_path, way, WAYS[way] + statement + PROGRAM, *options) == expected(way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("statement", "options"), IMPORTS)
def test_lazy_import_above_the_installation_is_no_reactor_yet(
    tmp_path: Path, way: str, statement: str, options: tuple[str, ...]
) -> None:
    assert printed(tmp_path, way, statement + WAYS[way] + PROGRAM, *options) == expected(way)


@pytest.mark.parametrize("way", WAYS)
def test_two_threads_that_use_the_reactor_first_get_the_same(tmp_path: Path, way: str) -> None:
    source = """
import threading
lazy from twisted.internet import reactor

barrier = threading.Barrier(2)
found = []

def use():
    barrier.wait()
    found.append(reactor.callFromThread)

users = [threading.Thread(target=use) for _ in range(2)]
for user in users:
    user.start()
for user in users:
    user.join()
assert found[0] == found[1] == reactor.callFromThread
print(type(reactor).__name__)
"""
    assert printed(tmp_path, way, WAYS[way] + source) == [reactor_of(way)]


@pytest.mark.parametrize("options", [pytest.param((), id="some"), pytest.param(ALL, id="all")])
def test_names_imported_lazily_above_the_installation_are_ours(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    source = """
lazy from twisted.internet.defer import Deferred, inlineCallbacks
lazy from twisted.internet import defer, threads
import deferrous
deferrous.install()
from deferrous.defer import REPLACEMENTS
from deferrous import threads as ours
assert Deferred is defer.Deferred is REPLACEMENTS["Deferred"]
assert inlineCallbacks is REPLACEMENTS["inlineCallbacks"]
assert threads.deferToThread is ours.deferToThread
assert deferrous.installed()
"""
    assert printed(tmp_path, "install", source, *options) == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "first", ["internet.threads", "python.threadpool", "internet.defer", "internet.base"]
)
def test_any_module_may_be_used_first_where_all_imports_are_lazy(
    tmp_path: Path, way: str, first: str
) -> None:
    # Twisted's logger cannot be imported in every order then. What works on stock has to work on ours.
    source = f"import twisted.{first} as first\nfirst.__name__\nprint('used')\n"
    assert printed(tmp_path, way, WAYS[way] + source, *ALL) == ["used"]


def test_lazy_import_installs_nothing_until_a_name_is_used() -> None:
    passes(
        """
        import sys
        lazy from twisted.internet.defer import Deferred
        assert not [name for name in sys.modules if name.startswith("twisted") or name == "deferrous.defer"]
        Deferred()
        import deferrous
        assert deferrous.installed()
        """,
        DEFERROUS="1",
    )


def test_second_reactor_is_refused_after_a_lazy_import(tmp_path: Path) -> None:
    source = """
lazy from twisted.internet import reactor
from twisted.internet.error import ReactorAlreadyInstalledError
import deferrous.reactor
deferrous.reactor.install()
try:
    deferrous.reactor.install()
except ReactorAlreadyInstalledError:
    print("refused")
print(type(reactor).__name__)
"""
    assert printed(tmp_path, "reactor", source) == ["refused", "DeferrousReactor"]
