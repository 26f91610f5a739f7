"""Delayed calls of our reactor have records."""

from __future__ import annotations

from typing import Any

from tests.reactors import Loop


def set_calls(reactor: Any) -> list[Any]:
    """Set a call before records are kept, and another after that, and return what is recorded of them."""
    from deferrous.inspect import _recorded, enable

    before = reactor.callLater(60, print)
    enable()
    after = reactor.callLater(60, print)
    found = [_recorded.record_of(call) for call in (before, after)]
    return [record and [record.place.line, record.code.co_name] for record in found]


def test_a_delayed_call_has_the_line_that_set_it() -> None:
    line = set_calls.__code__.co_firstlineno + 6
    assert Loop("deferrous").run(set_calls) == [None, [line, "set_calls"]]
