//! `DeferredList` and `gatherResults`: many Deferreds into one.

mod members;
mod parts;

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use pyo3::ffi;

use self::members::{Layout, Members, members, required};
use super::{
    callback::{Callback, Called, Native, Side},
    class_attributes::set_defaults,
    deferred::{Deferred, Parts},
    kinds::{Kind, Method, classes, kind},
    making,
};
use crate::{
    docs, failure,
    interp::{
        CALL_WITH_KEYWORDS, Items, Maybe, Obj, Raised, Raw, Signature, assertion_failed,
        bind_tuple, deeper, enter, enter_status, method, sealed, set_aside, slot, subclass_spec,
    },
    replaced,
    twisted::{names, twisted},
};

type Count = ffi::Py_ssize_t;

/// A member of a list as a callback of that member.
static MEMBER: Native = Native {
    call: |list, index, result, failed| {
        // SAFETY: the target of these callbacks is a `DeferredList`.
        let list = unsafe { Deferred::from_object(list.clone()) };
        Called::Returned(deeper(|| fired(&list, result, index as isize, !failed)))
    },
    show: |list, index| {
        let cb = list.getattr(&names().cb_deferred)?;
        let [callback, errback] = arguments(index as isize)?;
        Ok([(cb.clone(), callback), (cb, errback)])
    },
};

/// Makes the class, a subclass of `deferred`.
pub fn make_class(deferred: &Obj) -> Maybe {
    let methods =
        vec![
        method(
            c"_cbDeferred",
            CALL_WITH_KEYWORDS(cb_deferred),
            c"_cbDeferred($self, result, index, succeeded)\n--\n\nOne of the Deferreds has fired.",
        ),
        method(c"cancel", CALL_WITH_KEYWORDS(cancel), docs::DEFERRED_LIST_CANCEL),
    ];
    let slots = vec![
        slot(
            ffi::Py_tp_doc,
            docs::DEFERRED_LIST.as_ptr().cast_mut().cast(),
        ),
        slot(ffi::Py_tp_new, new as *mut c_void),
        slot(ffi::Py_tp_init, init as *mut c_void),
        slot(ffi::Py_tp_dealloc, parts::dealloc as *mut c_void),
        slot(ffi::Py_tp_traverse, parts::traverse as *mut c_void),
        slot(ffi::Py_tp_clear, parts::clear as *mut c_void),
        slot(ffi::Py_tp_methods, sealed(methods).cast()),
        slot(ffi::Py_tp_getset, sealed(parts::attributes()).cast()),
    ];
    let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC;
    let name = c"twisted.internet.defer.DeferredList";
    let bases = Obj::tuple([deferred.clone()])?;
    let class = subclass_spec(name, size_of::<Layout>(), flags, slots, bases.as_ptr())?;
    let off = || Some(Obj::bool(false));
    let defaults = [("fireOnOneCallback", off()), ("fireOnOneErrback", off())];
    set_defaults(&class, &defaults)?;
    Ok(class)
}

/// # Safety
/// `class` is this class or a subclass.
unsafe extern "C" fn new(class: *mut ffi::PyTypeObject, _: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a subclass of this class.
    enter(|| unsafe { allocate(class).map(Deferred::into_object) })
}

/// # Safety
///
/// `class` is this class or a subclass.
unsafe fn allocate(class: *mut ffi::PyTypeObject) -> Maybe<Deferred> {
    // SAFETY: as the caller says; the place is written before anything can look at it.
    unsafe {
        let list = Deferred::allocate(class, Parts::new(None))?;
        (&raw mut (*list.object().as_ptr().cast::<Layout>()).members).write(Members::default());
        Ok(list)
    }
}

const INIT: Signature<4> = Signature {
    function: "DeferredList.__init__",
    names: [
        "deferredList",
        "fireOnOneCallback",
        "fireOnOneErrback",
        "consumeErrors",
    ],
    required: 1,
};

/// # Safety
/// `raw` is an object of this class; `arguments` is a tuple, and `keywords` a dict or null.
unsafe extern "C" fn init(raw: Raw, arguments: Raw, keywords: Raw) -> c_int {
    // SAFETY: as the caller says.
    enter_status(|| unsafe {
        if replaced::any() {
            // Twisted's function sets these one by one.
            members(Deferred::from_self(&raw)).set_nothing()?;
            replaced::call_tuple("DeferredList.__init__", raw, arguments, keywords)?;
            return Ok(());
        }
        let list = Deferred::from_self(&raw);
        let (bound, _keep) = bind_tuple(&INIT, arguments, keywords)?;
        let [deferreds, on_callback, on_errback, consume] = bound;
        let flag = |raw: Raw| {
            if raw.is_null() {
                Obj::bool(false)
            } else {
                Obj::borrowed(raw)
            }
        };
        let flags = [flag(on_callback), flag(on_errback), flag(consume)];
        initialise(list, deferreds, flags)
    })
}

