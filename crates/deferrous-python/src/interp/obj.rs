//! Owned references to Python objects, and the few calls of the interpreter that the hot paths make.
//!
//! PyO3's `Py<T>` looks up whether the thread is attached each time one is dropped, which costs
//! more than a callback. An [`Obj`] is never handed to another thread and only exists while the
//! thread that has it is attached to the interpreter, so it need not ask.

use std::{fmt, marker::PhantomData, ptr, ptr::NonNull};

use pyo3::ffi;

unsafe extern "C" {
    /// Finds an attribute of a class by the interpreter's cache, and runs no code.
    fn _PyType_Lookup(class: *mut ffi::PyTypeObject, name: Raw) -> Raw;
}

/// A reference to an object that somebody else keeps alive, or null.
pub type Raw = *mut ffi::PyObject;

/// An exception has been set in the interpreter.
#[derive(Debug)]
pub struct Raised;

/// What a call of the interpreter comes to.
pub type Maybe<T = Obj> = Result<T, Raised>;

/// A counted reference to a Python object.
#[repr(transparent)]
pub struct Obj(NonNull<ffi::PyObject>, PhantomData<*mut ()>);

impl Clone for Obj {
    #[inline(always)]
    fn clone(&self) -> Self {
        // SAFETY: the object is alive, since `self` counts for it, and this thread is attached.
        unsafe { ffi::Py_INCREF(self.as_ptr()) };
        Obj(self.0, PhantomData)
    }
}

impl Drop for Obj {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: `self` counts for the object, and this thread is attached.
        unsafe { ffi::Py_DECREF(self.as_ptr()) }
    }
}

impl fmt::Debug for Obj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<object at {:p}>", self.0)
    }
}

impl Obj {
    /// Takes over a reference that the interpreter handed out, or the exception it set instead.
    ///
    /// # Safety
    ///
    /// `raw` is null with an exception set, or a reference that nobody else counts on.
    #[inline(always)]
    pub unsafe fn owned(raw: Raw) -> Maybe {
        match NonNull::new(raw) {
            Some(raw) => Ok(Obj(raw, PhantomData)),
            None => Err(Raised),
        }
    }

    /// Makes a reference of one's own to an object that is alive.
    ///
    /// # Safety
    ///
    /// `raw` points to an object that is alive.
    #[inline(always)]
    pub unsafe fn borrowed(raw: Raw) -> Self {
        // SAFETY: as the caller says.
        unsafe {
            ffi::Py_INCREF(raw);
            Obj(NonNull::new_unchecked(raw), PhantomData)
        }
    }

    /// The object, which stays alive as long as `self`.
    #[inline(always)]
    pub const fn as_ptr(&self) -> Raw {
        self.0.as_ptr()
    }

    /// Hands the reference over to the interpreter.
    #[inline(always)]
    pub const fn into_ptr(self) -> Raw {
        let raw = self.as_ptr();
        std::mem::forget(self);
        raw
    }

    /// Whether both are the same object.
    #[inline(always)]
    pub fn is(&self, other: Raw) -> bool {
        ptr::eq(self.as_ptr(), other)
    }

    /// The object's class.
    #[inline(always)]
    pub const fn class(&self) -> *mut ffi::PyTypeObject {
        // SAFETY: the object is alive.
        unsafe { (*self.as_ptr()).ob_type }
    }

    /// `None`.
    #[inline(always)]
    pub fn none() -> Self {
        // SAFETY: None is alive for ever.
        unsafe { Self::borrowed(ffi::Py_None()) }
    }

    /// `True` or `False`.
    pub fn bool(on: bool) -> Self {
        // SAFETY: both are alive for ever.
        unsafe { Self::borrowed(if on { ffi::Py_True() } else { ffi::Py_False() }) }
    }

    /// An `int`.
    pub fn int(value: isize) -> Maybe {
        // SAFETY: the thread is attached.
        unsafe { Self::owned(ffi::PyLong_FromSsize_t(value)) }
    }

    /// A `str`.
    pub fn text(text: &str) -> Maybe {
        let length = ffi::Py_ssize_t::try_from(text.len()).unwrap_or(ffi::Py_ssize_t::MAX);
        // SAFETY: the bytes are UTF-8 and their number is given.
        unsafe {
            Self::owned(ffi::PyUnicode_FromStringAndSize(
                text.as_ptr().cast(),
                length,
            ))
        }
    }

