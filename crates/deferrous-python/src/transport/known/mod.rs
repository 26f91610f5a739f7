//! The facts that were found out, and when they are still true.
//!
//! CPython 3.13 and later have the attributes of most objects in the objects themselves, and tell nobody of a change: there
//! the facts belong to a class and the values on which they depend. Before, a dict has a version that each change makes
//! another one: there they belong to an object and that version.

#[cfg(Py_3_13)]
mod by_value;
#[cfg(not(Py_3_13))]
mod by_version;

#[cfg(Py_3_13)]
pub use by_value::{Held, find, forget, keep};
#[cfg(not(Py_3_13))]
pub use by_version::{Held, find, forget, keep};
