"""Durations as people write and read them: 50ms, 1.5h, 2 min 30 s. It is Python because these are words."""

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


def in_words(time: float) -> str:
    """Return an age, or the time until something is due, in its two largest units or tenths of a second."""
    if time < 0:
        return "0 s"
    if time < 10:
        return f"{time:.1f} s"
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    left = round(time)
    parts: list[str] = []
    for size, name in units:
        if left >= size or (name == "s" and not parts):
            parts.append(f"{left // size} {name}")
        elif parts:
            break
        left %= size
    return " ".join(parts[:2])


def duration(time: float) -> str:
    """Return for how long the reactor was held up, in words: to the millisecond where that counts."""
    if time < 0.0005:
        return "0"
    if time < 0.9995:
        return f"{time * 1000:.0f} ms"
    if time < 120:
        return f"{time:.3g} s"
    return in_words(time)
