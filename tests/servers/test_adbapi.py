"""`twisted.enterprise.adbapi` on SQLite: each interaction is a job in a thread."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from twisted.enterprise.adbapi import ConnectionPool

from tests.helpers import Oops
from tests.reactors import Loop
from tests.reactors.inside import gathered, until


def without_disk(connection: Any) -> None:
    """Let nobody wait for the disk."""
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")


def bank(reactor: Any, path: str, transfers: int) -> list[Any]:
    """Move money between accounts, many times at once, sometimes failing in the middle."""
    pool = ConnectionPool(
        "sqlite3", path, check_same_thread=False, timeout=100, cp_min=1, cp_max=4, cp_openfun=without_disk
    )

    def transfer(transaction: Any, number: int) -> int:
        transaction.execute("BEGIN IMMEDIATE")
        transaction.execute("UPDATE account SET money = money - 1 WHERE id = ?", (number % 10,))
        if number % 5 == 0:
            raise Oops(number)
        transaction.execute("UPDATE account SET money = money + 1 WHERE id = ?", ((number + 1) % 10,))
        return number

    async def main() -> list[Any]:
        await pool.runOperation("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER)")
        for number in range(10):
            await pool.runOperation("INSERT INTO account VALUES (?, 1000)", (number,))
        asked = [
            pool.runInteraction(transfer, number).addErrback(lambda failure: str(failure.value))
            for number in range(transfers)
        ]
        results = await gathered(asked)
        rows = await pool.runQuery("SELECT id, money FROM account ORDER BY id")
        reading = await gathered([pool.runQuery("SELECT SUM(money) FROM account") for _ in range(50)])
        wrong = await pool.runQuery("SELECT nothing").addErrback(lambda failure: failure.type.__name__)
        return [results, rows, reading, wrong, len(pool.connections) <= 4]

    found = until(reactor, main())
    return [*found, pool.running]


def test_interactions_are_atomic_and_errors_come_back(loop: Loop, tmp_path: Path) -> None:
    """Each is done whole or not at all, errors come back, and the pool ends with the reactor."""
    path = tmp_path / "database"
    results, rows, reading, wrong, few, running = loop.run(bank, str(path), 300)
    assert results == [str(number) if number % 5 == 0 else number for number in range(300)]
    done = [number for number in range(300) if number % 5]
    expected = dict.fromkeys(range(10), 1000)
    for number in done:
        expected[number % 10] -= 1
        expected[(number + 1) % 10] += 1
    assert dict(rows) == expected
    assert reading == [[[10_000]]] * 50
    assert (wrong, few, running) == ("OperationalError", True, False)
    with sqlite3.connect(path) as connection:
        assert dict(connection.execute("SELECT id, money FROM account")) == expected
