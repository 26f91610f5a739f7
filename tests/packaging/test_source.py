"""The source distribution has what it takes to build deferrous, what its readers need, and no more."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Files that programs and people look for.
NEEDED = (
    "CHANGELOG.md",
    "Cargo.lock",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "crates/deferrous-python/build/main.rs",
    "crates/deferrous/LICENSE",
    "crates/deferrous/src/lib.rs",
    "python/deferrous.data/purelib/deferrous_autostart.pth",
    "python/deferrous/_core.pyi",
    "python/deferrous/py.typed",
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the unpacked source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    maturin = Path(sys.executable).with_name("maturin")
    subprocess.run([maturin, "sdist", "--out", folder], cwd=ROOT, check=True, capture_output=True)
    (archive,) = folder.glob("deferrous-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def test_the_source_distribution_has_what_is_needed(source: Path) -> None:
    missing = [name for name in NEEDED if not (source / name).is_file()]
    assert missing == []


def test_the_source_distribution_has_no_tests(source: Path) -> None:
    found = {str(path.relative_to(source)) for path in source.rglob("tests/*")}
    assert found == {"crates/deferrous/tests/programs"}, "Cargo.toml names a program there"


def test_cargo_reads_the_source_distribution(source: Path) -> None:
    """A test or an example that Cargo.toml names, but that is not there, would be an error for each user."""
    command = ["cargo", "metadata", "--offline", "--locked", "--format-version", "1"]
    done = subprocess.run(
        command, cwd=source, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_metadata_names_what_registries_show(source: Path) -> None:
    text = (source / "PKG-INFO").read_text("utf-8")
    head, _, description = text.partition("\n\n")
    for line in (
        "Author: the deferrous developers",
        "License-Expression: MIT",
        "License-File: LICENSE",
        "Requires-Dist: twisted>=24.11,<26.11",
        "Description-Content-Type: text/markdown",
    ):
        assert re.search(f"^{re.escape(line)}", head, re.MULTILINE), line
    assert "Provides-Extra: bench" in head and "Provides-Extra: metrics" in head
    assert description.startswith("# deferrous")
