//! Which methods of a class of streams are Twisted's own, found out once for each class.

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyString, PyTuple, PyType},
};

use super::{
    names::{Names, names},
    stock::{Stock, stock},
};
use crate::interp::{
    ClassFacts, UntilChanged, class_attribute, class_attributes, finds, has_mro, is_descriptor,
    is_exactly,
};

/// How many classes are known. A program has two or three; of others it is found out anew each time.
const MOST_CLASSES: usize = 16;

/// What may be done for streams of a class in the place of its methods.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plan(u8);

impl Plan {
    pub const READ: Plan = Plan(1);
    pub const WRITE: Plan = Plan(2);
    pub const FLUSH: Plan = Plan(4);
    /// Its prefix of log lines is its `logstr`.
    pub const PREFIX: Plan = Plan(8);

    /// That of the object's class.
    #[inline]
    pub fn of(object: &Bound<'_, PyAny>) -> Self {
        let Some(stock) = stock() else {
            return Plan(0);
        };
        for known in &KNOWN {
            match known.get(object.py()) {
                Some(known) if is_exactly(object, &known.class) => {
                    return known.plan(object, stock);
                }
                Some(_) => {}
                None => return remember(known, object, stock),
            }
        }
        Plan(examine(object, stock))
    }

    /// Whether this may be done.
    #[inline(always)]
    pub const fn has(self, part: Plan) -> bool {
        self.0 & part.0 != 0
    }
}

/// A class of streams.
struct Known {
    class: Py<PyType>,
    mro: Py<PyTuple>,
    plan: UntilChanged,
}

static KNOWN: [PyOnceLock<Known>; MOST_CLASSES] = [const { PyOnceLock::new() }; MOST_CLASSES];

impl Known {
    #[inline(always)]
    fn plan(&self, object: &Bound<'_, PyAny>, stock: &Stock) -> Plan {
        if has_mro(object, &self.mro) {
            return Plan(self.plan.get_flags(|| examine(object, stock)));
        }
        Plan(examine(object, stock))
    }
}

/// Has the interpreter tell of changes of the class, if it is one of streams.
#[cold]
fn remember(place: &PyOnceLock<Known>, object: &Bound<'_, PyAny>, stock: &Stock) -> Plan {
    let plan = examine(object, stock);
    let known = || {
        let (class, mut dicts) = (object.get_type(), Vec::new());
        let mro = class.mro();
        for base in &mro {
            dicts.push(class_attributes(base.cast()?)?);
        }
        PyResult::Ok(Known {
            class: class.unbind(),
            mro: mro.unbind(),
            plan: UntilChanged::watching(&dicts)?,
        })
    };
    if plan != 0
        && let Ok(known) = known()
    {
        let _ = place.set(object.py(), known);
    }
    Plan(plan)
}

/// Looks at the object's class.
#[cold]
fn examine(object: &Bound<'_, PyAny>, stock: &Stock) -> u8 {
    let facts = ClassFacts::of(object);
    if !facts.has_plain_attributes || !facts.sets_plain_attributes {
        return 0;
    }
    let names = names(object.py());
    let has = |methods: &[(&Py<PyString>, &Py<PyAny>)]| {
        methods.iter().all(|(name, own)| finds(object, name, own))
    };
    let mut plan = 0;
    let mut add = |part: Plan, is_stock: bool| plan |= if is_stock { part.0 } else { 0 };
    let reads = [
        (&names.do_read, &stock.do_read),
        (&names.hand_over, &stock.hand_over),
    ];
    add(
        Plan::READ,
        has(&reads) && is_plain(object, &read_state(names)),
    );
    let writes = [
        (&names.start_writing, &stock.start_writing),
        (&names.maybe_pause_producer, &stock.maybe_pause_producer),
    ];
    add(
        Plan::WRITE,
        has(&writes) && is_plain(object, &write_state(names)),
    );
    let flushes = [
        (&names.do_write, &stock.do_write),
        (&names.write_some_data, &stock.write_some_data),
        (&names.stop_writing, &stock.stop_writing),
    ];
    add(
        Plan::FLUSH,
        has(&flushes) && is_plain(object, &flush_state(names)),
    );
    let prefix = [(&names.log_prefix, &stock.log_prefix)];
    add(
        Plan::PREFIX,
        has(&prefix) && is_plain(object, &[&names.logstr]),
    );
    plan
}

const fn read_state(names: &Names) -> [&Py<PyString>; 3] {
    [&names.protocol, &names.socket, &names.buffer_size]
}

const fn write_state(names: &Names) -> [&Py<PyString>; 7] {
    [
        &names.tls,
        &names.connected,
        &names.write_disconnected,
        &names.temp_data_buffer,
        &names.temp_data_len,
        &names.producer,
        &names.reactor,
    ]
}

const fn flush_state(names: &Names) -> [&Py<PyString>; 9] {
    [
        &names.socket,
        &names.data_buffer,
        &names.offset,
        &names.temp_data_buffer,
        &names.temp_data_len,
        &names.producer,
        &names.disconnecting,
        &names.write_disconnecting,
        &names.send_limit,
    ]
}

/// Whether the class has nothing by these names that would run code when they are read or set.
fn is_plain(object: &Bound<'_, PyAny>, names: &[&Py<PyString>]) -> bool {
    let (py, class) = (object.py(), object.get_type());
    names.iter().all(|name| {
        class_attribute(&class, name.bind(py)).is_none_or(|found| !is_descriptor(&found))
    })
}
