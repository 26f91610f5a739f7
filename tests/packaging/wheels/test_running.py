"""Each wheel that can run here is installed in a clean environment, and runs the program of the README."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.children import environment
from tests.packaging.wheels.files import ROOT, WHEELS, pythons, runs_here, tags

#: For how many seconds an installation may go on.
PATIENCE = 600

RUNNABLE = [wheel for wheel in WHEELS if runs_here(wheel)]


def program_and_output() -> tuple[str, str]:
    """Return the first Python program of the README, and what it prints."""
    readme = (ROOT / "README.md").read_text("utf-8")
    found = re.search(r"^```python\n(.*?)^```\n+```text\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1], found[2]


@pytest.fixture(scope="module")
def interpreters() -> dict[str, list[str]]:
    """Give the Pythons of this machine."""
    return pythons()


@pytest.mark.parametrize("wheel", RUNNABLE, ids=[wheel.name for wheel in RUNNABLE])
def test_a_wheel_runs_the_program_of_the_readme(
    wheel: Path, interpreters: dict[str, list[str]], request: pytest.FixtureRequest
) -> None:
    interpreter = interpreters.get(tags(wheel).python)
    if interpreter is None:
        pytest.skip(f"there is no Python {tags(wheel).python} here")
    # Below the checkout, which has the same path in the Debian of scripts/debian-sid.
    folder = ROOT / "target" / "packaging" / f"clean-{tags(wheel).python}"
    place, python = interpreter[:-1], folder / "environment" / "bin" / "python"
    clean = environment()
    for name in ("PYTHONPATH", "VIRTUAL_ENV"):
        clean.pop(name, None)

    def run(*arguments: str | Path, **changes: str) -> str:
        done = subprocess.run(
            [*place, *arguments],
            cwd=ROOT,
            env={**clean, **changes},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    folder.mkdir(parents=True, exist_ok=True)
    run(interpreter[-1], "-m", "venv", "--clear", python.parents[1])
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    program, output = program_and_output()
    app = folder / "app.py"
    app.write_text(program, encoding="utf-8")
    assert run(python, app, DEFERROUS="1") == output
    assert run(python, "-m", "deferrous", "run", app) == output
    assert run(python.with_name("deferrous"), "check").startswith("Nothing would stop it.\n")
