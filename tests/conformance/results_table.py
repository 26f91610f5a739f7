"""The tables of measured results in the documentation, which the comparisons bring up to date."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.errors import CannotCompare

START = "<!-- results: written by --record -->"
END = "<!-- end of results -->"

COLUMNS = (
    "Twisted",
    "CPython",
    "compared",
    "test ids",
    "success",
    "skip",
    "fails in both",
    "differed once",
    "explained",
    "differences",
    "minutes",
)


@dataclass(frozen=True)
class ResultsTable:
    """A table between two marks in a document, each on a line of its own."""

    columns: tuple[str, ...] = COLUMNS
    #: How many of the first columns say what was compared. A later result of the same replaces the row.
    key: int = 3
    start: str = START
    end: str = END


CONFORMANCE = ResultsTable()


def record(document: Path, result: Mapping[str, str], place: ResultsTable = CONFORMANCE) -> None:
    """Put a result into the table of a document.

    Args:
        document: a Markdown file with the marks of the table.
        result: a text for each column.
        place: which table.

    Raises:
        CannotCompare: the document has no such place.
    """
    text = document.read_text()
    if place.start not in text or place.end not in text:
        raise CannotCompare(
            f"{document} has no place for results: it needs the lines {place.start} and {place.end}"
        )
    before, rest = text.split(place.start, 1)
    table, after = rest.split(place.end, 1)
    rows = {tuple(row[: place.key]): row for row in _rows(table)}
    new = [result[column] for column in place.columns]
    rows[tuple(new[: place.key])] = new
    lines = [place.columns, ["---"] * len(place.columns), *sorted(rows.values(), key=_order)]
    written = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    document.write_text(f"{before}{place.start}\n\n{written}\n\n{place.end}{after}")


def _rows(table: str) -> list[list[str]]:
    """Return the rows of a table, without its two lines of heading."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _order(row: list[str]) -> tuple[list[tuple[list[int], str]], str]:
    """Sort by name or version, newest last, and then by what was compared."""
    return [([int(number) for number in re.findall(r"\d+", cell)], cell) for cell in row[:2]], row[2]
