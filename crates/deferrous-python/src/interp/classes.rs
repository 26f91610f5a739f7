//! What an object's class says, without asking the object: no Python code runs.

use std::ptr;

use pyo3::{
    Borrowed, PyClass, ffi,
    impl_::pyclass::{PyClassDictSlot, PyClassImpl},
    prelude::*,
    types::{PyDict, PyString, PyTuple, PyType},
};

use super::object::is_subtype;

unsafe extern "C" {
    /// Finds an attribute of a class by the interpreter's cache, and runs no code.
    fn _PyType_Lookup(
        class: *mut ffi::PyTypeObject,
        name: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// A class, by itself or by one of its objects. Reading fields by an object counts no reference to its class.
enum Class<'a, 'py> {
    Itself(&'a Bound<'py, PyType>),
    Of(&'a Bound<'py, PyAny>),
}

impl Class<'_, '_> {
    /// Shows `read` the fields of the class.
    #[inline(always)]
    fn read<R>(self, read: impl FnOnce(&ffi::PyTypeObject) -> R) -> R {
        let class = match self {
            Class::Itself(class) => class.as_type_ptr(),
            Class::Of(object) => object.get_type_ptr(),
        };
        // SAFETY: the class is alive, as it is referred to, or an object of it is. The functions of this folder that are
        // passed only copy fields, so nothing changes them meanwhile, or gives the object another class.
        read(unsafe { &*class })
    }
}

/// Shows `read` the fields of a class.
#[inline(always)]
fn read_class<R>(class: &Bound<'_, PyType>, read: impl FnOnce(&ffi::PyTypeObject) -> R) -> R {
    Class::Itself(class).read(read)
}

/// The same, for the class of an object.
#[inline(always)]
pub(super) fn read_class_of<T, R>(
    object: &Bound<'_, T>,
    read: impl FnOnce(&ffi::PyTypeObject) -> R,
) -> R {
    Class::Of(object.as_any()).read(read)
}

/// What a class says of its objects.
pub struct ClassFacts {
    flags: std::ffi::c_ulong,
    /// The size of an object in bytes.
    pub size: isize,
    /// Whether attributes are found as those of most objects.
    pub has_plain_attributes: bool,
    /// Whether they are set as those of most objects.
    pub sets_plain_attributes: bool,
}

impl ClassFacts {
    /// Those of the object's class.
    #[inline(always)]
    pub fn of(object: &Bound<'_, PyAny>) -> Self {
        let plain: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;
        let plain_set: ffi::setattrofunc = ffi::PyObject_GenericSetAttr;
        read_class_of(object, |class| ClassFacts {
            flags: class.tp_flags,
            size: class.tp_basicsize,
            has_plain_attributes: class
                .tp_getattro
                .is_some_and(|own| ptr::fn_addr_eq(own, plain)),
            sets_plain_attributes: class
                .tp_setattro
                .is_some_and(|own| ptr::fn_addr_eq(own, plain_set)),
        })
    }

    /// Whether the class was made at run time.
    #[inline(always)]
    pub const fn is_heap_type(&self) -> bool {
        self.flags & ffi::Py_TPFLAGS_HEAPTYPE != 0
    }

    /// Whether the objects are exceptions.
    #[inline(always)]
    pub const fn is_exception(&self) -> bool {
        self.flags & ffi::Py_TPFLAGS_BASE_EXC_SUBCLASS != 0
    }
}

/// Whether the object's class is this one, and no subclass.
#[inline(always)]
pub fn is_exactly(object: &Bound<'_, PyAny>, class: &Py<PyType>) -> bool {
    ptr::eq(object.get_type_ptr().cast(), class.as_ptr())
}

/// Whether the object's class has this very method resolution order, which it has until its bases change.
#[inline(always)]
pub fn has_mro(object: &Bound<'_, PyAny>, mro: &Py<PyTuple>) -> bool {
    read_class_of(object, |class| ptr::eq(class.tp_mro, mro.as_ptr()))
}

/// Where the method resolution order of the object's class is in memory.
#[inline(always)]
pub fn mro_address(object: &Bound<'_, PyAny>) -> usize {
    read_class_of(object, |class| class.tp_mro.addr())
}

/// Whether a class is abstract: it has abstract methods.
pub fn is_abstract(class: &Bound<'_, PyType>) -> bool {
    read_class(class, |class| {
        class.tp_flags & ffi::Py_TPFLAGS_IS_ABSTRACT != 0
    })
}

/// Whether the object's class is this one or a subclass. `__class__` and `__instancecheck__` are not asked.
#[inline(always)]
pub fn is_kind_of(object: &Bound<'_, PyAny>, class: &Py<PyType>) -> bool {
    is_subtype(&object.get_type(), class.bind(object.py()))
}

/// What a class or a base of it has by this name, as instances find it: no descriptor is asked.
#[inline]
pub fn attribute<'py>(
    class: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the class and the name are alive; what is found is alive until code runs, and counted at once.
    unsafe {
        let found = _PyType_Lookup(class.as_type_ptr(), name.as_ptr());
        Borrowed::from_ptr_or_opt(class.py(), found).map(|found| found.to_owned())
    }
}

/// Whether instances of the object's class find `expected` by this name.
#[inline(always)]
pub fn finds(object: &Bound<'_, PyAny>, name: &Py<PyString>, expected: &Py<PyAny>) -> bool {
    let found = attribute(&object.get_type(), name.bind(object.py()));
    found.is_some_and(|found| found.is(expected))
}

/// Whether the object is a descriptor, which attributes of instances go through.
#[inline]
pub fn is_descriptor(object: &Bound<'_, PyAny>) -> bool {
    read_class_of(object, |class| {
        class.tp_descr_get.is_some() || class.tp_descr_set.is_some()
    })
}

/// Takes the module off the name that errors show: they do not show it of classes made in Python.
pub fn shorten_name(class: &Bound<'_, PyType>) {
    // SAFETY: the class is alive. The name ends with a zero, and so does each end of it; it lives as long as before.
    unsafe {
        let class = class.as_type_ptr();
        let bytes = std::ffi::CStr::from_ptr((*class).tp_name).to_bytes();
        if let Some(dot) = bytes.iter().rposition(|&byte| byte == b'.') {
            (*class).tp_name = (*class).tp_name.add(dot + 1);
        }
    }
}

/// The functions that make objects of a class; a program may replace them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Making {
    /// The addresses of the functions; 0 where there is none.
    new: usize,
    init: usize,
}

