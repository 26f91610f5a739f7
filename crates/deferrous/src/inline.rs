//! Values and closures of any type, kept in place when they are small.
//!
//! A chain forgets the types of its values and closures, and a box for each would be most of its
//! cost. [`Value`] and [`Thunk`] keep up to three words where they are and box what is larger, and a
//! [`Queue`] keeps thunks. This is the only file of the crate with `unsafe` in it, and what it offers
//! is safe: a `Value` checks its type before it gives anything out.
//!
//! Values and closures are written where they stay and read from there as what they are. Copied as
//! plain words right after they were written, they would make the processor wait: it hands a word
//! that is on its way to memory on to a read of the same word, but not to a read of several.

use std::{
    any::{TypeId, type_name},
    cell::RefMut,
    fmt,
    marker::PhantomData,
    mem::{self, ManuallyDrop, MaybeUninit, align_of, size_of},
    ptr::{self, NonNull},
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
    #[inline(always)]
    fn new<T>(content: T) -> Self {
        let mut storage = InlineStorage(MaybeUninit::uninit());
        storage.put(content);
        storage
    }

    /// Writes `content` over what is here, which is not dropped.
    #[inline(always)]
    fn put<T>(&mut self, content: T) {
        let words = self.0.as_mut_ptr();
        if const { fits::<T>() } {
            // SAFETY: a `T` fits into the words by size and alignment, as just asked.
            unsafe { words.cast::<T>().write(content) };
        } else {
            // SAFETY: a box of a sized type is one word.
            unsafe { words.cast::<Box<T>>().write(Box::new(content)) };
        }
    }

    /// The same words once more, each read by itself.
    #[inline(always)]
    fn copy(&self) -> Self {
        let words = self.0.as_ptr().cast::<MaybeUninit<usize>>();
        // SAFETY: these are the three words that are here, whatever they contain. The reads are volatile so that the
        // compiler does not make one of them.
        let words = unsafe { [0, 1, 2].map(|n| words.add(n).read_volatile()) };
        // SAFETY: an array of words that may be uninitialized is an array of words that may be so.
        InlineStorage(unsafe {
            mem::transmute::<[MaybeUninit<usize>; 3], MaybeUninit<Words>>(words)
        })
    }

    /// # Safety
    ///
    /// The storage was made with a `T`, which has not been taken out or dropped.
    #[inline]
    unsafe fn take<T>(&self) -> T {
        let words = self.0.as_ptr();
        if const { fits::<T>() } {
            // SAFETY: `put` wrote a `T` of this size here, which was not taken out, and nothing reads it after this.
            unsafe { words.cast::<T>().read() }
        } else {
            // SAFETY: `put` wrote a box for a type of this size, and nothing reads it after this.
            unsafe { *words.cast::<Box<T>>().read() }
        }
    }

    /// # Safety
    ///
    /// As for [`take`](InlineStorage::take).
    unsafe fn drop_content<T>(&mut self) {
        let words = self.0.as_mut_ptr();
        if const { fits::<T>() } {
            // SAFETY: `put` wrote a `T` of this size here, which was not taken out; it is dropped in place, once.
            unsafe { ptr::drop_in_place(words.cast::<T>()) };
        } else {
            // SAFETY: `put` wrote a box for a type of this size, which was not taken out; it is dropped once.
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

    /// `()`, with zeros where a larger value would be: see [`Queue::new`].
    #[inline(always)]
    pub(crate) const fn unit() -> Self {
        Value {
            kind: ValueKind::of::<()>(),
            storage: InlineStorage(MaybeUninit::zeroed()),
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

    /// The value with its type; `()` is left in its place.
    #[inline(always)]
    pub(crate) fn take_whole(&mut self) -> Self {
        Value {
            kind: mem::replace(&mut self.kind, ValueKind::of::<()>()),
            storage: self.storage.copy(),
            _content: PhantomData,
        }
    }

    /// Puts `content` here instead.
    #[inline(always)]
    pub(crate) fn set<T: 'static>(&mut self, content: T) {
        // A value that was taken has left `()`, of which the compiler knows that it needs no drop.
        if self.needs_drop() {
            drop(mem::replace(self, Value::unit()));
        }
        self.storage.put(content);
        self.kind = ValueKind::of::<T>();
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
            // SAFETY: the function was chosen for the type that `new` or `set` put in.
            unsafe { drop(&mut self.storage) };
        }
    }
}

/// The loan of what a closure is in. It ends when the closure has been read.
type Loan<'a> = RefMut<'a, [(); 0]>;

struct ThunkKind<A, R> {
    call: unsafe fn(*const InlineStorage, Option<Loan<'_>>, &mut A) -> R,
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
/// The storage was made with an `F`, which has not been taken out or dropped, and nobody changes it until the loan
/// ends.
unsafe fn call<A, R, F: FnOnce(&mut A) -> R>(
    storage: *const InlineStorage,
    loan: Option<Loan<'_>>,
    argument: &mut A,
) -> R {
    // SAFETY: a `ThunkKind` has this function beside the storage that was made with the same `F`, a thunk is called
    // once, and the storage is the caller's own or still lent to it.
    let f = unsafe { (*storage).take::<F>() };
    drop(loan);
    f(argument)
}

impl<A: 'static, R: 'static> Thunk<A, R> {
    const fn kind<F: FnOnce(&mut A) -> R + 'static>() -> &'static ThunkKind<A, R> {
        const {
            &ThunkKind {
                call: call::<A, R, F>,
                drop: InlineStorage::drop_content::<F>,
            }
        }
    }

    #[inline]
    pub(crate) fn new<F: FnOnce(&mut A) -> R + 'static>(f: F) -> Self {
        Thunk {
            kind: Self::kind::<F>(),
            storage: InlineStorage::new(f),
            _content: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn call(self, argument: &mut A) -> R {
        let this = ManuallyDrop::new(self);
        // SAFETY: `kind` was chosen for the closure that `new` or `push` put in, and `this` is not used
        // again.
        unsafe { (this.kind.call)(&raw const this.storage, None, argument) }
    }
}

impl<A: 'static, R: 'static> Drop for Thunk<A, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `kind` was chosen for the closure that `new` or `push` put in.
        unsafe { (self.kind.drop)(&mut self.storage) };
    }
}

/// How many closures a [`Queue`] keeps in itself: most Deferreds have at most so many links at any moment.
const FEW: usize = 2;

/// How many there is room for in its first allocation.
const FIRST_CAPACITY: u32 = 8;

/// Closures that are called in the order in which they came. The first two need no allocation.
///
/// Each is made in its slot, and read from there when it is called.
pub(crate) struct Queue<A: 'static, R: 'static> {
    /// A ring of those that come first.
    few: MaybeUninit<[Thunk<A, R>; FEW]>,
    /// A ring of those that did not fit.
    many: NonNull<Thunk<A, R>>,
    /// How many slots `many` has: none, or a power of two.
    capacity: u32,
    many_first: u32,
    many_len: u32,
    few_first: u8,
    few_len: u8,
}

impl<A: 'static, R: 'static> Queue<A, R> {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Queue {
            // Zeros, because the compiler copies what is not initialized from where it was not.
            few: MaybeUninit::zeroed(),
            many: NonNull::dangling(),
            capacity: 0,
            many_first: 0,
            many_len: 0,
            few_first: 0,
            few_len: 0,
        }
    }

    /// How many closures there are.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.few_len as usize + self.many_len as usize
    }

    /// Whether there are none.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a closure.
    #[inline(always)]
    pub(crate) fn push<F: FnOnce(&mut A) -> R + 'static>(&mut self, f: F) {
        let slot = self.add_slot();
        // SAFETY: the slot is that of a thunk, and nobody else knows of it before this returns. Writing to its fields
        // reads and drops nothing.
        unsafe {
            (&raw mut (*slot).kind).write(Thunk::<A, R>::kind::<F>());
            let storage = &mut (*slot).storage;
            storage.put(f);
        }
    }

    /// Calls the first closure, after the loan of the queue has ended.
    #[inline(always)]
    pub(crate) fn call_first(queue: RefMut<'_, Self>, argument: &mut A) -> Option<R> {
        let mut slot = None;
        let loan: Loan<'_> = RefMut::map(queue, |queue| {
            slot = queue.take_slot();
            &mut []
        });
        let thunk = slot?;
        // SAFETY: a thunk was made in this slot, and `take_slot` has given it out, once. The slot stays as it is until
        // the loan ends, and then the closure has been read.
        Some(unsafe { ((*thunk).kind.call)(&raw const (*thunk).storage, Some(loan), argument) })
    }

    /// Takes the first closure.
    pub(crate) fn pop(&mut self) -> Option<Thunk<A, R>> {
        // SAFETY: a thunk was made in this slot, and `take_slot` has given it out, once.
        self.take_slot().map(|slot| unsafe { slot.read() })
    }

    /// The slot behind the last one. It counts as taken, and has to be written to.
    #[inline]
    fn add_slot(&mut self) -> *mut Thunk<A, R> {
        if self.many_len == 0 && usize::from(self.few_len) < FEW {
            let index = usize::from(self.few_first + self.few_len) % FEW;
            self.few_len += 1;
            let few = self.few.as_mut_ptr().cast::<Thunk<A, R>>();
            // SAFETY: the index is that of one of the few slots.
            return unsafe { few.add(index) };
        }
        if self.many_len == self.capacity {
            self.grow();
        }
        let index = (self.many_first + self.many_len) & (self.capacity - 1);
        self.many_len += 1;
        // SAFETY: the index is below the capacity, for which there is room.
        unsafe { self.many.as_ptr().add(index as usize) }
    }

    /// The first slot. It counts as free, and stays as it is until a slot is added.
    #[inline(always)]
    fn take_slot(&mut self) -> Option<*const Thunk<A, R>> {
        if self.few_len > 0 {
            let index = usize::from(self.few_first) % FEW;
            self.few_first = self.few_first.wrapping_add(1) % FEW as u8;
            self.few_len -= 1;
            let few = self.few.as_ptr().cast::<Thunk<A, R>>();
            // SAFETY: the index is that of one of the few slots.
            return Some(unsafe { few.add(index) });
        }
        if self.many_len == 0 {
            return None;
        }
        let index = self.many_first as usize;
        self.many_first = (self.many_first + 1) & (self.capacity - 1);
        self.many_len -= 1;
        // SAFETY: the index is below the capacity, for which there is room.
        Some(unsafe { self.many.as_ptr().add(index) })
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let capacity = self
            .capacity
            .checked_mul(2)
            .expect("there are at most 2^31 links");
        let capacity = capacity.max(FIRST_CAPACITY);
        let many = Box::into_raw(Box::<[Thunk<A, R>]>::new_uninit_slice(capacity as usize));
        let many = many.cast::<Thunk<A, R>>();
        let (old, first) = (self.many.as_ptr(), self.many_first as usize);
        let behind = self.capacity as usize - first;
        // SAFETY: all slots of the old ring are taken, and the new one has more. Those from the first one to the end come
        // to its beginning, and those before the first one come after these. The old slots are not read again.
        unsafe {
            ptr::copy_nonoverlapping(old.add(first), many, behind);
            ptr::copy_nonoverlapping(old, many.add(behind), first);
        }
        drop(self.take_allocation());
        // SAFETY: the place of a box is not null.
        self.many = unsafe { NonNull::new_unchecked(many) };
        (self.capacity, self.many_first) = (capacity, 0);
    }

    /// The allocation of `many`, to be freed. What is in it is not dropped.
    fn take_allocation(&mut self) -> Box<[MaybeUninit<Thunk<A, R>>]> {
        let capacity = mem::take(&mut self.capacity) as usize;
        let slots = ptr::slice_from_raw_parts_mut(self.many.as_ptr().cast(), capacity);
        // SAFETY: `grow` got it from a box of as many slots. Where there are none, the dangling place is that of a box.
        unsafe { Box::from_raw(slots) }
    }
}

impl<A: 'static, R: 'static> Drop for Queue<A, R> {
    #[inline]
    fn drop(&mut self) {
        if self.capacity > 0 || self.few_len > 0 {
            drop_queue(self);
        }
    }
}

#[inline(never)]
fn drop_queue<A, R>(queue: &mut Queue<A, R>) {
    /// Frees the memory even if a destructor panics.
    struct FreeOnDrop<'a, A: 'static, R: 'static>(&'a mut Queue<A, R>);
    impl<A, R> Drop for FreeOnDrop<'_, A, R> {
        fn drop(&mut self) {
            drop(self.0.take_allocation());
        }
    }
    let queue = FreeOnDrop(queue);
    while let Some(thunk) = queue.0.pop() {
        drop(thunk);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.type_name()).finish()
    }
}

#[cfg(test)]
mod tests;
