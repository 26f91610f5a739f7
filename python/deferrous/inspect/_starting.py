"""DEFERROUS_INSPECT=1: a program that starts on deferrous listens from then on, and keeps records.

It is Python because it reads variables. It is imported only if that one or DEFERROUS_STALL is set.
"""

from __future__ import annotations

import os
import warnings

from deferrous._errors import InstallError
from deferrous.inspect import _stall_start
from deferrous.inspect._protocol import InspectError

#: The environment variable.
VARIABLE = "DEFERROUS_INSPECT"


def start_if_asked() -> None:
    """Do what the environment asks for.

    A program goes on without inspection where that is impossible, with a warning that says why.

    Raises:
        InstallError: a variable means nothing.
    """
    _stall_start.start_if_asked()
    value = os.environ.get(VARIABLE, "")
    if value in ("", "0"):
        return
    if value != "1":
        raise InstallError(
            f"{VARIABLE}={value} means nothing: set it to 1 to have this program inspected, "
            "or to 0 or nothing."
        )
    from deferrous.inspect import _signals, enable

    try:
        enable()
        name = os.environ.get(_signals.VARIABLE, "")
        if name:
            _signals.handle(name)
    except InspectError as error:
        warnings.warn(f"this program cannot be inspected: {error}", RuntimeWarning, stacklevel=2)
