//! One callback/errback pair of a Deferred, and how it is called.

use std::ptr::null_mut;

use pyo3::ffi;

use super::kinds::classes;
use crate::{
    interp::{Counted, Maybe, Obj, Raised, Raw, Traverse, Visitor, type_error},
    twisted::twisted,
};

/// Which results a callback is called with. The others pass by.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    Callback,
    Errback,
    Both,
}

/// A callback/errback pair, as the methods add it.
#[derive(Clone)]
pub enum Callback {
    /// `callable(result)`
    Plain { side: Side, callable: Obj },
    /// `callable(result, argument)`
    WithArgument {
        side: Side,
        callable: Obj,
        argument: Obj,
    },
    /// `callable(result, *arguments, **keywords)`
    WithArguments {
        side: Side,
        callable: Obj,
        rest: Box<Arguments>,
    },
    /// `callback(result)` for values, `errback(result)` for failures.
    Pair { callback: Obj, errback: Obj },
    /// As Twisted has it: `((callback, args, kwargs), (errback, args, kwargs))`.
    Entry { entry: Obj },
    /// A Deferred that waits for this one's result; Twisted's `_CONTINUE`.
    Continuation { waiting: Obj },
    /// A callback in Rust, with its object and a number.
    Native {
        side: Side,
        index: u32,
        native: &'static Native,
        target: Obj,
    },
}

/// The arguments of a callback that has several.
#[derive(Clone)]
pub struct Arguments {
    /// A tuple.
    pub positional: Obj,
    /// A dict.
    pub keywords: Option<Obj>,
}

/// A callable and the tuple of its arguments.
type CallableWithArguments = (Obj, Obj);

/// A kind of callback in Rust.
pub struct Native {
    /// Calls it with `(target, index, result, failed)`.
    pub call: fn(&Obj, u32, &Obj, bool) -> Called,
    /// The pair as programs see it, for `(target, index)`: callables and their arguments.
    pub show: fn(&Obj, u32) -> Maybe<[CallableWithArguments; 2]>,
}

/// What calling a callback came to.
pub enum Called {
    Returned(Maybe),
    /// It is done when another Deferred, which it has just fired, has run its callbacks. It leaves `None`.
    Fired(Obj),
}

/// What `cancel` calls.
#[derive(Clone)]
pub struct Canceller {
    pub target: Obj,
    /// Not there if `target` is a callable of Python.
    pub native: Option<&'static NativeCanceller>,
}

/// A kind of canceller in Rust.
pub struct NativeCanceller {
    /// Cancels the Deferred, for `(target, deferred)`.
    pub cancel: fn(&Obj, &Obj) -> Maybe<()>,
    /// The canceller as programs see it.
    pub show: fn(&Obj) -> Maybe,
}

impl Counted for Canceller {}

impl Traverse for Canceller {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.see(&self.target);
    }
}

impl Canceller {
    /// A callable of Python.
    pub const fn callable(target: Obj) -> Self {
        Canceller {
            target,
            native: None,
        }
    }
}

impl Callback {
    /// `callable(result, *arguments, **keywords)`.
    ///
    /// # Safety
    ///
    /// The arguments are alive.
    #[inline(always)]
    pub unsafe fn with_arguments(
        side: Side,
        callable: Obj,
        arguments: &[Raw],
        keywords: Option<Obj>,
    ) -> Maybe<Self> {
        Ok(match (arguments, keywords) {
            ([], None) => Callback::Plain { side, callable },
            ([argument], None) => Callback::WithArgument {
                side,
                callable,
                // SAFETY: as the caller promises, the argument is alive.
                argument: unsafe { Obj::borrowed(*argument) },
            },
            (arguments, keywords) => Callback::WithArguments {
                side,
                callable,
                rest: Box::new(Arguments {
                    positional: Obj::tuple_of(arguments)?,
                    keywords,
                }),
            },
        })
    }

    /// Whether a result of this kind passes by without a call.
    #[inline(always)]
    pub const fn passes(&self, failed: bool) -> bool {
        match self {
            Callback::Plain { side, .. }
            | Callback::WithArgument { side, .. }
            | Callback::WithArguments { side, .. }
            | Callback::Native { side, .. } => match side {
                Side::Callback => failed,
                Side::Errback => !failed,
                Side::Both => false,
            },
            _ => false,
        }
    }

    /// The callable for this kind of result, for warnings.
    pub fn callable(&self, failed: bool) -> Maybe {
        Ok(match self {
            _ if self.passes(failed) => twisted().passthru.clone(),
            Callback::Plain { callable, .. }
            | Callback::WithArgument { callable, .. }
            | Callback::WithArguments { callable, .. } => callable.clone(),
            Callback::Pair { callback, .. } if !failed => callback.clone(),
            Callback::Pair { errback, .. } => errback.clone(),
            Callback::Entry { entry } => split(entry, failed)?.0,
            Callback::Continuation { waiting } => waiting.clone(),
            Callback::Native {
                native,
                target,
                index,
                ..
            } => {
                let [callback, errback] = (native.show)(target, *index)?;
                if failed { errback.0 } else { callback.0 }
            }
        })
    }

