"""The answers as text: tables and trees, made from what JSON holds. It is Python because it only arranges."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from deferrous.inspect._durations import in_words
from deferrous.inspect._printable import printable_answer

#: What a column of text is cut to.
_WIDEST = 60

_AGES_UNKNOWN = "ages are not recorded: start the program with DEFERROUS_INSPECT=1"


def render(answer: dict[str, Any]) -> str:
    """Return an answer as text, for a terminal.

    Args:
        answer: what `_report.answer` returned, also by way of JSON. What of it cannot be printed is escaped.
    """
    answer = printable_answer(answer)
    shorten = Shortener(answer.get("directory") or "")
    parts = {"ps": _ps, "pstree": _pstree, "why": _why, "stalls": _stalls}
    lines = [heading(answer), *parts[answer["command"]](answer, shorten)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


class Shortener:
    """Shortens the paths of files: relative to the program's folder, or to that of installed packages."""

    def __init__(self, directory: str) -> None:
        self._directory = directory.rstrip(os.sep) + os.sep if directory else ""

    def place(self, row: dict[str, Any]) -> str:
        """Return the place of a row or node, as FILE:LINE."""
        file: str = row.get("file") or ""
        if not file:
            return ""
        for before in ("/site-packages/", "/dist-packages/"):
            file = file.rpartition(before)[2]
        if self._directory and file.startswith(self._directory):
            file = file[len(self._directory) :]
        return f"{file}:{row['line']}" if row.get("line") else file

    def text(self, text: str) -> str:
        """Shorten the paths inside of a text."""
        return text.replace(self._directory, "") if self._directory else text


def heading(answer: dict[str, Any]) -> str:
    """Return the first line of an answer: which process it is of."""
    parts = [f"process {answer['pid']}: {answer['program']}", f"Python {answer['python']}"]
    if answer.get("twisted"):
        parts.append(f"Twisted {answer['twisted']}")
    parts.append(answer.get("reactor") or "no reactor")
    return ", ".join(parts)


def _stalls(answer: dict[str, Any], shorten: Shortener) -> list[str]:
    from deferrous.inspect import _stall_text

    return [shorten.text(line) for line in _stall_text.answer(answer)]


def _ps(answer: dict[str, Any], shorten: Shortener) -> list[str]:
    rows = answer["rows"]
    total = sum(row["count"] for row in rows)
    lines = [f"{total:,} outstanding, in {len(rows)} row{'' if len(rows) == 1 else 's'}"]
    if not answer.get("records"):
        lines[0] += f" ({_AGES_UNKNOWN})"
    if answer.get("stall"):
        lines += ["", f"Now: {shorten.text(answer['stall']['text'])}"]
    return [*lines, "", *table(rows, shorten).splitlines()] if rows else lines


def table(rows: list[dict[str, Any]], shorten: Shortener | None = None) -> str:
    """Return the rows of `ps` as a table."""
    shorten = shorten or Shortener(os.getcwd())
    has_ages = any(row["oldest"] is not None for row in rows)
    columns: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("COUNT", lambda row: f"{row['count']:,}"),
        ("KIND", lambda row: str(row["kind"])),
        ("WHAT", lambda row: str(row["name"])),
        ("WHERE", shorten.place),
        *([("AGE", _age_of_row)] if has_ages else []),
        ("WAITS FOR", lambda row: shorten.text(row["waits_for"])),
    ]
    lines = [[name for name, _ in columns]]
    lines += [[_cut(show(row), last=name == "WAITS FOR") for name, show in columns] for row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at == 0 else cell.ljust(width) for at, (cell, width) in enumerate(cells)
        )
        for cells in (zip(line, widths, strict=True) for line in lines)
    )


def _cut(text: str, last: bool) -> str:
    """Cut a text in the middle if it is too wide. The last column may be as wide as it likes."""
    if last or len(text) <= _WIDEST:
        return text
    half = _WIDEST // 2 - 1
    return f"{text[:half]}..{text[-half:]}"


def _age_of_row(row: dict[str, Any]) -> str:
    if row["oldest"] is None:
        return ""
    oldest, youngest = in_words(row["oldest"]), in_words(row["youngest"])
    return oldest if oldest == youngest or row["count"] == 1 else f"{youngest} to {oldest}"


def _pstree(answer: dict[str, Any], shorten: Shortener) -> list[str]:
    trees = answer["trees"]
    if not trees:
        return ["nothing waits for anything"]
    return [line for node in trees for line in ("", *tree(node, shorten))]


def tree(node: dict[str, Any], shorten: Shortener) -> Iterator[str]:
    """Yield the lines of a tree."""
    yield _line(node, shorten)
    yield from _below(node, shorten, "")


def _below(node: dict[str, Any], shorten: Shortener, indent: str) -> Iterator[str]:
    inner = node["waits_for"]
    for at, other in enumerate(inner):
        last = at == len(inner) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}{_line(other, shorten)}"
        yield from _below(other, shorten, indent + ("   " if last else "│  "))


def _line(node: dict[str, Any], shorten: Shortener) -> str:
    """Return the line of a node: how many, what, where, how old, and what else there is to say."""
    count = f"{node['count']:,} x " if node["count"] > 1 else ""
    place, kind = shorten.place(node), {"never": "a", "held": "a Deferred in"}.get(node["kind"], node["kind"])
    parts = [f"{count}{kind} {node['name']}" + (f"  {place}" if place else "")]
    if node.get("age") is not None:
        parts.append(f"{in_words(node['age'])} old")
    if node.get("note"):
        parts.append(shorten.text(node["note"]))
    return "  ".join(parts)


def _why(answer: dict[str, Any], shorten: Shortener) -> list[str]:
    lines = [answer["state"]]
    for node in answer["keeps"]:
        lines += ["", *tree(node, shorten)]
    if answer["threads"]:
        lines += ["", "threads that keep the process:"]
        lines += [f"  {line}" for thread in answer["threads"] for line in _thread(thread, shorten)]
    return lines


def _thread(thread: dict[str, Any], shorten: Shortener) -> Iterable[str]:
    yield str(thread["name"] or f"thread {thread['ident']}")
    for frame in thread["stack"]:
        yield f"    {frame['function']}  {shorten.place(frame)}"
