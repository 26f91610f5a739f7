"""The differences between two runs, and which of them are repeated.

This is the arbiter itself: it knows outcomes, and nothing of processes and files.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tests.conformance.records import Outcomes, Records

#: Above this many, differences are not chance, and running them all again would take longer than the runs
#: did.
MOST_RUN_AGAIN = 20

#: How often the runs of a test are repeated where stock and installed both vary and have not varied alike
#: yet.
MOST_ROUNDS = 4


@dataclass(frozen=True)
class Difference:
    """A test with another outcome in the second run than in the first. None is for a run without the test."""

    test: str
    first: Outcomes | None
    second: Outcomes | None


@dataclass(frozen=True)
class Comparison:
    """A difference between two runs."""

    differences: tuple[Difference, ...]
    #: How many tests each run did not get to, or through, because it broke off. They are no differences: the
    #: broken run is one.
    unreached: tuple[int, int]


def compare(first: Records, second: Records, *, whole: tuple[bool, bool] = (True, True)) -> Comparison:
    """Compare two runs test by test.

    Args:
        first: the first run.
        second: the second run.
        whole: which of them came to their end. What a broken run did not get through is not compared.
    """
    runs = (first, second)
    differences = []
    unreached = [0, 0]
    for test in sorted(first.outcomes.keys() | second.outcomes.keys()):
        cut = [not all_of_it and _cut_off(test, run) for run, all_of_it in zip(runs, whole, strict=True)]
        if any(cut):
            unreached = [count + lost for count, lost in zip(unreached, cut, strict=True)]
        elif first.outcomes.get(test) != second.outcomes.get(test):
            differences.append(Difference(test, first.outcomes.get(test), second.outcomes.get(test)))
    return Comparison(tuple(differences), (unreached[0], unreached[1]))


def _cut_off(test: str, run: Records) -> bool:
    """Say whether a run that broke off did so before it was through with a test."""
    return test not in run.outcomes or test in run.unfinished


class Ruling(Enum):
    """The verdict on a difference after running the test again."""

    #: Stock and installed differ again.
    DIFFERS = "differs"
    #: Stock and installed do the same when run again.
    CHANCE = "chance"
    #: It was not run again.
    NOT_RUN_AGAIN = "not run again"


@dataclass(frozen=True)
class Repeats:
    """The outcomes of a test in the repeated runs of one selection of tests."""

    #: The tests that were run: the test alone, or its module.
    selection: str
    first: tuple[Outcomes | None, ...]
    second: tuple[Outcomes | None, ...]

    def alike(self) -> bool:
        """Say whether the same set of outcomes was seen on both sides."""
        return set(self.first) == set(self.second)

    def apart(self) -> bool:
        """Say whether nothing was seen on both sides, so that more runs would not make them alike."""
        return set(self.first).isdisjoint(self.second)


@dataclass(frozen=True)
class Judged:
    """A difference with what running it again said."""

    difference: Difference
    ruling: Ruling
    repeats: tuple[Repeats, ...] = field(default=())


#: Runs a selection of tests some times in each mode, and returns the outcomes of one test.
RunAgain = Callable[[str, str, int], Repeats]


def judge(differences: Sequence[Difference], run_again: RunAgain, times: int) -> list[Judged]:
    """Find out which differences are chance.

    A test that is in only one of two whole runs is none, and more differences than `MOST_RUN_AGAIN` are none
    either: those stand as they are.

    Args:
        differences: what differed in the whole runs.
        run_again: called with a selection of tests, the test to look at, and `times`.
        times: how often a test is run again in each mode, for each selection; where 0, nothing is.
    """
    if times == 0 or len(differences) > MOST_RUN_AGAIN:
        return [Judged(difference, Ruling.NOT_RUN_AGAIN) for difference in differences]
    return [_judge_one(difference, run_again, times) for difference in differences]


def _judge_one(difference: Difference, run_again: RunAgain, times: int) -> Judged:
    """Run one test again, alone and then with its module, as long as nothing differs.

    Alone, because other tests and the load of the machine are then out of it. With its module, because what a
    test leaves behind shows in the next one.
    """
    if difference.first is None or difference.second is None:
        return Judged(difference, Ruling.NOT_RUN_AGAIN)
    repeats: list[Repeats] = []
    for selection in selections(difference.test):
        repeats.append(_repeat(selection, difference.test, run_again, times))
        if not repeats[-1].alike():
            return Judged(difference, Ruling.DIFFERS, tuple(repeats))
    # A test that cannot be loaded by its name was not run at all, and says nothing.
    ran = any(_ran(outcomes) for each in repeats for outcomes in (*each.first, *each.second))
    return Judged(difference, Ruling.CHANCE if ran else Ruling.NOT_RUN_AGAIN, tuple(repeats))


def selections(test: str) -> list[str]:
    """Return what to run to see a test again, as arguments of its runner: the test, and the module it is in.

    Args:
        test: the name that the runner has for it. Trial's and unittest's is `package.module.Class.test`, to
            which testtools may add `(scenario)`; pytest's is `folder/module.py::Class::test[parameters]`.
    """
    path, colons, _ = test.partition("::")
    if colons:
        return [test, path]
    module = ".".join(test.partition("(")[0].split(".")[:-2])
    return [test, module] if module else [test]


def _repeat(selection: str, test: str, run_again: RunAgain, times: int) -> Repeats:
    """Run a selection again until the sides are alike, or have nothing in common, or rounds run out."""
    total = Repeats(selection, (), ())
    for _ in range(MOST_ROUNDS):
        more = run_again(selection, test, times)
        total = Repeats(selection, total.first + more.first, total.second + more.second)
        if total.alike() or total.apart():
            break
    return total


def _ran(outcomes: Outcomes | None) -> bool:
    """Say whether a test ran, and was found at all."""
    return outcomes is not None and all(outcome.kind != "not loaded" for outcome in outcomes)


def problems_of_identity(
    records: Records,
    *,
    installed: bool,
    reactor: str | None,
    twisted: str,
    whole: bool,
    any_reactor: bool = False,
) -> list[str]:
    """Check that a run tested what it was to test.

    Args:
        records: the records of the run.
        installed: whether deferrous was to be underneath Twisted.
        reactor: the class of reactor that was to be tested, with its module; None for whatever Twisted picks
            of its own, which need not be there from the start, nor at all.
        twisted: the version of Twisted that was to be tested.
        whole: whether the run came to its end, so that it has to have said what it ended on.
        any_reactor: whether the reactor may be that of deferrous though none was named.

    Returns:
        what is wrong, one line each.
    """
    stages: Mapping[str, Mapping[str, object] | None] = {
        "start": records.first_facts,
        "end": records.last_facts,
    }
    expected: Collection[tuple[str, object]] = (
        ("twisted", twisted),
        ("deferred_is_twisteds", not installed),
        ("deferrous_installed", installed),
        *_expected_reactor(reactor),
    )
    problems = []
    for stage, facts in stages.items():
        if facts is None:
            if whole:
                problems.append(f"at the {stage}: it did not say what it runs on")
            continue
        problems += [
            f"at the {stage}: {name} is {facts.get(name)!r}, and should be {value!r}"
            for name, value in expected
            if facts.get(name) != value
        ]
        # Tests of Twisted's list its reactors, which imports the module of every one.
        if facts.get("deferrous_imported") is not installed and (installed or stage == "start"):
            problems.append(f"at the {stage}: deferrous_imported should be {installed}")
        if reactor is None and not any_reactor and str(facts.get("reactor")).startswith("deferrous."):
            problems.append(f"at the {stage}: reactor is {facts['reactor']!r}, and should be Twisted's own")
    return problems


def _expected_reactor(reactor: str | None) -> Collection[tuple[str, object]]:
    """Return what a run says of a reactor that it was told to test, and to have tests made for."""
    return () if reactor is None else (("reactor", reactor), ("built", [reactor]))
