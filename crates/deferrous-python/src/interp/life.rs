//! The life of objects that are made and ended all the time, and that report at their end: Deferreds.
//!
//! PyO3 makes their class. This adds what its classes do not have: a finalizer, which the collector calls before it
//! ends a cycle; an end that needs no stack for objects which hold each other in a row of any length; and memory of
//! objects that have ended, kept for the next ones, as the interpreter does for its own small objects. Asking the
//! allocator each time is a third of what making a Deferred costs.

use std::{
    any::Any,
    cell::{Cell, UnsafeCell},
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};

use arrayvec::ArrayVec;
use pyo3::{
    Borrowed, PyClass, exceptions::PyTypeError, ffi, prelude::*, pyclass::boolean_struct::True,
};

use super::{
    classes::{change_slots, read_class_of},
    fallible,
    kept::Kept,
    name,
    token::called_by_pyo3,
};

type Raw = *mut ffi::PyObject;

unsafe extern "C" {
    /// Makes the descriptor of a slot of a class, such as `__del__`.
    fn PyDescr_NewWrapper(
        class: *mut ffi::PyTypeObject,
        base: *mut ffi::wrapperbase,
        wrapped: *mut c_void,
    ) -> Raw;
}

/// What happens in the life of the objects of a class that PyO3 has made.
pub trait Life: PyClass<Frozen = True> + Send + Sync {
    /// What is left to do when all that the object held has ended.
    type Last: Kept;

    /// The memory of objects that have ended.
    fn memory() -> &'static Memory;

    /// The collector has found the object, and nothing of it has been taken away. It is called if the class has been
    /// given [a finalizer](add_finalizer).
    fn finalize(_this: &Bound<'_, Self>) {}

    /// Nothing refers to the object any more. Takes out what is left to do when the rest has ended.
    fn before_end<'py>(&self, _py: Python<'py>) -> Option<<Self::Last as Kept>::At<'py>> {
        None
    }

    /// The rest has ended.
    fn after_end<'py>(_py: Python<'py>, _last: <Self::Last as Kept>::At<'py>) {}
}

/// How many objects may end inside each other before the next one has to wait.
const DEEPEST: u32 = 24;
/// How many pieces of memory are kept.
const KEPT: usize = 128;

/// Where a thread is.
struct Ending {
    depth: Cell<u32>,
    some_wait: Cell<bool>,
}

thread_local! {
    static ENDING: Ending = const {
        Ending {
            depth: Cell::new(0),
            some_wait: Cell::new(false),
        }
    };
    static WAITING: Cell<Vec<Box<dyn Any>>> = const { Cell::new(Vec::new()) };
}

/// Ends what an object held: in place by `end_now`, or what `take` gives when those that are ending around it are done.
#[inline(always)]
fn end<T: 'static>(end_now: impl FnOnce(), take: impl FnOnce() -> T) {
    ENDING.with(|ending| {
        let depth = ending.depth.get();
        if depth >= DEEPEST {
            return wait(ending, Box::new(take()));
        }
        ending.depth.set(depth + 1);
        end_now();
        if depth == 0 && ending.some_wait.get() {
            while let Some(held) = next(ending) {
                drop(held);
            }
        }
        ending.depth.set(depth);
    });
}

#[cold]
fn wait(ending: &Ending, held: Box<dyn Any>) {
    let mut waiting = WAITING.take();
    waiting.push(held);
    WAITING.set(waiting);
    ending.some_wait.set(true);
}

/// One that waits, taken off the list before its end, which may put more on it.
fn next(ending: &Ending) -> Option<Box<dyn Any>> {
    let mut waiting = WAITING.take();
    let held = waiting.pop();
    ending.some_wait.set(!waiting.is_empty());
    WAITING.set(waiting);
    held
}

/// The memory of objects that have ended, of one class, of which all have the same size.
pub struct Memory {
    pieces: UnsafeCell<Pieces>,
    /// The class, when it has this life.
    class: AtomicPtr<ffi::PyTypeObject>,
}

struct Pieces {
    pieces: ArrayVec<Raw, KEPT>,
    /// Where in an object that is which PyO3 keeps for Rust. It is known when there is a piece.
    offset: usize,
}

