//! The names that loops look up. They are made while the module is loaded, so that a turn needs no memory for them.

use crate::interp::names;

names! {
    add_callback = "_add_callback",
    call_at = "call_at",
    cancel = "cancel",
    cancelled = "_cancelled",
    check_callback = "_check_callback",
    check_thread = "_check_thread",
    context = "context",
    process_events = "_process_events",
    run = "run",
    run_handle = "_run",
    run_once = "_run_once",
    select = "select",
    time = "time",
    write_to_self = "_write_to_self",
}
