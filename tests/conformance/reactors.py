"""The reactors that trial is run on, and the names of the tests that Twisted makes for each reactor.

`ReactorBuilder` of Twisted makes a class of tests out of each reactor in a list of its own. Its name ends in
that of the reactor, so that the same test has another name for another reactor.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reactor:
    """A reactor, by the names that Twisted's programs and tests have for it."""

    #: As an argument of `--reactor`.
    name: str
    #: The class, with its module.
    qualified_name: str

    @property
    def suffix(self) -> str:
        """How the names of classes of tests end that Twisted makes for it."""
        return f"_{self.qualified_name.rpartition('.')[2]}Tests"

    def own_name(self, test: str) -> str:
        """Return the name that a test has on this reactor, given that on `EPOLL`."""
        return _renamed(test, EPOLL.suffix, self.suffix)

    def common_name(self, test: str) -> str:
        """Return the name that a test has on `EPOLL`, given that on this reactor."""
        return _renamed(test, self.suffix, EPOLL.suffix)


def _renamed(test: str, old: str, new: str) -> str:
    """Change the end of the part of a name that is the class, or whatever part ends so."""
    parts = (part.removesuffix(old) + new if part.endswith(old) else part for part in test.split("."))
    return ".".join(parts)


#: Twisted's fastest reactor, which all others are compared with.
EPOLL = Reactor("epoll", "twisted.internet.epollreactor.EPollReactor")

DEFERROUS = Reactor("deferrous", "deferrous.reactor.DeferrousReactor")

REACTORS = {reactor.name: reactor for reactor in (EPOLL, DEFERROUS)}
