"""The interpreter whose tests of asyncio are run, and the class of loops that they are run on."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import environment as environments
from tests.conformance.environment import Environment
from tests.conformance.errors import CannotCompare

PROBE = Path(__file__).parent / "probe.py"


@dataclass(frozen=True, kw_only=True)
class Interpreter(Environment):
    """An interpreter with its own tests of asyncio. Its folder is for the logs."""

    executable: Path
    #: The modules of tests, by their qualified names.
    modules: tuple[str, ...]
    #: The qualified name of the class of loops to test, which need not be the one that was asked for.
    loop: str

    @property
    def scripts(self) -> Path:
        """The folder that the interpreter is in."""
        return self.executable.parent

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.executable


def interpreter_for(python: str, loop: str, cache: Path) -> Interpreter:
    """Find out what an interpreter has.

    Args:
        python: the interpreter, as a path or a command.
        loop: the class of loops to test, with its module.
        cache: where the logs go, in a folder for each version and class.

    Raises:
        CannotCompare: it cannot be run, has no tests, or does not have the class.
    """
    version = environments.python_version(python)
    # Isolated: what is beside the probe is not on its path of modules.
    found = json.loads(environments.output([python, "-I", str(PROBE), loop]))
    if found["modules"] is None:
        raise CannotCompare(
            f"{python} (CPython {version}) comes without its tests, test.test_asyncio. "
            f"Debian has them in the package {testsuite_package(version)}"
        )
    if "error" in found:
        raise CannotCompare(f"{python} (CPython {version}) has no {loop}: {found['error']}")
    return Interpreter(
        folder=cache / f"python-{version}-{loop}" / "runs",
        twisted="",
        python_version=version,
        # As it is named: behind the link of a virtual environment is an interpreter without its packages.
        executable=Path(shutil.which(python) or python).absolute(),
        modules=tuple(found["modules"]),
        loop=found["loop"],
    )


def testsuite_package(version: str) -> str:
    """Return the package in which Debian has the tests of a version of CPython."""
    major, minor = version.split(".")[:2]
    return f"libpython{major}.{minor}-testsuite"
