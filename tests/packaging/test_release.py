"""A release is published only if its tag, Cargo.toml and CHANGELOG.md name the same version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "release-check"


def release_check(folder: Path, *arguments: str, version: str, heading: str) -> tuple[int, str, str]:
    """Run the script on a checkout with this version and this newest heading."""
    (folder / "Cargo.toml").write_text(
        f'[workspace.package]\nversion = "{version}"\n\n[profile.dev]\n', encoding="utf-8"
    )
    changes = f"# Changelog\n\n## {heading}\n\n- A change.\n\n## 0.9.0 - 2026-01-01\n\n- Another.\n"
    (folder / "CHANGELOG.md").write_text(changes, encoding="utf-8")
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("version", ["1.2.3", "1.2.3-rc.1"])
def test_a_release_whose_three_names_agree_passes(version: str, tmp_path: Path) -> None:
    heading = f"{version} - 2026-11-28"
    assert release_check(tmp_path, f"v{version}", version=version, heading=heading) == (0, "", "")


@pytest.mark.parametrize(
    ("tag", "version", "heading", "said"),
    [
        (
            "v1.2.4",
            "1.2.3",
            "1.2.3 - 2026-11-28",
            "the tag is v1.2.4, but the version in Cargo.toml is 1.2.3",
        ),
        ("1.2.3", "1.2.3", "1.2.3 - 2026-11-28", "the tag 1.2.3 is not v and a version"),
        ("v1.2", "1.2", "1.2 - 2026-11-28", "the tag v1.2 is not v and a version"),
        ("v1.2.3", "1.2.3", "Unreleased", 'the newest heading of CHANGELOG.md is "Unreleased"'),
        ("v1.2.3", "1.2.3", "1.2.3", 'the newest heading of CHANGELOG.md is "1.2.3"'),
        ("v1.2.3", "1.2.3", "1.2.2 - 2026-11-28", 'the newest heading of CHANGELOG.md is "1.2.2 - '),
    ],
)
def test_a_release_whose_names_differ_is_refused(
    tag: str, version: str, heading: str, said: str, tmp_path: Path
) -> None:
    status, printed, errors = release_check(tmp_path, tag, version=version, heading=heading)
    assert (status, printed) == (1, "")
    assert said in errors


def test_the_notes_are_what_is_below_the_newest_heading(tmp_path: Path) -> None:
    heading = "1.2.3 - 2026-11-28"
    status, printed, _ = release_check(tmp_path, "--notes", "v1.2.3", version="1.2.3", heading=heading)
    assert (status, printed) == (0, "- A change.\n")


def test_a_missing_tag_is_an_error(tmp_path: Path) -> None:
    status, _, errors = release_check(tmp_path, version="1.2.3", heading="1.2.3 - 2026-11-28")
    assert status == 2 and "Usage" in errors
