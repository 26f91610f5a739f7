//! Functions and methods that are called without a tuple or a dict being made.
//!
//! PyO3 makes both for `*args, **kwargs`. What is called with them for each callback is defined here instead:
//! `addCallback`, `addErrback`, `addBoth`, `maybeDeferred`, `execute`, and calling a class.

use std::{
    ffi::CStr,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr, slice,
};

use pyo3::{
    Borrowed, PyClass, PyTypeInfo,
    exceptions::{PySystemError, PyTypeError},
    ffi,
    prelude::*,
    types::{PyCFunction, PyDict, PyFunction, PyString, PyTuple, PyType},
};

use super::{classes::change_slots, fallible};

type Raw = *mut ffi::PyObject;

#[cfg(Py_3_12)]
unsafe extern "C" {
    /// Has a function of Python be called by this instead of its code.
    fn PyFunction_SetVectorcall(function: Raw, vectorcall: ffi::vectorcallfunc);
}

/// The arguments of a call.
#[derive(Clone, Copy)]
pub struct Arguments<'a, 'py> {
    positional: &'a [Bound<'py, PyAny>],
    /// The values of the keywords, which follow the positional arguments in memory.
    values: &'a [Bound<'py, PyAny>],
    names: Option<Borrowed<'a, 'py, PyTuple>>,
    py: Python<'py>,
}

impl<'a, 'py> Arguments<'a, 'py> {
    /// # Safety
    ///
    /// The arguments are as the interpreter gives them to a function that takes `METH_FASTCALL | METH_KEYWORDS`, and
    /// alive for as long as the result is.
    #[inline(always)]
    unsafe fn new(py: Python<'py>, values: *const Raw, count: usize, names: Raw) -> Self {
        // SAFETY: they are the arguments of a call: `names` is null or a tuple, and there are `count` arguments, and
        // then one for each name. A `Bound` is one pointer to an object.
        unsafe {
            let names =
                Borrowed::from_ptr_or_opt(py, names).map(|names| names.cast_unchecked::<PyTuple>());
            let all = match count + names.map_or(0, |names| names.len()) {
                0 => &[],
                length => slice::from_raw_parts(values.cast(), length),
            };
            let (positional, values) = all.split_at(count);
            Arguments {
                positional,
                values,
                names,
                py,
            }
        }
    }

    /// The items of a tuple as positional arguments.
    #[inline(always)]
    pub fn of(tuple: &'a Bound<'py, PyTuple>) -> Self {
        Arguments {
            positional: tuple.as_slice(),
            values: &[],
            names: None,
            py: tuple.py(),
        }
    }

