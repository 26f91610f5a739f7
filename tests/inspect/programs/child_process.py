"""A child process never ends."""

from twisted.internet import task
from twisted.internet.utils import getProcessOutput


async def main(reactor):
    await getProcessOutput("/bin/sleep", ["86400"])  # culprit


task.react(main)
