"""Objects as text that does not depend on where they are in memory or on their implementation."""

from __future__ import annotations

import functools
import re
import weakref
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any

from twisted.internet import defer as stock
from twisted.python import failure as failures

from tests import apis

_ADDRESS = re.compile(r"0x([0-9a-fA-F]+)")
_TWISTED_FILES = frozenset({stock.__file__, failures.__file__, *apis.own_files()})
_FILES = "|".join(re.escape(str(name)) for name in sorted(filter(None, _TWISTED_FILES)))
_SOURCE = r"(?:(?: [CI]:)?    .*(?:\n|\Z))?"
# An entry of a formatted stack that is in Twisted's own file: a native implementation has no such frames.
_TWISTED_ENTRY = re.compile(rf'^(?: [CI]:)?  File "(?:{_FILES})", line \d+, in .*\n{_SOURCE}', re.MULTILINE)
# The entries of the code that runs the program, up to a frame that marks this.
_OUTER_ENTRIES = re.compile(
    rf"(?:^(?: [CI]:)?  File .*\n{_SOURCE})*?^(?: [CI]:)?  File .*, in _begin_of_tracebacks\n{_SOURCE}",
    re.MULTILINE,
)
# Entries that are written once, since there is no entry of Twisted's between them.
_REPEATED = re.compile(
    rf"(?P<entry>^(?: [CI]:)?  File .*\n{_SOURCE})"
    r"(?: [CI]:)?  \[Previous line repeated (?P<more>\d+) more times?\]\n",
    re.MULTILINE,
)
# Native functions have words of their own for arguments that they do not take, and look at the arguments in
# another order.
_NOT_TAKEN = re.compile(
    r"[\w.<>]+\(\) (?:takes [\w ]*arguments?(?: but \d+ (?:was|were) given| \(\d+ given\))"
    r"|takes no keyword arguments|got an unexpected keyword argument '\w+')"
)
# A line of a brief traceback.
_TWISTED_LINE = re.compile(rf"^(?:{_FILES}):\d+:.*\n", re.MULTILINE)
_FOLDERS = re.compile(r'File ".*/')
_MARKERS = frozenset({"passthru", "_failthru"})
ABSENT = object()


class Named:
    """Something of the test with a name, which is all that is written down of it."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __repr__(self) -> str:
        return f"<{self.label}>"


class Labels:
    """Names for objects in the order in which they are first seen. It keeps none of them alive."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._alive: dict[int, weakref.ref[Any]] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, obj: object, prefix: str) -> tuple[str, bool]:
        """Give the name of an object, and whether it is new."""
        key = id(obj)
        name = self._names.get(key)
        if name is not None and self._alive[key]() is obj:
            return name, False
        number = self._counts.get(prefix, 0)
        self._counts[prefix] = number + 1
        name = f"{prefix}{number}"
        self._names[key] = name
        self._alive[key] = weakref.ref(obj)
        return name, True

    def at(self, address: int) -> str:
        """Give the name of what is at an address."""
        reference = self._alive.get(address)
        return self._names[address] if reference is not None and reference() is not None else "somewhere"

    def survivors(self) -> Iterator[str]:
        """Give the names of the objects that are still there."""
        return (self._names[key] for key, reference in self._alive.items() if reference() is not None)


