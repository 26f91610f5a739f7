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
