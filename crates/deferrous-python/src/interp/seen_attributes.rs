//! Tells whether a few attributes of an object are as they were seen, without looking them up.

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyString,
};

#[cfg(Py_3_13)]
use super::inline_values::{Expected, Place, count_places, has_values, place, value};

/// What an object had by some names, if it had its attributes in itself, as CPython 3.13 and later have it. A change of
/// these is told to nobody, so the values are compared.
pub struct SeenAttributes<const N: usize> {
    values: [Option<Py<PyAny>>; N],
    #[cfg(Py_3_13)]
    places: [Place; N],
    /// How many names have places: a name that gets one may be one of these.
    #[cfg(Py_3_13)]
    count: usize,
}

impl<const N: usize> SeenAttributes<N> {
    /// Those that the object has now.
    #[cfg(Py_3_13)]
    pub fn of(object: &Bound<'_, PyAny>, names: [&Bound<'_, PyString>; N]) -> Option<Self> {
        let count = count_places(object)?;
        let places = names.map(|name| place(object, name));
        Some(SeenAttributes {
            values: places.map(|place| value(object, place).map(Bound::unbind)),
            places,
            count,
        })
    }

    /// Those that the object has now: this interpreter has no way to tell whether they change.
    #[cfg(not(Py_3_13))]
    pub const fn of(_object: &Bound<'_, PyAny>, _names: [&Bound<'_, PyString>; N]) -> Option<Self> {
        None
    }

    /// The values.
    #[inline(always)]
    pub const fn values(&self) -> &[Option<Py<PyAny>>; N] {
        &self.values
    }

    /// Whether this object, which is of the same class, has the same values.
    #[inline(always)]
    pub fn are_those_of(&self, _object: &Bound<'_, PyAny>) -> bool {
        #[cfg(Py_3_13)]
        {
            let address = |value: &Option<Py<PyAny>>| {
                Expected::Exactly(value.as_ref().map_or(0, |value| value.as_ptr().addr()))
            };
            let expected =
                std::array::from_fn::<_, N, _>(|at| (self.places[at], address(&self.values[at])));
            has_values(_object, self.count, &expected)
        }
        #[cfg(not(Py_3_13))]
        {
            false
        }
    }

    /// Shows the collector the values.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.values.iter().try_for_each(|value| visit.call(value))
    }
}
