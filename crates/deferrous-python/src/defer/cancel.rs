//! `Deferred.cancel`.

use std::ptr;

use super::{
    callback::Canceller,
    deferred::Deferred,
    kinds::{Kind, Method, kind},
};
use crate::{
    failure::{self, Place},
    interp::{Maybe, copied, too_deep},
    replaced,
    twisted::{names, twisted},
};

impl Deferred {
    /// `cancel()`, where the class may say what that is.
    pub fn call_cancel(&self) -> Maybe<()> {
        if self.overrides(Method::Cancel) {
            self.object()
                .call_method(&names().cancel, [ptr::null_mut()])?;
            return Ok(());
        }
        self.cancel()
    }

    /// `cancel()`. A row of Deferreds that wait for each other is walked by a loop.
    pub fn cancel(&self) -> Maybe<()> {
        let mut current = self.clone();
        // One of the Deferreds that were passed, another after 2, 4, 8... more: in a circle, it comes again.
        let (mut passed, mut steps, mut until) = (self.clone(), 0_usize, 1_usize);
        while current.parts().called.get() {
            let result = current.required_result()?;
            if kind(&result) != Kind::Deferred {
                return Ok(());
            }
            // SAFETY: its kind has just been looked at.
            current = unsafe { Self::from_object(result) };
            if current.overrides(Method::Cancel) {
                current
                    .object()
                    .call_method(&names().cancel, [ptr::null_mut()])?;
                return Ok(());
            }
            if current.is(&passed) {
                return Err(too_deep(
                    "while cancelling Deferreds that wait for each other",
                ));
            }
            steps += 1;
            if steps == until {
                (passed, steps, until) = (current.clone(), 0, until * 2);
            }
        }
        current.cancel_unfired()
    }

    fn cancel_unfired(&self) -> Maybe<()> {
        match copied(&self.parts().canceller) {
            Some(Canceller {
                target,
                native: Some(native),
            }) => (native.cancel)(&target, self.object())?,
            Some(Canceller { target, .. }) if target.is_true()? => {
                target
                    .call_with_room([ptr::null_mut(), self.object().as_ptr()])
                    .map_err(|raised| failure::pass_raised(raised, Place::Cancel))?;
            }
            _ => self.parts().suppress_already_called.set(true),
        }
        if self.parts().called.get() {
            return Ok(());
        }
        // The canceller may have replaced it.
        let error = replaced::named("CancelledError", &twisted().cancelled_error)?;
        let failure = failure::from_value(&error.call(&[])?)?;
        self.call_errback(Some(&failure))
    }
}
