"""Runs the tests with real peers, in an environment that has the peers which are Python packages.

`python -m tests.peers --deferrous WHEEL`; what follows is for pytest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import environment as environments
from tests.conformance.environment import Environment
from tests.conformance.errors import CannotCompare
from tests.peers.tools import missing

ROOT = Path(__file__).resolve().parents[2]
#: The file that `make lock` writes: one version of each peer and of what it needs.
LOCK = Path(__file__).with_name("requirements.txt")


@dataclass(frozen=True)
class PeersEnvironment(Environment):
    """The virtual environment of all peers."""

    @property
    def pins(self) -> Path:
        """The versions of what is in it."""
        return LOCK


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the environment, run the tests, and return the status to exit with."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="the interpreter to test on")
    parser.add_argument("--deferrous", type=Path, required=True, help="what to install: a wheel")
    parser.add_argument("--folder", type=Path, default=ROOT / "target" / "peers", help="for the environment")
    options, others = parser.parse_known_args(arguments)
    try:
        version = environments.python_version(options.python)
        twisted = _pinned("twisted")
        folder = environments.folder_of(options.folder.resolve(), version, twisted)
        environment = PeersEnvironment(folder, twisted, version)
        with environments.only_user(environment):
            requirements = ["--requirement", str(LOCK)]
            environments.make_from(environment, options.python, requirements, LOCK.read_text())
            environments.put_deferrous(environment, options.deferrous)
            _tell_what_is_missing()
            command = [str(environment.python), "-m", "pytest", "-rs", *(others or ["tests/peers"])]
            return subprocess.run(command, cwd=ROOT).returncode
    except CannotCompare as error:
        print(f"no peers: {error}")
        return 2


def _pinned(name: str) -> str:
    """Return the version of a package in the lock file."""
    versions = dict(line.split("==") for line in LOCK.read_text().splitlines() if line.count("==") == 1)
    return versions[name]


def _tell_what_is_missing() -> None:
    for command, package in missing().items():
        print(f"{command} is missing, and its tests are skipped: apt-get install {package}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
