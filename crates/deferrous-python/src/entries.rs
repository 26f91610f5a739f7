//! The links of a Python Deferred: out of sight until somebody asks for `_callbacks`, a `list` ever
//! after.

use deferrous::chain::{Entry, Links, Queue};
use pyo3::ffi;

use crate::{
    coroutine,
    deferred::Deferred,
    host::Python,
    interp::{Maybe, Obj, Raised, write_unraisable},
    link::{Link, Shape, Side},
    list,
    twisted::twisted,
};

/// The links that have not run yet.
pub enum Entries {
    Hidden(Queue<Entry<Python>>),
    /// A list that programs have seen, and may have changed.
    Listed(Obj),
}

impl Default for Entries {
    #[inline(always)]
    fn default() -> Self {
        Entries::Hidden(Queue::default())
    }
}

impl Links<Python> for Entries {
    #[inline(always)]
    fn push(&mut self, entry: Entry<Python>) {
        match self {
            Entries::Hidden(queue) => queue.push(entry),
            Entries::Listed(list) => append(list, entry),
        }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Entry<Python>> {
        match self {
            Entries::Hidden(queue) => queue.pop(),
            Entries::Listed(list) => pop_first(list).map(parse),
        }
    }

    #[inline(always)]
    fn pop_link(&mut self) -> Option<Link> {
        match self {
            Entries::Hidden(queue) => queue.pop_link(),
            Entries::Listed(list) => {
                let first = first(list)?;
                if waiting(&first).is_some() {
                    return None;
                }
                pop_first(list).map(Link::listed)
            }
        }
    }

    /// Only asked by hosts that look for circles.
    fn last(&self) -> Option<&Entry<Python>> {
        None
    }

    #[inline(always)]
    fn len(&self) -> usize {
        match self {
            Entries::Hidden(queue) => queue.len(),
            // SAFETY: it is a list.
            Entries::Listed(list) => unsafe { ffi::PyList_GET_SIZE(list.as_ptr()) }.unsigned_abs(),
        }
    }
}

impl Entries {
    /// Puts a link before all others.
    pub fn push_front(&mut self, link: Link) {
        match self {
            Entries::Hidden(queue) => queue.push_front(Entry::Call(link)),
            Entries::Listed(list) => {
                without_collection(|| {
                    let entry = show(&Entry::Call(link))?;
                    // SAFETY: it is a list, and the entry is alive.
                    match unsafe { ffi::PyList_Insert(list.as_ptr(), 0, entry.as_ptr()) } {
                        0 => Ok(()),
                        _ => Err(Raised),
                    }
                });
            }
        }
    }
}

/// The links as Twisted has them, for a list that programs will see.
pub fn listed(queue: &Queue<Entry<Python>>) -> Maybe {
    // SAFETY: the thread is attached; the list and its entries are alive.
    unsafe {
        let list = Obj::owned(ffi::PyList_New(0))?;
        for entry in queue.iter() {
            let entry = show(entry)?;
            if ffi::PyList_Append(list.as_ptr(), entry.as_ptr()) < 0 {
                return Err(Raised);
            }
        }
        Ok(list)
    }
}

/// What a Deferred that waits puts into the links of the one that it waits for.
pub fn continuation(waiting: &Deferred) -> Maybe {
    let twisted = twisted();
    let who = Obj::tuple([waiting.object().clone()])?;
    let triple = Obj::tuple([twisted.continue_.clone(), who, twisted.no_kwargs.clone()])?;
    Obj::tuple([triple.clone(), triple])
}

/// An entry as Twisted has it: `((callback, args, kwargs), (errback, args, kwargs))`.
fn show(entry: &Entry<Python>) -> Maybe {
    let link = match entry {
        Entry::Resume(waiting) => return continuation(waiting),
        Entry::Call(link) => link,
    };
    let empty = || twisted().empty.clone();
    // SAFETY: the thread is attached.
    let dict = || unsafe { Obj::owned(ffi::PyDict_New()) };
    let triple = |callable: Obj, args: Obj| Obj::tuple([callable, args, dict()?]);
    let words = words_of(link);
    let call = match (link.shape, &words[..]) {
        (Shape::Listed, _) => return Ok(link.first().clone()),
        (Shape::Pair, [callback, errback, ..]) => {
            let callback = triple(callback.clone(), empty())?;
            return Obj::tuple([callback, triple(errback.clone(), empty())?]);
        }
        (Shape::Member, _) => return list::show_member(link),
        (Shape::Driver | Shape::Cancelling, _) => triple(coroutine::show(link)?, empty())?,
        (Shape::Many, _) => show_many(link, dict)?,
        (_, [callable, rest @ ..]) => triple(callable.clone(), tuple_of(rest)?)?,
        (_, []) => triple(link.first().clone(), empty())?,
    };
    let pass = |callable: &Obj| triple(callable.clone(), empty());
    match link.side {
        Side::Callback => Obj::tuple([call, pass(&twisted().failthru)?]),
        Side::Errback => Obj::tuple([pass(&twisted().passthru)?, call]),
        Side::Both => Obj::tuple([call.clone(), call]),
    }
}

/// The objects of a link, without those that are null.
fn words_of(link: &Link) -> Vec<Obj> {
    let mut words = Vec::new();
    link.each(|word| {
        if !word.is_null() {
            // SAFETY: the link counts for it.
            words.push(unsafe { Obj::borrowed(word) });
        }
    });
    words
}

fn tuple_of(items: &[Obj]) -> Maybe {
    match items {
        [] => Ok(twisted().empty.clone()),
        [one] => Obj::tuple([one.clone()]),
        [one, two, ..] => Obj::tuple([one.clone(), two.clone()]),
    }
}

fn show_many(link: &Link, dict: impl FnOnce() -> Maybe) -> Maybe {
    let (arguments, keywords) = link.rest();
    Obj::tuple([
        link.first().clone(),
        arguments.unwrap_or_else(|| twisted().empty.clone()),
        keywords.map_or_else(dict, Ok)?,
    ])
}

/// The first entry of the list, left where it is.
fn first(list: &Obj) -> Option<Obj> {
    // SAFETY: it is a list, whose length is looked at.
    unsafe {
        (ffi::PyList_GET_SIZE(list.as_ptr()) > 0)
            .then(|| Obj::borrowed(ffi::PyList_GET_ITEM(list.as_ptr(), 0)))
    }
}

/// Takes the first entry of the list.
fn pop_first(list: &Obj) -> Option<Obj> {
    let first = first(list)?;
    // SAFETY: it is a list with at least one entry, and that entry is kept alive by `first`.
    let done = unsafe { ffi::PyList_SetSlice(list.as_ptr(), 0, 1, std::ptr::null_mut()) };
    if done < 0 {
        write_unraisable(Raised, list.as_ptr());
        return None;
    }
    Some(first)
}

/// The Deferred that waits, if the entry is that of one.
fn waiting(entry: &Obj) -> Option<Deferred> {
    // SAFETY: each is looked at as a tuple only where it is one that is long enough.
    unsafe {
        let item = |tuple: *mut ffi::PyObject, at: ffi::Py_ssize_t| {
            (ffi::PyTuple_Check(tuple) != 0 && ffi::PyTuple_GET_SIZE(tuple) > at)
                .then(|| ffi::PyTuple_GET_ITEM(tuple, at))
        };
        let triple = item(entry.as_ptr(), 0)?;
        if !twisted().continue_.is(item(triple, 0)?) {
            return None;
        }
        Deferred::of(&Obj::borrowed(item(item(triple, 1)?, 0)?))
    }
}

fn parse(entry: Obj) -> Entry<Python> {
    match waiting(&entry) {
        Some(deferred) => Entry::Resume(deferred),
        None => Entry::Call(Link::listed(entry)),
    }
}

fn append(list: &Obj, entry: Entry<Python>) {
    without_collection(|| {
        let entry = show(&entry)?;
        // SAFETY: it is a list, and the entry is alive.
        match unsafe { ffi::PyList_Append(list.as_ptr(), entry.as_ptr()) } {
            0 => Ok(()),
            _ => Err(Raised),
        }
    });
}

/// Makes objects while a state is borrowed: the collector, which may run any code, has to wait.
fn without_collection(body: impl FnOnce() -> Maybe<()>) {
    // SAFETY: the thread is attached.
    let was_enabled = unsafe { ffi::PyGC_Disable() };
    if let Err(raised) = body() {
        write_unraisable(raised, std::ptr::null_mut());
    }
    if was_enabled != 0 {
        // SAFETY: the thread is attached.
        unsafe { ffi::PyGC_Enable() };
    }
}
