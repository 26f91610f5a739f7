//! An error on its way through a chain.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    error::Error,
    fmt,
    marker::PhantomData,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{control_flow::is_control_flow, nesting};

type BoxedError = Box<dyn Error + Send + Sync>;

/// The error of a Deferred: any error of the program, or a caught panic; Twisted's `Failure`.
///
/// It is one word, and may be sent to other threads. A clone is the same failure, so all who wait
/// for one result can be told the same error. It remembers the backtrace of the place where it was
/// made if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for it, except for errors that are part of
/// what a program does all the time: [`Cancelled`](crate::Cancelled), [`TimedOut`](crate::TimedOut),
/// [`Abandoned`](crate::Abandoned) and [`AlreadyCalled`](crate::AlreadyCalled).
///
/// `{}` shows the error, `{:#}` with its causes in one line, and `{:?}` as a report with causes and
/// backtrace.
///
/// ```
/// use deferrous::Failure;
/// fn port(text: &str) -> Result<u16, Failure> {
///     Ok(text.parse::<u16>()?)
/// }
/// let failure = port("x").unwrap_err();
/// assert!(failure.check::<std::num::ParseIntError>());
/// assert_eq!(failure.to_string(), "invalid digit found in string");
/// ```
///
/// # `?`, into a failure and out of it
///
/// `?` makes a failure of every error, of `Box<dyn Error + Send + Sync>`, of `anyhow::Error` and
/// others like it, and of text. A failure is an [`Error`] itself, so `?` also makes all of these
/// of a failure:
///
/// ```
/// use std::error::Error;
/// use deferrous::{Deferred, Failure, succeed};
///
/// fn boxed() -> Result<u16, Box<dyn Error + Send + Sync>> {
///     Ok("eighty".parse()?)
/// }
///
/// fn work() -> Deferred<u16> {
///     succeed(()).add_callback(|()| Ok(boxed()?))
/// }
///
/// fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
///     # fn inner() -> Result<u16, Box<dyn Error + Send + Sync>> {
///     let port = work().into_result().unwrap()?;
///     # Ok(port) }
///     # let error = inner().unwrap_err();
///     # assert!(error.downcast_ref::<Failure>().unwrap().check::<std::num::ParseIntError>());
///     Ok(())
/// }
/// ```
///
/// In the box is the failure, with its backtrace. A failure that is made of the box is the same
/// again. [`into_boxed`](Self::into_boxed) gives a box of the error itself.
///
/// `anyhow` keeps the type of its error to itself, so [`check`](Self::check) does not find it in a
/// failure that `?` has made of an `anyhow::Error`. It does if you make the failure of
/// `error.reallocate_into_boxed_dyn_error_without_backtrace()`.
///
/// # Errors that contain a failure
///
/// A failure is not [`Unpin`]: that is how the compiler knows that `?` need not make a failure of a
/// failure. Nothing pins a failure, so an error of yours that contains one, and is to be made a
/// failure by `?`, says that it is `Unpin`, as does a future of yours that contains one and is
/// written by hand. This is no promise, and safe code.
///
/// ```
/// use std::{error::Error, fmt};
/// use deferrous::{Cancelled, Failure};
///
/// #[derive(Debug)]
/// struct CannotLoad(Failure);
///
/// impl Unpin for CannotLoad {}
///
/// impl fmt::Display for CannotLoad {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("cannot load the settings")
///     }
/// }
///
/// impl Error for CannotLoad {
///     fn source(&self) -> Option<&(dyn Error + 'static)> {
///         Some(self.0.as_error())
///     }
/// }
///
/// let failure = Failure::from(CannotLoad(Cancelled.into()));
/// assert_eq!(format!("{failure:#}"), "cannot load the settings: this Deferred was cancelled");
/// ```
#[derive(Clone)]
pub struct Failure(Arc<Inner>);

struct Inner {
    /// Absent only while the failure is being taken apart.
    error: Option<BoxedError>,
    backtrace: Backtrace,
}

/// What [`Failure::context`] has added.
struct Context {
    message: String,
    cause: Failure,
}

