"""At every place where an operation of a DeferredList runs the code of a program, that code may use it.

The places, each a function in `list_places`, are of the kinds that `test_reentering_deferreds` lists.
"""

from __future__ import annotations

import pytest

from tests.safety import hostile, list_places


@pytest.mark.parametrize("place", list_places.PLACES)
def test_one_used_there_does_as_on_stock_twisted(place: str) -> None:
    """Every operation of it, done there once, comes to the same."""
    assert hostile.different("list", place) == {}
