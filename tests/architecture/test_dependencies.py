"""Dependencies point one way: no files or folders of a crate use each other in a circle.

The order is in CONTRIBUTING.md, "Where a line of code belongs". What is still to be mended is listed here.
Nothing may be added to a list, and what has been mended has to be taken off it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.rust_modules import Crate

CRATES = Path(__file__).parents[2] / "crates"

#: By crate: a folder, and the files and folders in it that use each other.
ALLOWED_CIRCLES: dict[str, set[str]] = {
    "deferrous": {"reactor: events mod readiness remote run signals threads"},
    "deferrous-python": set(),
}


@pytest.mark.parametrize("crate", ALLOWED_CIRCLES)
def test_no_files_and_no_folders_use_each_other_in_a_circle(crate: str) -> None:
    assert Crate(CRATES / crate / "src").circles() == ALLOWED_CIRCLES[crate]


def test_the_extension_imports_nothing_of_the_package() -> None:
    """A class may say that it belongs to a module of the package."""
    folder = CRATES / "deferrous-python" / "src"
    found = {
        (str(file.relative_to(folder)), name)
        for file in folder.rglob("*.rs")
        for name in re.findall(r'(?<!module = )(?<!\w)"(deferrous(?:\.\w+)*)"', file.read_text("utf-8"))
    }
    assert found == set()
