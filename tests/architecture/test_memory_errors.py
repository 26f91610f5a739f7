"""The extension raises `MemoryError` where memory has run out: what PyO3 panics in is not used.

A panic of PyO3 there ends the process, since the exception that it is made needs memory, too.
`interp/fallible.rs` has what to use instead.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "crates" / "deferrous-python" / "src"

#: What makes objects and cannot say that there is no memory. Exceptions without arguments need none at once.
PANICS = {
    "a name": r"\bintern!",
    "a constructor": r"\bPy(?:Tuple|List|Dict|Set|String|Bytes|Float|Int)::(?:new|intern)\(",
    "a number": r"\w\.into_pyobject\((?!py\)\s*\.map_or_else\(\|never\|)",
    "an exception with a text": r"::new_err\((?!\(\)\))",
    "a name that is a &str": r"\.(?:\w+attr|call_method[01]?|\w+_item|contains|import)\((?:py, )?\"",
    "a slice of a list": r"(?<!as_sequence\(\))\.get_slice\(",
}


@pytest.mark.parametrize("kind", PANICS)
def test_nothing_is_used_that_panics_without_memory(kind: str) -> None:
    found = {
        (str(file.relative_to(SOURCES)), match.group())
        for file in SOURCES.rglob("*.rs")
        for match in re.finditer(PANICS[kind], re.sub(r"//.*", "", file.read_text("utf-8")))
    }
    assert found == set()
