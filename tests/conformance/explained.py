"""The differences that have a reason: what differs on the reactor of deferrous, and is meant to.

They are the tests of Twisted that treat one of its reactors by name, or are about one. The comparison prints
each with its reason, and wants to have it taken out of here when it no longer differs. What a user could
notice does not belong here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.conformance.records import Records, name
from tests.conformance.verdict import Difference


@dataclass(frozen=True)
class Explained:
    """A difference with its reason. What was said on each side is as `records.name` writes it."""

    test: str
    first: str
    second: str
    #: In Markdown, on one line.
    reason: str

    def explains(self, difference: Difference) -> bool:
        """Say whether this is what differs, in the way it is to."""
        return (self.test, self.first, self.second) == (
            difference.test,
            name(difference.first),
            name(difference.second),
        )


EXPLAINED = (
    Explained(
        test="twisted.internet.test.test_fdset.ReactorFDSetTestsBuilder_EPollReactorTests.test_lostFileDescriptor",
        first="skip",
        second="error (twisted.internet.error.ReactorNotRunning) and "
        "error (twisted.internet.test.reactormixins.TestTimeoutError)",
        reason="The test closes a descriptor that the reactor waits for, and epoll does not report that. "
        "Twisted skips the test for those of its reactors that cannot notice, by their names, and does not "
        "know ours. Under another name, the test fails with `EPollReactor` too",
    ),
)

COLUMNS = ("test", "on epoll", "on deferrous", "reason")


def explain(
    differences: Iterable[Difference], table: Sequence[Explained]
) -> tuple[list[Explained], list[Difference]]:
    """Return which differences a table explains, and those that it does not."""
    found: list[Explained] = []
    others: list[Difference] = []
    for difference in differences:
        explanation = next((each for each in table if each.explains(difference)), None)
        if explanation is None:
            others.append(difference)
        else:
            found.append(explanation)
    return found, others


def outdated(table: Iterable[Explained], first: Records, second: Records) -> list[Explained]:
    """Return what a table explains though it does not differ.

    A test that neither run has, since another part of the suite or another release was run, says nothing.
    """
    return [
        each
        for each in table
        if each.test in first.outcomes and first.outcomes[each.test] == second.outcomes.get(each.test)
    ]


def as_markdown(table: Iterable[Explained], columns: Sequence[str] = COLUMNS) -> str:
    """Write a table as it is in the documentation."""
    rows = [(f"`{each.test}`", each.first, each.second, each.reason) for each in table]
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows))
