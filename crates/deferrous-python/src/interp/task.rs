//! Calls that are made later: a function with its arguments.

use std::ptr;

use pyo3::ffi;

use super::{Maybe, Obj, Raised, Raw, keyword_dict, type_error};

/// A function and what it is to be called with.
#[derive(Clone)]
pub struct Task {
    pub function: Obj,
    /// A tuple.
    pub arguments: Obj,
    /// A dict, where there are any.
    pub keywords: Option<Obj>,
}

impl Task {
    /// A call of `function` with the arguments of a call by vectorcall.
    ///
    /// # Safety
    ///
    /// There are `count` arguments, and after them the values of as many keywords as `names` has.
    pub unsafe fn new(
        function: Obj,
        arguments: *const Raw,
        count: usize,
        names: Raw,
    ) -> Maybe<Self> {
        // SAFETY: as the caller says; the tuple takes over one reference for each place.
        unsafe {
            let tuple = Obj::owned(ffi::PyTuple_New(count.cast_signed()))?;
            for at in 0..count {
                let argument = Obj::borrowed(*arguments.add(at));
                ffi::PyTuple_SET_ITEM(tuple.as_ptr(), at.cast_signed(), argument.into_ptr());
            }
            Ok(Task {
                function,
                arguments: tuple,
                keywords: keyword_dict(arguments.add(count), names)?,
            })
        }
    }

    /// Makes the call.
    #[inline]
    pub fn call(&self) -> Maybe {
        call(&self.function, &self.arguments, self.keywords.as_ref())
    }

    /// Has `callable` make it: calls that with `leading` and then the function and its arguments.
    pub fn hand_over<const N: usize>(&self, callable: &Obj, leading: [Obj; N]) -> Maybe {
        let function = Obj::tuple([self.function.clone()])?;
        let mut all = Obj::tuple(leading)?;
        for more in [&function, &self.arguments] {
            // SAFETY: both are tuples and alive.
            all = unsafe { Obj::owned(ffi::PySequence_Concat(all.as_ptr(), more.as_ptr())) }?;
        }
        call(callable, &all, self.keywords.as_ref())
    }

    /// Shows every object that it refers to.
    pub fn each(&self, see: &mut impl FnMut(&Obj)) {
        see(&self.function);
        see(&self.arguments);
        self.keywords.iter().for_each(see);
    }
}

/// `function(*arguments, **keywords)`.
#[inline]
fn call(function: &Obj, arguments: &Obj, keywords: Option<&Obj>) -> Maybe {
    let keywords = keywords.map_or(ptr::null_mut(), Obj::as_ptr);
    // SAFETY: all are alive during the call, and the arguments are a tuple.
    unsafe {
        Obj::owned(ffi::PyObject_Call(
            function.as_ptr(),
            arguments.as_ptr(),
            keywords,
        ))
    }
}

/// Finds the `N` named parameters that come before `*args, **kwargs`, and the task that is what follows
/// the last of them, which is the function.
///
/// # Errors
///
/// A `TypeError` as Python raises it for a function with this signature.
///
/// # Safety
///
/// The arguments are as the interpreter gave them.
pub unsafe fn bind_leading<const N: usize>(
    function: &str,
    parameters: [&str; N],
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Maybe<([Obj; N], Task)> {
    let count = count.unsigned_abs();
    // SAFETY: as the caller says.
    unsafe {
        let mut found: [Raw; N] = [ptr::null_mut(); N];
        for (at, place) in found.iter_mut().enumerate().take(count) {
            *place = *arguments.add(at);
        }
        let rest = count.saturating_sub(N);
        let first = count - rest;
        let keywords = keyword_dict(arguments.add(count), names)?;
        let mut by_name = Vec::new();
        if let Some(keywords) = &keywords {
            for (place, parameter) in found.iter_mut().zip(parameters) {
                by_name.extend(take_keyword(function, keywords, parameter, place)?);
            }
        }
        let missing: Vec<_> = (0..N).filter(|&at| found[at].is_null()).collect();
        if !missing.is_empty() {
            let missing: Vec<_> = missing.iter().map(|&at| parameters[at]).collect();
            return Err(missing_arguments(function, &missing));
        }
        let found = found.map(|raw| Obj::borrowed(raw));
        drop(by_name);
        let last = found[N - 1].clone();
        let mut task = Task::new(last, arguments.add(first), rest, ptr::null_mut())?;
        task.keywords = keywords.filter(|keywords| ffi::PyDict_Size(keywords.as_ptr()) > 0);
        Ok((found, task))
    }
}

/// Takes one parameter out of the keywords, if it is there; what is returned keeps it alive.
fn take_keyword(
    function: &str,
    keywords: &Obj,
    parameter: &str,
    place: &mut Raw,
) -> Maybe<Option<Obj>> {
    let name = Obj::name(parameter)?;
    // SAFETY: the dict and the name are alive; the value is kept before it is taken out.
    unsafe {
        let value = ffi::PyDict_GetItemWithError(keywords.as_ptr(), name.as_ptr());
        if value.is_null() {
            return if ffi::PyErr_Occurred().is_null() {
                Ok(None)
            } else {
                Err(Raised)
            };
        }
        if !place.is_null() {
            return Err(type_error(&format!(
                "{function}() got multiple values for argument '{parameter}'"
            )));
        }
        let value = Obj::borrowed(value);
        *place = value.as_ptr();
        if ffi::PyDict_DelItem(keywords.as_ptr(), name.as_ptr()) < 0 {
            return Err(Raised);
        }
        Ok(Some(value))
    }
}

#[cold]
fn missing_arguments(function: &str, missing: &[&str]) -> Raised {
    let named: Vec<_> = missing.iter().map(|name| format!("'{name}'")).collect();
    let plural = if missing.len() == 1 { "" } else { "s" };
    type_error(&format!(
        "{function}() missing {} required positional argument{plural}: {}",
        missing.len(),
        named.join(" and ")
    ))
}