    /// The positional arguments.
    #[inline(always)]
    pub const fn positional(&self) -> &'a [Bound<'py, PyAny>] {
        self.positional
    }

    /// Whether there are keyword arguments.
    #[inline(always)]
    pub const fn has_keywords(&self) -> bool {
        self.names.is_some()
    }

    /// Whether there is a keyword argument of this name.
    pub fn has_keyword(&self, name: &str) -> bool {
        let mut names = self.names.iter().flat_map(|names| names.iter());
        names.any(|given| {
            given
                .cast()
                .is_ok_and(|given: &Bound<'_, PyString>| given == name)
        })
    }

    /// The value of the only keyword argument, if it has this name, an interned `str`.
    #[inline(always)]
    pub fn only_keyword(&self, name: &Bound<'py, PyString>) -> Option<&'a Bound<'py, PyAny>> {
        match (self.names?.as_slice(), self.values) {
            ([given], [value]) if given.is(name) => Some(value),
            _ => None,
        }
    }

    /// The keyword arguments, if there are any.
    pub fn keywords(&self) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(names) = &self.names else {
            return Ok(None);
        };
        let keywords = fallible::dict(self.py)?;
        for (name, value) in names.iter().zip(self.values) {
            keywords.set_item(name, value)?;
        }
        Ok(Some(keywords))
    }

    /// The argument of a function that has one, by position or name.
    ///
    /// # Errors
    ///
    /// A `TypeError` as Python raises it, if that is not all.
    #[inline(always)]
    pub fn only(self, function: &str, parameter: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.positional {
            [argument] if self.names.is_none() => Ok(argument.clone()),
            _ => self.only_by_name(function, parameter),
        }
    }

    #[cold]
    fn only_by_name(self, function: &str, parameter: &str) -> PyResult<Bound<'py, PyAny>> {
        let (py, mut found) = (self.py, self.positional.first().cloned());
        let wanted = fallible::text(py, parameter)?;
        for (name, value) in self
            .names
            .iter()
            .flat_map(|names| names.iter())
            .zip(self.values)
        {
            let what = match name.eq(&wanted)? {
                true if found.is_none() => {
                    found = Some(value.clone());
                    continue;
                }
                true => "multiple values for",
                false => "an unexpected keyword",
            };
            let before = format!("{function}() got {what} argument '");
            return Err(fallible::error_around::<PyTypeError>(
                &before,
                name.cast()?,
                "'",
            ));
        }
        let is_method = usize::from(function.contains('.'));
        let (takes, given) = (1 + is_method, self.positional.len() + is_method);
        match found {
            Some(argument) if self.positional.len() < 2 => Ok(argument),
            Some(_) => {
                let plural = if takes == 1 { "" } else { "s" };
                let message = format!(
                    "{function}() takes {takes} positional argument{plural} but {given} were given"
                );
                Err(fallible::error::<PyTypeError>(py, &message))
            }
            None => {
                let message =
                    format!("{function}() missing 1 required positional argument: '{parameter}'");
                Err(fallible::error::<PyTypeError>(py, &message))
            }
        }
    }

    /// Calls `callable` with all arguments after the first `skipped` ones.
    #[inline(always)]
    pub fn call_rest(
        &self,
        callable: &Bound<'py, PyAny>,
        skipped: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let rest = &self.positional[skipped..];
        // The callee may use the place before the arguments, if that is one of the skipped ones.
        let flag = match skipped {
            0 => 0,
            _ => ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
        };
        let names = self.names.map_or(ptr::null_mut(), |names| names.as_ptr());
        // SAFETY: the arguments are alive, and the values of the keywords follow them. The interpreter lets a callee
        // write to the place before them, and has it put back what was there.
        unsafe {
            let result = ffi::PyObject_Vectorcall(
                callable.as_ptr(),
                rest.as_ptr().cast(),
                rest.len() | flag,
                names,
            );
            Bound::from_owned_ptr_or_opt(self.py, result).ok_or_else(|| fallible::raised(self.py))
        }
    }

    /// The positional arguments as a tuple.
    pub fn to_tuple(self) -> PyResult<Bound<'py, PyTuple>> {
        fallible::tuple_of(self.py, self.positional)
    }

    /// Calls `callable` with `first` and all arguments.
    #[cold]
    pub fn call_after(
        &self,
        callable: &Bound<'py, PyAny>,
        first: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let all = fallible::tuple_after(first, self.to_tuple()?.as_slice())?;
        callable.call(all, self.keywords()?.as_ref())
    }
}

/// A function of a module.
pub trait FastFunction {
    /// Its name.
    const NAME: &'static CStr;
    /// The signature and the docstring, as the interpreter wants them.
    const DOC: &'static CStr;

    /// Calls it.
    fn call<'py>(py: Python<'py>, arguments: Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// A method of a class.
pub trait FastMethod {
    /// The class; `PyAny` for a method that may be put into any class.
    type Class;
    /// Its name.
    const NAME: &'static CStr;
    /// The signature and the docstring, as the interpreter wants them.
    const DOC: &'static CStr;

