"""DEFERROUS=1, which the start-up file of the installed package honours."""

from __future__ import annotations

from pathlib import Path

import pytest
from deferrous._autostart import wanted

from tests.children import code, environment, passes, python

IS_OURS = """
import deferrous
from deferrous.defer import REPLACEMENTS
from twisted.internet import defer
assert defer.Deferred is REPLACEMENTS["Deferred"] and deferrous.installed()
"""


@pytest.mark.parametrize("value", [None, "", "0"])
def test_without_the_variable_nothing_is_imported(value: str | None) -> None:
    passes(
        """
        import sys
        assert not [name for name in sys.modules if name.startswith(("deferrous", "twisted"))]
        assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("deferrous")]
        import twisted.internet.defer
        assert not [name for name in sys.modules if name.startswith("deferrous")]
        """,
        DEFERROUS=value,
    )


def test_the_variable_alone_does_not_import_twisted() -> None:
    passes(
        """
        import sys
        assert not [name for name in sys.modules if name.startswith("twisted")]
        assert "deferrous._core" not in sys.modules and "deferrous.defer" not in sys.modules
        """,
        DEFERROUS="1",
    )


def test_importing_twisted_installs_deferrous() -> None:
    passes(
        "from twisted.internet.defer import Deferred\n" + IS_OURS + "assert Deferred is defer.Deferred",
        DEFERROUS="1",
    )


@pytest.mark.parametrize(
    "first",
    [
        "deferrous.defer",
        "deferrous.threads",
        "deferrous._core",
        "twisted.internet.reactor",
        "twisted.spread.pb",
    ],
)
def test_any_module_of_twisted_may_be_imported_first(first: str) -> None:
    passes(f"import {first}\n{IS_OURS}", DEFERROUS="1")


def test_calling_install_as_well_is_harmless() -> None:
    passes("import deferrous; deferrous.install(); deferrous.install()\n" + IS_OURS, DEFERROUS="1")


def test_child_processes_inherit_the_variable() -> None:
    passes(
        f"""
        import subprocess, sys
        sys.exit(subprocess.run([sys.executable, "-c", {IS_OURS!r}]).returncode)
        """,
        DEFERROUS="1",
    )


def test_the_module_has_the_attributes_that_it_has_without_deferrous() -> None:
    source = """
        import inspect, sys
        from twisted.internet import defer
        print(defer.__name__, defer.__file__, defer.__spec__.cached, defer.__package__)
        print(*sorted(name for name in vars(defer) if name.startswith("__")))
        print(type(defer.__loader__), type(defer.__spec__.loader))
        print(defer.__spec__.origin, defer.__spec__.loader.get_filename("twisted.internet.defer"))
        print(len(inspect.getsource(defer)))
        """
    assert passes(source, DEFERROUS="1") == passes(source)


def test_the_module_is_found_without_being_imported() -> None:
    passes(
        """
        import importlib.util, sys
        spec = importlib.util.find_spec("twisted.internet.defer")
        assert spec.loader.get_filename(spec.name) == spec.origin
        assert "twisted.internet.defer" not in sys.modules
        """,
        DEFERROUS="1",
    )


def test_a_reloaded_module_is_replaced_again() -> None:
    passes(
        "import importlib, twisted.internet.defer\nimportlib.reload(twisted.internet.defer)\n" + IS_OURS,
        DEFERROUS="1",
    )


#: Modules that only the search for references needs.
SEARCH = "{'deferrous._repair', 'deferrous._preexisting'} & set(sys.modules)"


def test_references_are_not_searched_if_none_can_exist() -> None:
    """Searching takes longer than importing Twisted's Deferred, and children of test suites would all pay."""
    passes(f"import sys, twisted.internet.defer\nassert not {SEARCH}\n{IS_OURS}", DEFERROUS="1")


