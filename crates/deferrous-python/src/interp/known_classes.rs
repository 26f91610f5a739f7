//! Facts about classes, cached until a class or a base of it changes.

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyTuple, PyType},
};

use super::{UntilChanged, class_attributes, has_mro, is_exactly};

/// The number of classes that are cached. A program has two or three; others are examined each time.
const MOST_CLASSES: usize = 16;

/// Flags of classes.
pub struct KnownClasses([PyOnceLock<KnownClass>; MOST_CLASSES]);

struct KnownClass {
    class: Py<PyType>,
    mro: Py<PyTuple>,
    flags: UntilChanged,
}

/// The flags of a class.
pub struct Flags {
    /// 0 if nothing may be done for its objects.
    pub flags: u16,
    /// Whether the number of changes tells when that is no longer so.
    pub are_watched: bool,
}

impl KnownClasses {
    pub const fn new() -> Self {
        KnownClasses([const { PyOnceLock::new() }; MOST_CLASSES])
    }

    /// The flags of an object's class.
    ///
    /// Args:
    ///     examine: looks at the class.
    ///     dicts: what else the flags depend on, beside the class and its bases.
    #[inline(always)]
    pub fn flags<'py>(
        &self,
        object: &Bound<'py, PyAny>,
        examine: impl Fn() -> u16,
        dicts: impl FnOnce() -> PyResult<Vec<Bound<'py, PyDict>>>,
    ) -> Flags {
        let [first, others @ ..] = &self.0;
        match first.get(object.py()) {
            Some(known) if is_exactly(object, &known.class) => known.flags(object, examine),
            Some(_) => flags_of_others(others, object, examine, dicts),
            None => remember(first, object, examine, dicts),
        }
    }
}

/// The same, where the object's class is not the first one. A separate function, so that the common case is short.
#[inline(never)]
fn flags_of_others<'py>(
    classes: &[PyOnceLock<KnownClass>],
    object: &Bound<'py, PyAny>,
    examine: impl Fn() -> u16,
    dicts: impl FnOnce() -> PyResult<Vec<Bound<'py, PyDict>>>,
) -> Flags {
    for known in classes {
        match known.get(object.py()) {
            Some(known) if is_exactly(object, &known.class) => {
                return known.flags(object, examine);
            }
            Some(_) => {}
            None => return remember(known, object, examine, dicts),
        }
    }
    Flags {
        flags: examine(),
        are_watched: false,
    }
}

impl KnownClass {
    #[inline(always)]
    fn flags(&self, object: &Bound<'_, PyAny>, examine: impl Fn() -> u16) -> Flags {
        let are_watched = self.flags.is_watched() && has_mro(object, &self.mro);
        let flags = if are_watched {
            self.flags.get_flags(object.py(), examine)
        } else {
            examine()
        };
        Flags { flags, are_watched }
    }
}

/// Has the interpreter tell of changes of the class, if something may be done for its objects.
#[cold]
fn remember<'py>(
    place: &PyOnceLock<KnownClass>,
    object: &Bound<'py, PyAny>,
    examine: impl Fn() -> u16,
    dicts: impl FnOnce() -> PyResult<Vec<Bound<'py, PyDict>>>,
) -> Flags {
    let watch = || {
        let (mut dicts, class) = (dicts()?, object.get_type());
        let mro = class.mro();
        for base in &mro {
            dicts.push(class_attributes(base.cast()?)?);
        }
        PyResult::Ok(KnownClass {
            class: class.unbind(),
            mro: mro.unbind(),
            flags: UntilChanged::watching(&dicts)?,
        })
    };
    let flags = examine();
    let are_watched = flags != 0
        && watch().is_ok_and(|known| {
            let is_watched = known.flags.is_watched();
            place.set(object.py(), known).is_ok() && is_watched
        });
    Flags { flags, are_watched }
}
