"""install() after Twisted, and whatever else, has been imported."""

from tests.children import code, passes

#: Modules from all over Twisted.
MUCH_OF_TWISTED = """
import twisted.application.app, twisted.internet.endpoints, twisted.internet.reactor, twisted.internet.task
import twisted.internet.threads, twisted.mail.imap4, twisted.mail.smtp, twisted.names.client
import twisted.protocols.amp, twisted.trial.runner, twisted.trial.unittest, twisted.web.client
import twisted.web.resource, twisted.web.server, twisted.words.protocols.irc
"""


def test_no_module_of_twisted_keeps_a_stock_object() -> None:
    passes(
        MUCH_OF_TWISTED
        + """
import sys
import deferrous
from twisted.internet import defer


# What is in local variables is not repaired, and therefore the place for what is to be compared.
def main():
    stock = dict(vars(defer))
    deferrous.install(reactor=False)
    from deferrous.defer import REPLACEMENTS
    replaced = {id(stock[name]): name for name, ours in REPLACEMENTS.items()
                if name in stock and ours is not stock[name]}
    assert len(replaced) > 10
    for name, module in list(sys.modules.items()):
        if not name.startswith("deferrous"):
            kept = [key for key, value in list(vars(module).items()) if id(value) in replaced]
            assert not kept, (name, kept)

main()
"""
    )


def test_references_of_a_program_are_replaced() -> None:
    passes(
        """
        import functools, types
        import deferrous
        from twisted.internet import defer
        from twisted.internet.defer import Deferred, maybeDeferred, succeed as done

        class Class:
            factory = Deferred
            make = staticmethod(maybeDeferred)

        def default(kind=Deferred, *, other=Deferred): return kind, other

        def closure():
            inner = Deferred
            return lambda: inner

        PAIR = (Deferred, int)
        LIST = [Deferred, 1]
        DICT = {"kind": Deferred}
        PARTIAL = functools.partial(Deferred, None)
        closed = closure()
        executed = {}
        exec("from twisted.internet.defer import Deferred\\ndef f(): return Deferred", executed)
        apart = types.ModuleType("apart")
        apart.Kind = Deferred
        stock = [Deferred, maybeDeferred]

        def check():
            assert done is defer.succeed
            assert maybeDeferred is defer.maybeDeferred
            assert Class.factory is Class.__dict__["factory"] is Deferred
            assert type(Class.__dict__["make"]) is staticmethod and Class.make is maybeDeferred
            assert default() == (Deferred, Deferred)
            assert closed() is Deferred
            assert PAIR == (Deferred, int) and LIST == [Deferred, 1] and DICT == {"kind": Deferred}
            assert PARTIAL.func is Deferred and PARTIAL.args == (None,)
            assert executed["f"]() is apart.Kind is Deferred

        check()
        deferrous.install()
        assert Deferred is defer.Deferred and deferrous.installed()
        check()
        """
    )


def test_functions_that_were_decorated_before_return_ours() -> None:
    passes(
        """
        import deferrous
        from twisted.internet import defer

        @defer.inlineCallbacks
        def returns():
            got = yield defer.succeed(20)
            return got + 1

        stock = defer.maybeDeferred.__call__
        deferrous.install()
        d = returns()
        assert type(d) is defer.Deferred
        assert type(stock(int)) is defer.Deferred
        results = []
        d.addCallback(results.append)
        assert results == [21]
        """
    )


def test_installing_keeps_debugging_switched_on() -> None:
    passes(
        """
        import deferrous
        from twisted.internet import defer
        defer.setDebugging(True)
        deferrous.install()
        assert defer.getDebugging() and defer.Deferred.debug
        """
    )


def test_objects_frozen_in_the_collector_are_found() -> None:
    out = passes(
        """
        import gc
        import deferrous
        from twisted.internet import defer
        from twisted.internet.defer import Deferred
        d = Deferred()
        gc.freeze()
        try:
            deferrous.install()
        except deferrous.InstallError as error:
            print(error)
        assert gc.get_freeze_count() > 0
        del d
        deferrous.install()
        assert Deferred is defer.Deferred and gc.get_freeze_count() > 0
        """
    )
    assert "which is __main__.d\n" in out


def test_garbage_does_not_stop_the_installation() -> None:
    passes(
        """
        import gc
        gc.disable()
        import deferrous
        from twisted.internet import defer
        d = defer.Deferred()
        d.itself = d
        del d
        deferrous.install()
        """
    )