@pytest.mark.parametrize(
    "first", ["twisted.internet.defer", "twisted.internet.reactor", "deferrous.defer", "deferrous.threads"]
)
def test_no_module_keeps_a_stock_object(first: str) -> None:
    passes(
        f"import {first}\n{IS_OURS}"
        """
import gc, sys, types
import twisted.application.app, twisted.internet.endpoints, twisted.internet.reactor, twisted.trial.unittest
import twisted.protocols.amp, twisted.web.client, twisted.web.server, deferrous.threads

def main():
    stock = {
        id(thing): thing.__name__
        for thing in gc.get_objects()
        if isinstance(thing, (type, types.FunctionType))
        and thing.__module__ == "twisted.internet.defer"
        and thing.__qualname__ in REPLACEMENTS
        and thing is not REPLACEMENTS[thing.__qualname__]
    }
    assert {"Deferred", "DeferredList"} <= set(stock.values()), stock
    for name, module in list(sys.modules.items()):
        # What ours need of the stock classes they keep.
        if not name.startswith("deferrous") or name in ("deferrous._pools", "deferrous.threads"):
            kept = [key for key, value in list(vars(module).items()) if id(value) in stock]
            assert not kept, (name, kept)
    kept = REPLACEMENTS["Deferred"].fromFuture.__func__.__globals__
    assert not [name for name, value in kept.items() if id(value) in stock]

main()
""",
        DEFERROUS="1",
    )


def test_the_start_hides_nothing_from_the_collector() -> None:
    passes(
        """
import gc
from twisted.internet.defer import Deferred
# CPython 3.12 hides some 400 objects of its own.
assert gc.get_freeze_count() < 1000, gc.get_freeze_count()
""",
        DEFERROUS="1",
    )


def test_references_from_before_the_start_up_file_are_replaced() -> None:
    passes(
        f"""
import os, sys
from twisted.internet.defer import Deferred
os.environ["DEFERROUS"] = "1"
import deferrous._autostart
assert {SEARCH}
{IS_OURS}
assert Deferred is defer.Deferred
"""
    )


@pytest.mark.parametrize("place", [0, 1])
def test_references_of_import_hooks_are_replaced(place: int) -> None:
    """As tools do that change modules when they are imported: they may come before deferrous, or after it."""
    passes(
        f"place = {place}\n"
        """
import importlib.machinery, sys

# Other finders may come before ours.
ours = [type(finder).__module__ for finder in sys.meta_path].index("deferrous._autostart")

class Watching(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        finders = [finder for finder in sys.meta_path if finder is not cls]
        if name != "twisted.internet.defer":
            return None
        for finder in finders[ours + place:]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = Loader(spec.loader)
                return spec

class Loader:
    def __init__(self, inner): self.inner = inner
    def create_module(self, spec): return self.inner.create_module(spec)
    def exec_module(self, module):
        self.inner.exec_module(module)
        global Taken
        Taken = module.Deferred

sys.meta_path.insert(ours + place, Watching)
import twisted.internet.defer
""" + IS_OURS + f"assert Taken is defer.Deferred\nassert bool({SEARCH}) == bool(place)",
        DEFERROUS="1",
    )


def test_debugging_that_is_on_from_the_start_stays_on() -> None:
    passes(
        f"""
import importlib.util, sys
# As if Twisted had it on by itself: another source is executed in the place of its own.
spec = importlib.util.find_spec("twisted.internet.defer")
inner = spec.loader._inner
source = inner.get_source(spec.name) + "\\nsetDebugging(True)\\n"
inner.get_code = lambda name: compile(source, spec.origin, "exec")
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
import twisted.internet
twisted.internet.defer = module
assert not {SEARCH}
{IS_OURS}
assert defer.getDebugging() and defer.Deferred.debug
""",
        DEFERROUS="1",
    )


def test_a_missing_twisted_stays_an_import_error() -> None:
    passes(
        """
        import sys
        sys.modules["twisted"] = None
        try:
            import twisted.internet.defer
        except ImportError:
            pass
        """,
        DEFERROUS="1",
    )


@pytest.mark.parametrize("value", ["yes", "2", "true"])
def test_a_value_that_means_nothing_is_an_error_where_twisted_is_imported(value: str) -> None:
    passes("import json", DEFERROUS=value)
    outcome = code("import twisted.internet.defer", DEFERROUS=value)
    assert outcome.status == 1
    assert f"deferrous.InstallError: DEFERROUS={value} means nothing: set it to 1" in outcome.err
    assert "unset DEFERROUS, or set DEFERROUS=0" in outcome.err


