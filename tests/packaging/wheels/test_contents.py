"""What is in the wheels, and what the tools of the Python world say of them."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from tests.packaging.wheels.files import SOURCES, WHEELS, tags, tool

#: The most bytes that a wheel may have. With debug information it has several times as many.
LARGEST = 1_500_000

every_wheel = pytest.mark.parametrize("wheel", WHEELS, ids=[wheel.name for wheel in WHEELS])


def test_there_are_wheels_and_one_source_distribution() -> None:
    assert WHEELS and len(SOURCES) == 1, "make wheels makes them"


def test_twine_accepts_all_files() -> None:
    """It also renders the README as the registry does."""
    tool("twine", "check", "--strict", *WHEELS, *SOURCES)


@every_wheel
def test_the_contents_of_a_wheel_are_accepted(wheel: Path) -> None:
    # W002 is about equal files: the empty ones. W009 is about two packages: one is the plugin of Twisted,
    # which has to be in `twisted/plugins`.
    tool("check_wheel_contents", "--ignore", "W002,W009", wheel)


@every_wheel
def test_a_wheel_runs_on_the_systems_that_its_name_promises(wheel: Path) -> None:
    printed = " ".join(tool("auditwheel", "show", wheel).split())
    promised = tags(wheel)
    if promised.policy.startswith("musllinux"):
        # It needs musl alone. auditwheel knows Alpine's name of that, and musl's loader `libc.so` as well.
        needed = re.search(r"required by the wheel: (\{.*?\})", printed)
        assert needed is not None and json.loads(needed[1]) == {"libc.so": None}, printed
        return
    found = re.search(r'consistent with the following platform tag: "manylinux_(\d+)_(\d+)_(\w+)"', printed)
    assert found is not None, printed
    oldest = tuple(int(number) for number in promised.policy.split("_")[1:3])
    assert (int(found[1]), int(found[2])) <= oldest and found[3] == promised.machine


@every_wheel
def test_a_wheel_has_what_it_needs_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        (record,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        info = record.removesuffix("METADATA")
        (sbom,) = [name for name in names if name.startswith(f"{info}sboms/")]
        components = json.loads(opened.read(sbom))["components"]
    assert f"{info}licenses/LICENSE" in names
    assert "deferrous/py.typed" in names and "deferrous/_core.pyi" in names
    assert any(name.endswith("purelib/deferrous_autostart.pth") for name in names)
    assert len([name for name in names if re.fullmatch(r"deferrous/_native\..*\.so", name)]) == 1
    assert not [name for name in names if "tests" in name or name.endswith((".rs", ".pyc"))]
    assert {"deferrous", "pyo3", "rustix"} <= {part["name"] for part in components}
    assert wheel.stat().st_size < LARGEST
