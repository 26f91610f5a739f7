//! Values and closures of any type, kept in place when they are small.
//!
//! A chain forgets the types of its values and closures, and a box for each would be most of its
//! cost. [`Value`] and [`Thunk`] keep up to three words where they are and box what is larger. This
//! is the only file of the engine's typed API with `unsafe` in it, and what it offers is safe: a
//! `Value` checks its type before it gives anything out.

use std::{
    any::{TypeId, type_name},
    fmt,
    marker::PhantomData,
    mem::{self, ManuallyDrop, MaybeUninit, align_of, size_of},
    ptr,
    rc::Rc,
};

/// Three words: a `String`, a `Vec`, a boxed slice and a number, or a closure over as much.
type Words = [usize; 3];

/// Storage for a `T`, or for a box of one.
#[repr(transparent)]
struct InlineStorage(MaybeUninit<Words>);

const fn fits<T>() -> bool {
    size_of::<T>() <= size_of::<Words>() && align_of::<T>() <= align_of::<Words>()
}

impl InlineStorage {
    #[inline]
    fn new<T>(content: T) -> Self {
        let mut storage = MaybeUninit::<Words>::uninit();
        if const { fits::<T>() } {
            // SAFETY: a `T` fits into the words by size and alignment, as just asked.
            unsafe { storage.as_mut_ptr().cast::<T>().write(content) };
        } else {
            // SAFETY: a box of a sized type is one word.
            unsafe {
                storage
                    .as_mut_ptr()
                    .cast::<Box<T>>()
                    .write(Box::new(content));
            };
        }
        InlineStorage(storage)
    }

    /// # Safety
    ///
    /// The storage was made with a `T`, which has not been taken out or dropped.
    #[inline]
    unsafe fn take<T>(&self) -> T {
        let words = self.0.as_ptr();
        if const { fits::<T>() } {
            // SAFETY: the caller says that a `T` is here, and that nobody reads it again.
            unsafe { words.cast::<T>().read() }
        } else {
            // SAFETY: `new` wrote a box for a type of this size, and the caller says that nobody reads it again.
            unsafe { *words.cast::<Box<T>>().read() }
        }
    }

    /// # Safety
    ///
    /// As for [`take`](InlineStorage::take).
    unsafe fn drop_content<T>(&mut self) {
        let words = self.0.as_mut_ptr();
        if const { fits::<T>() } {
            // SAFETY: the caller says that a `T` is here; it is dropped in place, once.
            unsafe { ptr::drop_in_place(words.cast::<T>()) };
        } else {
            // SAFETY: `new` wrote a box for a type of this size, which the caller has not taken out; it is dropped once.
            unsafe { ptr::drop_in_place(words.cast::<Box<T>>()) };
        }
    }
}

/// An `Rc` whose content is made where it is to be. `Rc::new` makes it on the stack, and copying it
/// from there is a good part of what a new Deferred costs.
#[inline(always)]
pub(crate) fn rc_in_place<T>(make: impl FnOnce() -> T) -> Rc<T> {
    let mut rc = Rc::<T>::new_uninit();
    if let Some(place) = Rc::get_mut(&mut rc) {
        place.write(make());
    }
    // SAFETY: nobody else has this `Rc` yet, so `get_mut` gave the place, and the content was
    // written there.
    unsafe { rc.assume_init() }
}

struct ValueKind {
    id: fn() -> TypeId,
    name: fn() -> &'static str,
    /// Drops the content; absent where there is nothing to do.
    drop: Option<unsafe fn(&mut InlineStorage)>,
}

impl ValueKind {
    #[inline]
    const fn of<T: 'static>() -> &'static Self {
        const {
            &ValueKind {
                id: TypeId::of::<T>,
                name: type_name::<T>,
                drop: if mem::needs_drop::<T>() || !fits::<T>() {
                    Some(InlineStorage::drop_content::<T>)
                } else {
                    None
                },
            }
        }
    }
}

/// A value whose type has been forgotten.
pub(crate) struct Value {
    kind: &'static ValueKind,
    storage: InlineStorage,
    /// The content may be anything, and so may not be sent or shared.
    _content: PhantomData<*mut ()>,
}

impl Value {
    #[inline]
    pub(crate) fn new<T: 'static>(content: T) -> Self {
        Value {
            kind: ValueKind::of::<T>(),
            storage: InlineStorage::new(content),
            _content: PhantomData,
        }
    }

    /// The value itself; `()` is left in its place.
    ///
    /// # Panics
    ///
    /// If it is of another type, which only an error in this crate can bring about.
    #[inline]
    pub(crate) fn take<T: 'static>(&mut self) -> T {
        // The same kind has the same address, nearly always, and that is known without reading it.
        if !ptr::eq(self.kind, ValueKind::of::<T>()) && (self.kind.id)() != TypeId::of::<T>() {
            mixed_up(self.type_name(), type_name::<T>());
        }
        // Not by `mem::replace`: moving all words costs more than reading those that are there.
        self.kind = ValueKind::of::<()>();
        // SAFETY: the type was compared, and the kind says that the content is gone.
        unsafe { self.storage.take::<T>() }
    }

    /// The name of the value's type.
    pub(crate) fn type_name(&self) -> &'static str {
        (self.kind.name)()
    }

    /// Whether dropping it does anything.
    #[inline]
    pub(crate) const fn needs_drop(&self) -> bool {
        self.kind.drop.is_some()
    }
}