// SAFETY: only threads that are attached to the interpreter get here, one at a time, and nothing else runs meanwhile.
unsafe impl Sync for Memory {}

impl Memory {
    /// Nothing is kept yet.
    pub const fn new() -> Self {
        Memory {
            pieces: UnsafeCell::new(Pieces {
                pieces: ArrayVec::new_const(),
                offset: 0,
            }),
            class: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

/// Makes an object of what `build` gives, which may run no Python code.
#[inline(always)]
pub fn make<T: Life + Into<PyClassInitializer<T>>>(
    py: Python<'_>,
    build: impl FnOnce() -> T,
) -> PyResult<Bound<'_, T>> {
    // SAFETY: nothing else uses what is kept while it is borrowed. A piece is the memory of an object of the same
    // class, with its dict and its weak references gone; the value is all that it lacks.
    unsafe {
        let kept = &mut *T::memory().pieces.get();
        let Some(raw) = kept.pieces.pop() else {
            return make_anew(py, build());
        };
        // What the collector notes of an object is in two words before it, and one of the notes is that it has been
        // finalized.
        raw.cast::<usize>().sub(2).write_bytes(0, 2);
        let raw = ffi::PyObject_Init(raw, T::memory().class.load(Relaxed));
        raw.byte_add(kept.offset).cast::<T>().write(build());
        ffi::PyObject_GC_Track(raw.cast());
        Ok(Bound::from_owned_ptr(py, raw).cast_into_unchecked())
    }
}

/// As [`make`], where no memory is kept. A separate function, so that the value is made in place otherwise.
#[cold]
#[inline(never)]
fn make_anew<T: Life + Into<PyClassInitializer<T>>>(
    py: Python<'_>,
    value: T,
) -> PyResult<Bound<'_, T>> {
    Bound::new(py, value)
}

/// `tp_finalize`.
///
/// # Safety
///
/// Called by the interpreter, with an object of the class.
unsafe extern "C" fn finalize<T: Life>(this: Raw) {
    // SAFETY: the interpreter calls it with an object of the class, before anything of it is taken away. One that
    // nothing else refers to is not the collector's, but at its end: what it holds ends before it reports. Where a panic
    // has left an exception, the last call takes it.
    unsafe {
        if ffi::Py_REFCNT(this) > 1 {
            let py = Python::assume_attached();
            let this = Borrowed::from_ptr(py, this).cast_unchecked();
            if called_by_pyo3(py, || T::finalize(&this)).is_none() {
                ffi::PyErr_WriteUnraisable(ptr::null_mut());
            }
        }
    }
}

/// Whether the class of the object has the finalizer of this file, and not a `__del__` that a program has set.
pub fn has_own_finalizer<T: Life>(this: &Bound<'_, T>) -> bool {
    let own: ffi::destructor = finalize::<T>;
    let found = read_class_of(this, |class| class.tp_finalize);
    found.is_some_and(|found| ptr::fn_addr_eq(found, own))
}

/// Calls the `__del__` that a program has set on the class, as the interpreter does for classes made in Python.
/// Returns whether the object is alive again.
///
/// # Safety
///
/// Nothing refers to the object, of which nothing has been taken away.
#[inline(always)]
unsafe fn is_revived<T: Life>(py: Python<'_>, this: Raw) -> bool {
    // SAFETY: the object is of the class and at its end, and still whole. Without a finalizer, the call does nothing.
    unsafe {
        let object = Borrowed::from_ptr(py, this);
        !has_own_finalizer(&object.cast_unchecked::<T>())
            && ffi::PyObject_CallFinalizerFromDealloc(this) < 0
    }
}

/// The address of what PyO3 keeps for Rust in an object.
fn value_of<T: PyClass<Frozen = True> + Sync>(this: &Bound<'_, T>) -> *mut T {
    ptr::from_ref(this.get()).cast_mut()
}

/// `tp_dealloc`.
///
/// # Safety
///
/// Called by the interpreter, with an object of the class that nothing refers to.
unsafe extern "C" fn dealloc<T: Life>(this: Raw) {
    // SAFETY: the interpreter calls it with an object of the class that nothing refers to. The collector does not
    // see it any more before anything of it is taken away, and its memory is given back last. Where a panic has left an
    // exception, the call that writes it takes it.
    unsafe {
        let py = Python::assume_attached();
        if is_revived::<T>(py, this) {
            return;
        }
        ffi::PyObject_GC_UnTrack(this.cast());
        let value = value_of(&Borrowed::from_ptr(py, this).cast_unchecked::<T>());
        let last = (*value).before_end(py);
        let class = ffi::Py_TYPE(this);
        if (*class).tp_weaklistoffset > 0 {
            let weak = this.byte_offset((*class).tp_weaklistoffset).cast::<Raw>();
            if !(*weak).is_null() {
                ffi::PyObject_ClearWeakRefs(this);
            }
        }
        if (*class).tp_dictoffset > 0 {
            let dict = this.byte_offset((*class).tp_dictoffset).cast::<Raw>();
            ffi::Py_XDECREF(ptr::replace(dict, ptr::null_mut()));
        }
        end(|| ptr::drop_in_place(value), || ptr::read(value));
        if let Some(last) = last
            && called_by_pyo3(py, || T::after_end(py, last)).is_none()
        {
            ffi::PyErr_WriteUnraisable(ptr::null_mut());
        }
        let kept = &mut *T::memory().pieces.get();
        if ptr::eq(class, T::memory().class.load(Relaxed)) {
            kept.offset = value.byte_offset_from(this).unsigned_abs();
            if kept.pieces.try_push(this).is_err() {
                ffi::PyObject_GC_Del(this.cast());
            }
        } else if let Some(free) = (*class).tp_free {
            free(this.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// `tp_dealloc` of a class that extends one that has [`Life`].
///
/// # Safety
///
/// Called by the interpreter, with an object of the class that nothing refers to.
unsafe extern "C" fn dealloc_extended<T>(this: Raw)
where
    T: PyClass<Frozen = True> + Sync,
    T::BaseType: Life,
{
    // SAFETY: the interpreter calls it with an object of the class that nothing refers to. What the class adds ends
    // first, and the rest as an object of the base does.
    unsafe {
        let py = Python::assume_attached();
        if is_revived::<T::BaseType>(py, this) {
            return;
        }
        ffi::PyObject_GC_UnTrack(this.cast());
        let value = value_of(&Borrowed::from_ptr(py, this).cast_unchecked::<T>());
        drop(ptr::read(value));
        dealloc::<T::BaseType>(this);
    }
}

/// Gives a class this life. Nobody has made an object of it yet.
pub fn begin<T: Life>(py: Python<'_>) {
    change_slots::<T>(py, |class, _| {
        class.tp_dealloc = Some(dealloc::<T>);
        T::memory().class.store(class, Relaxed);
    });
}

/// Gives a class a finalizer. Nobody has made an object of it yet.
pub fn add_finalizer<T: Life>(py: Python<'_>) -> PyResult<()> {
    let class = T::type_object(py);
    // Each slot of a class has a descriptor, which is made of what the interpreter keeps for the slot.
    let generator = fallible::import(py, "types", "GeneratorType")?;
    let model = generator.getattr(name!(py, "__del__")?)?;
    // SAFETY: the object is looked at as a descriptor of a slot only where it is one; all are alive for ever.
    let finalizer = unsafe {
        if !ptr::eq(model.get_type_ptr(), &raw mut ffi::PyWrapperDescr_Type) {
            let message = "generators have no finalizer";
            return Err(fallible::error::<PyTypeError>(py, message));
        }
        let base = (*model.as_ptr().cast::<ffi::PyWrapperDescrObject>()).d_base;
        let own: ffi::destructor = finalize::<T>;
        let made = PyDescr_NewWrapper(class.as_type_ptr(), base, own as *mut c_void);
        Bound::from_owned_ptr_or_err(py, made)
    }?;
    class.setattr(name!(py, "__del__")?, finalizer)
}

/// Gives a class that extends one with this life and a finalizer the same. Nobody has made an object of it yet.
pub fn begin_extended<T>(py: Python<'_>)
where
    T: PyClass<Frozen = True> + Sync,
    T::BaseType: Life,
{
    change_slots::<T>(py, |class, _| {
        class.tp_dealloc = Some(dealloc_extended::<T>)
    });
}
