"""The commands, their help, and what is said to a wrong one."""

from __future__ import annotations

import re
from importlib import metadata

import deferrous
import pytest

from tests.children import code, python


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["run"], ["check"]])
def test_every_command_prints_its_help(command: list[str], option: str) -> None:
    outcome = python("-m", "deferrous", *command, option)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(" ".join(["usage: deferrous", *command]))


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_printed(option: str) -> None:
    assert python("-m", "deferrous", option) == (0, f"deferrous {deferrous.__version__}\n", "")


def test_without_a_command_the_usage_is_an_error() -> None:
    outcome = python("-m", "deferrous")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("usage: deferrous run")


def test_an_unknown_command_is_an_error_that_names_it() -> None:
    outcome = python("-m", "deferrous", "runn")
    assert (outcome.status, outcome.out) == (2, "")
    assert "there is no command 'runn'" in outcome.err


@pytest.mark.parametrize("arguments", [[], ["--list"], ["--help"]])
def test_bench_without_rich_says_in_one_line_what_to_install(arguments: list[str]) -> None:
    outcome = code(
        f"""
import sys
sys.modules["rich"] = None
sys.argv[1:] = ["bench", *{arguments!r}]
from deferrous.__main__ import main
sys.exit(main())
"""
    )
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "deferrous bench needs rich: pip install 'deferrous[bench]'\n"


def test_deferrous_depends_on_twisted_alone() -> None:
    always: list[str] = []
    extras: set[str] = set()
    for requirement in metadata.requires("deferrous") or []:
        name = re.split(r"[^\w-]", requirement, maxsplit=1)[0].casefold()
        if "extra ==" in requirement:
            extras.add(name)
        else:
            always.append(name)
    assert (always, extras) == (["twisted"], {"rich", "prometheus-client", "opentelemetry-api"})