    /// Calls it.
    fn call<'py>(
        this: &Bound<'py, Self::Class>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>>;
}

/// A method that is a function of Python, so that programs find one there. What calls it runs this instead of its code,
/// which does the same and costs more: a frame, and what it calls in turn.
///
/// CPython 3.11 runs the code where code of Python makes the call.
pub trait NativeMethod {
    /// The class.
    type Class: PyTypeInfo;

    /// Calls it, with positional arguments; `None` if the code is to be run.
    fn call<'py>(
        this: &Bound<'py, Self::Class>,
        arguments: &[Bound<'py, PyAny>],
    ) -> Option<PyResult<()>>;

    /// Runs the code, with all arguments.
    fn run_code<'py>(py: Python<'py>, arguments: Arguments<'_, 'py>)
    -> PyResult<Bound<'py, PyAny>>;
}

/// A class that makes its objects in one step when it is called, and not by `__new__` and `__init__`.
pub trait FastClass: PyClass {
    /// Makes an object of this very class.
    fn make<'py>(
        class: &Bound<'py, PyType>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>>;
}

/// Runs the body of a function that the interpreter calls, which may return nothing. A panic becomes an exception.
///
/// It costs less than what PyO3 does for its functions, which also notes that the thread is attached. So an error that
/// is dropped in `body`, and not raised or made a failure of, ends when PyO3 next runs a function.
#[inline(always)]
pub(super) fn enter<'py>(
    py: Python<'py>,
    body: impl FnOnce(Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>>,
) -> Raw {
    match catch_unwind(AssertUnwindSafe(|| body(py))) {
        Ok(Ok(result)) => result.map_or(ptr::null_mut(), Bound::into_ptr),
        Ok(Err(error)) => refuse(py, error),
        Err(_) => refuse(
            py,
            fallible::error::<PySystemError>(
                py,
                "deferrous has an error of its own, please report it",
            ),
        ),
    }
}

#[cold]
#[inline(never)]
fn refuse(py: Python<'_>, error: PyErr) -> Raw {
    error.restore(py);
    ptr::null_mut()
}

/// # Safety
///
/// Called by the interpreter, with the arguments of a function that takes `METH_FASTCALL | METH_KEYWORDS`.
unsafe extern "C" fn call_function<F: FastFunction>(
    _module: Raw,
    values: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: the interpreter calls this, so the thread is attached, and the arguments are as it gives them.
    unsafe {
        enter(Python::assume_attached(), |py| {
            let arguments = Arguments::new(py, values, count.unsigned_abs(), names);
            F::call(py, arguments).map(Some)
        })
    }
}

/// # Safety
///
/// The same, with an object of the class.
unsafe extern "C" fn call_method<M: FastMethod>(
    this: Raw,
    values: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: the interpreter calls this, so the thread is attached, and the arguments are as it gives them. It has
    // looked at the class of the object.
    unsafe {
        enter(Python::assume_attached(), |py| {
            let arguments = Arguments::new(py, values, count.unsigned_abs(), names);
            let this = Borrowed::from_ptr(py, this);
            M::call(&this.cast_unchecked::<M::Class>(), arguments).map(Some)
        })
    }
}

/// A kind of object whose calls run a function of C, by its `vectorcall` slot.
trait Called {
    /// Calls the object.
    fn call<'py>(
        callable: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>>;
}

/// A class.
struct Class<C>(PhantomData<C>);

impl<C: FastClass> Called for Class<C> {
    #[inline(always)]
    fn call<'py>(
        callable: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        C::make(callable.cast()?, arguments)
    }
}

/// A function of Python.
struct Function<M>(PhantomData<M>);

impl<M: NativeMethod> Called for Function<M> {
    #[inline(always)]
    fn call<'py>(
        callable: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = callable.py();
        if let [this, rest @ ..] = arguments.positional()
            && !arguments.has_keywords()
            && let Ok(this) = this.cast::<M::Class>()
            && let Some(result) = M::call(this, rest)
        {
            return result.map(|()| py.None().into_bound(py));
        }
        M::run_code(py, arguments)
    }
}

