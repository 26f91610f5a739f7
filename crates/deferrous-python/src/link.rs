//! One callback/errback pair of a Python Deferred, in four words.

use pyo3::ffi;

use crate::{
    interp::{Maybe, Obj, Raised, Raw, type_error},
    twisted::{names, twisted},
};

/// Which outcomes a link is called with; the others pass through.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    Callback,
    Errback,
    Both,
}

/// How the words of a link are to be read. `first` is always an object.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// `first(outcome)`
    Plain,
    /// `first(outcome, second)`
    One,
    /// `first(outcome, second, third)`
    Two,
    /// `first(outcome, *second, **third)`, either may be null.
    Many,
    /// `first(outcome)` for values, `second(outcome)` for failures.
    Pair,
    /// `first` is the entry as Twisted has it, a pair of `(callable, args, kwargs)`.
    Listed,
    /// `first` is the driver of a coroutine that waits.
    Driver,
    /// `first` is the canceller of a coroutine, which is being cancelled.
    Cancelling,
    /// `first` is a `DeferredList`, and the number `second` is this Deferred's place in it.
    Member,
}

/// A callback/errback pair.
pub struct Link {
    first: Obj,
    second: Raw,
    third: Raw,
    pub shape: Shape,
    pub side: Side,
}

impl Drop for Link {
    #[inline]
    fn drop(&mut self) {
        if self.shape == Shape::Member {
            return;
        }
        for word in [self.second, self.third] {
            // SAFETY: in all other shapes the words are null or references of this link's own.
            unsafe { ffi::Py_XDECREF(word) };
        }
    }
}

const NULL: Raw = std::ptr::null_mut();

impl Link {
    const fn new(first: Obj, second: Raw, third: Raw, shape: Shape, side: Side) -> Self {
        Link {
            first,
            second,
            third,
            shape,
            side,
        }
    }

    /// Whether something ends with this link: nothing else refers to it.
    #[inline(always)]
    pub fn holds_the_last_of_something(&self) -> bool {
        let (second, third) = match self.shape {
            Shape::Member => (NULL, NULL),
            _ => (self.second, self.third),
        };
        let words = [self.first.as_ptr(), second, third];
        words.iter().any(|&word| {
            // The same object may be there more than once.
            let own = words.iter().filter(|&&other| other == word).count();
            // SAFETY: it is null or a reference of this link's own.
            !word.is_null() && unsafe { ffi::Py_REFCNT(word) <= own.cast_signed() }
        })
    }

    /// `callable(outcome)` on one side or both.
    #[inline(always)]
    pub const fn plain(callable: Obj, side: Side) -> Self {
        Self::new(callable, NULL, NULL, Shape::Plain, side)
    }

    /// `callable(outcome, *arguments, **keywords)` on one side or both.
    ///
    /// # Safety
    ///
    /// There are `count` objects at `arguments`, all alive.
    #[inline(always)]
    pub unsafe fn with_arguments(
        callable: Obj,
        arguments: *const Raw,
        count: usize,
        keywords: Option<Obj>,
        side: Side,
    ) -> Maybe<Self> {
        // SAFETY: as the caller says.
        unsafe {
            let argument = |at: usize| Obj::borrowed(*arguments.add(at)).into_ptr();
            match (count, keywords) {
                (0, None) => Ok(Self::plain(callable, side)),
                (1, None) => Ok(Self::new(callable, argument(0), NULL, Shape::One, side)),
                (2, None) => Ok(Self::new(
                    callable,
                    argument(0),
                    argument(1),
                    Shape::Two,
                    side,
                )),
                (_, keywords) => {
                    let rest = Obj::owned(ffi::PyTuple_New(count as ffi::Py_ssize_t))?;
                    for at in 0..count {
                        ffi::PyTuple_SET_ITEM(rest.as_ptr(), at as ffi::Py_ssize_t, argument(at));
                    }
                    Ok(Self::many(callable, Some(rest), keywords, side))
                }
            }
        }
    }

    /// `callable(outcome, *arguments, **keywords)` on one side or both.
    pub fn many(callable: Obj, arguments: Option<Obj>, keywords: Option<Obj>, side: Side) -> Self {
        let word = |object: Option<Obj>| object.map_or(NULL, Obj::into_ptr);
        Self::new(callable, word(arguments), word(keywords), Shape::Many, side)
    }

    /// A callable for each side.
    #[inline(always)]
    pub const fn pair(callback: Obj, errback: Obj) -> Self {
        Self::new(callback, errback.into_ptr(), NULL, Shape::Pair, Side::Both)
    }

    /// An entry as Twisted has it.
    pub const fn listed(entry: Obj) -> Self {
        Self::new(entry, NULL, NULL, Shape::Listed, Side::Both)
    }

    /// A coroutine that waits.
    #[inline(always)]
    pub const fn driver(driver: Obj) -> Self {
        Self::new(driver, NULL, NULL, Shape::Driver, Side::Both)
    }

    /// A coroutine that is being cancelled.
    pub const fn cancelling(status: Obj) -> Self {
        Self::new(status, NULL, NULL, Shape::Cancelling, Side::Errback)
    }

    /// A place in a `DeferredList`.
    #[inline(always)]
    pub const fn member(list: Obj, place: usize) -> Self {
        let place = std::ptr::without_provenance_mut(place);
        Self::new(list, place, NULL, Shape::Member, Side::Both)
    }

