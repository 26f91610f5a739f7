"""The arbiter sees every difference, and says "0 differences" of nothing else than two alike runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conformance import report, results_table
from tests.conformance.errors import CannotCompare
from tests.conformance.records import Outcome, Outcomes, Records, make_records
from tests.conformance.trial import Ended
from tests.conformance.verdict import (
    MOST_ROUNDS,
    MOST_RUN_AGAIN,
    Difference,
    Judged,
    Repeats,
    Ruling,
    compare,
    judge,
    problems_of_identity,
    selections,
)

TEST = "package.test_module.Tests.test_it"
SUCCESS = (Outcome("success"),)
FAILURE = (Outcome("failure", "FailTest", "1 != 2", "Traceback"),)
NOT_LOADED = (Outcome("not loaded", "ObjectNotFound"),)

Facts = dict[str, object]

STOCK_FACTS: Facts = {
    "twisted": "26.10.0",
    "deferred_is_twisteds": True,
    "deferrous_imported": False,
    "deferrous_installed": False,
}
INSTALLED_FACTS: Facts = STOCK_FACTS | {
    "deferred_is_twisteds": False,
    "deferrous_imported": True,
    "deferrous_installed": True,
}


def records(*lines: tuple[str, str] | dict[str, object]) -> Records:
    """Make the records of a run: dicts as they are, and pairs of what happened and the test's name."""
    return make_records(
        json.dumps(line if isinstance(line, dict) else {"what": line[0], "id": line[1]}).encode() + b"\n"
        for line in lines
    )


def ran(**outcomes: Outcomes) -> Records:
    """Make the records of a whole run of tests with these outcomes."""
    return Records(outcomes, (), None, STOCK_FACTS, STOCK_FACTS)


def outcome(test: str, kind: str, **details: str) -> dict[str, object]:
    """Make the record of an outcome."""
    return {"what": "outcome", "id": test, "kind": kind, **details}


class TestRecords:
    def test_an_outcome_belongs_to_its_test_whenever_it_comes(self) -> None:
        late = outcome("a", "error", exception="E")
        found = records(("start", "a"), outcome("a", "success"), ("stop", "a"), ("start", "b"), late)
        assert found.outcomes == {"a": (Outcome("error", "E"), Outcome("success")), "b": ()}

    def test_the_order_of_outcomes_is_none_of_the_test(self) -> None:
        lines = outcome("a", "success"), outcome("a", "skip")
        assert records(*lines).outcomes == records(*reversed(lines)).outcomes

    def test_a_run_that_broke_off_says_where(self) -> None:
        found = records(("start", "a"), ("stop", "a"), ("start", "b"))
        assert found.unfinished == ("b",)
        assert found.last_started == "b"
        assert found.last_facts is None

    def test_a_second_test_of_the_same_name_may_be_unfinished(self) -> None:
        assert records(("start", "a"), ("stop", "a"), ("start", "a")).unfinished == ("a",)

    def test_half_a_line_is_left_out(self) -> None:
        assert make_records([b'{"what": "start", "id": "a"}\n', b'{"what": "sto']).unfinished == ("a",)

    def test_texts_do_not_make_outcomes_differ(self) -> None:
        assert Outcome("failure", "E", "at 0x1", "line 1") == Outcome("failure", "E", "at 0x2", "line 2")


class TestCompare:
    def test_alike_runs_have_no_differences(self) -> None:
        run = ran(a=SUCCESS, b=FAILURE, c=())
        assert compare(run, run).differences == ()

    @pytest.mark.parametrize(
        "other",
        [
            FAILURE,
            (),
            SUCCESS + SUCCESS,
            (Outcome("unexpectedSuccess"),),
            (Outcome("success", "E"),),
        ],
    )
    def test_another_outcome_is_a_difference(self, other: Outcomes) -> None:
        found = compare(ran(a=SUCCESS, b=SUCCESS), ran(a=other, b=SUCCESS))
        assert found.differences == (Difference("a", SUCCESS, other),)

    def test_failing_otherwise_is_a_difference(self) -> None:
        other = (Outcome("failure", "OtherError"),)
        assert compare(ran(a=FAILURE), ran(a=other)).differences == (Difference("a", FAILURE, other),)

    def test_a_test_in_one_run_only_is_a_difference(self) -> None:
        found = compare(ran(a=SUCCESS), ran(b=SUCCESS))
        assert found.differences == (Difference("a", SUCCESS, None), Difference("b", None, SUCCESS))

    def test_what_a_broken_run_did_not_get_to_is_counted(self) -> None:
        first = ran(a=SUCCESS, b=SUCCESS, c=SUCCESS, d=SUCCESS)
        broken = Records({"a": FAILURE, "b": ()}, ("b",), "b", None, None)
        found = compare(first, broken, whole=(True, False))
        assert found.differences == (Difference("a", SUCCESS, FAILURE),)
        assert found.unreached == (0, 3)

    def test_a_broken_run_does_not_hide_what_the_whole_one_has_not(self) -> None:
        broken = Records({"a": SUCCESS, "b": SUCCESS}, (), "b", None, None)
        found = compare(ran(a=SUCCESS), broken, whole=(True, False))
        assert found.differences == (Difference("b", None, SUCCESS),)


