//! Attributes that objects have themselves, without a look-up of each.

use pyo3::{prelude::*, types::PyString};

use super::names::{Names, names};
#[cfg(Py_3_13)]
use crate::interp::{Field, Place, count_places, inline_value, place, replace_value};
use crate::interp::{attributes, item};

/// How many classes have their places kept, for ever. Objects of other classes are looked up in.
#[cfg(Py_3_13)]
const MOST_CLASSES: usize = 2;

/// An attribute that objects have themselves, which is none of their class.
///
/// CPython 3.13 and later have places for the attributes of most objects, which all objects of a class share.
pub struct Own {
    name: fn(&'static Names) -> &'static Py<PyString>,
    #[cfg(Py_3_13)]
    known: Field<[Known; MOST_CLASSES]>,
}

/// The place in objects of a class, for as long as this many names have places.
#[cfg(Py_3_13)]
#[derive(Clone, Copy)]
struct Known {
    /// The address of the class, which lives for ever; 0 for no class.
    class: usize,
    count: usize,
    place: Place,
}

impl Own {
    pub const fn new(name: fn(&'static Names) -> &'static Py<PyString>) -> Self {
        Own {
            name,
            #[cfg(Py_3_13)]
            known: Field::new(
                [Known {
                    class: 0,
                    count: 0,
                    place: Place::NONE,
                }; MOST_CLASSES],
            ),
        }
    }

    /// What the object has. No code of the program runs.
    #[inline]
    pub fn get<'py>(&self, object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        #[cfg(Py_3_13)]
        if let Some(place) = self.place(object) {
            return inline_value(object, place);
        }
        let name = (self.name)(names(object.py()));
        item(&attributes(object).ok()?, name.bind(object.py()))
    }

    /// Whether the object has this very value.
    #[inline]
    pub fn is(&self, object: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> bool {
        self.get(object).is_some_and(|own| own.is(value))
    }

    /// Sets it, in an object whose class sets attributes as most classes do.
    #[inline]
    pub fn set(&self, object: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        #[cfg(Py_3_13)]
        if let Some(place) = self.place(object)
            && replace_value(object, place, value)
        {
            return Ok(());
        }
        object.setattr((self.name)(names(object.py())).bind(object.py()), value)
    }

    /// The place in this object; `None` if it has its attributes elsewhere.
    #[cfg(Py_3_13)]
    #[inline]
    fn place(&self, object: &Bound<'_, PyAny>) -> Option<Place> {
        let (class, count) = (object.get_type_ptr().addr(), count_places(object)?);
        let known = self.known.get(object.py());
        let found = known
            .iter()
            .find(|known| known.class == class && known.count == count);
        match found {
            Some(known) => Some(known.place),
            None => self.find_place(object, count),
        }
    }

    #[cfg(Py_3_13)]
    #[cold]
    fn find_place(&self, object: &Bound<'_, PyAny>, count: usize) -> Option<Place> {
        let (py, class) = (object.py(), object.get_type_ptr().addr());
        let mut all = self.known.get(py);
        let known = all
            .iter_mut()
            .find(|known| known.class == class || known.class == 0)?;
        if known.class == 0 {
            std::mem::forget(object.get_type());
        }
        let place = place(object, (self.name)(names(py)).bind(py));
        *known = Known {
            class,
            count,
            place,
        };
        self.known.set(py, all);
        Some(place)
    }
}