    /// What the link starts with; see [`Shape`].
    #[inline(always)]
    pub const fn first(&self) -> &Obj {
        &self.first
    }

    /// The place in a `DeferredList`.
    pub fn place(&self) -> usize {
        self.second.addr()
    }

    /// The arguments and the keywords of [`Shape::Many`].
    pub fn rest(&self) -> (Option<Obj>, Option<Obj>) {
        let word = |word: Raw| {
            // SAFETY: in this shape the words are null or objects.
            (!word.is_null()).then(|| unsafe { Obj::borrowed(word) })
        };
        match self.shape {
            Shape::Many => (word(self.second), word(self.third)),
            _ => (None, None),
        }
    }

    /// Every object that the link refers to.
    pub fn each(&self, mut see: impl FnMut(Raw)) {
        see(self.first.as_ptr());
        if self.shape != Shape::Member {
            see(self.second);
            see(self.third);
        }
    }

    /// Whether an outcome of this kind passes through without a call.
    #[inline(always)]
    pub fn passes(&self, failed: bool) -> bool {
        match self.side {
            Side::Callback => failed,
            Side::Errback => !failed,
            Side::Both => false,
        }
    }

    /// The callable for this kind of outcome, which does not pass through. For warnings.
    pub fn callable(&self, failed: bool) -> Maybe {
        match self.shape {
            // SAFETY: in this shape `second` is an object.
            Shape::Pair if failed => Ok(unsafe { Obj::borrowed(self.second) }),
            Shape::Listed => Ok(split(&self.first, failed)?.0),
            Shape::Member => twisted().deferred_list.getattr(&names().cb_deferred),
            _ => Ok(self.first.clone()),
        }
    }

    /// Calls the Python callable of the link.
    #[inline(always)]
    pub fn call(&self, outcome: Raw, failed: bool) -> Maybe {
        match self.shape {
            Shape::Plain => self.first.call_with_room([NULL, outcome]),
            Shape::One => self.first.call_with_room([NULL, outcome, self.second]),
            Shape::Two => self
                .first
                .call_with_room([NULL, outcome, self.second, self.third]),
            Shape::Pair if !failed => self.first.call_with_room([NULL, outcome]),
            // SAFETY: in this shape `second` is an object.
            Shape::Pair => unsafe { Obj::borrowed(self.second) }.call_with_room([NULL, outcome]),
            Shape::Many => call_many(&self.first, outcome, self.second, self.third),
            Shape::Listed => {
                let (callable, arguments, keywords) = split(&self.first, failed)?;
                call_many(&callable, outcome, arguments.as_ptr(), keywords.as_ptr())
            }
            Shape::Driver | Shape::Cancelling | Shape::Member => {
                Err(type_error("a link of this shape has no Python callable"))
            }
        }
    }
}

/// One side of an entry as Twisted has it.
fn split(entry: &Obj, failed: bool) -> Maybe<(Obj, Obj, Obj)> {
    // SAFETY: the entry is alive.
    let triple = unsafe { Obj::owned(ffi::PySequence_GetItem(entry.as_ptr(), failed.into())) }?;
    // SAFETY: the triple is alive.
    let triple = unsafe { Obj::owned(ffi::PySequence_Tuple(triple.as_ptr())) }?;
    // SAFETY: it is a tuple, whose length is looked at first.
    unsafe {
        if ffi::PyTuple_GET_SIZE(triple.as_ptr()) != 3 {
            return Err(type_error(
                "an entry of _callbacks needs (callable, args, kwargs) twice",
            ));
        }
        let item = |at| Obj::borrowed(ffi::PyTuple_GET_ITEM(triple.as_ptr(), at));
        Ok((item(0), item(1), item(2)))
    }
}

/// `callable(outcome, *arguments, **keywords)`.
#[cold]
fn call_many(callable: &Obj, outcome: Raw, arguments: Raw, keywords: Raw) -> Maybe {
    let empty = twisted().empty.as_ptr();
    // SAFETY: all are alive during the call; what is made here is counted by an `Obj` at once.
    unsafe {
        let first = Obj::tuple([Obj::borrowed(outcome)])?;
        let arguments = if arguments.is_null() {
            empty
        } else {
            arguments
        };
        let all = if ffi::PyTuple_CheckExact(arguments) != 0 {
            Obj::owned(ffi::PySequence_Concat(first.as_ptr(), arguments))?
        } else {
            let rest = Obj::owned(ffi::PySequence_Tuple(arguments))?;
            Obj::owned(ffi::PySequence_Concat(first.as_ptr(), rest.as_ptr()))?
        };
        if keywords.is_null() || ffi::PyDict_CheckExact(keywords) != 0 {
            return Obj::owned(ffi::PyObject_Call(
                callable.as_ptr(),
                all.as_ptr(),
                keywords,
            ));
        }
        let dict = Obj::owned(ffi::PyDict_New())?;
        if ffi::PyDict_Update(dict.as_ptr(), keywords) < 0 {
            if ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) != 0 {
                return Err(type_error("argument after ** must be a mapping"));
            }
            return Err(Raised);
        }
        Obj::owned(ffi::PyObject_Call(
            callable.as_ptr(),
            all.as_ptr(),
            dict.as_ptr(),
        ))
    }
}