class Again:
    """Stands for running tests again: hands out outcomes in turn, and notes what was asked for."""

    def __init__(self, first: Sequence[Outcomes | None], second: Sequence[Outcomes | None]) -> None:
        self.first, self.second = list(first), list(second)
        self.asked: list[str] = []

    def __call__(self, selection: str, test: str, times: int) -> Repeats:
        number = len(self.asked)
        self.asked.append(selection)
        return Repeats(
            selection,
            (self.first[number % len(self.first)],) * times,
            (self.second[number % len(self.second)],) * times,
        )


def judged(again: Again, difference: Difference | None = None) -> Judged:
    return judge([difference or Difference(TEST, SUCCESS, FAILURE)], again, 2)[0]


class TestJudge:
    def test_what_is_alike_again_alone_and_in_its_module_is_chance(self) -> None:
        again = Again([SUCCESS], [SUCCESS])
        assert judged(again).ruling is Ruling.CHANCE
        assert again.asked == [TEST, "package.test_module"]

    @pytest.mark.parametrize(
        ("test", "module"),
        [
            ("package.test_module.Tests.test_it", "package.test_module"),
            ("package.test_module.Tests.test_it(v1.0)", "package.test_module"),
            ("tests/test_module.py::Tests::test_it[1.0]", "tests/test_module.py"),
        ],
    )
    def test_each_runner_has_names_of_its_own(self, test: str, module: str) -> None:
        assert selections(test) == [test, module]

    def test_what_differs_again_alone_stands_at_once(self) -> None:
        again = Again([SUCCESS], [FAILURE])
        assert judged(again).ruling is Ruling.DIFFERS
        assert again.asked == [TEST]

    def test_what_differs_again_in_its_module_only_stands(self) -> None:
        assert judged(Again([SUCCESS], [SUCCESS, FAILURE])).ruling is Ruling.DIFFERS

    def test_what_varies_alike_on_both_sides_is_chance(self) -> None:
        again = Again([SUCCESS, FAILURE], [FAILURE, SUCCESS])
        first = judge([Difference(TEST, SUCCESS, FAILURE)], _mixed(again), 2)[0]
        assert first.ruling is Ruling.CHANCE

    def test_what_varies_on_one_side_only_stands_after_more_rounds(self) -> None:
        again = Again([SUCCESS], [SUCCESS, FAILURE])
        assert judge([Difference(TEST, SUCCESS, FAILURE)], _mixed(again), 2)[0].ruling is Ruling.DIFFERS
        assert len(again.asked) == 2 * MOST_ROUNDS

    def test_a_test_that_no_longer_ends_stands(self) -> None:
        assert judged(Again([SUCCESS], [()])).ruling is Ruling.DIFFERS

    @pytest.mark.parametrize("nothing", [NOT_LOADED, None])
    def test_a_test_that_is_not_found_again_stands(self, nothing: Outcomes | None) -> None:
        assert judged(Again([nothing], [nothing])).ruling is Ruling.NOT_RUN_AGAIN

    @pytest.mark.parametrize(("first", "second"), [(None, SUCCESS), (SUCCESS, None)])
    def test_a_test_in_one_run_only_stands(self, first: Outcomes | None, second: Outcomes | None) -> None:
        again = Again([SUCCESS], [SUCCESS])
        assert judged(again, Difference(TEST, first, second)).ruling is Ruling.NOT_RUN_AGAIN

    def test_many_differences_stand(self) -> None:
        again = Again([SUCCESS], [SUCCESS])
        many = [Difference(f"{TEST}_{number}", SUCCESS, FAILURE) for number in range(MOST_RUN_AGAIN + 1)]
        assert {each.ruling for each in judge(many, again, 2)} == {Ruling.NOT_RUN_AGAIN}
        assert again.asked == []


def _mixed(again: Again) -> Callable[[str, str, int], Repeats]:
    """Make one call of two: what varies then does so in one round."""

    def run_again(selection: str, test: str, times: int) -> Repeats:
        one, two = again(selection, test, 1), again(selection, test, 1)
        return Repeats(selection, one.first + two.first, one.second + two.second)

    return run_again


