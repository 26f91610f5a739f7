"""At every place where an operation of a Deferred runs the code of a program, that code may use the Deferred.

The places, each a function in `deferred_places`:

- `__call__` of a callback, an errback or a canceller, and the descriptor that finds it;
- `__getattribute__` and `__class__` of a result, of a Deferred that is chained, and of a `DeferredList` whose
  entry is shown; `__getattribute__` of a metaclass;
- descriptors in the place of methods, and methods that a subclass overrides;
- `__bool__` of a canceller, `__eq__` of a result, `__iter__` and `keys` of arguments, `__setattr__` of a
  `DebugInfo`;
- `__del__` of callbacks, arguments, results, cancellers, exceptions, attributes, Deferreds that were waited
  for, and of the Deferred itself, which revives it;
- callbacks of weak references;
- the collector: its callbacks, finalizers of cycles, and what is logged of failures that it finds;
- generators and coroutines: where they go on, are cancelled, are closed, and are asked what they yield;
- another thread that has the turn meanwhile.

`__repr__` of a result runs where the Deferred is shown.
"""

from __future__ import annotations

import pytest

from tests.safety import deferred_places, hostile


@pytest.mark.parametrize("place", deferred_places.PLACES)
def test_a_deferred_used_there_does_as_on_stock_twisted(place: str) -> None:
    """Every operation of it, done there once, comes to the same."""
    assert hostile.different("deferred", place) == {}
