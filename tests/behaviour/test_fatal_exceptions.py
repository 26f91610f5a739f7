"""KeyboardInterrupt and its like: Twisted makes failures of them, wherever they are raised."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.helpers import Steps, outcome, raising

ALL = [KeyboardInterrupt, SystemExit, GeneratorExit, BaseException, StopAsyncIteration, MemoryError]


@pytest.mark.parametrize("kind", ALL)
def test_fatal_exceptions_in_callbacks_become_failures(api: ModuleType, kind: type[BaseException]) -> None:
    """The chain goes on with the failure, and the caller that fires gets no exception."""
    error = kind("fatal")
    assert outcome(api.succeed(1).addCallback(raising(error))) is error
    assert outcome(api.fail(KeyError()).addErrback(raising(error))) is error
    late = api.Deferred()
    late.addCallback(raising(error))
    late.callback(None)
    assert late.result.value is error
    assert outcome(late) is error


@pytest.mark.parametrize("kind", ALL)
def test_fatal_exceptions_in_generators_become_failures(api: ModuleType, kind: type[BaseException]) -> None:
    """They end with the failure, whether they raise it or it is thrown in."""
    error = kind("fatal")

    def generator(how: str) -> Steps:
        yield api.succeed(None) if how == "raise" else api.fail(error)
        raise error

    async def coroutine(how: str) -> None:
        await (api.succeed(None) if how == "raise" else api.fail(error))
        raise error

    for how in ("raise", "throw"):
        assert outcome(api.inlineCallbacks(generator)(how)) is error
        assert outcome(api.ensureDeferred(coroutine(how))) is error


@pytest.mark.parametrize("kind", ALL)
def test_fatal_exceptions_in_called_functions_become_failures(
    api: ModuleType, kind: type[BaseException]
) -> None:
    """maybeDeferred, execute and run give failed Deferreds."""
    error = kind("fatal")
    assert outcome(api.maybeDeferred(raising(error))) is error
    assert outcome(api.execute(raising(error))) is error
    lock = api.DeferredLock()
    assert outcome(lock.run(raising(error))) is error
    assert not lock.locked


def test_an_interrupt_in_a_canceller_reaches_the_caller(api: ModuleType) -> None:
    """Cancellers are called without a net."""
    deferred = api.Deferred(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        deferred.cancel()
    assert not deferred.called


def test_a_deferred_works_after_a_fatal_exception(api: ModuleType) -> None:
    """Later callbacks run, and the Deferred is not left as if it were running."""
    seen: list[Any] = []
    deferred = api.succeed(1)
    deferred.addCallback(raising(KeyboardInterrupt()))
    assert deferred._runningCallbacks is False
    deferred.addErrback(lambda failure: seen.append(failure.type))
    assert seen == [KeyboardInterrupt]
