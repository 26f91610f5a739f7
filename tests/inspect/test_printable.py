"""What is printed of a program is text: nothing that a terminal obeys, and no line that is not ours."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from deferrous.inspect import _stall_text, explain, snapshot
from deferrous.inspect._printable import printable, printable_lines
from deferrous.inspect._text import render

from tests.inspect.outside import running

#: A name with a line break, a tab, escape sequences, a change of direction, and half of a character.
NAME = "a\nb\tc\x1b[2J\x9bd\u202ee\u2028\x07\udc80\u200b"
#: The same, as it is printed.
SHOWN = r"a\nb\tc\x1b[2J\x9bd\u202ee\u2028\x07\udc80\u200b"

HEADING = {
    "pid": 1,
    "program": NAME,
    "python": NAME,
    "twisted": NAME,
    "reactor": NAME,
    "directory": "/srv",
    "records": True,
}
FRAME = {"name": NAME, "file": NAME, "line": 1}
STALL = {"text": NAME, "at": 0.0, "stacks": [{"share": 1.0, "frames": [FRAME]}]}
NODE = {"kind": NAME, "name": NAME, "file": NAME, "line": 1, "age": 1.0, "count": 1, "note": NAME}
ROW = {**NODE, "waits_for": NAME, "oldest": 1.0, "youngest": 1.0}
ANSWERS: dict[str, dict[str, Any]] = {
    "ps": {"rows": [ROW], "stall": STALL},
    "pstree": {"trees": [{**NODE, "waits_for": [{**NODE, "waits_for": []}]}]},
    "why": {
        "state": NAME,
        "keeps": [{**NODE, "waits_for": []}],
        "threads": [{"name": NAME, "ident": 1, "stack": [{"function": NAME, "file": NAME, "line": 1}]}],
    },
    "stalls": {"threshold": 0.05, "now": STALL, "recent": [STALL], "left_out": 0, "note": NAME},
}


def test_texts_stay_as_they_are() -> None:
    for text in ("", "Grüße, 日本, ─└ €", "a b"):
        assert printable(text) == text
    assert printable_lines(f"one\ntwo {NAME[2:]}") == f"one\ntwo {SHOWN[3:]}"


@pytest.mark.parametrize("command", ANSWERS)
def test_nothing_of_a_name_is_obeyed_by_a_terminal(command: str) -> None:
    text = render({**HEADING, "command": command, **ANSWERS[command]})
    assert all(line.isprintable() for line in text.split("\n")), text
    assert SHOWN in text


def test_the_line_of_a_stall_is_one_line() -> None:
    stall: dict[str, Any] = {
        "took": 1.0,
        "over": True,
        "cause": "computed",
        "activity": "computed",
        "kept_interpreter": False,
        "processor": None,
        "frames": [{**FRAME, "share": 1.0}],
        "calls": 1,
        "place": FRAME,
        "called": {"kind": "timer", **FRAME},
    }
    text = _stall_text.line(stall)
    assert text.isprintable()
    assert SHOWN in text


def test_what_a_program_prints_of_itself_is_text(api: ModuleType) -> None:
    def callback(_: object) -> None:
        pass

    class Odd:
        def __repr__(self) -> str:
            return NAME

    callback.__qualname__ = NAME
    waiting = api.Deferred().addCallback(callback)
    assert SHOWN in str(explain(waiting))
    assert explain(waiting).callbacks[0][0] == NAME
    for text in (str(explain(waiting)), str(explain(api.succeed(Odd()), values=True)), str(snapshot())):
        assert all(line.isprintable() for line in text.split("\n"))


def test_the_commands_print_text_and_json_has_the_names(runtime: Path) -> None:
    source = f"""
    from twisted.internet import reactor
    def fetch():
        pass
    fetch.__qualname__ = {NAME!r}
    reactor.callLater(1000, fetch)
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()
    """
    with running(source, runtime) as program:
        outcome = program.ask("ps")
        assert all(line.isprintable() for line in outcome.out.split("\n"))
        assert SHOWN in outcome.out
        printed = program.ask("ps", "--json").out
        assert all(line.isprintable() for line in printed.split("\n"))
        assert NAME in [row["name"] for row in json.loads(printed)["rows"]]
