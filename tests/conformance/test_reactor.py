"""Reactors are compared test by test, and what differs with a reason differs in that way only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("twisted")

from tests.conformance import report
from tests.conformance.explained import EXPLAINED, Explained, as_markdown, explain, outdated
from tests.conformance.reactors import DEFERROUS, EPOLL
from tests.conformance.records import Outcome, Outcomes, Records
from tests.conformance.samples import run_sample
from tests.conformance.trial import Ended, Limits, Mode, Side
from tests.conformance.verdict import Comparison, Difference, problems_of_identity

ON_EPOLL = "twisted.internet.test.test_tcp.TCPTestsBuilder_EPollReactorTests.test_it"
ON_DEFERROUS = "twisted.internet.test.test_tcp.TCPTestsBuilder_DeferrousReactorTests.test_it"

#: About reactors, and not made for one of them.
OF_REACTORS = "twisted.internet.test.test_epollreactor.EPollReactorTests.test_it"

SKIP = (Outcome("skip"),)
ERROR = (Outcome("error", "package.Error"),)
SUCCESS = (Outcome("success"),)

TESTS = """
from twisted.internet.test.reactormixins import ReactorBuilder

class SampleBuilder(ReactorBuilder):
    def test_runs(self):
        reactor = self.buildReactor()
        reactor.callWhenRunning(reactor.stop)
        self.runReactor(reactor)
    def test_is(self):
        self.fail(type(self.buildReactor()).__name__)

