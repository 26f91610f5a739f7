"""The Python stacks of the reactor's thread, taken while a turn blocks it.

Another thread takes them as soon as it gets the interpreter. A function of C that has kept the interpreter
until then is what the innermost frame has called last: Python lets other threads run after each call.

The handler of a signal could write them, such as that of faulthandler. But that crashes if the signal comes
while the interpreter enters or leaves a function. It is Python because it reads frames.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import NamedTuple, TypeVar

import twisted

import deferrous
from deferrous.inspect import _names

_TWISTED = os.path.dirname(twisted.__file__)
#: Where the functions are that run the loop, and hand things on.
_MACHINERY = (
    os.path.join(_TWISTED, "internet") + os.sep,
    os.path.join(_TWISTED, "python") + os.sep,
    os.path.dirname(deferrous.__file__) + os.sep,
    os.path.join(os.path.dirname(os.__file__), "asyncio") + os.sep,
)

#: Python's own library, and the folders in it of what is installed.
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_PACKAGES = (os.path.join(_LIBRARY, "site-packages"), os.path.join(_LIBRARY, "dist-packages"))

#: The functions, of modules of `_MACHINERY`, in which all turns of a loop are.
_LOOPS = ("mainLoop", "run_forever", "iterate")

#: How many stacks, and how many innermost frames, are told of a stall.
MOST_STACKS, MOST_FRAMES = 10, 5


#: How many frames of a stack are kept, the innermost ones, and how many different stacks of a turn.
_DEEPEST, _MOST_DIFFERENT = 200, 1000

_T = TypeVar("_T")

#: A stack: code with the line that it was at, the innermost first.
Stack = tuple[tuple[CodeType, "int | None"], ...]


class Frame(NamedTuple):
    """A line of a function that was being executed. The line is 0 if it is not known."""

    name: str
    file: str
    line: int


class Taken:
    """The stacks of one turn."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        #: For how many seconds each was the latest.
        self.stacks: dict[Stack, float] = {}
        self.count = 0
        #: The longest time that another thread has waited for the interpreter, in seconds.
        self.waited = 0.0
        self._last = 0.0

    def add(self, frame: FrameType, began: float, now: float) -> None:
        """Add a stack. It stands for the time since the one before.

        Args:
            frame: the innermost frame.
            began: when the turn began, in seconds.
            now: what time it is.
        """
        stack = take(frame)
        if stack in self.stacks or len(self.stacks) < _MOST_DIFFERENT:
            stands_for = now - max(self._last, began)
            self.stacks[stack] = self.stacks.get(stack, 0.0) + stands_for
        self.count += 1
        self._last = now


def take(frame: FrameType | None) -> Stack:
    """Return the stack of a frame."""
    found: list[tuple[CodeType, int | None]] = []
    while frame is not None and len(found) < _DEEPEST:
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


class Stacks(NamedTuple):
    """What a stall's stacks show. Shares are between 0 and 1.

    Attributes:
        taken: how many.
        frames: the innermost frames, the most frequent first, with their shares.
        own: the innermost frame that is not of Python's library, the most frequent one, or None.
        called: the outermost frame that is not of the reactor, the most frequent one, or None.
        stacks: the stacks within the reactor, the most frequent first, with their shares. The innermost frame
            of each is the first.
    """

    taken: int
    frames: list[tuple[Frame, float]]
    own: Frame | None
    called: Frame | None
    stacks: list[tuple[tuple[Frame, ...], float]]


def read(taken: Taken) -> Stacks:
    """Return what the stacks of a turn show."""
    whole = sum(taken.stacks.values()) or 1.0
    stacks: defaultdict[tuple[Frame, ...], float] = defaultdict(float)
    innermost, own, outermost = (defaultdict[Frame, float](float) for _ in range(3))
    for raw, seconds in list(taken.stacks.items()):
        frames = (Frame(_names.code_name(code), code.co_filename, line or 0) for code, line in raw)
        stack = _within_loop(tuple(frames))
        stacks[stack] += seconds / whole
        for found, frame in (
            (innermost, next(iter(stack), None)),
            (own, _first(stack, _is_own)),
            (outermost, _first(stack[::-1], _is_called)),
        ):
            if frame is not None:
                found[frame] += seconds / whole
    return Stacks(
        taken=taken.count,
        frames=_most(innermost)[:MOST_FRAMES],
        own=next((frame for frame, _ in _most(own)), None),
        called=next((frame for frame, _ in _most(outermost)), None),
        stacks=[(stack, share) for stack, share in _most(stacks)[:MOST_STACKS] if stack],
    )


def _most(shares: Mapping[_T, float]) -> list[tuple[_T, float]]:
    """Return what has the largest shares first."""
    return sorted(shares.items(), key=lambda item: -item[1])


def _first(stack: tuple[Frame, ...], wanted: Callable[[str], bool]) -> Frame | None:
    return next((frame for frame in stack if wanted(frame.file)), None)


def _is_called(file: str) -> bool:
    return not is_machinery(file)


def _is_own(file: str) -> bool:
    """Say whether code is not of Python's own library."""
    return not file.startswith(("<frozen ", _LIBRARY)) or file.startswith(_PACKAGES)


def is_machinery(file: str) -> bool:
    """Say whether code is of the reactor, or only hands things on."""
    return file.startswith(_MACHINERY)


def _within_loop(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Return the frames that the loop has called: those that have called the loop are always the same."""
    for index in range(len(frames) - 1, -1, -1):
        if frames[index].name.rpartition(".")[2] in _LOOPS and is_machinery(frames[index].file):
            return frames[:index]
    return frames
