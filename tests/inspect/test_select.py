"""What `--older`, `--name` and `--sort` leave of an answer."""

from __future__ import annotations

from typing import Any

import pytest
from deferrous.inspect import InspectError
from deferrous.inspect._select import COLUMNS, select


def row(name: str, count: int = 1, oldest: float | None = 1.0, **other: Any) -> dict[str, Any]:
    """Return a row of `ps`."""
    return {
        "kind": "deferred",
        "name": name,
        "file": "app.py",
        "line": 1,
        "waits_for": "",
        "count": count,
        "oldest": oldest,
        "youngest": oldest,
        **other,
    }


def node(name: str, age: float | None, *below: dict[str, Any]) -> dict[str, Any]:
    """Return a node of `pstree`."""
    return {"name": name, "age": age, "waits_for": list(below)}


def names(rows: list[dict[str, Any]], **selection: Any) -> list[str]:
    """Return the names of the rows that are left."""
    answer = {"records": True, "rows": rows}
    return [found["name"] for found in select(answer, **selection)["rows"]]


def test_without_options_everything_is_left() -> None:
    answer = {"records": False, "rows": [row("b"), row("a")], "trees": [node("c", None)]}
    assert select(answer) == answer


def test_a_row_stays_if_its_oldest_is_older() -> None:
    rows = [row("old", oldest=31.0), row("young", oldest=29.0), row("unknown", oldest=None)]
    assert names(rows, older=30.0) == ["old"]


def test_ages_that_are_not_recorded_are_an_error() -> None:
    with pytest.raises(InspectError, match="does not record ages: start it with DEFERROUS_INSPECT=1"):
        select({"records": False, "rows": []}, older=1.0)


def test_a_name_is_found_anywhere_and_may_have_wildcards() -> None:
    rows = [row("Server.fetch_page"), row("fetch"), row("Fetch"), row("other")]
    assert names(rows, name="fetch") == ["Server.fetch_page", "fetch"]
    assert names(rows, name="fetch*page") == ["Server.fetch_page"]
    assert names(rows, name="[Ff]etch") == ["Server.fetch_page", "fetch", "Fetch"]


def test_texts_are_sorted_from_a_and_numbers_from_the_largest() -> None:
    rows = [row("b", 1, 5.0), row("a", 3, None), row("c", 2, 7.0)]
    assert names(rows, sort="name") == ["a", "b", "c"]
    assert names(rows, sort="count") == ["a", "c", "b"]
    assert names(rows, sort="oldest") == ["c", "b", "a"]
    for column in COLUMNS:
        assert sorted(names(rows, sort=column)) == ["a", "b", "c"]


def test_a_tree_stays_if_one_in_it_is_asked_for() -> None:
    trees = [node("outer", 40.0, node("inner", 20.0)), node("alone", 10.0), node("unknown", None)]
    answer = {"records": True, "trees": trees}
    assert select(answer, name="inner")["trees"] == trees[:1]
    assert select(answer, older=30.0)["trees"] == trees[:1]
    assert select(answer, older=30.0, name="inner")["trees"] == []