#[cold]
fn mixed_up(found: &str, wanted: &str) -> ! {
    panic!("a chain held a value of type {found} where its types say {wanted}: please report this")
}

impl Drop for Value {
    #[inline]
    fn drop(&mut self) {
        if let Some(drop) = self.kind.drop {
            // SAFETY: the function was chosen for the type that `new` put in.
            unsafe { drop(&mut self.storage) };
        }
    }
}

struct ThunkKind<A, R> {
    call: unsafe fn(&InlineStorage, &mut A) -> R,
    drop: unsafe fn(&mut InlineStorage),
}

/// A closure over `&mut A` that is called once, and whose type has been forgotten.
pub(crate) struct Thunk<A: 'static, R: 'static> {
    kind: &'static ThunkKind<A, R>,
    storage: InlineStorage,
    /// The closure may hold anything, and so may not be sent or shared.
    _content: PhantomData<*mut ()>,
}

/// # Safety
///
/// The storage was made with an `F`, which has not been taken out or dropped.
unsafe fn call<A, R, F: FnOnce(&mut A) -> R>(storage: &InlineStorage, argument: &mut A) -> R {
    // SAFETY: `Thunk::new` puts this function beside the storage that it makes with the same `F`, and a thunk is
    // called once.
    let f = unsafe { storage.take::<F>() };
    f(argument)
}

impl<A: 'static, R: 'static> Thunk<A, R> {
    #[inline]
    pub(crate) fn new<F: FnOnce(&mut A) -> R + 'static>(f: F) -> Self {
        Thunk {
            kind: const {
                &ThunkKind {
                    call: call::<A, R, F>,
                    drop: InlineStorage::drop_content::<F>,
                }
            },
            storage: InlineStorage::new(f),
            _content: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn call(self, argument: &mut A) -> R {
        let this = ManuallyDrop::new(self);
        // SAFETY: `kind` was chosen for the closure that `new` put in, and `this` is not used
        // again.
        unsafe { (this.kind.call)(&this.storage, argument) }
    }
}

impl<A: 'static, R: 'static> Drop for Thunk<A, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `kind` was chosen for the closure that `new` put in.
        unsafe { (self.kind.drop)(&mut self.storage) };
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.type_name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Thunk, Value};

    #[repr(align(32))]
    struct Aligned(u8);

    /// Taking and dropping each free the content exactly once.
    fn counted<T: 'static>(make: impl Fn(Rc<()>) -> T) {
        let count = Rc::new(());
        let value = Value::new(make(count.clone()));
        assert_eq!(Rc::strong_count(&count), 2);
        drop(value);
        assert_eq!(Rc::strong_count(&count), 1);
        let taken = Value::new(make(count.clone())).take::<T>();
        assert_eq!(Rc::strong_count(&count), 2);
        drop(taken);
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn values_are_dropped_once() {
        counted(|rc| rc);
        counted(|rc| (rc, [0_usize; 2]));
        counted(|rc| (rc, [0_usize; 3]));
        counted(|rc| (rc, Aligned(1)));
    }

    #[test]
    fn values_come_back_whole() {
        assert_eq!(Value::new(7_u8).take::<u8>(), 7);
        assert_eq!(Value::new([1_u64; 9]).take::<[u64; 9]>(), [1; 9]);
        assert_eq!(Value::new(Aligned(9)).take::<Aligned>().0, 9);
        Value::new(()).take::<()>();
    }

    #[test]
    #[should_panic(expected = "u8 where its types say u16")]
    fn a_value_of_another_type_is_refused() {
        Value::new(7_u8).take::<u16>();
    }

    #[test]
    fn closures_are_called_or_dropped_once() {
        let count = Rc::new(());
        for size in 0..2 {
            let (inner, large) = (count.clone(), [size; 5]);
            let thunk = Thunk::new(move |n: &mut usize| *n + large[0] + Rc::strong_count(&inner));
            assert_eq!(thunk.call(&mut 1), 3 + size);
            assert_eq!(Rc::strong_count(&count), 1);
            let inner = count.clone();
            drop(Thunk::new(move |(): &mut ()| drop(inner)));
            assert_eq!(Rc::strong_count(&count), 1);
        }
    }
}
