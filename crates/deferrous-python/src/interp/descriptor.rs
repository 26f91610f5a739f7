//! Methods for classes that are made in Python.

use pyo3::ffi;

use super::{Maybe, Obj, Raised};

/// A dict of methods by name: methods of `object`, which bind to instances of whatever class they are put
/// into. The definitions are kept for ever.
pub fn methods_of_any_class<const N: usize>(table: [(&'static str, ffi::PyMethodDef); N]) -> Maybe {
    // SAFETY: the thread is attached; the definitions live for ever.
    unsafe {
        let methods = Obj::owned(ffi::PyDict_New())?;
        for (name, definition) in table {
            let definition = Box::leak(Box::new(definition));
            let descriptor = Obj::owned(ffi::PyDescr_NewMethod(
                &raw mut ffi::PyBaseObject_Type,
                definition,
            ))?;
            let name = Obj::name(name)?;
            if ffi::PyDict_SetItem(methods.as_ptr(), name.as_ptr(), descriptor.as_ptr()) < 0 {
                return Err(Raised);
            }
        }
        Ok(methods)
    }
}
