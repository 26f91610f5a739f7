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
def test_switched_off_it_imports_nothing(value: str | None) -> None:
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


def test_switched_on_it_imports_no_twisted_by_itself() -> None:
    passes(
        """
        import sys
        assert not [name for name in sys.modules if name.startswith("twisted")]
        assert "deferrous._core" not in sys.modules and "deferrous.defer" not in sys.modules
        """,
        DEFERROUS="1",
    )


def test_switched_on_twisted_has_it_as_soon_as_it_is_imported() -> None:
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
def test_whatever_is_imported_first(first: str) -> None:
    passes(f"import {first}\n{IS_OURS}", DEFERROUS="1")


def test_installing_as_well_is_harmless() -> None:
    passes("import deferrous; deferrous.install(); deferrous.install()\n" + IS_OURS, DEFERROUS="1")


def test_children_inherit_it() -> None:
    passes(
        f"""
        import subprocess, sys
        sys.exit(subprocess.run([sys.executable, "-c", {IS_OURS!r}]).returncode)
        """,
        DEFERROUS="1",
    )


def test_the_module_is_as_it_would_be_without() -> None:
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


def test_a_reloaded_module_has_it_again() -> None:
    passes(
        "import importlib, twisted.internet.defer\nimportlib.reload(twisted.internet.defer)\n" + IS_OURS,
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


def test_trial_runs_on_it(tmp_path: Path) -> None:
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


def test_twistd_runs_on_it(tmp_path: Path) -> None:
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


def test_what_the_values_mean() -> None:
    assert [wanted(value) for value in ("", "0", "1")] == [False, False, True]
    with pytest.raises(ValueError, match="DEFERROUS=on means nothing"):
        wanted("on")
