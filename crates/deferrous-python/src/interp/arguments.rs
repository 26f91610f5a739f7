//! The arguments of functions that are called with `METH_FASTCALL | METH_KEYWORDS`.

use std::{ptr, slice};

use pyo3::ffi;

use super::{Maybe, Obj, Raised, Raw, type_error};

/// The named parameters of a function.
pub struct Signature<const N: usize> {
    /// The function, as errors name it.
    pub function: &'static str,
    /// The parameters, in order.
    pub names: [&'static str; N],
    /// How many of them have no default.
    pub required: usize,
}

/// The text of a `str`.
fn text<'a>(name: Raw) -> Maybe<&'a str> {
    let mut length = 0;
    // SAFETY: the interpreter hands out names that are `str`, and keeps the UTF-8 form with them.
    unsafe {
        let bytes = ffi::PyUnicode_AsUTF8AndSize(name, &raw mut length);
        if bytes.is_null() {
            return Err(Raised);
        }
        let bytes = slice::from_raw_parts(bytes.cast(), length.unsigned_abs());
        Ok(std::str::from_utf8_unchecked(bytes))
    }
}

/// The names and values of the keyword arguments of a call.
///
/// # Safety
///
/// `values` and `names` are as the interpreter gave them: as many values as names.
pub unsafe fn keywords<'a>(
    values: *const Raw,
    names: Raw,
) -> impl Iterator<Item = (Raw, Raw)> + 'a {
    let count = if names.is_null() {
        0
    } else {
        // SAFETY: the names are a tuple.
        unsafe { ffi::PyTuple_GET_SIZE(names) }
    };
    (0..count).map(move |at| {
        // SAFETY: `at` is in the tuple, and so among the values.
        unsafe { (ffi::PyTuple_GET_ITEM(names, at), *values.offset(at)) }
    })
}

impl<const N: usize> Signature<N> {
    /// Finds the argument of each parameter; null where it has its default.
    ///
    /// # Errors
    ///
    /// A `TypeError` as Python raises it for a function with this signature.
    ///
    /// # Safety
    ///
    /// `arguments`, `count` and `names` are as the interpreter gave them.
    #[inline]
    pub unsafe fn bind(
        &self,
        arguments: *const Raw,
        count: ffi::Py_ssize_t,
        names: Raw,
    ) -> Maybe<[Raw; N]> {
        let count = count.unsigned_abs();
        let mut bound = [ptr::null_mut(); N];
        if count > N {
            // SAFETY: the values of keywords follow the positional arguments.
            return Err(unsafe { self.too_many(arguments.add(count), count, names) });
        }
        for (at, place) in bound.iter_mut().enumerate().take(count) {
            // SAFETY: there are `count` arguments.
            *place = unsafe { *arguments.add(at) };
        }
        if !names.is_null() {
            // SAFETY: the values of keywords follow the positional arguments.
            for (name, value) in unsafe { keywords(arguments.add(count), names) } {
                self.bind_keyword(&mut bound, name, value)?;
            }
        }
        if bound[..self.required].iter().any(|place| place.is_null()) {
            return Err(self.missing(&bound));
        }
        Ok(bound)
    }

    #[cold]
    fn bind_keyword(&self, bound: &mut [Raw; N], name: Raw, value: Raw) -> Maybe<()> {
        let name = text(name)?;
        let function = self.function;
        let Some(at) = self.names.iter().position(|known| *known == name) else {
            return Err(type_error(&format!(
                "{function}() got an unexpected keyword argument '{name}'"
            )));
        };
        if !bound[at].is_null() {
            return Err(type_error(&format!(
                "{function}() got multiple values for argument '{name}'"
            )));
        }
        bound[at] = value;
        Ok(())
    }

    /// Complains of too many arguments, or of a keyword that is not known, which comes first.
    ///
    /// # Safety
    ///
    /// As for [`keywords`].
    #[cold]
    unsafe fn too_many(&self, values: *const Raw, given: usize, names: Raw) -> Raised {
        let function = self.function;
        // SAFETY: as the caller says.
        for (name, _) in unsafe { keywords(values, names) } {
            match text(name) {
                Ok(name) if !self.names.contains(&name) => {
                    return type_error(&format!(
                        "{function}() got an unexpected keyword argument '{name}'"
                    ));
                }
                Ok(_) => {}
                Err(raised) => return raised,
            }
        }
        let (takes, given) = (N + 1, given + 1);
        let takes = if self.required == N {
            format!(
                "{takes} positional argument{}",
                if takes == 1 { "" } else { "s" }
            )
        } else {
            format!("from {} to {takes} positional arguments", self.required + 1)
        };
        type_error(&format!(
            "{function}() takes {takes} but {given} were given"
        ))
    }

    #[cold]
    fn missing(&self, bound: &[Raw; N]) -> Raised {
        let names: Vec<String> = (0..self.required)
            .filter(|&at| bound[at].is_null())
            .map(|at| format!("'{}'", self.names[at]))
            .collect();
        let (function, count) = (self.function, names.len());
        let (last, others) = names
            .split_last()
            .map_or(("", &[][..]), |(l, o)| (l.as_str(), o));
        let listed = match others {
            [] => last.to_owned(),
            [one] => format!("{one} and {last}"),
            many => format!("{}, and {last}", many.join(", ")),
        };
        type_error(&format!(
            "{function}() missing {count} required positional argument{}: {listed}",
            if count == 1 { "" } else { "s" },
        ))
    }
}

/// A `dict` of keyword arguments, or `None` where there are none.
///
/// # Safety
///
/// As for [`keywords`].
pub unsafe fn keyword_dict(values: *const Raw, names: Raw) -> Maybe<Option<Obj>> {
    if names.is_null() {
        return Ok(None);
    }
    // SAFETY: the thread is attached, and names and values are alive.
    unsafe {
        let dict = Obj::owned(ffi::PyDict_New())?;
        for (name, value) in keywords(values, names) {
            if ffi::PyDict_SetItem(dict.as_ptr(), name, value) < 0 {
                return Err(Raised);
            }
        }
        Ok(Some(dict))
    }
}

/// The arguments of `__init__`, and what keeps them alive.
///
/// # Errors
///
/// As [`Signature::bind`].
///
/// # Safety
///
/// `arguments` and `keywords` are as the interpreter gave them.
pub unsafe fn bind_tuple<const N: usize>(
    signature: &Signature<N>,
    arguments: Raw,
    keywords: Raw,
) -> Maybe<([Raw; N], Option<[Obj; 2]>)> {
    // SAFETY: as the caller says. The values of keywords are laid out behind the positional
    // arguments, as `bind` wants them, and the lists keep them alive.
    unsafe {
        let count = ffi::PyTuple_GET_SIZE(arguments);
        let mut all: Vec<Raw> = (0..count)
            .map(|at| ffi::PyTuple_GET_ITEM(arguments, at))
            .collect();
        if keywords.is_null() {
            return Ok((signature.bind(all.as_ptr(), count, ptr::null_mut())?, None));
        }
        let keys = Obj::owned(ffi::PyDict_Keys(keywords))?;
        let values = Obj::owned(ffi::PyDict_Values(keywords))?;
        for at in 0..ffi::PyList_GET_SIZE(values.as_ptr()) {
            all.push(ffi::PyList_GET_ITEM(values.as_ptr(), at));
        }
        let names = Obj::owned(ffi::PyList_AsTuple(keys.as_ptr()))?;
        let bound = signature.bind(all.as_ptr(), count, names.as_ptr())?;
        Ok((bound, Some([names, values])))
    }
}
