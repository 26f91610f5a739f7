//! The functions of OpenSSL that move data, called by their addresses, which cffi tells of cryptography's library.
//!
//! cffi's own calls of these functions make objects of Python each time, and for a small piece of data they take longer
//! than OpenSSL does.

use std::{
    ffi::{c_int, c_void},
    mem::transmute,
    ptr,
};

use pyo3::{exceptions::PyTypeError, ffi, prelude::*, types::PyType};

use super::{ClassFacts, fallible, is_kind_of, name};

/// The functions. They take the pointers of pyOpenSSL, which are objects of cffi, and return `None` for what is none of the
/// right type.
pub struct OpenSsl {
    ssl: Pointers,
    bio: Pointers,
    read: Function,
    write: Function,
    get_error: Function,
    read_bio: Function,
    write_bio: Function,
}

/// The address of a function of C, which is not 0.
#[derive(Clone, Copy)]
struct Function(usize);

/// The second argument of a function, after the pointer.
enum Handed<'a> {
    /// A room to write into.
    Room(&'a mut [u8]),
    /// Data to read.
    Data(&'a [u8]),
    /// A number.
    Number(c_int),
}

impl OpenSsl {
    /// The functions of a library, which is never unloaded.
    ///
    /// # Errors
    ///
    /// A `TypeError` if cffi's objects or the functions are not as they are known here, and what cffi raises if one is
    /// missing.
    pub fn new(cffi: &Bound<'_, PyAny>, library: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = cffi.py();
        let function = |name, kind| {
            let name = fallible::text(py, name)?;
            let found = cffi.call_method1(name!(py, "addressof")?, (library, name))?;
            let address = Pointers::of(cffi, kind)?.get(&found);
            // cffi tells the number in another way, too.
            let number = (fallible::text(py, "uintptr_t")?, found);
            let number = cffi.call_method1(name!(py, "cast")?, number)?;
            let number: usize = number.call_method0(name!(py, "__int__")?)?.extract()?;
            match address {
                Some(address) if address.expose_provenance() == number => Ok(Function(number)),
                _ => Err(fallible::error::<PyTypeError>(
                    py,
                    "the function is unknown",
                )),
            }
        };
        let (of_ssl, of_bio) = ("int(*)(SSL *, void *, int)", "int(*)(BIO *, void *, int)");
        Ok(OpenSsl {
            ssl: Pointers::of(cffi, "SSL *")?,
            bio: Pointers::of(cffi, "BIO *")?,
            read: function("SSL_read", of_ssl)?,
            write: function("SSL_write", of_ssl)?,
            get_error: function("SSL_get_error", "int(*)(SSL *, int)")?,
            read_bio: function("BIO_read", of_bio)?,
            write_bio: function("BIO_write", of_bio)?,
        })
    }

    /// `SSL_read`: how many bytes it has decrypted into the room.
    #[inline]
    pub fn read(&self, ssl: &Bound<'_, PyAny>, room: &mut [u8]) -> Option<c_int> {
        self.ssl.call(self.read, ssl, Handed::Room(room))
    }

    /// `SSL_write`: how many bytes of the data it has encrypted.
    #[inline]
    pub fn write(&self, ssl: &Bound<'_, PyAny>, data: &[u8]) -> Option<c_int> {
        self.ssl.call(self.write, ssl, Handed::Data(data))
    }

    /// `SSL_get_error`: what it means that a function has returned this.
    #[inline]
    pub fn get_error(&self, ssl: &Bound<'_, PyAny>, returned: c_int) -> Option<c_int> {
        self.ssl.call(self.get_error, ssl, Handed::Number(returned))
    }

    /// `BIO_read`: how many bytes that are to be sent it has copied into the room.
    #[inline]
    pub fn read_bio(&self, bio: &Bound<'_, PyAny>, room: &mut [u8]) -> Option<c_int> {
        self.bio.call(self.read_bio, bio, Handed::Room(room))
    }

    /// `BIO_write`: how many bytes that have come it has kept.
    #[inline]
    pub fn write_bio(&self, bio: &Bound<'_, PyAny>, data: &[u8]) -> Option<c_int> {
        self.bio.call(self.write_bio, bio, Handed::Data(data))
    }
}

/// Pointers of one type of C, which are objects of cffi.
struct Pointers {
    /// cffi's class of pointers.
    class: Py<PyType>,
    /// Its object for the type.
    kind: Py<PyAny>,
}

/// The beginning of an object of that class, which has been the same in all versions of cffi.
#[repr(C)]
struct CData {
    head: ffi::PyObject,
    kind: *mut ffi::PyObject,
    pointer: *mut c_void,
}

impl Pointers {
    fn of(cffi: &Bound<'_, PyAny>, kind: &str) -> PyResult<Self> {
        let py = cffi.py();
        let kind = fallible::text(py, kind)?;
        Ok(Pointers {
            class: cffi.getattr(name!(py, "CData")?)?.extract()?,
            kind: cffi.call_method1(name!(py, "typeof")?, (kind,))?.unbind(),
        })
    }

    /// The pointer that an object of cffi has, if it is of this type and not null.
    #[inline]
    fn get(&self, object: &Bound<'_, PyAny>) -> Option<*mut c_void> {
        let is_large = ClassFacts::of(object).size >= size_of::<CData>().cast_signed();
        if !is_large || !is_kind_of(object, &self.class) {
            return None;
        }
        // SAFETY: the object is alive, of cffi's class, and at least as large as this.
        let CData { kind, pointer, .. } = unsafe { &*object.as_ptr().cast::<CData>() };
        (*kind == self.kind.as_ptr() && !pointer.is_null()).then_some(*pointer)
    }

    /// Calls a function of C with the pointer of an object of cffi, and with what is handed to it. It may run code of the
    /// program.
    #[inline]
    fn call(
        &self,
        function: Function,
        object: &Bound<'_, PyAny>,
        handed: Handed<'_>,
    ) -> Option<c_int> {
        type Transfer = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> c_int;
        type GetError = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

        let pointer = self.get(object)?;
        let function: *mut c_void = ptr::with_exposed_provenance_mut(function.0);
        let (bytes, number) = match handed {
            Handed::Room(room) => (Some(room.as_mut_ptr()), c_int::try_from(room.len()).ok()?),
            Handed::Data(data) => {
                let number = c_int::try_from(data.len()).ok()?;
                (Some(data.as_ptr().cast_mut()), number)
            }
            Handed::Number(number) => (None, number),
        };
        // SAFETY: cffi has said that this is the address of a function of this type, as `new` has asked for the names that
        // are called with bytes and the one that is not. The pointer is of the type that they take first; pyOpenSSL, whose
        // object has it, calls the same functions with it, and keeps what it points to for as long as the object is alive.
        // The functions for rooms write at most so many bytes, those for data only read them, and neither keeps them.
        Some(unsafe {
            match bytes {
                Some(bytes) => {
                    transmute::<*mut c_void, Transfer>(function)(pointer, bytes.cast(), number)
                }
                None => transmute::<*mut c_void, GetError>(function)(pointer, number),
            }
        })
    }
}
