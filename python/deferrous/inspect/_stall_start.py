"""DEFERROUS_STALL=50ms: a program that starts on deferrous is watched for stalls from then on.

It is Python because it reads a variable. It is imported only if that is set.
"""

from __future__ import annotations

import os
import warnings

from deferrous._errors import InstallError
from deferrous.inspect._durations import seconds_of

#: The environment variable.
VARIABLE = "DEFERROUS_STALL"


def seconds(text: str) -> float:
    """Return the seconds of a time such as 50ms or 0.2s.

    Raises:
        ValueError: it is none, or shorter than a millisecond. The message says so.
    """
    time = seconds_of(text, ("ms", "s"))
    if time is None:
        raise ValueError(f"{text!r} is no time: say 50ms or 0.2s")
    if time < 0.001:
        raise ValueError(f"{text!r} is too short: a turn of the reactor may take at least 1ms")
    return time


def start_if_asked() -> None:
    """Do what the environment asks for.

    A program goes on without being watched where that is impossible, with a warning that says why.

    Raises:
        InstallError: the variable is no time.
    """
    value = os.environ.get(VARIABLE, "")
    if value in ("", "0"):
        return
    try:
        threshold = seconds(value)
    except ValueError as error:
        raise InstallError(f"{VARIABLE}={value} means nothing: {error}, or 0 or nothing.") from None
    from deferrous.inspect import _stalls
    from deferrous.inspect._protocol import InspectError

    try:
        _stalls.start(threshold)
    except InspectError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)