def test_live_deferreds_are_listed_with_their_holders() -> None:
    out = passes(
        """
        import deferrous
        from twisted.internet import defer

        class Service:
            def __init__(self): self.ready = defer.Deferred()

        class Plain:
            __slots__ = ("__dict__",)

        READY = defer.succeed(1)
        service = Service()
        plain = Plain()
        plain.done = defer.Deferred()
        vars(plain)
        waiting = [defer.Deferred()]
        try:
            deferrous.install()
        except deferrous.InstallError as error:
            print(error)
        assert not deferrous.installed()
        """
    )
    assert "Live objects of the stock classes: 4\n" in out
    assert "current result: 1>, which is __main__.READY\n" in out
    assert ">, the attribute 'ready' of a __main__.Service\n" in out
    assert ">, the attribute 'done' of a __main__.Plain\n" in out
    assert ">, in a list\n" in out
    assert "Subclasses" not in out
    assert "before the first of these objects is made" in out
    assert "DEFERROUS=1" in out and "python -m deferrous run" in out


def test_subclasses_are_listed_with_the_module_to_come_before() -> None:
    outcome = code(
        """
        import deferrous
        from twisted.internet import defer

        class Mine(defer.Deferred): pass
        class Deeper(Mine): pass

        deferrous.install()
        """
    )
    assert outcome.status == 1
    assert "deferrous.InstallError: deferrous.install() came too late" in outcome.err
    assert "Nothing was changed." in outcome.err
    assert (
        "Subclasses of the stock classes: 2\n  __main__.Deeper(Mine)\n  __main__.Mine(Deferred)\n"
        in outcome.err
    )
    assert "before __main__ is imported" in outcome.err


def test_the_subclass_inside_twisted_is_made_again() -> None:
    passes(
        """
        import twisted.web.server
        from twisted.internet import defer
        from twisted.persisted import aot, crefutil
        from twisted.persisted.crefutil import _Defer
        import deferrous

        def main():
            stock = crefutil._Defer
            deferrous.install()
            assert _Defer is crefutil._Defer is not stock
            assert _Defer.__bases__ == (defer.Deferred, crefutil.NotKnown)
            assert (_Defer.__module__, _Defer.__qualname__) == (stock.__module__, stock.__qualname__)
            d, results = _Defer(), []
            d[0] = "value"
            d.addCallback(results.append)
            assert results == []
            d.unpause()
            assert results == ["value"] and isinstance(d, defer.Deferred)

        main()
        """
    )


def test_objects_and_subclasses_of_a_rebuilt_class_stop_the_installation() -> None:
    for made, listed in (
        ("d = crefutil._Defer()", "which is __main__.d"),
        ("class Mine(crefutil._Defer): pass", "twisted.persisted.crefutil._Defer(Deferred, NotKnown)"),
    ):
        outcome = code(
            f"from twisted.persisted import crefutil\n{made}\nimport deferrous; deferrous.install()"
        )
        assert outcome.status == 1
        assert listed in outcome.err


def test_a_long_list_ends_with_how_many_more() -> None:
    out = passes(
        """
        import deferrous
        from twisted.internet import defer
        waiting = [defer.Deferred() for _ in range(25)]
        try:
            deferrous.install()
        except deferrous.InstallError as error:
            print(error)
        """
    )
    assert "Live objects of the stock classes: 25\n" in out
    assert "  and 15 more\n" in out


def test_a_failed_installation_changes_nothing_and_can_be_repeated() -> None:
    passes(
        """
        import deferrous
        from twisted.internet import base, defer
        from twisted.internet.defer import Deferred

        def main():
            before, elsewhere = dict(vars(defer)), dict(vars(base))
            d = defer.Deferred()
            try:
                deferrous.install()
            except deferrous.InstallError:
                pass
            else:
                raise AssertionError("installed")
            assert vars(defer) == before and vars(base) == elsewhere
            assert type(d) is Deferred is before["Deferred"]
            del d
            deferrous.install()
            assert base.Deferred is Deferred is defer.Deferred is not before["Deferred"]

        main()
        """
    )


def test_a_failure_in_the_last_step_changes_nothing() -> None:
    passes(
        """
        import deferrous, deferrous.defer
        from twisted.internet import defer
        from twisted.internet.defer import Deferred

        def refuse(): raise OSError("refused")

        def main():
            before = dict(vars(defer))
            patch, deferrous.defer.patch_failure = deferrous.defer.patch_failure, refuse
            try:
                deferrous.install()
            except OSError:
                pass
            else:
                raise AssertionError("installed")
            assert vars(defer) == before and Deferred is before["Deferred"]
            deferrous.defer.patch_failure = patch
            deferrous.install()
            assert Deferred is defer.Deferred is not before["Deferred"]

        main()
        """
    )