impl Failure {
    /// Makes a failure of an error, or of a message for people.
    ///
    /// If it is a failure already, or a box of one, that is returned as it is.
    ///
    /// ```
    /// let failure = deferrous::Failure::new("the cat is on the keyboard");
    /// assert_eq!(failure.to_string(), "the cat is on the keyboard");
    /// ```
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match error.into().downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(error) if is_control_flow(&*error) => Failure::boxed(error, Backtrace::disabled()),
            Err(error) => Failure::boxed(error, Backtrace::capture()),
        }
    }

    /// Makes a failure that has no backtrace, whatever the environment asks for: for errors that a
    /// program makes all the time, as capturing one takes thousands of nanoseconds.
    ///
    /// ```
    /// use std::backtrace::BacktraceStatus;
    /// let failure = deferrous::Failure::without_backtrace("the cache has no such entry");
    /// assert_eq!(failure.backtrace().status(), BacktraceStatus::Disabled);
    /// ```
    pub fn without_backtrace(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match error.into().downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(error) => Failure::boxed(error, Backtrace::disabled()),
        }
    }

    fn boxed(error: BoxedError, backtrace: Backtrace) -> Self {
        Failure(Arc::new(Inner {
            error: Some(error),
            backtrace,
        }))
    }

    /// Makes a failure of what [`std::panic::catch_unwind`] caught: its error is [`Panicked`].
    ///
    /// ```
    /// use deferrous::{Failure, Panicked};
    /// let caught = std::panic::catch_unwind(|| panic!("no milk")).unwrap_err();
    /// let failure = Failure::from_panic(caught);
    /// assert!(failure.check::<Panicked>());
    /// assert_eq!(failure.to_string(), "panicked: no milk");
    /// ```
    pub fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        Failure::new(Panicked::new(payload))
    }

    /// Says what was being done when it failed. The error becomes the cause of the message.
    ///
    /// The message is for people: [`check`](Self::check), [`trap`](Self::trap) and the downcasts
    /// find the error as before, and the backtrace stays. Clones of the failure do not change.
    ///
    /// ```
    /// use deferrous::{Failure, fail};
    /// let d = fail::<String>(std::io::Error::other("no disk"))
    ///     .add_errback(|failure| Err(failure.context("cannot read settings.toml")));
    /// let failure = d.into_result().unwrap().unwrap_err();
    /// assert_eq!(failure.to_string(), "cannot read settings.toml");
    /// assert_eq!(format!("{failure:#}"), "cannot read settings.toml: no disk");
    /// assert!(failure.check::<std::io::Error>());
    /// ```
    #[must_use = "the failure with the message is returned"]
    pub fn context(self, message: impl fmt::Display) -> Self {
        let context = Context {
            message: message.to_string(),
            cause: self,
        };
        Failure::boxed(Box::new(context), Backtrace::disabled())
    }

    /// Whether the error is an `E`; Twisted's `check`.
    pub fn check<E: Error + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// Goes on only with an `E`: gives the error if it is one and the failure back if not, so that
    /// `?` passes on what an errback does not handle; Twisted's `trap`.
    ///
    /// # Errors
    ///
    /// The failure itself if its error is not an `E`.
    ///
    /// ```
    /// use deferrous::{Cancelled, fail};
    /// let d = fail::<u32>(Cancelled).add_errback(|failure| {
    ///     failure.trap::<Cancelled>()?;
    ///     Ok(0)
    /// });
    /// assert_eq!(d.into_result().unwrap().unwrap(), 0);
    /// ```
    pub fn trap<E: Error + 'static>(self) -> Result<Trapped<E>, Failure> {
        if self.check::<E>() {
            Ok(Trapped {
                failure: self,
                _error: PhantomData,
            })
        } else {
            Err(self)
        }
    }

    /// The error itself, by value.
    ///
    /// # Errors
    ///
    /// The failure itself, if its error is not an `E`, or there is a clone of it: then others have
    /// the same error. [`trap`](Self::trap) and [`downcast_ref`](Self::downcast_ref) work in any
    /// case.
    ///
    /// ```
    /// use std::io;
    /// let failure = deferrous::Failure::from(io::Error::other("no disk"));
    /// let same = failure.clone();
    /// let failure = failure.downcast::<io::Error>().unwrap_err();
    /// drop(same);
    /// assert_eq!(failure.downcast::<io::Error>().unwrap().to_string(), "no disk");
    /// ```
    pub fn downcast<E: Error + 'static>(self) -> Result<E, Failure> {
        if !self.owns::<E>() {
            return Err(self);
        }
        let mut failure = self;
        loop {
            let mut inner = Arc::into_inner(failure.0).unwrap_or_else(|| taken_apart());
            let error = inner.error.take().unwrap_or_else(|| taken_apart());
            match error.downcast::<E>() {
                Ok(error) => return Ok(*error),
                Err(error) => match error.downcast::<Context>() {
                    Ok(context) => failure = context.cause,
                    Err(_) => taken_apart(),
                },
            }
        }
    }

    /// Whether the error is an `E` that no clone has.
    fn owns<E: Error + 'static>(&self) -> bool {
        let mut failure = self;
        loop {
            if Arc::strong_count(&failure.0) > 1 {
                return false;
            }
            let error = failure.as_error();
            match error.downcast_ref::<Context>() {
                Some(context) => failure = &context.cause,
                None => return error.is::<E>(),
            }
        }
    }

    /// The error itself, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let mut error = self.as_error();
        loop {
            match error.downcast_ref::<Context>() {
                Some(context) => error = context.cause.as_error(),
                None => return error.downcast_ref(),
            }
        }
    }

    /// The error, as an error of the standard library. With a [`context`](Self::context) it is
    /// the message, whose source is the error.
    pub fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        match &self.0.error {
            Some(error) => &**error,
            None => taken_apart(),
        }
    }

    /// A box of the error itself, without the backtrace. If there is a clone, which has the same
    /// error, it is a box of the failure.
    ///
    /// ```
    /// let boxed = deferrous::Failure::from(std::io::Error::other("no disk")).into_boxed();
    /// assert!(boxed.is::<std::io::Error>());
    /// ```
    pub fn into_boxed(self) -> Box<dyn Error + Send + Sync> {
        match Arc::try_unwrap(self.0) {
            Ok(mut inner) => inner.error.take().unwrap_or_else(|| taken_apart()),
            Err(shared) => Box::new(Failure(shared)),
        }
    }

    /// The error and its causes, outermost first.
    ///
    /// ```
    /// let failure = deferrous::Failure::new("no disk").context("cannot start");
    /// let texts: Vec<_> = failure.chain().map(ToString::to_string).collect();
    /// assert_eq!(texts, ["cannot start", "no disk"]);
    /// ```
    pub fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let first: &(dyn Error + 'static) = self.as_error();
        std::iter::successors(Some(first), |&error| error.source())
    }

    /// Where the failure was made, as far as `RUST_BACKTRACE` asked for it.
    pub fn backtrace(&self) -> &Backtrace {
        let mut failure = self;
        while let Some(context) = failure.as_error().downcast_ref::<Context>() {
            failure = &context.cause;
        }
        &failure.0.backtrace
    }
}

