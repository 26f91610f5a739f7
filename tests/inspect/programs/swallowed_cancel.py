"""A coroutine was cancelled, and waits on as if nothing had happened."""

from contextlib import suppress

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred


async def fetch():
    while True:
        with suppress(CancelledError):
            await Deferred()  # culprit


async def main():
    await fetching


fetching = ensureDeferred(fetch())
running = ensureDeferred(main())
fetching.cancel()
reactor.run()
