"""Each of two coroutines waits for the result of the other."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred

results = {}


async def wait_for(name):
    await started
    await results[name]  # culprit


started = Deferred()
results["a"] = ensureDeferred(wait_for("b"))
results["b"] = ensureDeferred(wait_for("a"))
started.callback(None)
reactor.run()
