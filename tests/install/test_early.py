"""install() at the top of a program."""

from tests.children import passes


def test_all_names_of_twisted_are_replaced() -> None:
    passes(
        """
        import deferrous
        deferrous.install()
        from deferrous.defer import REPLACEMENTS
        from twisted.internet import defer
        for name, ours in REPLACEMENTS.items():
            assert getattr(defer, name, ours) is ours, name
        assert "Deferred" in REPLACEMENTS and "inlineCallbacks" in REPLACEMENTS
        """
    )


def test_modules_that_are_imported_later_hold_ours() -> None:
    passes(
        """
        import deferrous
        deferrous.install()
        from twisted.internet import base, defer, reactor, task, threads
        from twisted.web import client
        assert task.Deferred is base.Deferred is client.Deferred is defer.Deferred
        assert type(threads.deferToThread(int)) is defer.Deferred
        assert type(task.deferLater(reactor, 0)) is defer.Deferred
        """
    )


def test_a_second_call_is_harmless_also_with_deferreds_alive() -> None:
    passes(
        """
        import deferrous
        deferrous.install()
        from twisted.internet import defer
        before = dict(vars(defer))
        class Mine(defer.Deferred): pass
        alive = [defer.Deferred(), Mine()]
        deferrous.install()
        assert vars(defer) == before
        """
    )


def test_a_second_call_keeps_patches_of_the_program() -> None:
    passes(
        """
        import deferrous
        deferrous.install()
        from twisted.internet import defer
        defer.succeed = patched = lambda result: None
        deferrous.install()
        assert defer.succeed is patched
        """
    )


def test_a_reloaded_module_can_be_installed_again() -> None:
    passes(
        """
        import importlib
        import deferrous
        deferrous.install()
        from twisted.internet import defer
        ours = defer.Deferred
        importlib.reload(defer)
        assert defer.Deferred is not ours
        deferrous.install()
        assert defer.Deferred is ours
        """
    )


def test_several_threads_can_install_at_once() -> None:
    passes(
        """
        import threading
        import deferrous
        threads = [threading.Thread(target=deferrous.install) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert deferrous.installed()
        """
    )


def test_importing_the_package_imports_nothing_else_of_size() -> None:
    passes(
        """
        import sys
        import deferrous
        assert not deferrous.installed()
        assert "twisted" not in sys.modules
        assert "deferrous._core" not in sys.modules
        assert deferrous.__version__ and "deferrous._core" not in sys.modules
        """
    )


def test_installed_says_whether_the_names_are_replaced() -> None:
    passes(
        """
        import deferrous
        assert not deferrous.installed()
        import twisted.internet.defer
        import deferrous.defer
        assert not deferrous.installed()
        deferrous.install()
        assert deferrous.installed()
        """
    )


def test_an_unknown_attribute_of_the_package_is_an_attribute_error() -> None:
    passes(
        """
        import deferrous
        try:
            deferrous.nothing
        except AttributeError as error:
            assert "'deferrous' has no attribute 'nothing'" in str(error)
        """
    )