globals().update(SampleBuilder.makeTestCaseClasses())
"""


def run(tmp_path: Path, side: Side) -> Ended:
    """Run the tests on a side, in the Python of this process."""
    return run_sample(TESTS, side, Limits(60, 60), tmp_path)


@pytest.mark.parametrize(
    "side", [Side("1", Mode.STOCK, EPOLL), Side("2", Mode.INSTALLED, DEFERROUS)], ids=str
)
def test_tests_are_made_for_one_reactor_and_have_common_names(tmp_path: Path, side: Side) -> None:
    ended = run(tmp_path, side)
    assert ended.broke_off is None
    found = {test.rpartition("_sample.")[2]: said for test, said in ended.records.outcomes.items()}
    assert list(found) == [
        "SampleBuilder_EPollReactorTests.test_is",
        "SampleBuilder_EPollReactorTests.test_runs",
    ]
    failed, ran = found.values()
    assert ran == SUCCESS
    assert side.reactor is not None
    assert failed[0].reason == side.reactor.qualified_name.rpartition(".")[2]
    facts = ended.records.last_facts
    assert facts is not None
    assert facts["reactor"] == side.reactor.qualified_name
    assert facts["built"] == [side.reactor.qualified_name]


def test_without_a_reactor_tests_are_made_for_all(tmp_path: Path) -> None:
    ended = run(tmp_path, Side("1", Mode.STOCK))
    classes = {test.split(".")[-2] for test in ended.records.outcomes}
    assert {"SampleBuilder_SelectReactorTests", "SampleBuilder_PollReactorTests"} < classes
    assert ended.records.last_facts is not None
    assert "deferrous" not in ended.records.last_facts["reactor"]


class TestNames:
    def test_a_test_has_another_name_for_another_reactor(self) -> None:
        assert DEFERROUS.own_name(ON_EPOLL) == ON_DEFERROUS
        assert DEFERROUS.common_name(ON_DEFERROUS) == ON_EPOLL
        assert EPOLL.own_name(ON_EPOLL) == EPOLL.common_name(ON_EPOLL) == ON_EPOLL

    @pytest.mark.parametrize("name", [OF_REACTORS, "twisted", "twisted.test.test_defer"])
    def test_a_test_that_is_not_made_for_a_reactor_keeps_its_name(self, name: str) -> None:
        assert DEFERROUS.own_name(name) == DEFERROUS.common_name(name) == name

    def test_a_side_asks_for_tests_by_its_own_names(self) -> None:
        arguments = Side("2", Mode.INSTALLED, DEFERROUS).arguments([ON_EPOLL, "twisted.test"])
        assert arguments[-2:] == [ON_DEFERROUS, "twisted.test"]
        assert "--reactor=deferrous" in arguments


class TestVariables:
    def test_stock_has_none(self) -> None:
        assert Side("1", Mode.STOCK).variables() == Side("1", Mode.STOCK, EPOLL).variables() == {}

    def test_without_a_reactor_child_processes_have_twisteds(self) -> None:
        assert Side("2", Mode.INSTALLED).variables() == {"DEFERROUS": "1", "DEFERROUS_REACTOR": "default"}

    def test_with_a_reactor_child_processes_have_it_too(self) -> None:
        assert Side("2", Mode.INSTALLED, DEFERROUS).variables() == {"DEFERROUS": "1"}


class TestIdentity:
    FACTS: Mapping[str, object] = {
        "twisted": "26.10.0",
        "deferred_is_twisteds": False,
        "deferrous_imported": True,
        "deferrous_installed": True,
        "reactor": DEFERROUS.qualified_name,
        "built": [DEFERROUS.qualified_name],
    }

    def problems(self, asked_for: str | None, **changed: object) -> list[str]:
        facts = {**self.FACTS, **changed}
        records = Records({}, (), None, facts, facts)
        return problems_of_identity(records, installed=True, reactor=asked_for, twisted="26.10.0", whole=True)

    def test_what_is_as_it_should_be(self) -> None:
        assert self.problems(DEFERROUS.qualified_name) == []
        assert self.problems(None, reactor=None) == []
        assert self.problems(None, reactor=EPOLL.qualified_name) == []

    @pytest.mark.parametrize(("name", "other"), [("reactor", EPOLL.qualified_name), ("built", [])])
    def test_another_reactor_is_a_problem(self, name: str, other: object) -> None:
        assert len(self.problems(DEFERROUS.qualified_name, **{name: other})) == 2

    def test_the_reactor_of_deferrous_is_a_problem_where_none_was_asked_for(self) -> None:
        assert len(self.problems(None)) == 2


class TestExplained:
    ENTRY = Explained(ON_EPOLL, "skip", "error (package.Error)", "It is about **epoll**.")
    DIFFERENCE = Difference(ON_EPOLL, SKIP, ERROR)

    def test_what_is_in_the_table_is_explained(self) -> None:
        assert explain([self.DIFFERENCE], [self.ENTRY]) == ([self.ENTRY], [])

    @pytest.mark.parametrize(
        "difference",
        [
            replace(DIFFERENCE, test=OF_REACTORS),
            replace(DIFFERENCE, first=SUCCESS),
            replace(DIFFERENCE, second=(Outcome("error", "package.OtherError"),)),
            replace(DIFFERENCE, second=None),
        ],
        ids=str,
    )
    def test_what_differs_in_another_way_is_not(self, difference: Difference) -> None:
        assert explain([difference], [self.ENTRY]) == ([], [difference])

    @pytest.mark.parametrize(
        ("first", "second", "old"),
        [(SKIP, SKIP, True), (SKIP, ERROR, False), (None, None, False), (None, SKIP, False)],
    )
    def test_what_no_longer_differs_has_to_go(
        self, first: Outcomes | None, second: Outcomes | None, old: bool
    ) -> None:
        first_run, second_run = (
            Records({} if outcomes is None else {ON_EPOLL: outcomes}, (), None, None, None)
            for outcomes in (first, second)
        )
        assert bool(outdated([self.ENTRY], first_run, second_run)) is old

    def test_both_are_printed(self) -> None:
        explained, old = report.describe_explained([self.ENTRY], [self.ENTRY])
        assert self.ENTRY.reason in explained
        assert "remove it" in old

    def test_both_are_counted(self) -> None:
        runs = [Ended(label, Records({}, (), None, None, None), None, 1, Path()) for label in "12"]
        line = report.last_line(Comparison((), (0, 0)), [], runs, report.Counts(explained=2, outdated=1))
        assert line == "0 differences; 2 explained; 1 explanations not needed"

    def test_the_documentation_has_the_table(self) -> None:
        document = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
        assert as_markdown(EXPLAINED) in document.read_text(), f"it should be:\n{as_markdown(EXPLAINED)}"
