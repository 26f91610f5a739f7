"""Wherever a reactor's calls from threads run the code of a program, that code may use the reactor.

The places, each a function in `message_places`, are of the kinds that `test_reentering_deferreds` lists.
"""

from __future__ import annotations

import pytest

from tests.safety import hostile, message_places


@pytest.mark.parametrize("place", message_places.PLACES)
def test_one_used_there_does_as_on_stock_twisted(place: str) -> None:
    """Every operation of it, done there once, comes to the same."""
    assert hostile.different("message", place) == {}
