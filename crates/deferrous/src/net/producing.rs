//! A producer that is registered, and whether it may write.

use std::cell::{Cell, RefCell};

use super::{
    calls::catch,
    transport::{Producer, Transport},
};
use crate::failure::Failure;

/// A registered producer.
pub(super) struct Producing {
    /// Absent while it is being called.
    producer: RefCell<Option<Box<dyn Producer>>>,
    pull: bool,
    /// A push producer is to write no more.
    paused: Cell<bool>,
    /// What it has been told of that.
    told_paused: Cell<bool>,
    /// A pull producer has something to do when nothing is left to be sent.
    is_due: Cell<bool>,
}

impl Producing {
    pub(super) fn new(producer: Box<dyn Producer>, pull: bool) -> Self {
        Producing {
            producer: RefCell::new(Some(producer)),
            pull,
            paused: Cell::new(false),
            told_paused: Cell::new(false),
            is_due: Cell::new(pull),
        }
    }

    /// Something was written. `is_full` says whether that was too much.
    pub(super) fn written(&self, is_full: bool, transport: &Transport) -> Result<(), Failure> {
        self.is_due.set(true);
        if is_full && !self.pull {
            self.paused.set(true);
        }
        self.settle(transport)
    }

    /// Nothing is left to be sent.
    pub(super) fn drained(&self, transport: &Transport) -> Result<(), Failure> {
        if !self.pull {
            self.paused.set(false);
            return self.settle(transport);
        }
        if self.is_due.replace(false) {
            return self.call(|producer| producer.resume_producing(transport));
        }
        Ok(())
    }

    /// Tells a push producer what it has not been told yet. If it is being called, whoever does so goes on here.
    fn settle(&self, transport: &Transport) -> Result<(), Failure> {
        while self.paused.get() != self.told_paused.get() && !self.is_calling() {
            let paused = self.paused.get();
            self.told_paused.set(paused);
            self.call(|producer| match paused {
                true => producer.pause_producing(transport),
                false => producer.resume_producing(transport),
            })?;
        }
        Ok(())
    }

    /// Whether it is being called.
    pub(super) fn is_calling(&self) -> bool {
        self.producer.borrow().is_none()
    }

    /// The connection has ended.
    pub(super) fn stop(&self, transport: &Transport) -> Result<(), Failure> {
        self.call(|producer| producer.stop_producing(transport))
    }

    fn call(
        &self,
        call: impl FnOnce(&mut dyn Producer) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(mut producer) = self.producer.take() else {
            return Ok(());
        };
        let result = catch(|| call(&mut *producer));
        self.producer.replace(Some(producer));
        result
    }
}
