"""A Python or a Twisted that is not supported is an error that says so."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from deferrous import _versions

from tests.children import code, passes

PYPROJECT = (Path(__file__).parents[2] / "pyproject.toml").read_text()


@pytest.mark.parametrize("version", ["24.11.0", "24.11.0rc1", "25.5.0", "26.4.0", "26.10.0", "26.10.1.dev0"])
def test_supported_releases_of_twisted_are_accepted(version: str) -> None:
    assert _versions.twisted_problem(version) is None


@pytest.mark.parametrize("version", ["13.2.0", "24.7.0", "24.10.0", "26.11.0", "27.1.0rc1", "trunk", ""])
def test_other_releases_of_twisted_are_told_the_range(version: str) -> None:
    problem = _versions.twisted_problem(version)
    assert problem is not None
    assert f"Twisted {version} is not supported" in problem
    assert "24.11 to 26.10" in problem
    assert "pip install 'Twisted>=24.11,<26.11'" in problem


def test_the_supported_range_is_that_of_the_package() -> None:
    assert f'"{_versions.TWISTED_REQUIREMENT}"' in PYPROJECT
    assert 'requires-python = ">={}.{}"'.format(*_versions.FIRST_PYTHON) in PYPROJECT


def test_this_python_is_supported() -> None:
    assert _versions.python_problem() is None


def test_another_implementation_is_refused_with_the_supported_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    problem = _versions.python_problem()
    assert problem is not None
    assert problem.startswith("PyPy 3.")
    assert "CPython 3.10 to 3.15" in problem


def test_an_old_python_is_refused_with_the_supported_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    assert str(_versions.python_problem()).startswith("CPython 3.9.18 is not supported")


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 15, 9)])
def test_supported_releases_of_python_are_accepted(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, "final", 0))
    assert _versions.python_problem() is None


@pytest.mark.parametrize("version", [(3, 16, 0), (4, 0, 0)])
def test_a_newer_python_is_refused_with_the_supported_range(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, "alpha", 0))
    assert str(_versions.python_problem()) == (
        f"CPython {'.'.join(map(str, version))} is not supported. deferrous supports CPython 3.10 to 3.15, "
        "with the GIL: look for a later deferrous, or set DEFERROUS_ALLOW_UNTESTED=1 to try it."
    )


def test_a_free_threaded_build_is_recognized() -> None:
    import sysconfig

    assert ("(free-threaded)" in _versions.python_name()) == bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def test_a_free_threaded_python_is_refused_with_the_supported_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "abiflags", "t")
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


#: All ways to get at what is in the extension module, of which each has to be refused alike.
WAYS_IN = [
    "import deferrous; deferrous.install()",
    "import deferrous; deferrous.install(reactor=False)",
    "import deferrous.defer",
    "import deferrous.threads",
    "import deferrous._core",
    "import deferrous.reactor",
    "import deferrous.deferrousreactor; deferrous.deferrousreactor.install()",
    "from deferrous.deferrousreactor import DeferrousReactor",
    "from twisted.application.reactors import installReactor; installReactor('deferrous')",
]

ways_in = pytest.mark.parametrize("way_in", WAYS_IN)

NEWER = {
    "Twisted": ("import twisted; twisted.__version__ = '27.1.0'", "Twisted 27.1.0"),
    "Python": (
        "import deferrous._versions; deferrous._versions.LAST_PYTHON = (3, 9)",
        _versions.python_name(),
    ),
}

newer = pytest.mark.parametrize(("prelude", "name"), NEWER.values(), ids=NEWER.keys())


@ways_in
@newer
@pytest.mark.parametrize("active", ["0", "1"])
def test_every_entry_point_checks_the_versions(prelude: str, name: str, way_in: str, active: str) -> None:
    outcome = code(f"{prelude}\n{way_in}", DEFERROUS=active)
    assert outcome.status == 1
    assert f"deferrous.InstallError: {name} is not supported" in outcome.err
    # Where the environment asks for deferrous, that is said once, whatever was imported first. Before that,
    # Twisted may have logged which plugins it could not import for the same reason.
    last = outcome.err.rpartition("Traceback (most recent call last)")[2]
    assert last.count("The environment asks for deferrous") <= int(active)


def test_twistd_with_the_reactor_names_the_unsupported_version() -> None:
    outcome = code(
        """
        import sys, twisted
        twisted.__version__ = "27.1.0"
        sys.argv = ["twistd", "--reactor=deferrous", "-n", "web"]
        from twisted.scripts.twistd import run
        run()
        """
    )
    # Twisted 24.11 says so, and then ends as if all were well.
    assert "Twisted 27.1.0 is not supported" in " ".join(outcome.out.split() + outcome.err.split())


def test_a_way_in_that_was_refused_is_refused_again() -> None:
    passes(
        """
        import twisted
        twisted.__version__ = "27.1.0"
        import deferrous
        for _ in range(2):
            try:
                import deferrous.defer
            except deferrous.InstallError:
                pass
            else:
                raise AssertionError("imported")
        twisted.__version__ = "26.10.0"
        import deferrous.defer
        """
    )


@ways_in
@newer
@pytest.mark.parametrize("active", ["0", "1"])
def test_the_environment_can_allow_a_newer_version_with_one_warning(
    prelude: str, name: str, way_in: str, active: str
) -> None:
    program = (
        f"{prelude}\n{way_in}\nimport deferrous; deferrous.install(reactor=False)\nimport deferrous.reactor"
    )
    outcome = code(program, DEFERROUS=active, DEFERROUS_ALLOW_UNTESTED="1")
    assert outcome.status == 0, outcome.err
    assert outcome.err.count("Warning: ") == 1
    assert f"RuntimeWarning: deferrous has not been tested with {name}, which it only runs on" in outcome.err


def test_newer_python_and_twisted_together_give_one_warning() -> None:
    preludes = "\n".join(prelude for prelude, _ in NEWER.values())
    outcome = code(f"{preludes}\nimport deferrous.defer", DEFERROUS_ALLOW_UNTESTED="1")
    assert outcome.status == 0, outcome.err
    assert outcome.err.count("Warning: ") == 1
    assert f"tested with {_versions.python_name()} and Twisted 27.1.0, which" in outcome.err


@pytest.mark.parametrize("value", [None, "", "0"])
def test_newer_versions_are_refused_unless_allowed(value: str | None) -> None:
    outcome = code(f"{NEWER['Twisted'][0]}\nimport deferrous.defer", DEFERROUS_ALLOW_UNTESTED=value)
    assert outcome.status == 1
    assert "or set DEFERROUS_ALLOW_UNTESTED=1 to try it." in outcome.err


@pytest.mark.parametrize("version", ["24.10.0", "trunk"])
def test_older_versions_are_refused_even_if_untested_is_allowed(version: str) -> None:
    outcome = code(
        "import sys, twisted; twisted.__version__ = sys.argv[1]; import deferrous.defer",
        version,
        DEFERROUS_ALLOW_UNTESTED="1",
    )
    assert outcome.status == 1
    assert f"Twisted {version} is not supported" in outcome.err
    assert "DEFERROUS_ALLOW_UNTESTED" not in outcome.err


def test_a_permission_that_means_nothing_is_an_error() -> None:
    outcome = code("import deferrous; deferrous.install()", DEFERROUS_ALLOW_UNTESTED="yes")
    assert outcome.status == 1
    assert "deferrous.InstallError: DEFERROUS_ALLOW_UNTESTED=yes means nothing: set it to 1" in outcome.err


def test_a_missing_twisted_is_an_error_with_the_command_to_install_it() -> None:
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


def test_a_missing_extension_module_is_an_error_with_the_command_to_install_it() -> None:
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
