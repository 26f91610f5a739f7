"""Copying and pickling Deferreds: what Twisted lets one do, and what it does not."""

from __future__ import annotations

import copy
import pickle
import textwrap
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import AlreadyCalledError, CancelledError, FirstError

from tests.apis import queue_name
from tests.children import python
from tests.helpers import outcome, same


def test_a_shallow_copy_shares_callbacks_and_result(api: ModuleType) -> None:
    """The copy is another Deferred with the same list of callbacks and the same result."""
    deferred = api.Deferred()
    deferred.note = ["shared"]
    deferred.addCallback(same)
    copied = copy.copy(deferred)
    assert type(copied) is api.Deferred
    assert copied is not deferred
    assert copied.note is deferred.note
    assert getattr(copied, queue_name()) is getattr(deferred, queue_name())
    fired = api.succeed([1])
    again = copy.copy(fired)
    assert (again.called, again.paused) == (True, 0)
    assert again.result is fired.result


def test_a_deep_copy_copies_callbacks_and_results(api: ModuleType) -> None:
    """Callbacks and results are copied as anything is."""
    deferred = api.succeed([1])
    copied = copy.deepcopy(deferred)
    assert copied.result == [1]
    assert copied.result is not deferred.result
    assert outcome(copied.addCallback(same)) == [1]


PICKLES = """
    import pickle, threading
    from twisted.internet import defer
    deferred = defer.Deferred()
    deferred.note = "kept"
    deferred.addCallback(len)
    again = pickle.loads(pickle.dumps(deferred))
    again.callback("four")
    fired = pickle.loads(pickle.dumps(defer.succeed([1])))
    try:
        pickle.dumps(defer.succeed(threading.Lock()))
    except Exception as error:
        refused = type(error).__name__
    print(type(again).__name__, again.note, again.result, fired.called, fired.result, refused)
"""


@pytest.mark.parametrize("first", ["", "import deferrous\ndeferrous.install()"])
def test_a_deferred_with_picklable_parts_can_be_pickled(first: str) -> None:
    """A Deferred is pickled if what is in it can be, by the name of its class."""
    done = python("-c", first + textwrap.dedent(PICKLES))
    assert (done.err, done.out) == ("", "Deferred kept 4 True [1] TypeError\n")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_pickled_state_contains_all_that_twisted_has_in_it(
    api: ModuleType, stock: ModuleType, protocol: int
) -> None:
    """The state that copies and pickles are made of has what it has on stock, and may say more."""

    def state(module: ModuleType, deferred: Any) -> Any:
        reduced = deferred.__reduce_ex__(protocol)
        return {name: repr(value) for name, value in reduced[2].items()}

    assert state(stock, stock.Deferred()).items() <= state(api, api.Deferred()).items()
    assert state(stock, stock.succeed(1)).items() <= state(api, api.succeed(1)).items()


@pytest.mark.parametrize("error", [AlreadyCalledError("x"), CancelledError("y")])
def test_exceptions_are_those_of_twisted_and_can_be_pickled(error: Exception) -> None:
    """Twisted's exceptions are Twisted's, and are pickled as they always were."""
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args) == (type(error), error.args)


def test_first_error_compares_index_and_failure(api: ModuleType) -> None:
    """FirstError compares by index and failure, and tells of both."""
    failed = api.DeferredList([api.fail(KeyError("k"))], fireOnOneErrback=True, consumeErrors=True)
    error = outcome(failed)
    assert isinstance(error, FirstError)
    assert error.index == 0
    assert repr(error) == "FirstError[#0, KeyError('k')]"
    assert error == FirstError(error.subFailure, 0)
    assert error != FirstError(error.subFailure, 1)
