//! The names that Twisted's functions look up in their modules each time they run. A program may put something
//! else there, which is then called.

use pyo3::ffi;

use crate::{
    defer::classes,
    failure::{self, Trail},
    interp::{Maybe, Obj, Raised, UntilChanged, attached, raise, take_raised},
    twisted::{import, names, twisted},
};

/// The modules, and what they have unless a program replaces it.
pub struct Modules {
    /// The dict of `twisted.internet.threads`.
    threads: Obj,
    /// The dict of `twisted.python.threadpool`.
    pool: Obj,
    /// The module `twisted.internet.defer` and its dict.
    defer: [Obj; 2],
    /// The module `twisted.python.context` and its dict.
    context: [Obj; 2],
    /// `deferToThreadPool`: ours, and Twisted's where deferrous is not installed.
    defer_to_thread_pool: [Obj; 2],
    /// `context.call`, and the tracker whose method it is.
    call: Option<[Obj; 2]>,
    /// Whether no program has replaced any of the names that each job needs.
    unchanged: UntilChanged,
}

impl Modules {
    /// Finds them. What a program has replaced already is not taken for Twisted's own.
    pub fn load() -> Maybe<Self> {
        let with_dict = |module: Obj| -> Maybe<_> {
            let dict = module.getattr(&names().dict)?;
            Ok([module, dict])
        };
        let [_, threads] = with_dict(import("twisted.internet.threads")?)?;
        let [_, pool] = with_dict(import("twisted.python.threadpool")?)?;
        let context = with_dict(import("twisted.python.context")?)?;
        let ours = import("deferrous._core")?.getattr(&names().defer_to_thread_pool)?;
        let found = look_up(&threads, &names().defer_to_thread_pool)?;
        let theirs = match is_function_of(&found, &threads) {
            true => found,
            false => ours.clone(),
        };
        let defer = with_dict(import("twisted.internet.defer")?)?;
        Ok(Modules {
            unchanged: UntilChanged::new(&[
                threads.clone(),
                pool.clone(),
                defer[1].clone(),
                context[1].clone(),
            ])?,
            defer,
            call: method_of_tracker(&context[1])?,
            defer_to_thread_pool: [ours, theirs],
            threads,
            pool,
            context,
        })
    }

    /// The tracker of contexts, if all names that each job needs have what they had before any program
    /// replaced them.
    #[inline(always)]
    fn usual_tracker(&self) -> Option<&Obj> {
        let [_, tracker] = self.call.as_ref()?;
        self.unchanged
            .get(|| self.has_usual_names(tracker))
            .then_some(tracker)
    }

    fn has_usual_names(&self, tracker: &Obj) -> bool {
        let usual = || -> Maybe<bool> {
            Ok(self.find_defer_to_thread_pool()?.is_none()
                && self.find_own_deferred()?
                && self.find_tracker()?.is(tracker.as_ptr())
                && matches!(self.find_context_call()?, ContextCall::Usual(_)))
        };
        usual().unwrap_or_else(|Raised| {
            // SAFETY: the thread is attached.
            unsafe { ffi::PyErr_Clear() };
            false
        })
    }

    /// What `deferToThread` is to call, unless that is the `deferToThreadPool` of this module.
    #[inline]
    pub fn other_defer_to_thread_pool(&self) -> Maybe<Option<Obj>> {
        match self.usual_tracker() {
            Some(_) => Ok(None),
            None => self.find_defer_to_thread_pool(),
        }
    }

    #[cold]
    fn find_defer_to_thread_pool(&self) -> Maybe<Option<Obj>> {
        let found = look_up(&self.threads, &names().defer_to_thread_pool)?;
        let is_usual = self
            .defer_to_thread_pool
            .iter()
            .any(|usual| usual.is(found.as_ptr()));
        Ok((!is_usual).then_some(found))
    }

    /// Whether `defer.Deferred`, as `deferToThreadPool` finds it, is the class of this module. Where deferrous
    /// is not installed, Twisted's class is there.
    #[inline]
    pub fn has_own_deferred(&self) -> Maybe<bool> {
        match self.usual_tracker() {
            Some(_) => Ok(true),
            None => self.find_own_deferred(),
        }
    }

