//! An error on its way through a chain.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    error::Error,
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::nesting;

/// The error of a Deferred: any error of the program, or a caught panic; Twisted's `Failure`.
///
/// It is one word, may be sent to other threads, and remembers the backtrace of the place where it
/// was made if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for it. `From` makes one of every
/// error, so `?` works in callbacks. Like other such types it is not itself an [`Error`];
/// [`as_error`](Self::as_error) gives the error in it.
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
pub struct Failure(Box<Inner>);

struct Inner {
    /// Absent only while the failure is being taken apart.
    error: Option<Box<dyn Error + Send + Sync>>,
    backtrace: Backtrace,
}

impl Failure {
    /// Makes a failure of an error, or of a message for people.
    ///
    /// ```
    /// let failure = deferrous::Failure::new("the cat is on the keyboard");
    /// assert_eq!(failure.to_string(), "the cat is on the keyboard");
    /// ```
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failure(Box::new(Inner {
            error: Some(error.into()),
            backtrace: Backtrace::capture(),
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

    /// Whether the error is an `E`; Twisted's `check`.
    pub fn check<E: Error + 'static>(&self) -> bool {
        self.as_error().is::<E>()
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
    pub fn trap<E: Error + 'static>(self) -> Result<E, Failure> {
        self.downcast()
    }

    /// The error itself, by value; the general form of [`trap`](Self::trap).
    ///
    /// # Errors
    ///
    /// The failure itself if its error is not an `E`.
    pub fn downcast<E: Error + 'static>(mut self) -> Result<E, Failure> {
        let Some(error) = self.0.error.take() else {
            taken_apart()
        };
        match error.downcast() {
            Ok(error) => Ok(*error),
            Err(error) => {
                self.0.error = Some(error);
                Err(self)
            }
        }
    }

    /// The error itself, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.as_error().downcast_ref()
    }

    /// The error, as an error of the standard library.
    pub fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        match &self.0.error {
            Some(error) => &**error,
            None => taken_apart(),
        }
    }

    /// The error and its causes, outermost first.
    ///
    /// ```
    /// use deferrous::{Failure, FirstError};
    /// let first = FirstError { index: 2, failure: std::fmt::Error.into() };
    /// assert_eq!(Failure::from(first).chain().count(), 2);
    /// ```
    pub fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let first: &(dyn Error + 'static) = self.as_error();
        std::iter::successors(Some(first), |&error| error.source())
    }

    /// Where the failure was made, as far as `RUST_BACKTRACE` asked for it.
    pub fn backtrace(&self) -> &Backtrace {
        &self.0.backtrace
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

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::new(error)
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
