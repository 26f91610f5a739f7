"""Only one folder of the extension has code that the compiler cannot check, and little of it."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "crates" / "deferrous-python" / "src"

#: How many blocks there may be: more are no longer read one by one.
MOST_BLOCKS = 60


def _code(file: Path) -> str:
    return re.sub(r"//.*", "", file.read_text("utf-8"))


def test_nothing_outside_of_interp_is_unsafe() -> None:
    files = {file for file in SOURCES.rglob("*.rs") if re.search(r"\bunsafe\b", _code(file))}
    assert {file.relative_to(SOURCES).parts[0] for file in files} == {"interp"}


def test_unsafe_blocks_are_few_enough_to_be_read() -> None:
    blocks = sum(len(re.findall(r"\bunsafe \{", _code(file))) for file in SOURCES.rglob("*.rs"))
    assert 0 < blocks <= MOST_BLOCKS