class TestIdentity:
    def problems(
        self, first: Facts | None, last: Facts | None, *, installed: bool, whole: bool = True
    ) -> list[str]:
        said = {"run": first, "end": last}
        lines = [{"what": what, **facts} for what, facts in said.items() if facts is not None]
        return problems_of_identity(
            records(*lines), installed=installed, reactor=None, twisted="26.10.0", whole=whole
        )

    @pytest.mark.parametrize(("facts", "installed"), [(STOCK_FACTS, False), (INSTALLED_FACTS, True)])
    def test_what_is_as_it_should_be(self, facts: Facts, installed: bool) -> None:
        assert self.problems(facts, facts, installed=installed) == []
        assert self.problems(facts, facts, installed=not installed) != []

    @pytest.mark.parametrize("name", INSTALLED_FACTS)
    def test_each_fact_counts_at_both_ends(self, name: str) -> None:
        wrong = INSTALLED_FACTS | {name: None}
        assert len(self.problems(wrong, INSTALLED_FACTS, installed=True)) == 1
        assert len(self.problems(INSTALLED_FACTS, wrong, installed=True)) == 1

    def test_stock_may_have_listed_its_reactors(self) -> None:
        imported = STOCK_FACTS | {"deferrous_imported": True}
        assert self.problems(STOCK_FACTS, imported, installed=False) == []
        assert len(self.problems(imported, imported, installed=False)) == 1

    def test_a_program_may_have_picked_the_reactor_of_deferrous(self) -> None:
        facts = INSTALLED_FACTS | {"reactor": "deferrous.reactor.DeferrousReactor"}
        run = records({"what": "run", **facts}, {"what": "end", **facts})
        for may, count in ((True, 0), (False, 2)):
            problems = problems_of_identity(
                run, installed=True, reactor=None, twisted="26.10.0", whole=True, any_reactor=may
            )
            assert len(problems) == count

    def test_a_whole_run_has_to_say(self) -> None:
        assert len(self.problems(None, None, installed=True)) == 2
        assert self.problems(INSTALLED_FACTS, None, installed=True, whole=False) == []


class TestReport:
    def last_line(self, first: Records, second: Records, broke_off: str | None = None) -> str:
        runs = [Ended("stock", first, None, 1, Path()), Ended("installed", second, broke_off, 1, Path())]
        comparison = compare(first, second, whole=(True, broke_off is None))
        return report.last_line(
            comparison, judge(comparison.differences, Again([], []), 0), runs, report.Counts()
        )

    def test_alike_runs_are_0_differences(self) -> None:
        assert self.last_line(ran(a=SUCCESS), ran(a=SUCCESS)) == "0 differences"

    def test_a_broken_run_is_never_0_differences(self) -> None:
        line = self.last_line(ran(a=SUCCESS, b=SUCCESS), ran(a=SUCCESS), "was ended by SIGSEGV")
        assert (
            line
            == "installed broke off, without an outcome for 1 tests; of what was compared, nothing differs"
        )

    def test_what_differed_once_is_named(self) -> None:
        chance = Judged(
            Difference(TEST, SUCCESS, FAILURE), Ruling.CHANCE, (Repeats(TEST, (SUCCESS,), (SUCCESS,)),)
        )
        text = "\n".join(report.describe_all([chance], ["stock", "installed"]))
        for part in (TEST, "Differed once", "Traceback", "success x1"):
            assert part in text

    def test_a_difference_has_both_outcomes_and_the_reason(self) -> None:
        stands = Judged(Difference(TEST, None, FAILURE), Ruling.NOT_RUN_AGAIN)
        text = "\n".join(report.describe_all([stands], ["stock", "installed"]))
        for part in (TEST, "not in this run", "failure (FailTest)", "Traceback"):
            assert part in text


class TestResultsTable:
    def result(self, twisted: str, differences: str) -> dict[str, str]:
        return dict.fromkeys(results_table.COLUMNS, "1") | {"Twisted": twisted, "differences": differences}

    def test_rows_are_sorted_and_replaced(self, tmp_path: Path) -> None:
        document = tmp_path / "results.md"
        document.write_text(f"before\n\n{results_table.START}\n{results_table.END}\n\nafter\n")
        for twisted, differences in (("26.10.0", "7"), ("26.4.0", "8"), ("26.10.0", "0")):
            results_table.record(document, self.result(twisted, differences))
        lines = document.read_text().splitlines()
        rows = [line for line in lines if line.startswith("| 2")]
        assert [row.split(" | ")[0] for row in rows] == ["| 26.4.0", "| 26.10.0"]
        assert [row.split(" | ")[-2] for row in rows] == ["8", "0"]
        assert (lines[0], lines[-1]) == ("before", "after")

    def test_a_document_without_the_place_is_an_error(self, tmp_path: Path) -> None:
        document = tmp_path / "results.md"
        document.write_text("nothing")
        with pytest.raises(CannotCompare, match="no place"):
            results_table.record(document, self.result("26.10.0", "0"))
