//! A promise as people write it by hand instead of using a Deferred: a queue of boxed callbacks.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

type Link<T> = Box<dyn FnOnce(T) -> T>;

/// A value that is not there yet, and the callbacks that wait for it. Clones are the same.
///
/// It has one type of values, no failures, no panics that become failures, no cancelling, no pauses, no
/// waiting for another promise, and nothing happens if it is never fired.
pub struct Promise<T>(Rc<Inner<T>>);

struct Inner<T> {
    value: Cell<Option<T>>,
    links: RefCell<VecDeque<Link<T>>>,
}

impl<T: 'static> Promise<T> {
    pub fn new() -> Self {
        Promise(Rc::new(Inner {
            value: Cell::new(None),
            links: RefCell::new(VecDeque::new()),
        }))
    }

    /// Adds a callback, which is called at once if the value is there.
    pub fn then(self, link: impl FnOnce(T) -> T + 'static) -> Self {
        match self.0.value.take() {
            Some(value) => self.0.value.set(Some(link(value))),
            None => self.0.links.borrow_mut().push_back(Box::new(link)),
        }
        self
    }

    /// Calls the callbacks, one after the other.
    pub fn fire(&self, value: T) {
        let mut value = value;
        // Not borrowed while a callback runs, which may add another one.
        let next = || self.0.links.borrow_mut().pop_front();
        while let Some(link) = next() {
            value = link(value);
        }
        self.0.value.set(Some(value));
    }
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Promise(self.0.clone())
    }
}
