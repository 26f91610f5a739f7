"""A mailbox in memory, for a server of IMAP."""

from __future__ import annotations

import email
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from twisted.internet.defer import succeed
from twisted.mail.imap4 import IAccount, IMailbox, IMessage, MemoryAccount, MessageSet, statusRequestHelper
from zope.interface import implementer  # type: ignore[import-untyped]


@implementer(IMessage)
class Message:
    """One without parts."""

    def __init__(self, uid: int, text: bytes, flags: Iterable[str], date: bytes) -> None:
        self.uid, self.flags, self.date = uid, set(flags), date
        headers = email.message_from_bytes(text).items()
        self.headers = {name.lower(): value for name, value in headers}
        self.text = text
        self.body = text.partition(b"\r\n\r\n")[2]

    def getUID(self) -> int:
        """Its number for ever."""
        return self.uid

    def getFlags(self) -> list[str]:
        """Its flags."""
        return sorted(self.flags)

    def getInternalDate(self) -> bytes:
        """When it came."""
        return self.date

    def getHeaders(self, negate: bool, *names: str) -> dict[str, str]:
        """Those that are named, or the others."""
        wanted = {name.lower() if isinstance(name, str) else name.decode().lower() for name in names}
        return {name: value for name, value in self.headers.items() if (name in wanted) != negate}

    def getBodyFile(self) -> BytesIO:
        """All but the headers."""
        return BytesIO(self.body)

    def getSize(self) -> int:
        """All."""
        return len(self.text)

    def isMultipart(self) -> bool:
        """It is not."""
        return False

    def getSubPart(self, part: int) -> Any:
        """There is none."""
        raise IndexError(part)


@implementer(IMailbox)
class Mailbox:
    """Messages in the order in which they came."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.next = 1
        self.listeners: list[Any] = []

    def getFlags(self) -> list[str]:
        """Those that messages may have."""
        return [r"\Seen", r"\Deleted", r"\Flagged", r"\Recent"]

    def getHierarchicalDelimiter(self) -> str:
        """What is between folders."""
        return "/"

    def getUIDValidity(self) -> int:
        """It stays the same."""
        return 1

    def getUIDNext(self) -> int:
        """The number of the next message."""
        return self.next

    def getUID(self, message: int) -> int:
        """The number of one."""
        return self.messages[message - 1].uid

    def getMessageCount(self) -> int:
        """How many there are."""
        return len(self.messages)

    def getRecentCount(self) -> int:
        """How many are new."""
        return sum(r"\Recent" in message.flags for message in self.messages)

    def getUnseenCount(self) -> int:
        """How many nobody has read."""
        return sum(r"\Seen" not in message.flags for message in self.messages)

    def isWriteable(self) -> bool:
        """It is."""
        return True

    def destroy(self) -> None:
        """There is nothing to do."""

    def requestStatus(self, names: Any) -> Any:
        """Ask the methods."""
        return succeed(statusRequestHelper(self, names))

    def addListener(self, listener: Any) -> None:
        """Tell it what comes."""
        self.listeners.append(listener)

    def removeListener(self, listener: Any) -> None:
        """Tell it no more."""
        self.listeners.remove(listener)

    def addMessage(self, message: Any, flags: Iterable[str] = (), date: Any = None) -> Any:
        """Keep one."""
        when = date or b"27-Nov-2026 12:00:00 +0000"
        self.messages.append(Message(self.next, message.read(), flags, when))
        self.next += 1
        for listener in self.listeners:
            listener.newMessages(len(self.messages), self.getRecentCount())
        return succeed(self.next - 1)

    def expunge(self) -> Any:
        """Remove those that are to go."""
        gone = [number for number, each in enumerate(self.messages, 1) if r"\Deleted" in each.flags]
        self.messages = [each for each in self.messages if r"\Deleted" not in each.flags]
        return succeed(gone)

    def _chosen(self, messages: MessageSet, uid: bool) -> list[tuple[int, Message]]:
        messages.last = self.next - 1 if uid else len(self.messages)
        return [
            (number, each)
            for number, each in enumerate(self.messages, 1)
            if (each.uid if uid else number) in messages
        ]

    def fetch(self, messages: MessageSet, uid: bool) -> Any:
        """Give some."""
        return self._chosen(messages, uid)

    def store(self, messages: MessageSet, flags: Iterable[str], mode: int, uid: bool) -> Any:
        """Change the flags of some."""
        changed = {}
        for number, each in self._chosen(messages, uid):
            if mode == 0:
                each.flags = set(flags)
            elif mode > 0:
                each.flags |= set(flags)
            else:
                each.flags -= set(flags)
            changed[number] = each.getFlags()
        return succeed(changed)


@implementer(IAccount)
class Account(MemoryAccount):
    """Folders in memory."""

    def __init__(self) -> None:
        super().__init__("user")
        self.addMailbox("INBOX")

    def _emptyMailbox(self, name: str, id: int) -> Mailbox:
        return Mailbox()
