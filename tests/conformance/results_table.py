"""The table of measured results in the documentation, which `--record` brings up to date."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.errors import CannotCompare

START = "<!-- results: written by --record -->"
END = "<!-- end of results -->"

#: The columns; the first ones say what was compared, and a later result of the same replaces the row.
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
KEY = 3


def record(document: Path, result: Mapping[str, str]) -> None:
    """Put a result into the table of a document.

    Args:
        document: a Markdown file with the marks `START` and `END`, each on a line of its own.
        result: a text for each column.

    Raises:
        CannotCompare: the document has no such place.
    """
    text = document.read_text()
    if START not in text or END not in text:
        raise CannotCompare(f"{document} has no place for results: it needs the lines {START} and {END}")
    before, rest = text.split(START, 1)
    table, after = rest.split(END, 1)
    rows = {tuple(row[:KEY]): row for row in _rows(table)}
    new = [result[column] for column in COLUMNS]
    rows[tuple(new[:KEY])] = new
    lines = [COLUMNS, ["---"] * len(COLUMNS), *sorted(rows.values(), key=_order)]
    written = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    document.write_text(f"{before}{START}\n\n{written}\n\n{END}{after}")


def _rows(table: str) -> list[list[str]]:
    """Return the rows of a table, without its two lines of heading."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _order(row: list[str]) -> tuple[list[list[int]], str]:
    """Sort by version, newest Twisted last, and then by what was compared."""
    return [[int(number) for number in re.findall(r"\d+", cell)] for cell in row[:2]], row[2]
