"""The plugin by which `--reactor=deferrous` of twistd and trial finds the reactor."""

from twisted.application.reactors import Reactor

deferrous = Reactor("deferrous", "deferrous.deferrousreactor", "deferrous: an event loop in Rust.")
