"""The differences between a loop and asyncio's own that have a reason, which the documentation lists.

What a user could notice does not belong here: it is to be mended, or to be told in `docs/`.
"""

from collections.abc import Mapping

from tests.conformance.explained import Explained

#: For each class of loops that is tested, by the name that the command line has for it.
EXPLAINED: Mapping[str, tuple[Explained, ...]] = {
    "asyncio.SelectorEventLoop": (),
    "deferrous.asyncio.Loop": (),
}

COLUMNS = ("test", "on asyncio's loop", "on `deferrous.asyncio.Loop`", "reason")
