"""The stub of the extension module: it has what the module has, and says what `help()` says."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import deferrous.defer  # noqa: F401 It completes the class Deferred.
import pytest
from deferrous import _core

from tests.children import code
from tests.types.docstrings import STUB, in_module, up_to_date

ALLOWLIST = Path(__file__).with_name("stubtest-allowlist")


def test_the_stub_has_the_docstrings_of_help() -> None:
    stub = STUB.read_text("utf-8")
    assert stub == up_to_date(stub), "python -m tests.types.docstrings brings the stub up to date"


def public_names() -> Iterator[str]:
    """Yield the names of what programs use."""
    for name, thing in vars(_core).items():
        if name.startswith("_") or not callable(thing):
            continue
        yield name
        for part, attribute in vars(thing).items() if isinstance(thing, type) else ():
            # A plain value can have no docstring.
            if not part.startswith("_") and attribute is not False and attribute is not None:
                yield f"{name}.{part}"


@pytest.mark.parametrize("name", sorted(public_names()))
def test_every_public_name_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(in_module(name))


def test_the_stub_has_what_the_module_has() -> None:
    pytest.importorskip("mypy")
    outcome = code(
        f"""
        import sys
        import deferrous.defer
        from mypy import stubtest

        sys.argv = ["stubtest", "deferrous", "--allowlist", {str(ALLOWLIST)!r}]
        sys.exit(stubtest.main())
        """
    )
    assert outcome.status == 0, outcome.out + outcome.err