    /// An interned `str`.
    pub fn name(text: &str) -> Maybe {
        // SAFETY: the bytes are UTF-8 and their number is given.
        unsafe {
            let length = ffi::Py_ssize_t::try_from(text.len()).unwrap_or(ffi::Py_ssize_t::MAX);
            let mut raw = ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), length);
            if !raw.is_null() {
                ffi::PyUnicode_InternInPlace(&raw mut raw);
            }
            Self::owned(raw)
        }
    }

    /// A `tuple` of what is given.
    pub fn tuple<const N: usize>(items: [Obj; N]) -> Maybe {
        // SAFETY: the thread is attached; the tuple takes over one reference for each place.
        unsafe {
            let tuple = Self::owned(ffi::PyTuple_New(N as ffi::Py_ssize_t))?;
            for (at, item) in (0..).zip(items) {
                ffi::PyTuple_SET_ITEM(tuple.as_ptr(), at, item.into_ptr());
            }
            Ok(tuple)
        }
    }

    /// A `tuple` of new references to what is given.
    pub fn tuple_of(items: &[Raw]) -> Maybe {
        // SAFETY: the thread is attached and the items are alive; the tuple takes over one reference for each place.
        unsafe {
            let tuple = Self::owned(ffi::PyTuple_New(items.len().cast_signed()))?;
            for (at, &item) in (0..).zip(items) {
                ffi::PyTuple_SET_ITEM(tuple.as_ptr(), at, Obj::borrowed(item).into_ptr());
            }
            Ok(tuple)
        }
    }

    /// The C function of a method that is not written in Python, and the object that it is bound to.
    #[inline(always)]
    pub fn builtin_method(&self) -> Option<(usize, Obj)> {
        // SAFETY: the object is alive, and is looked at as a builtin only where it is one.
        unsafe {
            if !ptr::eq(self.class(), &raw mut ffi::PyCFunction_Type) {
                return None;
            }
            let function = ffi::PyCFunction_GetFunction(self.as_ptr())?;
            let owner = ffi::PyCFunction_GetSelf(self.as_ptr());
            (!owner.is_null()).then(|| (function as usize, Obj::borrowed(owner)))
        }
    }

    /// `self(first, *rest)`, where `rest` is a tuple.
    pub fn call_with_tuple(&self, first: &Obj, rest: &Obj) -> Maybe {
        const MOST: usize = 6;
        // SAFETY: all are alive during the call; `rest` is looked at as a tuple only where it is one, and as many
        // arguments are counted as have been written.
        unsafe {
            let count = match ffi::PyTuple_CheckExact(rest.as_ptr()) {
                0 => MOST,
                _ => ffi::PyTuple_GET_SIZE(rest.as_ptr()).unsigned_abs(),
            };
            if count >= MOST {
                let first = Self::tuple([first.clone()])?;
                let rest = Self::owned(ffi::PySequence_Tuple(rest.as_ptr()))?;
                let all = Self::owned(ffi::PySequence_Concat(first.as_ptr(), rest.as_ptr()))?;
                return Self::owned(ffi::PyObject_CallObject(self.as_ptr(), all.as_ptr()));
            }
            let mut all: [Raw; MOST + 1] = [ptr::null_mut(); MOST + 1];
            all[1] = first.as_ptr();
            for (at, place) in (0..).zip(&mut all[2..2 + count]) {
                *place = ffi::PyTuple_GET_ITEM(rest.as_ptr(), at);
            }
            Self::owned(ffi::PyObject_Vectorcall(
                self.as_ptr(),
                all.as_ptr().add(1),
                (count + 1) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
                ptr::null_mut(),
            ))
        }
    }

    /// Whether [`class_attribute`](Self::class_attribute) finds `expected`.
    #[inline(always)]
    pub fn class_attribute_is(class: *mut ffi::PyTypeObject, name: &Obj, expected: &Obj) -> bool {
        // SAFETY: the class and the name are alive; what is found is only compared.
        unsafe { ptr::eq(_PyType_Lookup(class, name.as_ptr()), expected.as_ptr()) }
    }

    /// `len(self)`.
    pub fn len(&self) -> Maybe<usize> {
        // SAFETY: the object is alive.
        match unsafe { ffi::PyObject_Size(self.as_ptr()) } {
            -1 => Err(Raised),
            length => Ok(length.unsigned_abs()),
        }
    }

    /// `[None] * count`.
    pub fn list_of_none(count: usize) -> Maybe {
        // SAFETY: the thread is attached; each place is filled before anything can look at the list.
        unsafe {
            let list = Self::owned(ffi::PyList_New(count.cast_signed()))?;
            for at in 0..count {
                ffi::PyList_SET_ITEM(list.as_ptr(), at.cast_signed(), Self::none().into_ptr());
            }
            Ok(list)
        }
    }

    /// What a class or a base of it has by this name, as instances find it: no descriptor is asked.
    #[inline]
    pub fn class_attribute(class: *mut ffi::PyTypeObject, name: &Obj) -> Option<Obj> {
        // SAFETY: the class and the name are alive; what is found is alive until code runs, and counted at once.
        unsafe {
            let found = _PyType_Lookup(class, name.as_ptr());
            (!found.is_null()).then(|| Obj::borrowed(found))
        }
    }

    /// `self.name`.
    #[inline]
    pub fn getattr(&self, name: &Obj) -> Maybe {
        // SAFETY: both are alive.
        unsafe { Self::owned(ffi::PyObject_GetAttr(self.as_ptr(), name.as_ptr())) }
    }

    /// `self.name`, of a name that is not in the table of names.
    pub fn get(&self, name: &str) -> Maybe {
        self.getattr(&Self::name(name)?)
    }

    /// `self.name = value`.
    pub fn setattr(&self, name: &Obj, value: &Obj) -> Maybe<()> {
        // SAFETY: all are alive.
        let done = unsafe { ffi::PyObject_SetAttr(self.as_ptr(), name.as_ptr(), value.as_ptr()) };
        if done < 0 { Err(Raised) } else { Ok(()) }
    }

    /// `self(*arguments)`.
    #[inline]
    pub fn call(&self, arguments: &[Raw]) -> Maybe {
        // SAFETY: the callable and its arguments are alive during the call.
        unsafe {
            Self::owned(ffi::PyObject_Vectorcall(
                self.as_ptr(),
                arguments.as_ptr(),
                arguments.len(),
                ptr::null_mut(),
            ))
        }
    }

    /// `self(*arguments)`; the first entry is room that the callee may use, and no argument.
    #[inline(always)]
    pub fn call_with_room<const N: usize>(&self, mut arguments: [Raw; N]) -> Maybe {
        // SAFETY: the callable and its arguments are alive during the call, and there is a place
        // in front of the arguments, as the flag says.
        unsafe {
            Self::owned(ffi::PyObject_Vectorcall(
                self.as_ptr(),
                arguments.as_mut_ptr().add(1),
                (N - 1) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
                ptr::null_mut(),
            ))
        }
    }

    /// `self.name(*arguments)`; the first entry is for `self`.
    #[inline]
    pub fn call_method<const N: usize>(&self, name: &Obj, mut arguments: [Raw; N]) -> Maybe {
        arguments[0] = self.as_ptr();
        // SAFETY: the object, the name and the arguments are alive during the call.
        unsafe {
            Self::owned(ffi::PyObject_VectorcallMethod(
                name.as_ptr(),
                arguments.as_ptr(),
                N,
                ptr::null_mut(),
            ))
        }
    }

    /// The text of a `str`.
    pub fn to_text(&self) -> Maybe<String> {
        let mut length = 0;
        // SAFETY: the object is alive; the bytes are copied before anything else happens.
        unsafe {
            let bytes = ffi::PyUnicode_AsUTF8AndSize(self.as_ptr(), &raw mut length);
            if bytes.is_null() {
                return Err(Raised);
            }
            let bytes = std::slice::from_raw_parts(bytes.cast(), length.unsigned_abs());
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
    }

    /// Whether `if self:` would.
    pub fn is_true(&self) -> Maybe<bool> {
        // SAFETY: the object is alive.
        match unsafe { ffi::PyObject_IsTrue(self.as_ptr()) } {
            -1 => Err(Raised),
            truth => Ok(truth != 0),
        }
    }

    /// `isinstance(self, class)`.
    pub fn is_instance(&self, class: &Obj) -> Maybe<bool> {
        // SAFETY: both are alive.
        match unsafe { ffi::PyObject_IsInstance(self.as_ptr(), class.as_ptr()) } {
            -1 => Err(Raised),
            answer => Ok(answer != 0),
        }
    }
}