impl Making {
    /// Those that the class has now.
    #[inline(always)]
    pub fn of(class: &Bound<'_, PyType>) -> Self {
        read_class(class, |class| Making {
            new: class.tp_new.map_or(0, |new| new as usize),
            init: class.tp_init.map_or(0, |init| init as usize),
        })
    }
}

/// The attributes of the object that programs have set, for the moment.
#[inline(always)]
fn lent_attributes<'a, 'py, T: PyClass + PyClassImpl<Dict = PyClassDictSlot>>(
    object: &'a Bound<'py, T>,
) -> Option<Borrowed<'a, 'py, PyDict>> {
    // SAFETY: the object is of a class of this extension that has a place for a dict in its objects, or of a subclass,
    // which has the same. What is there is null or a dict, which the callers count or forget before any code runs.
    unsafe {
        let offset = (*ffi::Py_TYPE(object.as_ptr())).tp_dictoffset;
        let place: *const *mut ffi::PyObject = object.as_ptr().byte_offset(offset).cast();
        Borrowed::from_ptr_or_opt(object.py(), *place).map(|dict| dict.cast_unchecked())
    }
}

/// Whether programs have set attributes of the object.
#[inline(always)]
pub fn has_attributes<T: PyClass + PyClassImpl<Dict = PyClassDictSlot>>(
    object: &Bound<'_, T>,
) -> bool {
    lent_attributes(object).is_some()
}

/// The attributes of the object that programs have set.
pub fn own_attributes<'py, T: PyClass + PyClassImpl<Dict = PyClassDictSlot>>(
    object: &Bound<'py, T>,
) -> Option<Bound<'py, PyDict>> {
    lent_attributes(object).map(|attributes| attributes.to_owned())
}

/// Changes the slots of a class of this extension, and those that `await` uses. Nobody has made an object of it yet.
pub(super) fn change_slots<T: PyClass>(
    py: Python<'_>,
    change: impl FnOnce(&mut ffi::PyTypeObject, &mut ffi::PyAsyncMethods),
) {
    // SAFETY: PyO3 keeps the class for ever. It was made at run time, and so has a table for `await` beside its slots.
    // Nobody else looks at either meanwhile, as this thread has the interpreter and `change` runs no Python code.
    unsafe {
        let class = &mut *T::type_object_raw(py);
        let asynchronous = &mut *class.tp_as_async;
        change(class, asynchronous);
    }
}
