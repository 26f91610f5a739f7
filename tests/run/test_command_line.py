"""The commands, their help, and what is said to a wrong one."""

from __future__ import annotations

import deferrous
import pytest

from tests.children import python


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["run"], ["check"]])
def test_help(command: list[str], option: str) -> None:
    outcome = python("-m", "deferrous", *command, option)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(" ".join(["usage: deferrous", *command]))


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option: str) -> None:
    assert python("-m", "deferrous", option) == (0, f"deferrous {deferrous.__version__}\n", "")


def test_without_a_command_the_usage_is_an_error() -> None:
    outcome = python("-m", "deferrous")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("usage: deferrous run")


def test_an_unknown_command_is_named() -> None:
    outcome = python("-m", "deferrous", "runn")
    assert (outcome.status, outcome.out) == (2, "")
    assert "there is no command 'runn'" in outcome.err
