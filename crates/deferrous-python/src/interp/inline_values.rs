//! Attributes that an object has in itself: CPython 3.13 and later keep them behind its fields, in places that all objects
//! of a class share, for as long as nobody gives the object a dict of its own.
//!
//! A change of such an attribute is told to nobody, so what depends on it compares the values themselves. That takes less
//! than to look one of them up.

use std::{cell::Cell, mem::ManuallyDrop, slice};

use pyo3::{
    ffi,
    prelude::*,
    types::{PyNone, PyString},
};

/// The place of an attribute in the objects of a class.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place(u8);

impl Place {
    /// The place of a name that no object has a value for.
    pub const NONE: Place = Place(u8::MAX);
}

/// The value that an object is expected to have in a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This object, by its address; nothing if that is 0.
    Exactly(usize),
    /// Any object but `None`.
    Something,
}

/// Whether the places are where this module looks for them.
const IS_KNOWN: bool = cfg!(all(Py_3_13, not(Py_3_16), not(Py_GIL_DISABLED)));

/// `Py_TPFLAGS_INLINE_VALUES`
const INLINE_VALUES: std::ffi::c_ulong = 1 << 2;

/// The beginning of the values: `struct _dictvalues`.
#[repr(C)]
struct Header {
    capacity: u8,
    size: u8,
    embedded: u8,
    valid: u8,
    values: [Value; 0],
}

/// One value. Copying and replacing it drops nothing, which PyO3 would look for.
type Value = Cell<Option<ManuallyDrop<Py<PyAny>>>>;

/// The names of a class: `struct _dictkeysobject`, and an entry of it.
#[repr(C)]
struct Names {
    references: isize,
    log2_size: u8,
    log2_index_bytes: u8,
    kind: u8,
    version: u32,
    usable: isize,
    count: isize,
    indices: [u8; 0],
}

#[repr(C)]
struct Entry {
    name: Py<PyString>,
    unused: usize,
}

/// The values of an object.
struct Inline<'a> {
    values: &'a [Value],
    names: &'a [Entry],
    /// How many names can still get a place in objects of the class.
    free_names: usize,
    /// Whether there is a dict as well, which shows the values.
    has_dict: bool,
}

/// The values that an object has in itself. They are looked at and changed before any code of Python runs, which could take
/// them away.
#[inline(always)]
fn inline<'a>(object: &'a Bound<'_, PyAny>) -> Option<Inline<'a>> {
    if !IS_KNOWN {
        return None;
    }
    // SAFETY: the object is alive, and so is its class. The flag says that the values follow the fields of the object, that
    // three pointers before it is that of its dict, and that its class was made at run time and has the names of the
    // places, which are only ever added to. The versions of CPython for which `IS_KNOWN` is true have all of that in this
    // form.
    unsafe {
        let class: *const ffi::PyHeapTypeObject = object.get_type_ptr().cast();
        if (*class).ht_type.tp_flags & INLINE_VALUES == 0 {
            return None;
        }
        let size = (*class).ht_type.tp_basicsize;
        let header: *const Header = object.as_ptr().byte_offset(size).cast();
        if (*header).valid == 0 {
            return None;
        }
        let names: *const Names = (*class).ht_cached_keys.cast();
        let entries = (&raw const (*names).indices).byte_add(1 << (*names).log2_index_bytes);
        let values = (&raw const (*header).values).cast();
        let dict: *const usize = object.as_ptr().cast();
        Some(Inline {
            values: slice::from_raw_parts(values, usize::from((*header).capacity)),
            names: slice::from_raw_parts(entries.cast(), (*names).count.unsigned_abs()),
            free_names: usize::try_from((*names).usable).unwrap_or(0),
            has_dict: *dict.sub(3) != 0,
        })
    }
}

impl Inline<'_> {
    #[inline(always)]
    fn value(&self, Place(at): Place) -> Option<&Value> {
        self.values.get(usize::from(at))
    }
}

/// Shows `look` a value, which it may copy.
#[inline(always)]
fn look<R>(value: &Value, look: impl FnOnce(Option<&Py<PyAny>>) -> R) -> R {
    let taken = value.take();
    let seen = look(taken.as_deref());
    value.set(taken);
    seen
}

/// How many names have places in objects of the object's class, if the object has its attributes there. A name keeps its
/// place for ever.
#[inline]
pub fn count_places(object: &Bound<'_, PyAny>) -> Option<usize> {
    inline(object).map(|inline| inline.names.len())
}

/// Whether the object can have values for `count` names that have no place in its class yet.
#[cold]
pub fn has_free_places(object: &Bound<'_, PyAny>, count: usize) -> bool {
    inline(object).is_some_and(|inline| {
        inline.names.len() + count <= inline.values.len() && count <= inline.free_names
    })
}

/// The place of a name in objects of the object's class.
#[cold]
pub fn place(object: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> Place {
    let is_it = |entry: &Entry| {
        let found = entry.name.bind(name.py());
        found.is(name) || found.as_any().eq(name).unwrap_or(false)
    };
    let at = inline(object).and_then(|inline| inline.names.iter().position(is_it));
    at.and_then(|at| u8::try_from(at).ok())
        .map_or(Place::NONE, Place)
}

/// The value of an object in a place, if it has its attributes there.
#[inline(always)]
pub fn value<'py>(object: &Bound<'py, PyAny>, place: Place) -> Option<Bound<'py, PyAny>> {
    let py = object.py();
    look(inline(object)?.value(place)?, |value| {
        value.map(|value| value.bind(py).clone())
    })
}

/// The values of an object in two places, if it has both.
#[inline(always)]
pub fn two_values<'py>(
    object: &Bound<'py, PyAny>,
    places: [Place; 2],
) -> Option<[Bound<'py, PyAny>; 2]> {
    let (py, inline) = (object.py(), inline(object)?);
    let copied = places.map(|place| {
        look(inline.value(place)?, |value| {
            value.map(|value| value.bind(py).clone())
        })
    });
    let [first, second] = copied;
    Some([first?, second?])
}

/// Whether an object has this in its places, and its class as many names with places as `count`.
#[inline]
pub fn has_values(object: &Bound<'_, PyAny>, count: usize, expected: &[(Place, Expected)]) -> bool {
    let Some(inline) = inline(object) else {
        return false;
    };
    let address = |value: Option<&Py<PyAny>>| value.map_or(0, |value| value.as_ptr().addr());
    let none = PyNone::get(object.py()).as_ptr().addr();
    inline.names.len() == count
        && expected.iter().all(|(place, expected)| {
            let found = inline.value(*place).map_or(0, |value| look(value, address));
            match expected {
                Expected::Exactly(address) => found == *address,
                Expected::Something => found != 0 && found != none,
            }
        })
}

/// Puts a value in the place of another one. Returns whether that was done: nobody has a dict that shows the values, and
/// the place is not empty.
#[inline]
pub fn replace_value(object: &Bound<'_, PyAny>, place: Place, value: &Bound<'_, PyAny>) -> bool {
    let Some(inline) = inline(object).filter(|inline| !inline.has_dict) else {
        return false;
    };
    let Some(at) = inline.value(place) else {
        return false;
    };
    let Some(before) = at.take() else {
        return false;
    };
    at.set(Some(ManuallyDrop::new(value.clone().unbind())));
    // Last, as it may run a finalizer.
    drop(ManuallyDrop::into_inner(before).into_bound(value.py()));
    true
}
