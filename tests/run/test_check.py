"""`deferrous check` says what is so, and what would stop it."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest
from deferrous import _elsewhere

from tests.children import Outcome, code, environment, python


def check(**changes: str | None) -> Outcome:
    """Run it."""
    return python("-m", "deferrous", "check", env=environment(**changes))


def check_after(prelude: str, **changes: str | None) -> Outcome:
    """Run it in a process that has done something before."""
    command = "sys.argv[1:] = ['check']\nfrom deferrous.__main__ import main\nsys.exit(main())\n"
    return code(f"import sys\n{prelude}\n{command}", **changes)


def test_check_reports_versions_and_that_deferrous_is_off() -> None:
    outcome = check()
    assert (outcome.status, outcome.err) == (0, "")
    first, *lines = outcome.out.splitlines()
    assert first == "Nothing would stop it."
    starts = ("deferrous      0.", "Python         CPython 3.", "Twisted        2", "DEFERROUS      not set")
    for line, start in zip(lines, starts, strict=False):
        assert line.startswith(start)
    assert "(supported: 24.11 to 26.10)" in lines[2]
    assert lines[4].startswith("start-up file  /") and lines[4].endswith("/deferrous_autostart.pth")
    assert lines[5].startswith("active here    no: set DEFERROUS=1")
    assert lines[6:] == [
        "test run       installed without a problem",
        "reactor        epoll, if a program picks none",
    ]


def test_check_reports_that_deferrous_is_on() -> None:
    outcome = check(DEFERROUS="1")
    assert (outcome.status, outcome.err) == (0, "")
    assert "\nactive here    yes, by DEFERROUS=1\n" in outcome.out


@pytest.mark.parametrize(
    ("active", "asked", "said"),
    [
        ("1", None, "deferrous"),
        ("1", "deferrous", "deferrous, by DEFERROUS_REACTOR=deferrous"),
        ("1", "select", "select, by DEFERROUS_REACTOR=select"),
        ("1", "default", "epoll, by DEFERROUS_REACTOR=default"),
        ("0", "select", "epoll"),
    ],
)
def test_check_reports_the_reactor_that_a_program_gets(active: str, asked: str | None, said: str) -> None:
    variables = {"DEFERROUS": active, "DEFERROUS_REACTOR": asked}
    outcome = check(**variables)
    assert (outcome.status, outcome.err) == (0, "")
    assert f"\nreactor        {said}, if a program picks none\n" in outcome.out
    got = code("from twisted.internet import reactor; print(type(reactor).__name__)", **variables)
    assert got.out.casefold() == f"{said.split(',')[0]}reactor\n"


@pytest.mark.parametrize("active", [None, "1"])
def test_an_unknown_reactor_is_a_problem(active: str | None) -> None:
    outcome = check(DEFERROUS=active, DEFERROUS_REACTOR="epol")
    assert (outcome.status, outcome.err) == (1, "")
    assert "\nreactor        none\n" in outcome.out
    assert "What would stop it:\n  - DEFERROUS_REACTOR=epol: there is no reactor 'epol'" in outcome.out


@pytest.mark.parametrize("active", [None, "1"])
def test_an_unavailable_reactor_is_a_problem(active: str | None) -> None:
    outcome = check(DEFERROUS=active, DEFERROUS_REACTOR="kqueue")
    assert (outcome.status, outcome.err) == (1, "")
    assert "\nreactor        none\n" in outcome.out
    assert "  - DEFERROUS_REACTOR=kqueue: deferrous cannot use the reactor 'kqueue' here" in outcome.out


def test_a_wrong_value_of_the_variable_is_a_problem() -> None:
    outcome = check(DEFERROUS="on")
    assert (outcome.status, outcome.err) == (1, "")
    assert "\nactive here    no: " in outcome.out
    assert outcome.out.count("DEFERROUS=on means nothing: set it to 1") == 1


@pytest.mark.parametrize("version", ["22.10.0", "99.1.0"])
@pytest.mark.parametrize("active", [None, "1"])
def test_an_unsupported_twisted_is_a_problem(version: str, active: str | None) -> None:
    outcome = check_after(f"import twisted; twisted.__version__ = {version!r}", DEFERROUS=active)
    assert outcome.status == 1
    assert outcome.out.count(f"Twisted {version} is not supported") == 1
    assert "Nothing would stop it" not in outcome.out


@pytest.mark.parametrize("active", [None, "1"])
def test_allowed_untested_versions_are_reported(active: str | None) -> None:
    prelude = "import twisted, deferrous._versions; twisted.__version__ = '99.1.0'\n"
    outcome = check_after(
        prelude + "deferrous._versions.LAST_PYTHON = (3, 9)", DEFERROUS=active, DEFERROUS_ALLOW_UNTESTED="1"
    )
    assert (outcome.status, outcome.err) == (0, "")
    first, *lines = outcome.out.splitlines()
    assert lines[1] == "untested       allowed, by DEFERROUS_ALLOW_UNTESTED=1"
    assert lines[2].startswith("Python ") and lines[2].endswith(", with the GIL), not tested")
    assert lines[3] == "Twisted        99.1.0 (supported: 24.11 to 26.10), not tested"
    assert first == "Nothing would stop it."


def test_a_wrong_value_of_the_permission_is_a_problem() -> None:
    outcome = check(DEFERROUS_ALLOW_UNTESTED="maybe")
    assert (outcome.status, outcome.err) == (1, "")
    assert "\nuntested       refused, by DEFERROUS_ALLOW_UNTESTED=maybe\n" in outcome.out
    assert outcome.out.count("DEFERROUS_ALLOW_UNTESTED=maybe means nothing") == 1


def test_a_missing_twisted_is_a_problem() -> None:
    outcome = check_after("sys.modules['twisted'] = None")
    assert outcome.status == 1
    assert "Twisted        not found" in outcome.out
    assert outcome.out.count("There is no Twisted for ") == 1


def test_a_missing_extension_module_is_a_problem() -> None:
    outcome = check_after("sys.modules['deferrous._core'] = None")
    assert outcome.status == 1
    assert "The extension module" in outcome.out


def test_existing_subclasses_are_a_problem() -> None:
    outcome = check_after("from twisted.internet import defer\nclass Mine(defer.Deferred): pass")
    assert outcome.status == 1
    assert outcome.out.startswith("What would stop it:\n  - deferrous.install() came too late")
    assert "\n      __main__.Mine(Deferred)\n" in outcome.out


def test_a_missing_start_up_file_is_a_problem() -> None:
    outcome = check_after("import site; site.getsitepackages = lambda: []; site.ENABLE_USER_SITE = False")
    assert outcome.status == 1
    assert "start-up file  not found" in outcome.out
    assert "deferrous_autostart.pth is not in this environment" in outcome.out


def test_check_works_without_rich() -> None:
    outcome = check_after("sys.modules['rich.console'] = None")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == check().out


@pytest.mark.parametrize("active", [None, "", "0"])
def test_a_reactor_that_is_asked_for_where_deferrous_is_off_is_explained(active: str | None) -> None:
    outcome = check(DEFERROUS=active, DEFERROUS_REACTOR="select")
    assert (outcome.status, outcome.err) == (0, "")
    assert "\nreactor        epoll, if a program picks none\n" in outcome.out
    assert (
        "\nnot read       DEFERROUS_REACTOR=select, which needs DEFERROUS=1 or `deferrous run`\n"
        in outcome.out
    )


@pytest.mark.parametrize("active", ["1", None])
def test_a_reactor_that_is_read_needs_no_explanation(active: str | None) -> None:
    asked = "select" if active else None
    assert "not read" not in check(DEFERROUS=active, DEFERROUS_REACTOR=asked).out


def command(folder: Path, name: str, text: str) -> Path:
    """Make a file that can be started."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Give a Python without any package."""
    venv.create(tmp_path / "bare", with_pip=False)
    return tmp_path / "bare" / "bin" / "python"


