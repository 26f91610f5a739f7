"""How the tests of a program are run on each side, and the environment of both."""

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import environment as environments
from tests.conformance.environment import Environment
from tests.conformance.errors import CannotCompare
from tests.conformance.trial import Mode, Side
from tests.programs.programs import TWISTED, Program, Runner

#: The file that `make lock` writes: one version of each dependency of the programs and their tests.
LOCK = Path(__file__).parent / "requirements.txt"


@dataclass(frozen=True, kw_only=True)
class ProgramSide(Side):
    """One side of the comparison. The sides differ in one environment variable."""

    program: Program
    #: The source distribution, unpacked, if the tests are in there.
    sources: Path | None = None

    @property
    def runner(self) -> str:
        """The file of the recorder that runs the tests."""
        return self.program.runner.value

    @property
    def any_reactor(self) -> bool:
        """Whether it may end on the reactor of deferrous: programs that pick none get that."""
        return self.mode is Mode.INSTALLED

    def arguments(self, tests: Sequence[str]) -> list[str]:
        """Return the arguments of `runner`."""
        reporter = ["--reporter=outcomes"] if self.program.runner is Runner.TRIAL else []
        return [*reporter, *shlex.split(self.program.options), *tests]

    def variables(self) -> dict[str, str]:
        """Return the environment variable that puts deferrous underneath."""
        return {"DEFERROUS": "1"} if self.mode is Mode.INSTALLED else {}

    def working_folder(self, empty: Path) -> Path:
        """Return where to run the tests: in a copy of the source distribution if they are in there."""
        if self.sources is None:
            return empty
        return shutil.copytree(self.sources, empty / self.sources.name)


@dataclass(frozen=True)
class ProgramsEnvironment(Environment):
    """The virtual environment of all programs."""

    @property
    def pins(self) -> Path:
        """The versions of what is in it."""
        return LOCK


def environment_for(python: str, cache: Path) -> ProgramsEnvironment:
    """Return where the environment for a Python is, whether or not it has been made.

    Raises:
        CannotCompare: that Python cannot be run.
    """
    version = environments.python_version(python)
    return ProgramsEnvironment(environments.folder_of(cache, version, TWISTED), TWISTED, version)


def make(environment: ProgramsEnvironment, python: str) -> None:
    """Make the environment where there is none, or where the pins have changed.

    Raises:
        CannotCompare: it cannot be made, with what the failing command said.
    """
    environments.make_from(environment, python, ["--requirement", str(LOCK)], LOCK.read_text())


def sources_of(program: Program, environment: Environment, cache: Path) -> Path | None:
    """Return the unpacked source distribution of a program whose tests are in there; None for others.

    Args:
        program: which program.
        environment: whose pip downloads it, the first time.
        cache: the folder where it is kept.

    Raises:
        CannotCompare: it cannot be downloaded, or is not one folder.
    """
    if not program.from_sources:
        return None
    folder = cache / f"{program.name}-{program.release}"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        environments.download_sources(environment, f"{program.name}=={program.release}", unfinished)
        for archive in list(unfinished.iterdir()):
            shutil.unpack_archive(archive, unfinished)
            archive.unlink()
        os.replace(unfinished, folder)
    found = list(folder.iterdir())
    if len(found) != 1 or not found[0].is_dir():
        raise CannotCompare(f"{folder} should have one folder, and has {[path.name for path in found]}")
    return found[0]
