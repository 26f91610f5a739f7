"""The floor of a row: its Python calls, with nothing behind them.

No implementation of Deferreds can be faster than that. The callbacks of the row are called as they
are, one after the other, and the calls of a Deferred's methods are calls of methods in C that take
the same arguments and do next to nothing: those of an empty dict.
"""

from __future__ import annotations

#: Takes the place of the class: `StandIn()` of `Deferred()`, and its `get` of all methods.
StandIn = dict