@pytest.mark.parametrize("active", ["1", None])
def test_a_command_whose_python_has_no_deferrous_is_named(active: str | None, bare: Path) -> None:
    twistd = command(bare.parent, "twistd", f"#!{bare}\n")
    outcome = check(DEFERROUS=active, PATH=str(twistd.parent))
    assert (outcome.status, outcome.err) == (0, "")
    said = f"not there      {bare}, by which twistd runs, has no deferrous: DEFERROUS=1 does nothing there"
    assert (said in outcome.out) is (active == "1")


def test_a_command_whose_python_has_deferrous_is_not_named(tmp_path: Path) -> None:
    command(tmp_path, "twistd", f"#!{sys.executable}\n")
    command(tmp_path, "python3", "#!/bin/sh\nexit 1\n")
    assert "not there" not in check(DEFERROUS="1", PATH=str(tmp_path)).out


def test_check_looks_at_the_python_of_a_program(bare: Path, tmp_path: Path) -> None:
    program = command(tmp_path, "app", f"#!{bare}\n")
    for asked in (bare, program):
        outcome = python("-m", "deferrous", "check", str(asked), env=environment(DEFERROUS="1"))
        assert (outcome.status, outcome.err) == (1, "")
        assert outcome.out.startswith(
            f"What would stop it:\n  - {bare} has no deferrous, so that DEFERROUS=1"
        )
        assert f"`{bare} -m pip install`" in outcome.out


def test_check_of_a_python_with_deferrous_is_what_it_says_itself(tmp_path: Path) -> None:
    program = command(tmp_path, "app", f"#!/usr/bin/env -S {sys.executable} -u\n")
    for asked in (sys.executable, str(program)):
        outcome = python("-m", "deferrous", "check", asked, env=environment())
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out == check().out


def test_check_of_what_is_no_python_is_an_error(tmp_path: Path) -> None:
    outside = command(tmp_path, "run_by_a_shell", f"#!/bin/sh\ntouch {tmp_path}/touched\n")
    broken = command(tmp_path, "python3", "#!/bin/sh\nexit 1\n")
    for program in (outside, broken):
        outcome = python("-m", "deferrous", "check", str(program))
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err == f"deferrous check: which Python runs {program}? Name that Python instead.\n"
    assert not (tmp_path / "touched").exists()
    outcome = python("-m", "deferrous", "check", "everything")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == "deferrous check: there is no program 'everything' that can be started\n"


def test_a_python_that_is_a_script_of_a_shell_is_a_python(tmp_path: Path) -> None:
    shim = command(tmp_path, "python3.13", "#!/usr/bin/env sh\n")
    assert _elsewhere.python_of(str(shim)) == str(shim)
    assert _elsewhere.python_of(str(command(tmp_path, "twistd", "#!/usr/bin/env sh\n"))) is None


def test_the_python_behind_a_long_first_line_is_found(tmp_path: Path) -> None:
    interpreter = tmp_path / "with a space" / "python"
    text = f"#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''\n"
    assert _elsewhere.python_of(str(command(tmp_path, "app", text))) == str(interpreter)


@pytest.mark.parametrize("arguments", [("one", "two"), ("--all",)])
def test_check_takes_one_program(arguments: tuple[str, ...]) -> None:
    outcome = python("-m", "deferrous", "check", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("usage: deferrous check")
