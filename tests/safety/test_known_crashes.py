"""Programs in pure Python that once crashed the interpreter, or were taken for something else."""

from __future__ import annotations

import sys

import pytest

from tests import children
from tests.apis import queue_name

#: Each program is run on both, and has to print the same.
BOTH = pytest.mark.parametrize("installed", [None, "1"], ids=["stock", "ours"])


def naming_the_queue(program: str) -> str:
    """Put the name of the list of callbacks into a program, where that says QUEUE."""
    return program.replace("QUEUE", queue_name())


@BOTH
def test_callbacks_may_fire_a_deferred_whose_list_is_being_read(installed: str | None) -> None:
    """An entry asks a `DeferredList` for its method, which runs code that empties the list it is in."""
    program = """
        from twisted.internet.defer import Deferred, DeferredList

        fires = []

        class Listing(DeferredList):
            def __getattribute__(self, name):
                if fires and name == "_cbDeferred":
                    fires.pop()("fired meanwhile")
                    list(map(object.__new__, [object] * 1000))
                return super().__getattribute__(name)

        member = Deferred()
        listing = Listing([member])
        for number in range(20):
            member.addCallback(lambda result: result)
        fires.append(member.callback)
        entries = member.QUEUE
        print(len(entries))
        print(all(repr(entry) for entry in entries))
        """
    assert children.passes(naming_the_queue(program), DEFERROUS=installed) == "21\nTrue\n"


@BOTH
def test_the_collector_may_fire_a_deferred_whose_list_is_being_read(installed: str | None) -> None:
    """Up to CPython 3.11, making an entry may run the finalizers of cycles."""
    program = """
        import gc
        from twisted.internet.defer import Deferred

        class Cycle:
            def __init__(self, deferred):
                self.own, self.deferred = self, deferred

            def __del__(self):
                if not self.deferred.called:
                    self.deferred.callback("from the collector")

        for _ in range(100):
            deferred = Deferred()
            for number in range(40):
                deferred.addCallback(lambda result, number: result, number)
            Cycle(deferred)
            thresholds = gc.get_threshold()
            gc.set_threshold(1, 1, 1)
            entries = deferred.QUEUE
            gc.set_threshold(*thresholds)
            # They may all have been called before the list was there.
            assert len(entries) in (0, 40), entries
            assert all(repr(entry) for entry in entries)
        print("read")
        """
    assert children.passes(naming_the_queue(program), DEFERROUS=installed) == "read\n"


@pytest.mark.skipif(
    sys.version_info >= (3, 11), reason="knows where CPython 3.10 keeps the version tag of a class"
)
@BOTH
def test_a_class_that_gets_the_version_tag_of_another_is_not_taken_for_it(installed: str | None) -> None:
    """`sys._clear_type_cache` has the interpreter give its numbers again."""
    program = """
        import ctypes
        import sys
        from twisted.internet.defer import Deferred

        def version_tag(cls):
            return ctypes.c_uint.from_address(id(cls) + 384).value

        class Special(Deferred):
            pass

        first = Deferred().addCallback(lambda _: Special())
        first.callback(None)
        wanted = version_tag(Special)
        sys._clear_type_cache()
        kept = []
        while len(kept) < 200_000:
            class Plain:
                pass

            plain = Plain()
            hasattr(plain, "absent")
            kept.append(Plain)
            if version_tag(Plain) == wanted:
                break
        second = Deferred().addCallback(lambda _: plain)
        second.callback(None)
        print(second.paused, second._chainedTo, second.result is plain)
        """
    assert children.passes(program, DEFERROUS=installed) == "0 None True\n"


@BOTH
def test_setting_the_state_may_run_code_that_empties_what_is_being_read(installed: str | None) -> None:
    """`__setattr__` of a subclass finds the list of pairs by the collector."""
    program = """
        import gc
        from twisted.internet.defer import Deferred

        class Sub(Deferred):
            def __setattr__(self, name, value):
                for found in gc.get_objects():
                    if type(found) is list and len(found) == 500 and found[0] == ("name0", 0):
                        found.clear()
                        kept.append([[object()] * 500 for _ in range(100)])

        kept = []
        deferred = Sub()
        # Twisted's has no such method: `copy` sets the dict.
        if "__setstate__" in dir(Deferred):
            deferred.__setstate__({f"name{number}": number for number in range(500)})
        print("set")
        """
    assert children.passes(program, DEFERROUS=installed) == "set\n"


@BOTH
def test_the_collector_may_empty_the_results_that_are_being_gathered(installed: str | None) -> None:
    """Up to CPython 3.11, making the list of values may run the finalizers of cycles."""
    program = """
        import gc
        from twisted.internet.defer import Deferred, gatherResults

        class Cycle:
            def __init__(self, results):
                self.own, self.results = self, results

            def __del__(self):
                self.results.clear()

        (parse, *_), _ = gatherResults([Deferred()]).QUEUE[0]
        for _ in range(50):
            results = [(True, object()) for _ in range(50)]
            gc.collect()
            Cycle(results)
            thresholds = gc.get_threshold()
            gc.set_threshold(1, 1, 1)
            parse(results)
            gc.set_threshold(*thresholds)
        print("gathered")
        """
    assert children.passes(naming_the_queue(program), DEFERROUS=installed) == "gathered\n"


@BOTH
def test_the_members_of_a_list_may_be_anything_that_can_be_iterated_over(installed: str | None) -> None:
    """What is put in the place of the list is not taken for one."""
    program = """
        from twisted.internet.defer import Deferred, DeferredList

        cancelled = []
        combined = DeferredList([Deferred()], consumeErrors=True)
        members = [Deferred(cancelled.append).addErrback(lambda _: None) for _ in range(3)]
        combined._deferredList = tuple(members)
        combined.cancel()
        combined._deferredList = 5
        try:
            combined.cancel()
        except TypeError:
            print(len(cancelled))
        member = Deferred()
        combined = DeferredList([member])
        combined.resultList = 5
        member.callback(None)
        print(type(member.result.value).__name__)
        member.addErrback(lambda _: None)
        """
    assert children.passes(program, DEFERROUS=installed) == "3\nTypeError\n"


@BOTH
def test_a_list_and_a_deferred_that_wait_for_each_other_can_be_cancelled(installed: str | None) -> None:
    """Each cancels the other, until that is too deep; the list logs that and goes on."""
    program = """
        from twisted.internet.defer import Deferred, DeferredList
        from twisted.logger import globalLogBeginner

        globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)
        lists = []
        d = Deferred()
        d.addCallback(lambda _: lists[0])
        lists.append(DeferredList([d]))
        d.callback(None)
        lists[0].cancel()
        print("went on")
        """
    assert children.passes(program, DEFERROUS=installed) == "went on\n"


@BOTH
def test_partials_may_fire_a_long_row_of_deferreds(installed: str | None) -> None:
    """Each fires the next inside its own call, with nothing of Python in between, until that is too deep."""
    program = """
        import functools
        from twisted.internet.defer import Deferred

        row = [Deferred() for _ in range(40_000)]
        for one, other in zip(row, row[1:]):
            one.addCallback(functools.partial(other.callback))
        row[0].callback(None)
        print(row[-1].called)
        for deferred in row:
            deferred.addErrback(lambda failure: None)
        """
    assert children.passes(program, DEFERROUS=installed) == "False\n"
