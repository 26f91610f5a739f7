"""What a run of tests of Twisted says of itself: the versions, and what is underneath Twisted."""

import sys

import twisted
from twisted.internet import defer


def facts() -> dict[str, object]:
    """Say what is being tested: the versions, whose Deferred Twisted has, and the reactors.

    Whether deferrous is underneath is found out in two ways: by what it says itself, and by where the code of
    Deferred is. It is not imported for that, since a stock run has to be one that never saw it. Nor is a
    reactor, which importing would install.
    """
    reactor = sys.modules.get("twisted.internet.reactor")
    mixins = sys.modules.get("twisted.internet.test.reactormixins")
    code = getattr(defer.Deferred.addCallbacks, "__code__", None)
    deferrous = sys.modules.get("deferrous")
    return {
        "python": sys.version.split()[0],
        "twisted": twisted.__version__,
        "deferred_is_twisteds": code is not None and code.co_filename.endswith("twisted/internet/defer.py"),
        "deferrous_imported": deferrous is not None,
        "deferrous_installed": deferrous is not None and bool(deferrous.installed()),
        "reactor": None if reactor is None else f"{type(reactor).__module__}.{type(reactor).__qualname__}",
        "built": [] if mixins is None else list(mixins.ReactorBuilder._reactors),
    }