    /// The Deferred that calling it fires, if it does nothing else: a row of Deferreds that fire each other needs no
    /// stack then.
    #[inline(always)]
    pub fn fires(&self, failed: bool) -> Option<Obj> {
        let callable = match self {
            Callback::Plain { callable, .. } => callable,
            Callback::Pair { callback, .. } if !failed => callback,
            Callback::Pair { errback, .. } => errback,
            _ => return None,
        };
        let (function, owner) = callable.builtin_method()?;
        let [callback, errback] = classes().firing;
        (function == callback || (failed && function == errback)).then_some(owner)
    }

    /// Calls the callable for this kind of result.
    #[inline(always)]
    pub fn call(&self, result: &Obj, failed: bool) -> Called {
        let raw = result.as_ptr();
        Called::Returned(match self {
            Callback::Plain { callable, .. } => callable.call_with_room([null_mut(), raw]),
            Callback::WithArgument {
                callable, argument, ..
            } => callable.call_with_room([null_mut(), raw, argument.as_ptr()]),
            Callback::Pair { callback, errback } => {
                let callable = if failed { errback } else { callback };
                callable.call_with_room([null_mut(), raw])
            }
            Callback::Native {
                native,
                target,
                index,
                ..
            } => return (native.call)(target, *index, result, failed),
            Callback::WithArguments { callable, rest, .. } => {
                call_with(callable, result, &rest.positional, rest.keywords.as_ref())
            }
            Callback::Entry { entry } => match split(entry, failed) {
                Ok((callable, arguments, keywords)) => {
                    call_with(&callable, result, &arguments, Some(&keywords))
                }
                Err(raised) => Err(raised),
            },
            Callback::Continuation { .. } => Err(type_error("a continuation is not called")),
        })
    }

    /// Whether both are the same pair with the same objects.
    pub fn is_same(&self, other: &Self) -> bool {
        let words = |callback: &Self| {
            let mut words = Vec::new();
            callback.each(|object| words.push(object.as_ptr()));
            words
        };
        std::mem::discriminant(self) == std::mem::discriminant(other) && words(self) == words(other)
    }

    /// Every object that it refers to.
    fn each(&self, mut see: impl FnMut(&Obj)) {
        match self {
            Callback::Plain { callable, .. } => see(callable),
            Callback::WithArgument {
                callable, argument, ..
            } => {
                see(callable);
                see(argument);
            }
            Callback::WithArguments { callable, rest, .. } => {
                see(callable);
                see(&rest.positional);
                rest.keywords.iter().for_each(see);
            }
            Callback::Pair { callback, errback } => {
                see(callback);
                see(errback);
            }
            Callback::Entry { entry } => see(entry),
            Callback::Continuation { waiting } => see(waiting),
            Callback::Native { target, .. } => see(target),
        }
    }
}

impl Traverse for Callback {
    fn traverse(&self, visitor: &mut Visitor) {
        self.each(|object| visitor.see(object));
    }
}

/// One side of an entry as Twisted has it.
pub fn split(entry: &Obj, failed: bool) -> Maybe<(Obj, Obj, Obj)> {
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

/// `callable(result, *arguments, **keywords)`.
fn call_with(callable: &Obj, result: &Obj, arguments: &Obj, keywords: Option<&Obj>) -> Maybe {
    let Some(keywords) = keywords else {
        return callable.call_with_tuple(result, arguments);
    };
    // SAFETY: all are alive during the call; what is made here is counted by an `Obj` at once.
    unsafe {
        let first = Obj::tuple([result.clone()])?;
        let rest = Obj::owned(ffi::PySequence_Tuple(arguments.as_ptr()))?;
        let all = Obj::owned(ffi::PySequence_Concat(first.as_ptr(), rest.as_ptr()))?;
        let call = |keywords: Raw| {
            Obj::owned(ffi::PyObject_Call(
                callable.as_ptr(),
                all.as_ptr(),
                keywords,
            ))
        };
        if ffi::PyDict_CheckExact(keywords.as_ptr()) != 0 {
            return call(keywords.as_ptr());
        }
        let dict = Obj::owned(ffi::PyDict_New())?;
        if ffi::PyDict_Update(dict.as_ptr(), keywords.as_ptr()) < 0 {
            if ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) != 0 {
                return Err(type_error("argument after ** must be a mapping"));
            }
            return Err(Raised);
        }
        call(dict.as_ptr())
    }
}
