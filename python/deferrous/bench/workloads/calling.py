"""Functions called for a Deferred of their result."""

from __future__ import annotations

from itertools import repeat

from twisted.internet.defer import Deferred, execute, maybeDeferred, succeed

from ._check import expect, expect_result


def _plain(value: int, extra: int) -> int:
    return value + extra


def _deferred(value: int, extra: int) -> Deferred[int]:
    return succeed(value + extra)


def maybe_deferred(times: int) -> None:
    """maybeDeferred, of a plain result and of a fired Deferred"""
    for _ in repeat(None, times):
        plain = maybeDeferred(_plain, 1, extra=2)
        deferred = maybeDeferred(_deferred, 3, extra=4)
    expect_result(plain, 3)
    expect_result(deferred, 7)


def executing(times: int) -> None:
    """execute of a plain function"""
    for _ in repeat(None, times):
        done = execute(_plain, 1, extra=2)
    expect(done.called, True)
    expect_result(done, 3)
