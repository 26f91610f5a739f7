"""A Python or a Twisted that is not supported is an error that says so."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest
from deferrous import _versions

from tests.children import code, passes

PYPROJECT = (Path(__file__).parents[2] / "pyproject.toml").read_text()


@pytest.mark.parametrize("version", ["24.11.0", "24.11.0rc1", "25.5.0", "26.4.0", "26.10.0", "26.10.1.dev0"])
def test_supported_releases_of_twisted(version: str) -> None:
    assert _versions.twisted_problem(version) is None


@pytest.mark.parametrize("version", ["13.2.0", "24.7.0", "24.10.0", "26.11.0", "27.1.0rc1", "trunk", ""])
def test_other_releases_of_twisted_are_told_the_range(version: str) -> None:
    problem = _versions.twisted_problem(version)
    assert problem is not None
    assert f"Twisted {version} is not supported" in problem
    assert "24.11 to 26.10" in problem
    assert "pip install 'Twisted>=24.11,<26.11'" in problem


def test_the_range_is_that_of_the_package() -> None:
    assert f'"{_versions.TWISTED_REQUIREMENT}"' in PYPROJECT
    assert 'requires-python = ">={}.{}"'.format(*_versions.FIRST_PYTHON) in PYPROJECT


def test_this_python_is_supported() -> None:
    assert _versions.python_problem() is None


def test_another_implementation_is_told_what_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    problem = _versions.python_problem()
    assert problem is not None
    assert problem.startswith("PyPy 3.")
    assert "CPython 3.10 or later" in problem


def test_an_old_python_is_told_what_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    assert str(_versions.python_problem()).startswith("CPython 3.9.18 is not supported")


def test_a_free_threaded_python_is_told_what_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
    problem = str(_versions.python_problem())
    assert "(free-threaded) is not supported" in problem
    assert "with the GIL" in problem


@pytest.mark.parametrize("version", ["24.10.0", "27.1.0"])
def test_installing_on_another_twisted_is_an_error_before_anything_is_imported(version: str) -> None:
    outcome = code(
        """
        import sys, twisted
        twisted.__version__ = sys.argv[1]
        import deferrous
        try:
            deferrous.install()
        finally:
            assert "twisted.internet.defer" not in sys.modules
            assert "deferrous._core" not in sys.modules
        """,
        version,
    )
    assert outcome.status == 1
    assert f"deferrous.InstallError: Twisted {version} is not supported" in outcome.err
    assert "24.11 to 26.10" in outcome.err


def test_without_twisted_the_error_says_what_to_install() -> None:
    out = passes(
        """
        import sys
        sys.modules["twisted"] = None
        import deferrous
        try:
            deferrous.install()
        except deferrous.InstallError as error:
            print(error)
        """
    )
    assert out.startswith("There is no Twisted for ")
    assert "pip install 'Twisted>=24.11,<26.11'" in out


def test_without_the_extension_module_the_error_says_what_to_do() -> None:
    out = passes(
        """
        import sys
        sys.modules["deferrous._core"] = None
        import deferrous
        try:
            deferrous.install()
        except deferrous.InstallError as error:
            print(error)
        from twisted.internet import defer
        assert defer.Deferred.__init__
        assert not deferrous.installed()
        """
    )
    assert out.startswith("The extension module of deferrous cannot be loaded: ")
    assert "pip install --force-reinstall deferrous" in out


def test_the_error_is_not_taken_for_a_missing_module() -> None:
    passes(
        """
        import deferrous
        assert not issubclass(deferrous.InstallError, ImportError)
        assert issubclass(deferrous.InstallError, RuntimeError)
        """
    )