/// # Safety
///
/// Called by the interpreter, with the object that is called, and with arguments as it gives them to such objects.
unsafe extern "C" fn vectorcall<C: Called>(
    callable: Raw,
    values: *const Raw,
    count: usize,
    names: Raw,
) -> Raw {
    // SAFETY: the interpreter calls this, so the thread is attached, and the object and the arguments are as it gives
    // them.
    unsafe {
        enter(Python::assume_attached(), |py| {
            let count = ffi::PyVectorcall_NARGS(count).unsigned_abs();
            let arguments = Arguments::new(py, values, count, names);
            C::call(&Borrowed::from_ptr(py, callable), arguments).map(Some)
        })
    }
}

/// Where a function of C is to be found.
enum Home<'a, 'py> {
    /// In the module of this name.
    Module(&'a Bound<'py, PyAny>),
    /// In a class, for its instances and those of its subclasses.
    Class(&'a Bound<'py, PyType>),
}

/// A function of C as an object of Python.
fn define<'py>(
    py: Python<'py>,
    home: Home<'_, 'py>,
    (name, doc): (&'static CStr, &'static CStr),
    code: ffi::PyCFunctionFastWithKeywords,
) -> PyResult<Bound<'py, PyAny>> {
    let definition = Box::into_raw(Box::new(ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: code,
        },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.as_ptr(),
    }));
    // SAFETY: the definition and its texts live for ever, its flags are those of such a function, and the class or the
    // name of the module is alive.
    unsafe {
        let made = match home {
            Home::Module(name) => {
                ffi::PyCFunction_NewEx(definition, ptr::null_mut(), name.as_ptr())
            }
            Home::Class(class) => ffi::PyDescr_NewMethod(class.as_type_ptr(), definition),
        };
        Bound::from_owned_ptr_or_err(py, made)
    }
}

/// The function as an object of Python. `module` is the name of its module.
pub fn fast_function<'py, F: FastFunction>(
    py: Python<'py>,
    module: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyCFunction>> {
    let home = Home::Module(module);
    let function = define(py, home, (F::NAME, F::DOC), call_function::<F>)?;
    Ok(function.cast_into()?)
}

/// A method as a descriptor of a class, for its instances and those of its subclasses.
fn descriptor<'py, M: FastMethod>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let texts = (M::NAME, M::DOC);
    define(class.py(), Home::Class(class), texts, call_method::<M>)
}

/// A method that may be put into any class, for instances of this one.
pub fn method_descriptor<'py, M: FastMethod<Class = PyAny>>(
    class: &Bound<'py, PyType>,
) -> PyResult<Bound<'py, PyAny>> {
    descriptor::<M>(class)
}

/// Gives its class a method.
pub fn add_method<M: FastMethod<Class: PyClass>>(py: Python<'_>) -> PyResult<()> {
    let class = M::Class::type_object(py);
    let name = fallible::interned(py, &M::NAME.to_string_lossy())?;
    class.setattr(name, descriptor::<M>(&class)?)
}

/// Has calls of a class make its objects in one step. Nobody has called it yet.
pub fn make_in_one_step<C: FastClass>(py: Python<'_>) {
    change_slots::<C>(py, |class, _| {
        class.tp_vectorcall = Some(vectorcall::<Class<C>>)
    });
}

/// Has calls of a function of Python run `M` instead of its code.
pub fn call_natively<M: NativeMethod>(function: &Bound<'_, PyFunction>) {
    // SAFETY: the function is alive, and what it is given runs for any arguments. Before CPython 3.12, which has a function
    // for it and which alone notes what a function is called by, that is a field of it.
    unsafe {
        #[cfg(Py_3_12)]
        PyFunction_SetVectorcall(function.as_ptr(), vectorcall::<Function<M>>);
        #[cfg(not(Py_3_12))]
        {
            let fields = function.as_ptr().cast::<ffi::PyFunctionObject>();
            (*fields).vectorcall = Some(vectorcall::<Function<M>>);
        }
    }
}