/// Nobody has a failure that is being taken apart.
#[cold]
fn taken_apart() -> ! {
    unreachable!("a failure has its error until it is consumed")
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Errors may hold failures, as those of combined Deferreds do, to any depth.
        if let Some(error) = self.error.take() {
            nesting::run(move || drop(error));
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("message", &self.message)
            .field("cause", &self.cause)
            .finish()
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Context {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_error())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>> + Unpin> From<E> for Failure {
    /// As [`Failure::new`].
    fn from(error: E) -> Self {
        Failure::new(error)
    }
}

/// A failure is an error, so the standard library makes a `Box<dyn Error>` of it, and `From` makes a
/// failure of whatever can be such a box. Of a failure, the standard library does that already: `From`
/// is for what is `Unpin`, and this says that a failure is not.
impl<'a> Unpin for Failure where Nothing<'a>: Impossible {}

/// Has a lifetime because the compiler takes a bound without parameters for a mistake.
struct Nothing<'a>(PhantomData<&'a ()>);

/// Nothing implements it.
trait Impossible {}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.as_error().source()
    }
}

/// What [`Failure::trap`] has caught: the error, by reference.
///
/// It is a reference because clones of the failure have the same error. By value
/// [`Failure::downcast`] gives it.
///
/// ```
/// use deferrous::{Failure, FirstError, fail, gather_results};
/// let d = gather_results([fail::<u8>(std::fmt::Error)]).add_errback(|failure| {
///     let first = failure.trap::<FirstError>()?;
///     println!("number {} failed", first.index);
///     Err(first.into_failure())
/// });
/// assert!(d.into_result().unwrap().unwrap_err().check::<FirstError>());
/// ```
pub struct Trapped<E> {
    failure: Failure,
    _error: PhantomData<fn() -> E>,
}

impl<E> Trapped<E> {
    /// The failure, to be passed on.
    pub fn into_failure(self) -> Failure {
        self.failure
    }
}

impl<E: Error + 'static> Deref for Trapped<E> {
    type Target = E;

    fn deref(&self) -> &E {
        match self.failure.downcast_ref() {
            Some(error) => error,
            None => unreachable!("a failure was trapped because its error is of this type"),
        }
    }
}

impl<E: Error + 'static> fmt::Display for Trapped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl<E: Error + 'static> fmt::Debug for Trapped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_error())?;
        if f.alternate() {
            for cause in self.chain().skip(1) {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_error())?;
        for (n, cause) in self.chain().skip(1).enumerate() {
            if n == 0 {
                write!(f, "\n\nCaused by:")?;
            }
            write!(f, "\n    {n}: {cause}")?;
        }
        if self.backtrace().status() == BacktraceStatus::Captured {
            write!(f, "\n\nStack backtrace:\n{}", self.backtrace())?;
        }
        Ok(())
    }
}

/// The error of a failure that was a panic.
pub struct Panicked {
    message: String,
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panicked {
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => match payload.downcast_ref::<String>() {
                Some(text) => text.clone(),
                None => "a value that is no text".to_owned(),
            },
        };
        Panicked {
            message,
            payload: Mutex::new(payload),
        }
    }

    /// What the panic said.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What was panicked with, for [`std::panic::resume_unwind`].
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl fmt::Debug for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panicked")
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl Error for Panicked {}
