"""The objects that the collector finds."""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import Any


class Witness:
    """An object whose end is seen."""


def reaches(made: Any, witness: Witness) -> bool:
    """Say whether the collector finds a witness from an object by no more than containers on the way."""
    seen: set[int] = set()
    border = [made]
    while border:
        part = border.pop()
        if part is witness:
            return True
        if id(part) in seen or isinstance(part, (type, ModuleType)):
            continue
        seen.add(id(part))
        border.extend(gc.get_referents(part))
    return False


def measure() -> tuple[int, int]:
    """Count the blocks of memory and the objects that the collector knows."""
    for _ in range(3):
        gc.collect()
    return sys.getallocatedblocks(), len(gc.get_objects())
