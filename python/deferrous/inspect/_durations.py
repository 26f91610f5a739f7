"""Durations as people write them: 50ms, 30s, 2m, 1.5h, 1d. It is Python because it reads a word."""

from __future__ import annotations

import re

#: What the units mean, in seconds.
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}


def seconds_of(text: str, units: tuple[str, ...]) -> float | None:
    """Return the seconds of a duration; None if the text is none.

    Args:
        text: a number and a unit, without a space.
        units: those that are allowed, of ms, s, m, h and d, and "" for a number of seconds alone.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([a-z]*)", text)
    if found is None or found[2] not in units:
        return None
    return float(found[1]) * _UNITS[found[2]]
