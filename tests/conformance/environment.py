"""The virtual environment that both runs use: Twisted, what the tests want, and deferrous."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.errors import CannotCompare

#: The versions of what stands beside Twisted: a file for each release, and one for what they have in common.
PINS = Path(__file__).parent / "pins"

#: How the environment variables begin that are not handed on: they change Python, or choose the mode.
OURS = ("PYTHON", "DEFERROUS")

#: Besides what Twisted's own extras bring: the reporter of that protocol has tests.
BESIDES = ("python-subunit",)


@dataclass(frozen=True)
class Environment:
    """A virtual environment, for one Python and one release of Twisted."""

    folder: Path
    twisted: str
    python_version: str

    @property
    def pins(self) -> Path:
        """The versions of what stands beside Twisted."""
        return PINS / f"{self.twisted}.txt"

    @property
    def scripts(self) -> Path:
        """The folder of its programs."""
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.scripts / "python"


def environment_for(python: str, twisted: str, cache: Path) -> Environment:
    """Return where the environment for a Python and a Twisted is, whether or not it has been made.

    Raises:
        CannotCompare: that Python cannot be run.
    """
    version = python_version(python)
    return Environment(folder_of(cache, version, twisted), twisted, version)


def python_version(python: str) -> str:
    """Return the version of an interpreter.

    Raises:
        CannotCompare: it cannot be run.
    """
    return output([python, "-c", "import platform; print(platform.python_version())"]).strip()


def folder_of(cache: Path, version: str, twisted: str) -> Path:
    """Return where the environment for a version of Python and of Twisted is."""
    return cache / f"python-{version}-twisted-{twisted}" / "environment"


def make(environment: Environment, python: str) -> None:
    """Make an environment for Twisted's own tests where there is none.

    Raises:
        CannotCompare: it cannot be made, with what the failing command said; or the release has no pins.
    """
    if not environment.pins.exists():
        known = ", ".join(sorted(pins.stem for pins in PINS.glob("[0-9]*.txt")))
        raise CannotCompare(f"{PINS} has pins for Twisted {known}, and not for {environment.twisted}")
    requirements = [f"Twisted[all-non-platform]=={environment.twisted}", *BESIDES]
    made_from = "\n".join([*requirements, environment.pins.read_text(), (PINS / "common.txt").read_text()])
    make_from(environment, python, requirements, made_from)


def make_from(environment: Environment, python: str, arguments: Sequence[str], made_from: str) -> None:
    """Make an environment where there is none.

    It is made again when what it is made from has changed. One that was not finished counts as none.

    Args:
        environment: which to make.
        python: the interpreter to make it with.
        arguments: what to install, as arguments of pip.
        made_from: all that decides what is installed.

    Raises:
        CannotCompare: it cannot be made, with what the failing command said.
    """
    stamp = environment.folder / "made-from.txt"
    if stamp.exists() and stamp.read_text() == made_from:
        return
    print(f"making {environment.folder}", flush=True)
    shutil.rmtree(environment.folder, ignore_errors=True)
    output([python, "-m", "venv", str(environment.folder)])
    _pip(environment, "install", *arguments)
    # Trial writes a list of its plugins into Twisted's folder if there is none: not while tests run.
    output([str(environment.python), "-m", "twisted.trial", "--help-reporters"])
    stamp.write_text(made_from)


def put_deferrous(environment: Environment, source: Path) -> None:
    """Install deferrous from a wheel or a source folder, in place of one that is there.

    Raises:
        CannotCompare: it cannot be built or installed, with what pip said.
    """
    print(f"installing deferrous from {source}", flush=True)
    _pip(environment, "uninstall", "--yes", "deferrous")
    # Twisted is named so that pip refuses what would replace it.
    _pip(environment, "install", str(source.resolve()), f"Twisted=={environment.twisted}")


def remove_deferrous(environment: Environment) -> None:
    """Take deferrous out, for comparing stock with stock."""
    _pip(environment, "uninstall", "--yes", "deferrous")


def download_sources(environment: Environment, requirement: str, folder: Path) -> None:
    """Download the source distribution of a project into a folder.

    Args:
        environment: whose pip does it.
        requirement: the project with its release.
        folder: where to put it.

    Raises:
        CannotCompare: it cannot be downloaded, with what pip said.
    """
    options = ["--no-binary", ":all:", "--no-deps", "--dest", str(folder)]
    _pip(environment, "download", *options, requirement)


@contextmanager
def only_user(environment: Environment) -> Iterator[None]:
    """Keep other comparisons out of the environment, which would replace what is being tested; they wait."""
    environment_lock = environment.folder.parent / "lock"
    environment_lock.parent.mkdir(parents=True, exist_ok=True)
    with environment_lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another comparison that uses {environment.folder}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pip(environment: Environment, *arguments: str) -> None:
    command = [str(environment.python), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    if arguments[0] == "install":
        command += ["--constraint", str(environment.pins)]
    output(command)


def output(command: list[str]) -> str:
    """Run a command that has to succeed, and return what it prints.

    Raises:
        CannotCompare: it cannot be run, or fails, with what it said.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    try:
        done = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    except OSError as error:
        raise CannotCompare(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        sys.stdout.flush()
        raise CannotCompare(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
