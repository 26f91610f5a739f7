"""Pythons that deferrous does not support are refused when it is built, with one sentence."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from deferrous import _versions

BUILD = Path(__file__).parents[2] / "crates" / "deferrous-python" / "build"


def test_unsupported_pythons_are_refused_with_one_sentence(tmp_path: Path) -> None:
    """The function that decides has its tests beside it. They need neither PyO3 nor another Python."""
    program = tmp_path / "supported"
    compiler = ["rustc", "--edition", "2024", "--test", str(BUILD / "supported.rs"), "-o", str(program)]
    subprocess.run(compiler, check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed; 0 failed", done.stdout)
    assert passed is not None and int(passed[1]) >= 7


def test_the_build_supports_what_the_package_supports() -> None:
    text = (BUILD / "supported.rs").read_text("utf-8")
    for name in ("FIRST_PYTHON", "LAST_PYTHON"):
        assert f"pub const {name}: (u8, u8) = {getattr(_versions, name)};" in text
    assert f'pub const ALLOW_UNTESTED: &str = "{_versions.ALLOW_UNTESTED}";' in text
