"""Each difference between two loops is found, whatever becomes of the process that it is in."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.asyncio_loop import modules
from tests.asyncio_loop.conformance import TABLE, LoopBench, result
from tests.asyncio_loop.modules import LoopSide, by_module, merged
from tests.asyncio_loop.samples import LOOP, LOOPS, MODULE, sample_bench
from tests.conformance.compare import DIFFERENT, NO_VERDICT, SAME, Verdict, compare_tests
from tests.conformance.records import Records, name
from tests.conformance.results_table import record
from tests.conformance.trial import Limits, Mode

#: The second test does what `END` says on the loop that is compared, and what `BOTH` says on each.
TESTS = """
import asyncio, os, signal, sys, time, unittest
START

class Tests(unittest.TestCase):
    def test_1_before(self): pass
    def test_2_ends(self):
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        BOTH
        if type(loop).__name__ == "Loop":
            END
    def test_3_after(self): pass
    def test_4_ends_too(self):
        if asyncio.SelectorEventLoop.__name__ == "Loop":
            AGAIN
"""

SEGFAULT = "os.kill(os.getpid(), signal.SIGSEGV)"
ON_OURS = 'if asyncio.SelectorEventLoop.__name__ == "Loop":'
TEST = f"{MODULE}.Tests.test_2_ends"
PATIENT = Limits(60, 60)

#: Where asyncio has its class of loops, or makes one: each has to be the class under test.
PLACES = """
import asyncio, multiprocessing, unittest
from asyncio import unix_events
from concurrent.futures import ProcessPoolExecutor

def made():
    loop = asyncio.new_event_loop()
    loop.close()
    return type(loop).__name__

async def running():
    return type(asyncio.get_running_loop()).__name__

class Tests(unittest.TestCase):
    def test_names(self):
        self.assertEqual(asyncio.SelectorEventLoop.__name__, "Loop")
        self.assertEqual(getattr(asyncio, "EventLoop", asyncio.SelectorEventLoop).__name__, "Loop")
        self.assertEqual(unix_events.SelectorEventLoop.__name__, "Loop")
    def test_new_event_loop(self):
        self.assertEqual(made(), "Loop")
    def test_run(self):
        self.assertEqual(asyncio.run(running()), "Loop")
    def test_policy(self):
        policy = unix_events._UnixDefaultEventLoopPolicy()
        loop = policy.new_event_loop()
        self.addCleanup(loop.close)
        self.assertEqual(type(loop).__name__, "Loop")
    def test_child_process(self):
        for method in ("spawn", "forkserver", "fork"):
            with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
                self.assertEqual(pool.submit(made).result(), "Loop")
class Async(unittest.IsolatedAsyncioTestCase):
    async def test_runner_of_unittest(self):
        self.assertEqual(await running(), "Loop")
