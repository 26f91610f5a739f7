"""The programs whose tests are run: one line each. After a change, `make lock` pins what they need."""

from dataclasses import dataclass
from enum import Enum

#: The release of Twisted that all of them run on.
TWISTED = "26.10.0"

#: Installed besides the programs: Twisted, and what runs their tests.
BESIDES = (f"Twisted[tls]=={TWISTED}", "pytest")


class Runner(Enum):
    """The runners of the tests. Each value is a file of the recorder."""

    TRIAL = "run_trial.py"
    PYTEST = "run_pytest.py"
    UNITTEST = "run_unittest.py"


@dataclass(frozen=True)
class Program:
    """A project of a package index, with how it runs its tests.

    Its wheel has the tests; or its source distribution has, and they are run in the folder of that.
    """

    name: str
    release: str
    runner: Runner
    #: Which tests, and options: arguments of the runner.
    tests: str
    options: str = ""
    #: Dependencies of the tests: extras of the project, separated by commas, and other projects.
    extras: str = ""
    needs: str = ""
    from_sources: bool = False

    @property
    def requirements(self) -> list[str]:
        """The requirements of the program, for pip."""
        extras = f"[{self.extras}]" if self.extras else ""
        return [f"{self.name}{extras}=={self.release}", *self.needs.split()]


TRIAL, PYTEST, UNITTEST = Runner

PROGRAMS = (
    Program("crochet", "2.1.1", TRIAL, "crochet.tests", needs="mypy"),
    Program("foolscap", "24.9.0", TRIAL, "foolscap", extras="dev"),
    Program("klein", "24.8.0", TRIAL, "klein"),
    Program("pytest-twisted", "1.14.3", PYTEST, "testing", options="--reactor=default", from_sources=True),
    Program("testtools", "2.9.1", UNITTEST, "tests.test_suite", extras="test,twisted", from_sources=True),
    Program("treq", "26.7.0", TRIAL, "treq", extras="dev"),
    # pytest-twisted is in the environment, too, and would install a reactor.
    Program("txaio", "26.6.1", PYTEST, "tests", options="-p no:twisted", extras="twisted", from_sources=True),
)


def requirements() -> list[str]:
    """Return what to install for all programs, as `make lock` pins it."""
    return [*BESIDES, *(each for program in PROGRAMS for each in program.requirements)]
