//! Names of attributes and methods: each is one `str` for the life of the process.

use pyo3::{prelude::*, sync::PyOnceLock, types::PyString};

use super::fallible;

/// A name, made when it is first used.
pub struct Name(&'static str, PyOnceLock<Py<PyString>>);

impl Name {
    /// The name with this text.
    pub const fn new(text: &'static str) -> Self {
        Name(text, PyOnceLock::new())
    }

    /// The interned `str`.
    #[inline(always)]
    pub fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyString>> {
        let make = || fallible::interned(py, self.0).map(Bound::unbind);
        Ok(self.1.get_or_try_init(py, make)?.bind(py))
    }
}

/// A name, as PyO3's `intern!` makes it. But where memory has run out when it is first used, this gives the
/// `MemoryError`; `intern!` would end the process.
macro_rules! name {
    ($py:expr, $text:literal) => {{
        static NAME: $crate::interp::Name = $crate::interp::Name::new($text);
        NAME.get($py)
    }};
}
pub(crate) use name;

/// Names that are made together, while the module is loaded, so that what uses them needs no memory for them.
///
/// It makes a struct `Names`, and the functions `load`, which makes the names, and `names`, which gives them.
macro_rules! names {
    ($($field:ident = $text:literal),* $(,)?) => {
        /// The names, as interned objects.
        pub struct Names { $(pub $field: pyo3::Py<pyo3::types::PyString>),* }

        static NAMES: pyo3::sync::PyOnceLock<Names> = pyo3::sync::PyOnceLock::new();

        /// Makes the names.
        pub fn load(py: pyo3::Python<'_>) -> pyo3::PyResult<()> {
            NAMES.get_or_try_init(py, || pyo3::PyResult::Ok(Names {
                $($field: $crate::interp::fallible::interned(py, $text)?.unbind()),*
            }))?;
            Ok(())
        }

        /// The names.
        ///
        /// # Panics
        ///
        /// If they have not been made.
        #[inline(always)]
        pub fn names(py: pyo3::Python<'_>) -> &'static Names {
            match NAMES.get(py) {
                Some(names) => names,
                None => $crate::interp::unloaded(),
            }
        }
    };
}
pub(crate) use names;

/// Ends what uses names before they have been made.
#[cold]
pub fn unloaded() -> ! {
    panic!("the module is used before it was loaded")
}