def test_an_unsupported_twisted_is_an_error_that_says_how_to_switch_it_off() -> None:
    outcome = code(
        "import twisted; twisted.__version__ = '27.1.0'; import twisted.internet.defer", DEFERROUS="1"
    )
    assert outcome.status == 1
    assert outcome.err.count("deferrous.InstallError: ") == 1
    assert "Twisted 27.1.0 is not supported. deferrous supports Twisted 24.11 to 26.10" in outcome.err
    assert "unset DEFERROUS, or set DEFERROUS=0" in outcome.err


def test_the_error_comes_once_also_where_ours_is_imported_first() -> None:
    outcome = code("import twisted; twisted.__version__ = '27.1.0'; import deferrous.defer", DEFERROUS="1")
    assert outcome.status == 1
    assert outcome.err.count("The environment asks for deferrous") == 1


def test_trial_runs_on_deferrous(tmp_path: Path) -> None:
    (tmp_path / "test_ours.py").write_text(
        "from twisted.trial.unittest import TestCase\n"
        f"{IS_OURS}\n"
        "class Test(TestCase):\n"
        "    def test_waits(self):\n"
        "        from twisted.internet import reactor\n"
        "        from twisted.internet.task import deferLater\n"
        "        d = deferLater(reactor, 0, lambda: 1)\n"
        "        self.assertIsInstance(d, REPLACEMENTS['Deferred'])\n"
        "        return d.addCallback(self.assertEqual, 1)\n"
    )
    outcome = python("-m", "twisted.trial", "test_ours", env=environment(DEFERROUS="1"), cwd=tmp_path)
    assert outcome.status == 0, outcome.out + outcome.err
    assert "PASSED" in outcome.out


def test_twistd_runs_on_deferrous(tmp_path: Path) -> None:
    (tmp_path / "ours.tac").write_text(
        f"{IS_OURS}\n"
        "from twisted.application.service import Application\n"
        "from twisted.internet import reactor\n"
        "application = Application('ours')\n"
        "reactor.callWhenRunning(print, 'running')\n"
        "reactor.callWhenRunning(reactor.stop)\n"
    )
    start = "from twisted.scripts.twistd import run; run()"
    outcome = python("-c", start, "-noy", "ours.tac", env=environment(DEFERROUS="1"), cwd=tmp_path)
    assert outcome.status == 0, outcome.out + outcome.err
    assert "running" in outcome.out


def test_one_switches_on_and_zero_or_nothing_off() -> None:
    assert [wanted(value) for value in ("", "0", "1")] == [False, False, True]
    with pytest.raises(ValueError, match="DEFERROUS=on means nothing"):
        wanted("on")


@pytest.mark.parametrize(
    ("first", "slow", "second"),
    [
        ("twisted.internet.defer", "deferrous.defer", "twisted.python.threadpool"),
        ("twisted.python.threadpool", "deferrous._guard", "twisted.internet.defer"),
        ("twisted.internet.threads", "deferrous._core", "twisted.python.threadpool"),
    ],
)
def test_threads_may_import_twisted_at_the_same_time(first: str, slow: str, second: str) -> None:
    """The second thread begins while the first one is in the middle of an import of ours."""
    passes(
        f"""
        import sys, threading, time

        begun = threading.Event()

        class Slow:
            def find_spec(self, name, path, target=None):
                if name == {slow!r}:
                    begun.set()
                    time.sleep(0.3)

        def run(name):
            try:
                __import__(name)
            except BaseException as error:
                errors.append((name, error))

        sys.meta_path.insert(0, Slow())
        errors = []
        threads = [threading.Thread(target=run, args=[name]) for name in ({first!r}, {second!r})]
        threads[0].start()
        begun.wait()
        threads[1].start()
        for thread in threads:
            thread.join()
        assert not errors, errors
        from twisted.internet import defer, threads
        from deferrous import threads as ours
        assert threads.deferToThread is ours.deferToThread
        """
        + IS_OURS.replace("\n", "\n        "),
        DEFERROUS="1",
    )


def test_specs_and_loaders_can_be_copied() -> None:
    passes(
        """
        import copy, importlib.util, pickle
        spec = importlib.util.find_spec("twisted.internet.threads")
        for again in copy.deepcopy(spec), pickle.loads(pickle.dumps(spec)):
            assert again.name == spec.name and again.loader.name == spec.loader.name
        assert copy.copy(spec.loader).path == spec.loader.path
        """,
        DEFERROUS="1",
    )
