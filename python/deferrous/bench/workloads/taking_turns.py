"""Locks, semaphores and queues."""

from __future__ import annotations

from itertools import repeat
from typing import TypeVar

from twisted.internet.defer import DeferredLock, DeferredQueue, DeferredSemaphore

from ._check import expect

_Turns = TypeVar("_Turns", DeferredLock, DeferredSemaphore)


def _take_turn(holder: _Turns, turns: list[int], turn: int) -> None:
    turns.append(turn)
    holder.release()


def lock(times: int) -> None:
    """a lock that one has and two wait for"""
    shared = DeferredLock()
    turns: list[int] = []
    for _ in repeat(None, times):
        turns.clear()
        shared.acquire()
        shared.acquire().addCallback(_take_turn, turns, 1)
        shared.acquire().addCallback(_take_turn, turns, 2)
        shared.release()
    expect((turns, shared.locked), ([1, 2], False))


def semaphore(times: int) -> None:
    """a semaphore of two, that two have and two wait for"""
    shared = DeferredSemaphore(2)
    turns: list[int] = []
    for _ in repeat(None, times):
        turns.clear()
        shared.acquire()
        shared.acquire()
        shared.acquire().addCallback(_take_turn, turns, 1)
        shared.acquire().addCallback(_take_turn, turns, 2)
        shared.release()
        shared.release()
    expect((turns, shared.tokens), ([1, 2], 2))


def queue(times: int) -> None:
    """a queue: two put and got, then two waited for and put"""
    shared: DeferredQueue[int] = DeferredQueue()
    got: list[int] = []
    for _ in repeat(None, times):
        got.clear()
        shared.put(1)
        shared.put(2)
        shared.get().addCallback(got.append)
        shared.get().addCallback(got.append)
        shared.get().addCallback(got.append)
        shared.get().addCallback(got.append)
        shared.put(3)
        shared.put(4)
    expect(got, [1, 2, 3, 4])
