//! A job as a function without arguments, for teams of another kind.

use super::job::Job;
use crate::interp::{Held, Holder, Maybe, NO_ARGUMENTS, Obj, Raw, doc, enter, method};

/// The job, until it is done.
struct Once(Option<Job>);

impl Held for Once {
    fn holder() -> &'static Holder<Self> {
        &JOBS
    }

    fn each(&self, see: &mut impl FnMut(&Obj)) {
        if let Some(job) = &self.0 {
            job.each(see);
        }
    }
}

static JOBS: Holder<Once> = Holder::new();

/// Makes the class.
pub fn make_class() -> Maybe<()> {
    let methods = vec![method(
        c"run",
        NO_ARGUMENTS(run),
        c"run($self, /)\n--\n\nDo the job, once.",
    )];
    let docstring = doc(c"Something for a worker to do.");
    JOBS.define(c"deferrous._core.Job", methods, vec![docstring])?;
    Ok(())
}

/// A function that does the job.
pub fn of(job: Job) -> Maybe {
    JOBS.make(Once(Some(job)))?.get("run")
}

/// # Safety
/// `raw` is a job.
unsafe extern "C" fn run(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a job.
    enter(|| unsafe {
        if let Some(job) = JOBS.with(&Obj::borrowed(raw), |once| once.0.take())? {
            drop(job.run());
        }
        Ok(Obj::none())
    })
}
