//! Calls that are made later: a function with its arguments.

use pyo3::{
    exceptions::PyTypeError,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{Arguments, fallible};

/// A function and what it is to be called with.
pub struct Task {
    pub function: Py<PyAny>,
    pub arguments: Py<PyTuple>,
    /// Where there are any.
    pub keywords: Option<Py<PyDict>>,
}

impl Task {
    /// A call of `function` with what [`bind_leading`] has left.
    #[inline]
    pub fn new(
        function: Bound<'_, PyAny>,
        (arguments, keywords): (Bound<'_, PyTuple>, Option<Bound<'_, PyDict>>),
    ) -> Self {
        Task {
            function: function.unbind(),
            arguments: arguments.unbind(),
            keywords: keywords.map(Bound::unbind),
        }
    }

    /// Makes the call, and drops what it was made with.
    #[inline]
    pub fn call(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let function = self.function.into_bound(py);
        let arguments = self.arguments.into_bound(py);
        match self.keywords.map(|keywords| keywords.into_bound(py)) {
            None => Arguments::of(&arguments).call_rest(&function, 0),
            Some(keywords) => function.call(arguments, Some(&keywords)),
        }
    }

    /// Has `callable` make it: calls that with `leading` and then the function and its arguments.
    pub fn hand_over<'py>(
        self,
        callable: &Bound<'py, PyAny>,
        leading: &[Bound<'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = callable.py();
        let arguments = self.arguments.into_bound(py);
        let mut all = leading.to_vec();
        all.push(self.function.into_bound(py));
        all.extend(arguments.iter());
        let keywords = self.keywords.map(|keywords| keywords.into_bound(py));
        callable.call(fallible::tuple_of(py, &all)?, keywords.as_ref())
    }

    /// Another one of the same call.
    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Task {
            function: self.function.clone_ref(py),
            arguments: self.arguments.clone_ref(py),
            keywords: self
                .keywords
                .as_ref()
                .map(|keywords| keywords.clone_ref(py)),
        }
    }

    /// Shows the collector every object that it refers to.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)?;
        visit.call(&self.arguments)?;
        visit.call(&self.keywords)
    }
}

/// The leading parameters of a call, and the arguments that follow: a tuple, and a dict where there are keywords.
type Leading<'py, const N: usize> = (
    [Bound<'py, PyAny>; N],
    (Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>),
);

/// Finds the `N` named parameters that come before `*args, **kwargs`, and what follows them.
///
/// # Errors
///
/// A `TypeError` as Python raises it for a function with this signature.
#[inline(always)]
pub fn bind_leading<'py, const N: usize>(
    py: Python<'py>,
    function: &str,
    parameters: [&str; N],
    arguments: Arguments<'_, 'py>,
) -> PyResult<Leading<'py, N>> {
    match arguments.positional().split_first_chunk::<N>() {
        Some((leading, rest)) if !arguments.has_keywords() => Ok((
            leading.each_ref().map(Bound::clone),
            (fallible::tuple_of(py, rest)?, None),
        )),
        _ => bind_by_name(py, function, parameters, arguments),
    }
}

#[inline(never)]
fn bind_by_name<'py, const N: usize>(
    py: Python<'py>,
    function: &str,
    parameters: [&str; N],
    arguments: Arguments<'_, 'py>,
) -> PyResult<Leading<'py, N>> {
    let keywords = arguments.keywords()?;
    let (leading, rest) = arguments
        .positional()
        .split_at(arguments.positional().len().min(N));
    let mut found: [Option<Bound<'py, PyAny>>; N] =
        std::array::from_fn(|at| leading.get(at).cloned());
    if let Some(keywords) = &keywords {
        for (place, parameter) in found.iter_mut().zip(parameters) {
            let name = fallible::text(py, parameter)?;
            let Some(value) = keywords.get_item(&name)? else {
                continue;
            };
            if place.is_some() {
                let message =
                    format!("{function}() got multiple values for argument '{parameter}'");
                return Err(fallible::error::<PyTypeError>(py, &message));
            }
            keywords.del_item(name)?;
            *place = Some(value);
        }
    }
    let missing = found
        .iter()
        .zip(parameters)
        .filter(|(found, _)| found.is_none());
    let missing: Vec<_> = missing.map(|(_, name)| format!("'{name}'")).collect();
    if !missing.is_empty() {
        let message = format!(
            "{function}() missing {} required positional argument{}: {}",
            missing.len(),
            if missing.len() == 1 { "" } else { "s" },
            missing.join(" and ")
        );
        return Err(fallible::error::<PyTypeError>(py, &message));
    }
    let found = found.map(|found| found.unwrap_or_else(|| py.None().into_bound(py)));
    let keywords = keywords.filter(|keywords| !keywords.is_empty());
    Ok((found, (fallible::tuple_of(py, rest)?, keywords)))
}
