//! Methods in Rust for classes that are made in Python. They bind to instances, and cost no tuple and no dict.

use std::ffi::CStr;

use pyo3::{
    ffi,
    impl_::trampoline::{MethodDef, fastcall_cfunction_with_keywords},
    prelude::*,
    types::{PyDict, PyTuple, PyType},
};

use super::fallible;

/// A method.
pub trait Method: Sized + 'static {
    /// Its name.
    const NAME: &'static CStr;
    /// Its signature and docstring, as the interpreter wants them.
    const DOC: &'static CStr;

    /// Does what it does.
    fn call<'py>(
        owner: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>>;
}

/// The arguments of a call.
#[derive(Clone, Copy)]
pub struct Arguments<'a, 'py> {
    /// Those without names.
    pub positional: &'a [Bound<'py, PyAny>],
    /// The values of those with names.
    values: &'a [Bound<'py, PyAny>],
    names: Option<&'a Bound<'py, PyTuple>>,
}

impl<'py> Arguments<'_, 'py> {
    /// Whether there are none with names.
    pub const fn are_positional(self) -> bool {
        self.names.is_none()
    }

    /// Calls something with these arguments after `first`.
    pub fn pass_on(
        self,
        callable: &Bound<'py, PyAny>,
        first: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let keywords = match self.names {
            None => None,
            Some(names) => {
                let keywords: Bound<'py, PyDict> = fallible::dict(callable.py())?;
                for (name, value) in names.iter().zip(self.values) {
                    keywords.set_item(name, value)?;
                }
                Some(keywords)
            }
        };
        let all = fallible::tuple_after(first, self.positional)?;
        callable.call(all, keywords.as_ref())
    }
}

/// The method as a descriptor that instances of `class`, or of its subclasses, have.
pub fn method_descriptor<'py, M: Method>(
    class: &Bound<'py, PyType>,
) -> PyResult<Bound<'py, PyAny>> {
    struct Definition<M>(M);

    impl<M: Method> MethodDef<fastcall_cfunction_with_keywords::Func> for Definition<M> {
        const METH: fastcall_cfunction_with_keywords::Func = call::<M>;
    }

    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: M::NAME.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: fastcall_cfunction_with_keywords::<Definition<M>>,
        },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: M::DOC.as_ptr(),
    }));
    // SAFETY: the class is alive, and the definition and what it points to live for ever.
    unsafe {
        let descriptor = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        Bound::from_owned_ptr_or_err(class.py(), descriptor)
    }
}

/// # Safety
///
/// The arguments are those of a function of the kind `METH_FASTCALL | METH_KEYWORDS`.
unsafe fn call<M: Method>(
    py: Python<'_>,
    owner: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: the interpreter calls it so: `names` is null or a tuple, and there are `count` arguments and then one
    // for each name. All are alive during the call, and a `Bound` is one pointer to an object in memory.
    unsafe {
        let names =
            (!names.is_null()).then(|| Bound::ref_from_ptr(py, &names).cast_unchecked::<PyTuple>());
        let given = names.map_or(0, |names| names.len());
        let all = match count.unsigned_abs() + given {
            0 => &[],
            length => std::slice::from_raw_parts(arguments.cast::<Bound<'_, PyAny>>(), length),
        };
        let (positional, values) = all.split_at(count.unsigned_abs());
        let arguments = Arguments {
            positional,
            values,
            names,
        };
        let owner = Bound::ref_from_ptr(py, &owner);
        M::call(owner, arguments).map(Bound::into_ptr)
    }
}