    #[cold]
    fn find_own_deferred(&self) -> Maybe<bool> {
        let [module, dict] = &self.defer;
        if !look_up(&self.threads, &names().defer)?.is(module.as_ptr()) {
            return Ok(false);
        }
        let found = look_up(dict, &names().deferred)?;
        Ok(attached(|py| classes(py).deferred.is(found.bind(py)))
            || twisted().deferred.is(found.as_ptr()))
    }

    /// `context.theContextTracker`, as a pool finds it.
    #[inline]
    pub fn tracker(&self) -> Maybe {
        match self.usual_tracker() {
            Some(tracker) => Ok(tracker.clone()),
            None => self.find_tracker(),
        }
    }

    #[cold]
    fn find_tracker(&self) -> Maybe {
        let [module, dict] = &self.context;
        let found = look_up(&self.pool, &names().context)?;
        if found.is(module.as_ptr()) {
            return look_up(dict, &names().tracker);
        }
        found.getattr(&names().tracker)
    }

    /// `context.call`, as a worker finds it.
    #[inline]
    pub fn context_call(&self) -> Maybe<ContextCall<'_>> {
        match self.usual_tracker() {
            Some(tracker) => Ok(ContextCall::Usual(tracker)),
            None => self.find_context_call(),
        }
    }

    #[cold]
    fn find_context_call(&self) -> Maybe<ContextCall<'_>> {
        let [module, dict] = &self.context;
        let found = look_up(&self.pool, &names().context)?;
        if !found.is(module.as_ptr()) {
            return Ok(ContextCall::Other(found.getattr(&names().call)?));
        }
        let found = look_up(dict, &names().call)?;
        match &self.call {
            Some([call, tracker]) if call.is(found.as_ptr()) => Ok(ContextCall::Usual(tracker)),
            _ => Ok(ContextCall::Other(found)),
        }
    }

    /// `Failure()` in a worker that handles what a job has raised, which has come through the functions of `trail`.
    pub fn failure(&self, raised: Raised, trail: &Trail) -> Maybe {
        let exception = take_raised(raised);
        trail.lead_to(&exception);
        let class = look_up(&self.pool, &names().failure)?;
        if twisted().failure.is(class.as_ptr()) {
            return Ok(failure::from_exception_here(&exception));
        }
        failure::handling(&exception, || class.call(&[]))
    }

    /// `log`, as a pool finds it.
    pub fn log(&self) -> Maybe {
        look_up(&self.pool, &names().log)
    }
}

/// What makes a call within a context.
pub enum ContextCall<'a> {
    /// Twisted's method of this tracker.
    Usual(&'a Obj),
    /// A function that a program has put there.
    Other(Obj),
}

/// A name that code of a module looks up, in the module's dict.
fn look_up(dict: &Obj, name: &Obj) -> Maybe {
    // SAFETY: the dict and the name are alive, and what is found is kept. A `str` is compared without running
    // Python code.
    unsafe {
        let found = ffi::PyDict_GetItemWithError(dict.as_ptr(), name.as_ptr());
        if found.is_null() {
            return Err(not_defined(name));
        }
        Ok(Obj::borrowed(found))
    }
}

#[cold]
fn not_defined(name: &Obj) -> Raised {
    // SAFETY: the thread is attached.
    let (is_set, class) = unsafe { (!ffi::PyErr_Occurred().is_null(), ffi::PyExc_NameError) };
    match name.to_text() {
        Ok(name) if !is_set => raise(class, &format!("name '{name}' is not defined")),
        _ => Raised,
    }
}

/// Whether an object is a function of Python whose code was written in the module with this dict.
fn is_function_of(function: &Obj, module: &Obj) -> bool {
    // SAFETY: both are alive, and the globals of a function are, too.
    unsafe {
        ffi::PyFunction_Check(function.as_ptr()) != 0
            && module.is(ffi::PyFunction_GetGlobals(function.as_ptr()))
    }
}

/// `call` in the module `twisted.python.context`, and the tracker whose method it is; `None` if a program has put
/// something else there.
fn method_of_tracker(context: &Obj) -> Maybe<Option<[Obj; 2]>> {
    let call = look_up(context, &names().call)?;
    let tracker = look_up(context, &names().tracker)?;
    match (call.get("__func__"), call.get("__self__")) {
        (Ok(function), Ok(owner))
            if is_function_of(&function, context) && tracker.is(owner.as_ptr()) =>
        {
            Ok(Some([call, tracker]))
        }
        _ => {
            // SAFETY: the thread is attached.
            unsafe { ffi::PyErr_Clear() };
            Ok(None)
        }
    }
}
