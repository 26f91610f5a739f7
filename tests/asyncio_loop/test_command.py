"""The command runs the tests that come with this interpreter, or says why it cannot."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.asyncio_loop.conformance import STOCK, main
from tests.asyncio_loop.explained import COLUMNS, EXPLAINED
from tests.asyncio_loop.interpreter import interpreter_for
from tests.asyncio_loop.quick import QUICK
from tests.children import passes
from tests.conformance import environment
from tests.conformance.compare import NO_VERDICT, SAME
from tests.conformance.explained import as_markdown

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

has_tests = pytest.mark.skipif(
    importlib.util.find_spec("test.test_asyncio") is None, reason="this Python comes without its tests"
)


@has_tests
def test_asyncios_own_loop_does_not_differ_from_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--loop", STOCK, "--folder", str(tmp_path), "test_protocols", "test_windows_utils"]
    assert main(arguments) == SAME
    assert capsys.readouterr().out.splitlines()[-1] == "0 differences"


@has_tests
def test_names_without_tests_are_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--loop", STOCK, "--folder", str(tmp_path), "test_no_such_module"]) == NO_VERDICT
    assert "there is no test" in capsys.readouterr().out


@has_tests
@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ("no_such_package.Loop", "No module named 'no_such_package'"),
        ("asyncio.NoSuchLoop", "no attribute 'NoSuchLoop'"),
        ("asyncio.new_event_loop", "it is not a class"),
    ],
)
def test_a_class_that_cannot_be_had_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], loop: str, said: str
) -> None:
    assert main(["--loop", loop, "--folder", str(tmp_path)]) == NO_VERDICT
    assert said in capsys.readouterr().out


def test_an_interpreter_without_its_tests_says_which_package_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"platform": "3.11.2\n", "probe": json.dumps({"modules": None, "loop": "asyncio.Loop"})}
    monkeypatch.setattr(
        environment, "output", lambda command: next(out for part, out in said.items() if part in str(command))
    )
    assert main(["--loop", STOCK, "--folder", str(tmp_path)]) == NO_VERDICT
    assert "libpython3.11-testsuite" in capsys.readouterr().out


@has_tests
def test_all_modules_of_tests_are_found(tmp_path: Path) -> None:
    interpreter = interpreter_for("python3", STOCK, tmp_path)
    assert interpreter.python.is_absolute()
    assert {"test.test_asyncio.test_events", "test.test_asyncio.test_tasks"} < set(interpreter.modules)
    assert "test.test_asyncio.utils" not in interpreter.modules


@has_tests
def test_this_python_has_the_quick_tests() -> None:
    passes(
        """
        import sys, unittest

        loader = unittest.TestLoader()
        for name in sys.argv[1:]:
            assert loader.loadTestsFromName(name).countTestCases(), name
        assert not loader.errors, loader.errors
        """,
        *QUICK,
    )


def test_the_documentation_has_the_table_of_explained_differences() -> None:
    table = as_markdown(EXPLAINED["deferrous.asyncio.Loop"], COLUMNS)
    assert table in DOCUMENT.read_text(), f"it should be:\n{table}"


def test_asyncios_own_loop_needs_no_explanations() -> None:
    assert EXPLAINED[STOCK] == ()