"""


def bench(tmp_path: Path, limits: Limits = PATIENT, **parts: str) -> LoopBench:
    """Make a bench for the tests, with parts put in."""
    source = TESTS
    for part in ("START", "BOTH", "END", "AGAIN"):
        source = source.replace(part, parts.get(part, "pass"))
    return sample_bench(source, tmp_path, limits)


def compared(bench: LoopBench, again: int = 0) -> tuple[Verdict, dict[str, str], str]:
    """Compare, and return the verdict, the outcomes of the second side, and what was printed."""
    verdict = compare_tests(bench, [MODULE], again)
    found = verdict.runs[1].records.outcomes
    prefix = f"{MODULE}.Tests.test_"
    assert isinstance(bench.console.file, io.StringIO)
    printed = bench.console.file.getvalue()
    return verdict, {test.removeprefix(prefix): name(said) for test, said in found.items()}, printed


ALL = {"1_before": "success", "2_ends": "success", "3_after": "success", "4_ends_too": "success"}


def test_loops_that_do_the_same_have_no_differences(tmp_path: Path) -> None:
    verdict, outcomes, printed = compared(bench(tmp_path))
    assert (verdict.status, outcomes) == (SAME, ALL)
    assert printed.splitlines()[-1] == "0 differences"


def test_the_class_has_the_place_of_asyncios_own_everywhere(tmp_path: Path) -> None:
    verdict, _, _ = compared(sample_bench(PLACES, tmp_path, PATIENT))
    assert {name(said) for said in verdict.runs[1].records.outcomes.values()} == {"success"}
    assert len(verdict.runs[1].records.outcomes) == verdict.differences == 6
    assert verdict.runs[0].records.last_facts != verdict.runs[1].records.last_facts


def test_another_outcome_is_a_difference_and_run_again(tmp_path: Path) -> None:
    verdict, outcomes, printed = compared(bench(tmp_path, END='self.fail("on purpose")'), again=1)
    assert outcomes == ALL | {"2_ends": "failure (builtins.AssertionError)"}
    assert (verdict.status, verdict.differences) == (DIFFERENT, 1)
    assert verdict.judged[0].difference.test == TEST
    assert verdict.judged[0].repeats[0].selection == TEST
    assert "on purpose" in printed


def test_what_differs_once_only_is_no_difference(tmp_path: Path) -> None:
    flaky = (
        f"self.assertTrue(os.path.exists({str(tmp_path / 'ran')!r}) or os.mkdir({str(tmp_path / 'ran')!r}))"
    )
    verdict, _, printed = compared(bench(tmp_path, END=flaky), again=1)
    assert (verdict.status, verdict.differences, verdict.chance) == (SAME, 0, 1)
    assert "Differed once" in printed


def test_a_part_of_a_test_that_differs_is_run_again_with_the_test(tmp_path: Path) -> None:
    end = "with self.subTest(i=1): self.fail()"
    verdict, _, _ = compared(bench(tmp_path, END=end), again=1)
    assert [each.difference.test for each in verdict.judged] == [TEST, f"{TEST} (i=1)"]
    assert verdict.differences == 2


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (SEGFAULT, "crash (was ended by SIGSEGV)"),
        ("os._exit(7)", "crash (ended with status 7, without a result)"),
    ],
)
def test_a_crash_is_the_outcome_of_its_test_and_the_others_are_run(
    tmp_path: Path, end: str, said: str
) -> None:
    verdict, outcomes, printed = compared(bench(tmp_path, END=end, AGAIN=end))
    assert outcomes == ALL | {"2_ends": said, "4_ends_too": said}
    assert (verdict.status, verdict.differences) == (DIFFERENT, 2)
    assert verdict.runs[1].whole
    if end == SEGFAULT:
        assert "in test_2_ends" in printed


def test_a_hang_is_the_outcome_of_its_test_and_leaves_its_stack(tmp_path: Path) -> None:
    verdict, outcomes, _ = compared(bench(tmp_path, Limits(60, 10), END="time.sleep(600)"))
    assert outcomes == ALL | {"2_ends": "hang (was killed: no test started or ended for 10 s)"}
    assert (verdict.status, verdict.differences) == (DIFFERENT, 1)
    assert "in test_2_ends" in verdict.runs[1].records.outcomes[TEST][0].traceback


def test_a_crash_on_both_sides_is_no_difference(tmp_path: Path) -> None:
    verdict, outcomes, _ = compared(bench(tmp_path, BOTH=SEGFAULT))
    assert outcomes == ALL | {"2_ends": "crash (was ended by SIGSEGV)"}
    assert (verdict.status, verdict.failing_in_both) == (SAME, 1)


def test_a_crash_after_the_last_test_is_an_outcome_of_the_module(tmp_path: Path) -> None:
    at_exit = f"import atexit; atexit.register(lambda: {SEGFAULT})"
    verdict, outcomes, _ = compared(bench(tmp_path, END=at_exit))
    assert outcomes == ALL | {MODULE: "crash (was ended by SIGSEGV)"}
    assert (verdict.status, verdict.differences) == (DIFFERENT, 1)


def test_a_crash_before_the_first_test_hides_the_others(tmp_path: Path) -> None:
    verdict, outcomes, printed = compared(bench(tmp_path, START=f"{ON_OURS} os._exit(7)"))
    assert outcomes == {MODULE: "crash (ended with status 7, without a result)"}
    assert (verdict.status, verdict.runs[1].whole) == (DIFFERENT, False)
    assert "without an outcome for 4 tests" in printed.splitlines()[-1]


def test_a_module_that_crashes_again_and_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "MOST_PROCESSES", 1)
    verdict, outcomes, printed = compared(bench(tmp_path, END=SEGFAULT))
    assert list(outcomes) == ["1_before", "2_ends"]
    assert (verdict.status, verdict.runs[1].whole) == (DIFFERENT, False)
    assert "without an outcome for 2 tests" in printed.splitlines()[-1]


def test_a_module_that_skips_itself_is_a_skip(tmp_path: Path) -> None:
    verdict, outcomes, _ = compared(bench(tmp_path, START='raise unittest.SkipTest("for another system")'))
    assert (verdict.status, outcomes) == (SAME, {MODULE: "skip"})


def test_a_run_on_another_class_gives_no_verdict(tmp_path: Path) -> None:
    right = bench(tmp_path)
    wrong = replace(right, sides=(right.sides[0], replace(right.sides[1], qualified_name=f"{LOOPS}.Other")))
    verdict, _, printed = compared(wrong)
    assert verdict.status == NO_VERDICT
    assert f"at the start: made is {LOOP}, and should be {LOOPS}.Other" in printed


def test_a_class_that_loses_its_place_gives_no_verdict(tmp_path: Path) -> None:
    lost = "asyncio.SelectorEventLoop = object"
    verdict, _, printed = compared(bench(tmp_path, END=lost))
    assert verdict.status == NO_VERDICT
    assert "at the end: SelectorEventLoop is builtins.object" in printed


class TestSide:
    SIDE = LoopSide("ours", Mode.INSTALLED, loop="package.Loop", qualified_name="package.loops.Loop")

    def test_processes_have_the_class_in_their_environment(self) -> None:
        assert self.SIDE.variables() == {"ASYNCIO_CONFORMANCE_LOOP": "package.Loop"}

    def test_what_has_been_run_is_left_out(self) -> None:
        side = replace(self.SIDE, without=("a.B.c", "a.B.d"))
        assert side.arguments(["a"]) == ["--without", "a.B.c", "--without", "a.B.d", "a"]

    def test_a_run_that_did_not_end_says_nothing_of_its_end(self) -> None:
        facts = {"python": "3.13.0", "made": "package.loops.Loop"}
        assert list(self.SIDE.problems(Records({}, (), None, facts, None))) == []

    def test_processes_that_disagree_are_named(self) -> None:
        assert merged([{"what": "run", "made": "a"}, None, {"made": "b"}, {"made": "a"}]) == {
            "made": "a and b"
        }
        assert merged([None]) is None


def test_tests_are_grouped_by_module() -> None:
    package = "test.test_asyncio"
    assert by_module(
        ["test_events.A.b", f"{package}.test_locks", f"{package}.test_events.C.d (i=1)", "sample.Tests"]
    ) == {
        f"{package}.test_events": [f"{package}.test_events.A.b", f"{package}.test_events.C.d"],
        f"{package}.test_locks": [f"{package}.test_locks"],
        "sample": ["sample.Tests"],
    }


def test_a_result_is_put_into_the_documents_table(tmp_path: Path) -> None:
    verdict, _, _ = compared(bench(tmp_path, END="self.fail()"))
    row = result(bench(tmp_path), verdict)
    assert (row["tests"], row["success"], row["differences"]) == ("4", "4", "1")
    document = tmp_path / "document.md"
    document.write_text(f"{TABLE.start}\n{TABLE.end}\n")
    record(document, row, TABLE)
    assert f"| `{LOOP}` | {sys.version.split()[0]} | 4 | 4 |" in document.read_text()
    assert json.dumps(row)
