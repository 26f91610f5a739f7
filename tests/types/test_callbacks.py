"""Which type a Deferred has after callbacks were added; mypy checks the types, the tests the values."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from deferrous.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from typing_extensions import Never, assert_type

T = TypeVar("T")


def text(number: int) -> str:
    return str(number)


def later(number: int) -> Deferred[str]:
    return succeed(str(number))


def text_or_later(number: int) -> str | Deferred[str]:
    return text(number) if number else later(number)


def text_or_failure(number: int) -> str | Failure:
    return str(number)


def later_or_failure(number: int) -> Deferred[str] | Failure:
    return later(number)


def any_of_them(number: int) -> str | Deferred[str] | Failure:
    return str(number)


def failure(number: int) -> Failure:
    return Failure(ValueError(number))  # type: ignore[no-untyped-call]


def never(number: int) -> NoReturn:
    raise ValueError(number)


def anything(number: int) -> Any:
    return number


def same(thing: T) -> T:
    return thing


def joined(first: object, *others: str, end: str = "") -> str:
    return " ".join([str(first), *others]) + end


def error_text(failure: Failure) -> str:
    return str(failure.value)


def error_later(failure: Failure) -> Deferred[str]:
    return succeed(str(failure.value))


def error_never(failure: Failure) -> NoReturn:
    raise KeyError


def error_passed(failure: Failure) -> Failure:
    return failure


def ignored(failure: Failure) -> None:
    return None


def settled(result: int | Failure | None) -> int:
    return result if isinstance(result, int) else 0


def settled_later(result: int | Failure) -> Deferred[int]:
    return succeed(settled(result))


def fired() -> Deferred[int]:
    return succeed(7)


def failed() -> Deferred[int]:
    d: Deferred[int] = fail(ValueError(7))
    return d


def test_a_callback_that_returns_a_value_gives_its_type() -> None:
    assert assert_type(fired().addCallback(text), Deferred[str]).result == "7"
    assert assert_type(fired().addCallback(lambda number: number + 0.5), Deferred[float]).result == 7.5
    assert assert_type(fired().addCallback(str), Deferred[str]).result == "7"
    assert assert_type(fired().addCallback(same), Deferred[int]).result == 7
    assert assert_type(fired().addCallback(anything), Deferred[Any]).result == 7


def test_a_callback_that_returns_a_deferred_gives_its_type() -> None:
    assert assert_type(fired().addCallback(later), Deferred[str]).result == "7"
    assert assert_type(fired().addCallback(lambda number: later(number)), Deferred[str]).result == "7"


def test_a_callback_that_returns_either_gives_the_type_of_the_value() -> None:
    assert assert_type(fired().addCallback(text_or_later), Deferred[str]).result == "7"
    assert assert_type(fired().addCallback(text_or_failure), Deferred[str]).result == "7"
    assert assert_type(fired().addCallback(later_or_failure), Deferred[str]).result == "7"
    assert assert_type(fired().addCallback(any_of_them), Deferred[str]).result == "7"


def test_a_callback_that_always_fails_has_no_result() -> None:
    fails = assert_type(fired().addCallback(failure), Deferred[Never])
    assert assert_type(fails.addErrback(error_text), Deferred[str]).result == "7"
    raises = assert_type(fired().addCallback(never), Deferred[Never])
    assert assert_type(raises.addErrback(ignored), Deferred[None]).result is None


def test_a_result_of_every_type_may_follow_a_failure() -> None:
    d: Deferred[bytes] = fired().addCallback(failure)
    d.addErrback(ignored)


def test_arguments_of_a_callback_are_checked() -> None:
    added = fired().addCallback(joined, "and", "more", end="!")
    assert assert_type(added, Deferred[str]).result == "7 and more!"
    named = fired().addCallback(callback=text)
    assert assert_type(named, Deferred[str]).result == "7"


def test_an_errback_adds_its_type() -> None:
    assert assert_type(failed().addErrback(error_text), Deferred[int | str]).result == "7"
    assert assert_type(failed().addErrback(error_later), Deferred[int | str]).result == "7"
    assert assert_type(failed().addErrback(ignored), Deferred[int | None]).result is None
    assert assert_type(failed().addErrback(joined, "!"), Deferred[int | str]).result.endswith("!")


def test_an_errback_that_fails_leaves_the_type() -> None:
    assert_type(failed().addErrback(error_passed), Deferred[int]).addErrback(ignored)
    assert_type(failed().addErrback(error_never), Deferred[int]).addErrback(ignored)


def test_add_both_gives_the_type_of_the_callback() -> None:
    assert assert_type(failed().addBoth(joined), Deferred[str]).result
    assert assert_type(failed().addBoth(settled), Deferred[int]).result == 0
    assert assert_type(failed().addBoth(settled_later), Deferred[int]).result == 0
    assert assert_type(fired().addBoth(same), Deferred[int]).result == 7


def test_add_callbacks_gives_the_types_of_both() -> None:
    assert assert_type(fired().addCallbacks(text), Deferred[str]).result == "7"
    assert assert_type(fired().addCallbacks(later), Deferred[str]).result == "7"
    assert assert_type(fired().addCallbacks(later, error_text), Deferred[str]).result == "7"
    assert assert_type(fired().addCallbacks(text, ignored), Deferred[str | None]).result == "7"
    assert assert_type(fired().addCallbacks(later, ignored), Deferred[str | None]).result == "7"
    assert assert_type(failed().addCallbacks(text, error_later), Deferred[str]).result == "7"
    assert_type(failed().addCallbacks(text, error_passed), Deferred[str]).addErrback(ignored)


def test_arguments_of_a_pair_are_checked() -> None:
    added = failed().addCallbacks(
        joined, joined, ("unused",), {"end": "?"}, errbackArgs=("error",), errbackKeywords={"end": "!"}
    )
    assert assert_type(added, Deferred[str]).result.endswith("error!")
    none = fired().addCallbacks(text, None, None, None, None, None)
    assert assert_type(none, Deferred[str]).result == "7"


def test_a_pair_may_be_taken_for_something_wider() -> None:
    wide: Deferred[object] = fired().addCallbacks(text, ignored)
    assert wide.result == "7"


def test_a_chain_of_callbacks_has_the_type_of_the_last() -> None:
    d = (
        fired()
        .addCallback(text)
        .addErrback(ignored)
        .addCallback(lambda maybe: len(maybe) if maybe else None)
        .addBoth(settled)
    )
    assert assert_type(d, Deferred[int]).result == 1