def frames(traceback: TracebackType | None) -> str:
    """Give the functions and lines of a traceback that are not Twisted's."""
    found = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename not in _TWISTED_FILES:
            found.append(f"{code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return " ".join(found)


class Describer:
    """Writes down what is seen of the objects of one api."""

    def __init__(self, api: ModuleType) -> None:
        self.api = api
        self.labels = Labels()
        self.queue_name = apis.queue_name()

    def text(self, text: str, naming: bool = True) -> str:
        """Give a text with names for addresses and without what only Twisted's own source can say."""
        if "0x" in text:
            text = _ADDRESS.sub(lambda m: self.labels.at(int(m[1], 16)) if naming else "somewhere", text)
        if "defer.py:" in text or "failure.py:" in text:
            text = _TWISTED_LINE.sub("", text)
        if "() takes " in text or "() got an unexpected" in text:
            text = _NOT_TAKEN.sub("takes other arguments", text)
        if 'File "' in text:
            text = _REPEATED.sub(lambda m: m["entry"] * (1 + int(m["more"])), text)
            text = _FOLDERS.sub('File "', _OUTER_ENTRIES.sub("", _TWISTED_ENTRY.sub("", text)))
        return text

    def exception(self, error: BaseException | None, naming: bool = True) -> str:
        """Describe an exception and those that were being handled when it was raised."""
        described: list[str] = []
        while error is not None and len(described) < 4:
            if naming or not isinstance(error, stock.FirstError):
                parts = [repr(self.text(str(error), naming))]
            else:
                # To print it would change the failure in it, at a time that is no business of programs.
                parts = [f"#{error.index}", self.exception(error.subFailure.value, naming)]
            if naming:
                parts += [self.failure(failure) for failure in getattr(error, "failures", ())]
            described.append(f"{type(error).__name__}({', '.join(parts)})")
            error = error.__context__
        return " while ".join(described)

    def failure(self, failure: Any, naming: bool = True) -> str:
        """Describe a failure: all of it when it is seen for the first time."""
        name, new = self.labels(failure, "F") if naming else ("F", True)
        if not new:
            return name
        state = vars(failure)
        # What has been worked out when a report is written depends on the order of the reports.
        keys = [key for key in state if naming or key not in ("_frames", "_parents")]
        kind = getattr(state.get("type"), "__name__", "?")
        value = state.get("value")
        if isinstance(value, BaseException):
            what = self.exception(value, naming)
        else:
            # What a report has to say of a Deferred depends on when it is written.
            what = self.text(repr(value)) if naming else type(value).__name__
        where = f"vars={state.get('captureVars')} tb={frames(state.get('tb'))}"
        return f"{name}[{kind} {what} {' '.join(keys)} {where}]"

    def value(self, value: object, depth: int = 4) -> str:
        """Describe anything that programs pass around."""
        if value is None or isinstance(value, (bool, int, float, str, Named)):
            return repr(value)
        if isinstance(value, type):
            return f"class {value.__name__}"
        if isinstance(value, failures.Failure):
            return self.failure(value)
        if isinstance(value, BaseException):
            return self.exception(value)
        if isinstance(value, (list, tuple)):
            inner = ", ".join(self.value(item, depth - 1) for item in value) if depth else "..."
            return f"{type(value).__name__}[{inner}]"
        if isinstance(value, dict):
            pairs = (f"{key}: {self.value(item, depth - 1)}" for key, item in value.items())
            return "{%s}" % (", ".join(pairs) if depth else "...")
        if isinstance(value, self.api.Deferred):
            return self.labels(value, "x")[0]
        return type(value).__name__

    def deferred(self, deferred: Any) -> str:
        """Describe what is cheap to see of a Deferred, without its callbacks."""
        result = getattr(deferred, "result", ABSENT)
        return " ".join(
            (
                f"{type(deferred).__name__} {self.value(deferred)}",
                f"called={deferred.called!r} paused={deferred.paused!r}",
                "no result" if result is ABSENT else f"result={self.value(result)}",
                f"chained={self.value(deferred._chainedTo)}",
                f"running={deferred._runningCallbacks!r} suppress={deferred._suppressAlreadyCalled!r}",
            )
        )

    def everything(self, deferred: Any) -> str:
        """Describe all that there is to see of a Deferred."""
        canceller = getattr(deferred, "_canceller", ABSENT)
        return (
            f"{self.deferred(deferred)} debug={deferred.debug!r} info={self.debug_info(deferred._debugInfo)} "
            f"canceller={self.callable(canceller)} queue={self.queue(deferred)} "
            f"str={self.text(str(deferred))} repr={self.text(repr(deferred))}"
        )

    def debug_info(self, info: Any) -> str:
        """Describe the object that reports an unhandled failure."""
        if info is None:
            return "None"
        stacks = self.text(info._getDebugTracebacks())
        return f"{type(info).__name__}({self.value(info.failResult)}, {stacks!r})"

    def queue(self, deferred: Any) -> str:
        """Describe the callbacks that wait for their turn."""
        queue = getattr(deferred, self.queue_name, ABSENT)
        if not isinstance(queue, list):
            return type(queue).__name__
        return f"[{', '.join(self.pair(pair) for pair in queue)}]"

    def pair(self, pair: Any) -> str:
        """Describe a callback and an errback with their arguments."""
        if not isinstance(pair, tuple) or len(pair) != 2:
            return self.value(pair)
        return " | ".join(self.link(*side) for side in pair)

    def link(self, function: Any, arguments: Any, keywords: Any) -> str:
        """Describe a callback with its arguments, which are not visible where Twisted put it there itself."""
        name = self.callable(function)
        if name == "internal":
            return name
        return f"{name}({self.value(arguments)}, {self.value(dict(keywords))})"

    def callable(self, function: Any) -> str:
        """Name something that is called."""
        if isinstance(function, functools.partial):
            return f"partial {self.callable(function.func)}"
        if function is stock._CONTINUE:
            return "_CONTINUE"
        name = getattr(function, "__name__", "")
        label = getattr(function, "label", None) or getattr(
            getattr(function, "__self__", None), "label", None
        )
        if isinstance(label, str):
            return label
        if name in _MARKERS:
            return name
        owner = getattr(function, "__self__", None)
        if isinstance(owner, self.api.Deferred) and not name.startswith("_"):
            return f"{self.value(owner)}.{name}"
        return "internal" if callable(function) else self.value(function)
