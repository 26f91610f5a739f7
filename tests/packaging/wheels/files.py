"""The files that `make wheels` has made, and the Pythons that can run them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
FOLDER = Path(os.environ["DEFERROUS_WHEELS"])
WHEELS = sorted(FOLDER.glob("*.whl"))
SOURCES = sorted(FOLDER.glob("*.tar.gz"))

#: The Python of scripts/release-tools.
TOOLS = ROOT / "target" / "release-tools" / "bin" / "python"

#: Prints the version of a Python, as in "3.13".
VERSION = "import sys; print('{}.{}'.format(*sys.version_info))"


class Tags(NamedTuple):
    """What the name of a wheel says."""

    #: Such as "3.13".
    python: str
    #: Such as "manylinux_2_17".
    policy: str
    #: Such as "x86_64".
    machine: str


def tags(wheel: Path) -> Tags:
    """Read the name of a wheel, in which the last of several systems is the one with the number."""
    _, _, python, abi, systems = wheel.stem.split("-")
    assert python == abi and python.startswith("cp3"), wheel.name
    (system,) = [name for name in systems.split(".") if name.startswith(("manylinux_", "musllinux_"))]
    policy, _, machine = system.rpartition("_x86_64")[0], "", "x86_64"
    if not policy:
        policy, machine = system.removesuffix("_aarch64"), "aarch64"
    return Tags(f"3.{python[3:]}", policy, machine)


def tool(name: str, *arguments: str | Path) -> str:
    """Run one of the tools that releases are checked with, and return what it prints."""
    command = [TOOLS, "-m", name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _lines(*command: str | Path) -> list[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []


def pythons() -> dict[str, list[str]]:
    """Return the commands that run a Python here, by its version.

    Those of scripts/debian-sid run in that Debian, where this checkout has the same path.
    """
    found = {}
    inside = [str(ROOT / "scripts" / "debian-sid")]
    places: list[list[str]] = [[]]
    if subprocess.run([*inside, "--is-made"], cwd=ROOT, check=False).returncode == 0:
        places.insert(0, inside)
    for place in places:
        for python in _lines(*place, ROOT / "scripts" / "pythons"):
            (version,) = _lines(*place, python, "-c", VERSION) or [""]
            found[version] = [*place, python]
    return found


def runs_here(wheel: Path) -> bool:
    """Say whether the system and the processor of a wheel are those of this machine."""
    libc = "musllinux" if platform.libc_ver()[0] != "glibc" else "manylinux"
    found = tags(wheel)
    return sys.platform == "linux" and found.machine == platform.machine() and found.policy.startswith(libc)