/// The reference as the interpreter wants it from a function: null says that an exception is set.
#[inline(always)]
pub fn answer(result: Maybe) -> Raw {
    match result {
        Ok(object) => object.into_ptr(),
        Err(Raised) => ptr::null_mut(),
    }
}

/// A value that is made once, while the module is loaded, and read by attached threads only.
pub struct Attached<T>(pub T);

// SAFETY: what is inside is only reached by threads that are attached to the interpreter, and the
// interpreter's lock lets one of them run at a time.
unsafe impl<T> Sync for Attached<T> {}
// SAFETY: as above: it does not matter which attached thread made it.
unsafe impl<T> Send for Attached<T> {}

/// The version tag of `class`; 0 if it has none.
///
/// # Safety
///
/// `class` is alive.
#[inline(always)]
pub unsafe fn version_tag(class: *mut ffi::PyTypeObject) -> u32 {
    // Later versions set the tag to 0 where it is not valid, and do not keep the flag.
    #[cfg(not(Py_3_12))]
    // SAFETY: as the caller says.
    if unsafe { (*class).tp_flags } & ffi::Py_TPFLAGS_VALID_VERSION_TAG == 0 {
        return 0;
    }
    // SAFETY: as the caller says.
    unsafe { (*class).tp_version_tag }
}
