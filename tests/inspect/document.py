"""docs/inspect.md: the programs that hang, with what the commands print of each.

``python -m tests.inspect.document`` makes it again. The tests compare it with what is printed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from deferrous.inspect._text import render

from tests.children import PATIENCE, environment, python

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "inspect.md"
PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))

#: What differs from one run to the next, and what stands for it in the document.
VARIES = (
    (re.compile(r"\bprocess \d+"), "process 4712"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8000"),
    (re.compile(r"\bdescriptor \d+"), "descriptor 7"),
    (re.compile(r"\b(23 h 59 min|1 d)\b"), "23 h 59 min"),
)

#: What the page begins with.
BEGINNING = """\
# What is it waiting for?

A Twisted program hangs, and nobody can say why. These commands say it: `deferrous ps PID` shows all that is
outstanding, `deferrous pstree PID` who waits for whom, and `deferrous why PID` why the process does not end.
In the program itself, `deferrous.inspect.explain(d)` explains one Deferred, and
`deferrous.inspect.snapshot()` has all that `ps` and `pstree` have.

How to read them:

- **The outermost is the first line**, and what it waits for is below it. The last line of a branch is the
  cause.
- A place is where code is suspended, where a function begins, or where a Deferred was made.
- **Like things are one line**, with a count.
- *Can never fire* means that nothing refers to the Deferred any more but what waits for it. *Is gone* means
  that not even that is left, and the Deferred was destroyed.
- *Nothing is scheduled that fires it* means that something still has the Deferred, but no timer, descriptor,
  process, job or coroutine was found that leads to it.
- Objects that only an extension module in another language refers to are not seen, and neither are those that
  `gc.freeze()` has hidden.
- Garbage in circles is shown until the collector has found it, as what can never fire: `gc.collect()` in the
  program tells whether it is that. The commands do not collect, because that would run finalizers.
- Python 3.11 and 3.12 do not tell what the variables of running functions have. A Deferred that only such a
  variable has is said to never fire there, with that reservation. Python 3.10 does not tell the names of
  variables.

Below are programs that hang, each in another way, with what the three commands print. The cause is marked
with `# culprit`. This page is made by `python -m tests.inspect.document`, and a test compares it.
"""


def answers(program: Path, reactor: str = "deferrous") -> dict[str, Any]:
    """Run a program that hangs, and return what the commands answer and print."""
    outcome = python(
        *("-m", "tests.inspect.hang", reactor, program.name),
        cwd=program.parent,
        env=environment(PYTHONPATH=str(ROOT), PYTHONHASHSEED="0"),
        patience=PATIENCE,
    )
    assert outcome.status == 0 and outcome.out, outcome.err
    found: dict[str, Any] = json.loads(outcome.out.splitlines()[-1])
    return found


def section(program: Path, found: dict[str, Any]) -> str:
    """Return the part of the page about a program."""
    source = program.read_text("utf-8")
    title = source.partition('"""')[2].partition('"""')[0].rstrip(".")
    shown = "\n".join(source.splitlines()[1:]).strip("\n")
    parts = [f"## {title}\n\n```py\n{shown}\n```\n"]
    for command, answer in found["answers"].items():
        text = render(_steady(answer))
        body = text.partition("\n")[2].strip("\n")
        parts.append(f"```text\n$ deferrous {command} {answer['pid'] and 4711}\n{body}\n```\n")
    return "\n".join(parts)


def _steady(value: Any, name: str = "") -> Any:
    """Return an answer with what differs from one run to the next replaced."""
    if isinstance(value, dict):
        return {key: _steady(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_steady(inner) for inner in value]
    if isinstance(value, str):
        for pattern, text in VARIES:
            value = pattern.sub(text, value)
        return re.sub(r".*/(threading\.py)$", r"\1", value)
    return 60.0 if name in ("age", "oldest", "youngest") and value is not None else value


def main() -> None:
    """Make the page."""
    sections = [section(program, answers(program)) for program in PROGRAMS]
    PAGE.write_text("\n".join([BEGINNING, *sections]), "utf-8")


if __name__ == "__main__":
    main()
