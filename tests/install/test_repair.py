"""The parts of a late installation that need no Twisted."""

from __future__ import annotations

import types
from typing import Any

import pytest
from deferrous._repair import Repair, Swap


class Stock:
    """Stands for a class of Twisted."""


class Ours:
    """Stands for what replaces it."""


@pytest.mark.parametrize("plain", [None, True, 0, 1.5, "text", b"bytes", ()])
def test_a_value_without_identity_is_swapped_nowhere(plain: object) -> None:
    swap = Swap([(plain, "ours"), (Stock, Ours)])
    assert swap(plain) is plain
    assert swap(Stock) is Ours
    assert swap.stock_classes() == frozenset([Stock])


def test_an_object_that_is_its_own_replacement_is_left_alone() -> None:
    assert Swap([(Stock, Stock)]).stock_classes() == frozenset()


def module(name: str, **names: object) -> types.ModuleType:
    """Make a module."""
    made = types.ModuleType(name)
    vars(made).update(names)
    return made


def test_references_of_the_package_itself_are_kept() -> None:
    ours, theirs = module("deferrous.defer", kept=Stock), module("deferrousness", kept=Stock)
    repair = Repair(Swap([(Stock, Ours)]))
    repair.search([ours, theirs], {})
    repair.apply()
    assert (ours.kept, theirs.kept) == (Stock, Ours)


def test_functions_of_the_stock_module_keep_their_own_class() -> None:
    namespace: dict[str, Any] = {"__name__": "stock"}
    exec(
        "class Kind:\n    def who(self): return __class__\ndef function(kind=Kind): return kind\n",
        namespace,
    )
    kind = namespace["Kind"]
    repair = Repair(Swap([(kind, Ours)]))
    repair.search([kind.who, namespace["function"], kind], namespace)
    repair.apply()
    assert kind().who() is kind
    assert namespace["function"]() is kind


def test_a_module_that_loads_when_touched_is_not_touched() -> None:
    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(f"touched: {name}")

    lazy = Lazy("lazy")
    Repair(Swap([(Stock, Ours)])).search([lazy], {})


def test_an_empty_cell_is_skipped() -> None:
    def outer() -> object:
        def inner() -> object:
            return later

        Repair(Swap([(Stock, Ours)])).search([inner], {})
        later = 1
        return inner

    assert outer()


def test_a_failed_change_undoes_the_earlier_ones() -> None:
    class Stubborn(dict[str, Any]):
        def __setitem__(self, name: str, value: object) -> None:
            raise OSError("no")

    first, last = {"name": Stock}, Stubborn(name=Stock)
    repair = Repair(Swap([(Stock, Ours)]))
    repair.set_name(first, "name", Ours)
    repair.set_name(last, "name", Ours)
    with pytest.raises(OSError, match="no"):
        repair.apply()
    assert first == {"name": Stock}


def test_undoing_restores_everything() -> None:
    holder = module("holder", one=Stock, two=[Stock])
    repair = Repair(Swap([(Stock, Ours)]))
    repair.search([holder], {})
    repair.apply()
    assert (holder.one, holder.two) == (Ours, [Ours])
    repair.undo()
    assert (holder.one, holder.two) == (Stock, [Stock])
