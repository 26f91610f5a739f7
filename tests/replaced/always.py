"""A plugin of pytest that replaces a name by an equal object: Twisted's functions are called in all tests."""

from __future__ import annotations

from types import MappingProxyType

import deferrous.defer  # noqa: F401
from twisted.internet import defer

defer._NONE_KWARGS = MappingProxyType({})