/// What `__init__` does.
///
/// # Safety
///
/// `deferreds` is alive.
unsafe fn initialise(list: &Deferred, deferreds: Raw, flags: [Obj; 3]) -> Maybe<()> {
    // The order of Twisted's `__init__`: dropping the old parts may run user code, which may replace the new ones.
    // SAFETY: as the caller says, it is alive.
    let deferreds = unsafe { Obj::owned(ffi::PySequence_List(deferreds)) }?;
    members(list).set_deferreds(deferreds);
    let results = Obj::list_of_none(required(&members(list).deferreds)?.len()?)?;
    members(list).set_results(results);
    if making::is_original() {
        // SAFETY: a null canceller means none.
        unsafe { making::initialise(list, ptr::null_mut()) }?;
    } else {
        let init = classes().deferred.getattr(&names().init)?;
        init.call(&[list.object().as_ptr()])?;
    }
    if required(&members(list).deferreds)?.len()? == 0 && !flags[0].is_true()? {
        // SAFETY: the thread is attached.
        let empty = unsafe { Obj::owned(ffi::PyList_New(0)) }?;
        list.call_callback(empty)?;
    }
    members(list).set_flags(flags);
    let by_method = list.overrides(Method::CbDeferred);
    // Programs may have put anything in the place of the list.
    let (deferreds, mut at) = (Items::of(&required(&members(list).deferreds)?)?, 0);
    while let Some(member) = deferreds.next()? {
        add_member(list, &member, at, by_method)?;
        at += 1;
    }
    Ok(())
}

fn add_member(list: &Deferred, member: &Obj, at: isize, by_method: bool) -> Maybe<()> {
    if !by_method
        && let Ok(index) = u32::try_from(at)
        && let Some(deferred) = Deferred::of(member)
        && !deferred.overrides(Method::AddCallbacks)
    {
        return deferred.add(Callback::Native {
            side: Side::Both,
            index,
            native: &MEMBER,
            target: list.object().clone(),
        });
    }
    let [callback, errback] = arguments(at)?;
    let names = names();
    let add = member.getattr(&names.add_callbacks)?;
    let keys = Obj::tuple([names.callback_args.clone(), names.errback_args.clone()])?;
    let cb = list.object().getattr(&names.cb_deferred)?;
    let arguments = [
        cb.as_ptr(),
        cb.as_ptr(),
        callback.as_ptr(),
        errback.as_ptr(),
    ];
    // SAFETY: all are alive during the call; the last two arguments belong to the two names.
    unsafe {
        Obj::owned(ffi::PyObject_Vectorcall(
            add.as_ptr(),
            arguments.as_ptr(),
            2,
            keys.as_ptr(),
        ))?;
    }
    Ok(())
}

/// The arguments of the two sides.
fn arguments(at: isize) -> Maybe<[Obj; 2]> {
    let index = Obj::int(at)?;
    let callback = Obj::tuple([index.clone(), Obj::bool(true)])?;
    Ok([callback, Obj::tuple([index, Obj::bool(false)])?])
}

/// One of the Deferreds has fired: returns what it is left with.
fn fired(list: &Deferred, result: &Obj, at: isize, succeeded: bool) -> Maybe {
    let pair = Obj::tuple([Obj::bool(succeeded), result.clone()])?;
    let members = members(list);
    let results = required(&members.results)?;
    // SAFETY: the sequence and the pair are alive.
    if unsafe { ffi::PySequence_SetItem(results.as_ptr(), at, pair.as_ptr()) } < 0 {
        return Err(Raised);
    }
    // Each of the members is read when it counts, as what runs before that may change it.
    members.finished.set(members.finished.get() + 1);
    if !list.parts().called.get() {
        if succeeded && required(&members.fire_on_one_callback)?.is_true()? {
            list.call_callback(Obj::tuple([result.clone(), Obj::int(at)?])?)?;
        } else if !succeeded && required(&members.fire_on_one_errback)?.is_true()? {
            fail_first(list, result, at)?;
        } else {
            let (finished, results) = (members.finished.get(), required(&members.results)?);
            // SAFETY: the sequence is alive.
            let count = unsafe { ffi::PySequence_Size(results.as_ptr()) };
            if count < 0 {
                return Err(Raised);
            }
            if finished == count {
                list.call_callback(required(&members.results)?)?;
            }
        }
    }
    if !succeeded && required(&members.consume_errors)?.is_true()? {
        return Ok(Obj::none());
    }
    Ok(result.clone())
}

fn fail_first(list: &Deferred, result: &Obj, at: isize) -> Maybe<()> {
    if kind(result) != Kind::Failure {
        return Err(assertion_failed());
    }
    let index = Obj::int(at)?;
    let error = replaced::named("FirstError", &twisted().first_error)?
        .call(&[result.as_ptr(), index.as_ptr()])?;
    let failure = failure::from_value(&error)?;
    list.call_errback(Some(&failure))
}

