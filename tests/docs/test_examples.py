"""The examples of docstrings, of the README and of docs/ do what they say."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import deferrous
import deferrous.defer
import deferrous.inspect
import deferrous.reactor
import deferrous.threads
import pytest
from deferrous.inspect import prometheus

from tests.children import code, environment, python

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: The Rust programs of pages, which `cargo test --test tutorial` runs.
RUST_PROGRAMS = ROOT / "crates" / "deferrous" / "tests" / "tutorial"

#: A block of code, and the one with what it prints if that follows. In tabs, both are indented.
BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<code>.*?)^(?P=indent)```$"
    r"(?:\n+(?P=indent)```text\n(?P<printed>.*?)^(?P=indent)```$)?",
    re.DOTALL | re.MULTILINE,
)

#: Runs the examples of standard input, one after the other.
EXAMPLES = """
import doctest, sys

test = doctest.DocTestParser().get_doctest(sys.stdin.read(), {"__name__": "__main__"}, *sys.argv[1:3], 0)
assert test.examples, "there are no examples"
results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
sys.exit(results.failed)
"""


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield the docstrings with examples of what is public, with the names of what they belong to."""
    modules = deferrous, deferrous.defer, deferrous.inspect, deferrous.reactor, deferrous.threads, prometheus
    for module in modules:
        for name in module.__all__:
            thing = getattr(module, name)
            inside = vars(thing) if inspect.isclass(thing) else {}
            for part, owner in [(name, thing), *((f"{name}.{key}", value) for key, value in inside.items())]:
                text = inspect.getdoc(owner) or ""
                if ">>>" in text and not part.endswith("__doc__"):
                    yield part, text


@pytest.mark.parametrize(("name", "text"), list(docstrings()))
def test_the_examples_of_a_docstring_work(name: str, text: str) -> None:
    outcome = python("-c", EXAMPLES, name, name, env=environment(DEFERROUS="1"), stdin=text)
    assert (outcome.status, outcome.err) == (0, ""), outcome.out + outcome.err


def test_the_main_classes_and_functions_have_examples() -> None:
    named = {name for name, _ in docstrings()}
    assert named >= {"install", "Deferred", "Deferred.addCallbacks", "inlineCallbacks"}
    assert named >= {"DeferrousReactor", "ThreadPool", "ExecutorPool"}
    assert named >= {"metrics", "enable", "explain", "snapshot", "DeferrousCollector"}


def examples(page: str) -> str:
    """Return a page with nothing but its examples, each line where it was."""
    lines = ["" for _ in page.splitlines()]
    for found in BLOCK.finditer(page):
        if found["language"] == "pycon":
            first = page[: found.start("code")].count("\n")
            inside = textwrap.dedent(found["code"]).splitlines()
            lines[first : first + len(inside)] = inside
    return "\n".join(lines)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "```pycon" in page.read_text("utf-8")],
    ids=lambda page: page.stem,
)
def test_the_examples_of_a_page_work(page: Path) -> None:
    text = examples(page.read_text("utf-8"))
    outcome = python("-c", EXAMPLES, page.name, str(page), env=environment(DEFERROUS="1"), stdin=text)
    assert (outcome.status, outcome.err) == (0, ""), outcome.out + outcome.err


def blocks(language: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield the blocks of a language in all pages: a name, the code, and what it prints if the page says."""
    for page in PAGES:
        for number, found in enumerate(BLOCK.finditer(page.read_text("utf-8"))):
            if found["language"] == language:
                printed = found["printed"] and textwrap.dedent(found["printed"])
                yield f"{page.name}-{number}", textwrap.dedent(found["code"]), printed


def programs() -> Iterator[object]:
    for name, program, printed in blocks("python"):
        yield pytest.param(program, printed, id=name)


@pytest.mark.parametrize(("program", "printed"), list(programs()))
def test_a_program_of_a_page_prints_its_output(program: str, printed: str | None) -> None:
    outcome = code(program, DEFERROUS="1")
    assert (outcome.status, outcome.err) == (0, "")
    assert printed is None or outcome.out == printed


def test_the_rust_programs_of_pages_are_those_that_cargo_runs() -> None:
    """Those of the README are run as examples of the crate's own README: `packaging.rs` compares the two."""
    shown = {program for name, program, _ in blocks("rust") if not name.startswith("README")}
    run = {path.name: path.read_text("utf-8") for path in RUST_PROGRAMS.glob("*.rs")}
    included = set(re.findall(r'include!\("(\w+\.rs)"\)', run.pop("main.rs")))
    assert shown == set(run.values())
    assert included == set(run)
