//! The names that the reactor looks up. They are made while the module is loaded, so that a turn needs no memory for
//! them.

use crate::interp::names;

names! {
    add_writer = "addWriter",
    call_from_thread = "callFromThread",
    call_with_logger = "callWithLogger",
    creator = "creator",
    debug = "debug",
    delayed_call = "DelayedCall",
    disconnect_selectable = "_disconnectSelectable",
    do_iteration = "doIteration",
    do_read = "doRead",
    do_read_or_write = "_doReadOrWrite",
    do_write = "doWrite",
    errno = "errno",
    event_loop = "_loop",
    extend = "extend",
    fileno = "fileno",
    fire_system_event = "fireSystemEvent",
    last_repr = "_repr",
    just_stopped = "_justStopped",
    poll = "poll",
    remove_writer = "removeWriter",
    run_until_current = "runUntilCurrent",
    running = "running",
    seconds = "seconds",
    shutdown = "shutdown",
    started = "_started",
    time = "time",
    timeout = "timeout",
    wake_up = "wakeUp",
    waker = "waker",
}
