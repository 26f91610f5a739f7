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

/// The place of an attribute in objects of a class, in the objects themselves, as CPython 3.13 and later have it, while they
/// have nothing by some other names.
#[derive(Clone, Copy)]
pub struct KnownPlace {
    #[cfg(Py_3_13)]
    place: Place,
    /// How many names have places: a name that gets one may be one of the others.
    #[cfg(Py_3_13)]
    count: usize,
}

impl KnownPlace {
    /// Whether this interpreter has attributes in objects.
    pub const EXIST: bool = cfg!(Py_3_13);
}

#[cfg(Py_3_13)]
impl KnownPlace {
    /// The place of `name` in objects of the object's class; nowhere if one of them has had something by one of `others`.
    /// `None` if the object does not have its attributes in itself.
    pub fn of(
        object: &Bound<'_, PyAny>,
        name: &Py<PyString>,
        others: &[&Py<PyString>],
    ) -> Option<Self> {
        let place_of = |name: &Py<PyString>| place(object, name.bind(object.py()));
        let count = count_places(object)?;
        let has_others = others.iter().any(|&other| place_of(other) != Place::NONE);
        let place = match has_others {
            true => Place::NONE,
            false => place_of(name),
        };
        Some(KnownPlace { place, count })
    }

    /// Whether no name has got a place since, and an object of the class still has its attributes in itself.
    #[inline(always)]
    pub fn is_valid(self, object: &Bound<'_, PyAny>) -> bool {
        count_places(object) == Some(self.count)
    }

    /// Whether it is somewhere: objects have nothing by the other names.
    #[inline(always)]
    pub fn is_somewhere(self) -> bool {
        self.place != Place::NONE
    }

    /// The value of an object of the class in this place.
    #[inline(always)]
    pub fn value<'py>(self, object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        value(object, self.place)
    }
}

#[cfg(not(Py_3_13))]
impl KnownPlace {
    /// `None`: this interpreter has no attributes in objects.
    pub const fn of(
        _object: &Bound<'_, PyAny>,
        _name: &Py<PyString>,
        _others: &[&Py<PyString>],
    ) -> Option<Self> {
        None
    }

    /// Whether it may be used, which it may not.
    pub const fn is_valid(self, _object: &Bound<'_, PyAny>) -> bool {
        false
    }

    /// Whether it is somewhere, which it is not.
    pub const fn is_somewhere(self) -> bool {
        false
    }

    /// `None`: no object has a value there.
    pub const fn value<'py>(self, _object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        None
    }
}