const CB_DEFERRED: Signature<3> = Signature {
    function: "DeferredList._cbDeferred",
    names: ["result", "index", "succeeded"],
    required: 3,
};

/// # Safety
/// `raw` is an object of this class. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn cb_deferred(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: called by the interpreter with a list of this class.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("DeferredList._cbDeferred", raw, arguments, count, names);
        }
        let list = Deferred::from_self(&raw);
        let [result, index, succeeded] = CB_DEFERRED.bind(arguments, count, names)?;
        let at = ffi::PyLong_AsSsize_t(index);
        if at == -1 && !ffi::PyErr_Occurred().is_null() {
            return Err(Raised);
        }
        let succeeded = Obj::borrowed(succeeded).is_true()?;
        fired(list, &Obj::borrowed(result), at, succeeded)
    })
}

const CANCEL: Signature<0> = Signature {
    function: "DeferredList.cancel",
    names: [],
    required: 0,
};

/// # Safety
/// `raw` is an object of this class. There are `count` arguments, and as many more as `keywords`.
unsafe extern "C" fn cancel(raw: Raw, arguments: *const Raw, count: Count, keywords: Raw) -> Raw {
    // SAFETY: called by the interpreter with a list of this class.
    let list = unsafe { Deferred::from_self(&raw) };
    enter(|| {
        if replaced::any() {
            // SAFETY: as above.
            return unsafe {
                replaced::call("DeferredList.cancel", raw, arguments, count, keywords)
            };
        }
        // SAFETY: as above.
        let [] = unsafe { CANCEL.bind(arguments, count, keywords) }?;
        if list.parts().called.get() {
            return Ok(Obj::none());
        }
        let deferreds = Items::of(&required(&members(list).deferreds)?)?;
        while let Some(member) = deferreds.next()? {
            if member
                .call_method(&names().cancel, [ptr::null_mut()])
                .is_err()
            {
                report_canceller()?;
            }
        }
        Ok(Obj::none())
    })
}

/// Logs what a canceller has raised.
#[cold]
fn report_canceller() -> Maybe<()> {
    let Some(exception) = set_aside() else {
        return Ok(());
    };
    failure::pass(&exception, failure::Place::CancelList);
    failure::handling(&exception, || {
        let text = Obj::text("Exception raised from user supplied canceller")?;
        let arguments = [ptr::null_mut(), text.as_ptr()];
        replaced::named("log", &twisted().log)?.call_method(&Obj::name("failure")?, arguments)
    })?;
    Ok(())
}

const GATHER: Signature<2> = Signature {
    function: "gatherResults",
    names: ["deferredList", "consumeErrors"],
    required: 1,
};

/// `gatherResults(deferredList, consumeErrors=False)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn gather_results(
    _: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as said.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("gatherResults", ptr::null_mut(), arguments, count, names);
        }
        let [deferreds, consume] = GATHER.bind(arguments, count, names)?;
        let list = allocate(classes().deferred_list.as_ptr().cast())?;
        let consume = if consume.is_null() {
            Obj::bool(false)
        } else {
            Obj::borrowed(consume)
        };
        initialise(
            &list,
            deferreds,
            [Obj::bool(false), Obj::bool(true), consume],
        )?;
        let parse = classes().parse_results.clone();
        list.call_add_callback(parse)
    })
}

const PARSE: Signature<2> = Signature {
    function: "_parseDeferredListResult",
    names: ["resultList", "fireOnOneErrback"],
    required: 1,
};

/// `_parseDeferredListResult(resultList, fireOnOneErrback=False)`: the results alone.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn parse_results(
    _: Raw,
    arguments: *const Raw,
    count: Count,
    names: Raw,
) -> Raw {
    // SAFETY: as said; the entries are looked at as pairs only where they are.
    enter(|| unsafe {
        let [results, _] = PARSE.bind(arguments, count, names)?;
        if ffi::PyList_CheckExact(results) == 0 {
            return twisted().parse_results.call(&[results]);
        }
        let count = ffi::PyList_GET_SIZE(results);
        let values = Obj::owned(ffi::PyList_New(count))?;
        if ffi::PyList_GET_SIZE(results) != count {
            // Up to CPython 3.11, making a list may have run the collector, and that any code of a program.
            return twisted().parse_results.call(&[results]);
        }
        for at in 0..count {
            let pair = ffi::PyList_GET_ITEM(results, at);
            if ffi::PyTuple_CheckExact(pair) == 0
                || ffi::PyTuple_GET_SIZE(pair) != 2
                || !ptr::eq(ffi::PyTuple_GET_ITEM(pair, 0), ffi::Py_True())
            {
                // Twisted's function says what is wrong with it.
                return twisted().parse_results.call(&[results]);
            }
            let value = Obj::borrowed(ffi::PyTuple_GET_ITEM(pair, 1));
            ffi::PyList_SET_ITEM(values.as_ptr(), at, value.into_ptr());
        }
        Ok(values)
    })
}
