"""Deferreds that wait for each other in a circle: following the circle ends at the recursion limit.

Each is tried in a process of its own, since one that goes round for ever would take all other tests with it.
"""

from __future__ import annotations

import pytest

from tests import apis
from tests.children import code

BEGINNING = """
    from tests import apis
    from tests.helpers import instead
    api = apis.load({name!r})
    first, second = api.Deferred(), api.Deferred()
    outcome = "nothing"
    try:
        {action}
    except RecursionError:
        outcome = "RecursionError"
    except Exception as error:
        outcome = type(error).__name__
    print(outcome, first.called, second.called)
"""
WAIT_FOR_EACH_OTHER = (
    "first.addCallback(lambda _: second); second.addCallback(lambda _: first); "
    "first.callback(None); second.callback(None); "
)
WAIT_FOR_ITSELF = "first.addCallback(instead, first); first.callback(None); "
IN_EACH_OTHER = "first.callback(second); second.callback(first); "
FIRE_EACH_OTHER = "first.chainDeferred(second); second.chainDeferred(first); "

#: Operations, with their outcomes.
CIRCLES = {
    "cancel two": (WAIT_FOR_EACH_OTHER + "first.cancel()", "RecursionError True True"),
    "cancel one": (WAIT_FOR_ITSELF + "first.cancel()", "RecursionError True False"),
    "cancel results": (IN_EACH_OTHER + "first.cancel()", "RecursionError True True"),
    "show results": (IN_EACH_OTHER + "str(first)", "RecursionError True True"),
    "show two": (WAIT_FOR_EACH_OTHER + "str(first)", "nothing True True"),
    "show one": (WAIT_FOR_ITSELF + "str(first)", "nothing True False"),
    "fire two": (FIRE_EACH_OTHER + "first.callback(1)", "nothing True True"),
    "cancel in a canceller": (
        "first = api.Deferred(lambda d: d.cancel()); first.cancel()",
        "RecursionError False False",
    ),
    "add within callbacks": (
        "again = lambda r: (first.addCallback(again), r)[1] if first.paused < 1 else r; "
        "first.addCallback(lambda r: first.pause()); first.addCallback(again); first.callback(1)",
        "nothing True False",
    ),
    "combine with itself": (
        WAIT_FOR_ITSELF + "both = api.DeferredList([first, first]); both.cancel()",
        "nothing True False",
    ),
}


@pytest.mark.parametrize("name", CIRCLES)
@pytest.mark.parametrize("api_name", apis.NAMES)
def test_operations_on_circular_chains_end_as_in_twisted(api_name: str, name: str) -> None:
    """All Deferreds do as Twisted's."""
    action, expected = CIRCLES[name]
    done = code(BEGINNING.format(name=api_name, action=action))
    assert (done.status, done.out) == (0, expected + "\n"), done.err


def test_a_list_that_its_own_member_waits_for_can_be_cancelled() -> None:
    """A list that its own member waits for logs what goes wrong, and ends."""
    action = "both = api.DeferredList([first]); first.callback(both); both.cancel()"
    ends = {code(BEGINNING.format(name=api, action=action)).out for api in apis.NAMES}
    assert len(ends) == 1
