"""Dependencies point one way: no files or folders of a crate use each other in a circle.

The order is in CONTRIBUTING.md, "Where a line of code belongs".
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.rust_modules import Crate

CRATES = Path(__file__).parents[2] / "crates"


@pytest.mark.parametrize("crate", ["deferrous", "deferrous-python"])
def test_no_files_and_no_folders_use_each_other_in_a_circle(crate: str) -> None:
    assert Crate(CRATES / crate / "src").circles() == set()


def test_the_extension_imports_nothing_of_the_package() -> None:
    """A class may say that it belongs to a module of the package."""
    folder = CRATES / "deferrous-python" / "src"
    found = {
        (str(file.relative_to(folder)), name)
        for file in folder.rglob("*.rs")
        for name in re.findall(r'(?<!module = )(?<!\w)"(deferrous(?:\.\w+)*)"', file.read_text("utf-8"))
    }
    assert found == set()
