//! Facts of streams by the versions of their dicts.

use std::os::fd::RawFd;

use pyo3::{prelude::*, types::PyDict};
use rustc_hash::FxHashMap;

use crate::{
    interp::{Field, Snapshot, attributes, changes, has_plain_keys, item, mro_address},
    transport::{attribute::Attribute, facts::Facts, names::names, stock::Stock},
};

/// Facts of an object, and of which state of it and of its class.
#[derive(Clone, Copy)]
struct Known {
    facts: Facts,
    used: Used,
    class: usize,
    mro: usize,
    /// The number of changes of classes.
    changes: u64,
}

/// The values of the attributes that are used.
type Used = Snapshot<{ Attribute::USED }>;

/// The facts of streams, by their addresses. None of these is used unless all the rest is as it was.
static KNOWN: Field<Option<Box<FxHashMap<usize, Known>>>> = Field::new(None);

/// How many streams are kept at least, before all are found out again.
const MOST: usize = 1 << 16;

/// Shows `look` what is known.
#[inline]
fn with_known<R>(py: Python<'_>, look: impl FnOnce(&mut FxHashMap<usize, Known>) -> R) -> R {
    let mut all = KNOWN.take(py).unwrap_or_default();
    let seen = look(&mut all);
    KNOWN.set(py, Some(all));
    seen
}

/// The facts of an object with its descriptor, if they are known.
#[inline]
pub fn find<'py>(
    object: &Bound<'py, PyAny>,
    stock: &Stock,
) -> Option<(Facts, Held<'py>, Option<RawFd>)> {
    let address = object.as_ptr().addr();
    let known = with_known(object.py(), |all| all.get(&address).copied())?;
    let dict = attributes(object).ok()?;
    let is_true = known.used.is_true(&dict)
        && known.changes == changes(object.py())
        && known.class == object.get_type_ptr().addr()
        && known.mro == mro_address(object);
    is_true.then(|| {
        let socket = known.used.value(&dict, Attribute::Socket as usize);
        let descriptor = socket.and_then(|socket| stock.socket.descriptor(&socket));
        let used = Some(known.used);
        (known.facts, Held { dict, used }, descriptor)
    })
}

/// Keeps the facts of an object, whose class tells of changes.
pub fn keep(object: &Bound<'_, PyAny>, held: &Held<'_>, facts: Facts, _stock: &Stock) {
    let Some(used) = held.used else {
        return;
    };
    let known = Known {
        facts,
        used,
        class: object.get_type_ptr().addr(),
        mro: mro_address(object),
        changes: changes(object.py()),
    };
    with_known(object.py(), |all| {
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(object.as_ptr().addr(), known);
    });
}

/// Forgets what was found out of an object.
pub fn forget(object: &Bound<'_, PyAny>) {
    with_known(object.py(), |all| all.remove(&object.as_ptr().addr()));
}

/// The dict in which a stream has its attributes.
pub struct Held<'py> {
    dict: Bound<'py, PyDict>,
    /// Valid until the dict changes.
    used: Option<Used>,
}

impl<'py> Held<'py> {
    /// That of this one. `lives` says that its class lives for ever.
    pub fn of(object: &Bound<'py, PyAny>, lives: bool) -> Option<Self> {
        let (py, dict) = (object.py(), attributes(object).ok()?);
        // Code of the program runs where another key is compared.
        let used = (lives && has_plain_keys(&dict)).then(|| {
            let name = |at: usize| Attribute::ALL[at].name(names(py)).bind(py);
            Snapshot::of(&dict, std::array::from_fn(name))
        });
        Some(Held { dict, used })
    }

    /// What the object itself has.
    #[inline]
    pub fn get(
        &self,
        object: &Bound<'py, PyAny>,
        attribute: Attribute,
    ) -> Option<Bound<'py, PyAny>> {
        match &self.used {
            Some(used) if (attribute as usize) < Attribute::USED => {
                used.value(&self.dict, attribute as usize)
            }
            _ => item(
                &self.dict,
                attribute.name(names(object.py())).bind(object.py()),
            ),
        }
    }

    /// Whether an object that gets these attributes keeps the others where they are.
    pub const fn may_add(&self, _object: &Bound<'py, PyAny>, _attributes: &[Attribute]) -> bool {
        true
    }

    /// Sets an attribute on which no facts depend.
    #[inline]
    pub fn set(
        &self,
        object: &Bound<'py, PyAny>,
        attribute: Attribute,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let (py, at) = (object.py(), attribute as usize);
        let name = attribute.name(names(py)).bind(py);
        let Some(mut used) = self.used.filter(|_| at < Attribute::USED) else {
            return self.dict.set_item(name, value);
        };
        used.set_value(&self.dict, at, name, value)?;
        with_known(py, |all| {
            if let Some(known) = all.get_mut(&object.as_ptr().addr()) {
                known.used = used;
            }
        });
        Ok(())
    }
}
