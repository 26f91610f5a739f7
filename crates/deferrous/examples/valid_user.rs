//! Functions that have their answer at once, and callers that expect a Deferred.
//!
//! `succeed` and `fail` wrap an answer that is there already. Where a function cannot be changed,
//! its caller uses `maybe_deferred`, which takes whatever the function returns, now or later.
//!
//! ```text
//! cargo run --release -q --example valid_user
//! ```

use std::{error::Error, fmt};

use deferrous::{CallbackResult, Deferred, Failure, fail, maybe_deferred, succeed};

const USERS: [&str; 3] = ["Alice", "Angus", "Agnes"];

/// A name that no user could have.
#[derive(Debug)]
struct NoName;

impl fmt::Display for NoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user needs a name")
    }
}

impl Error for NoName {}

/// The synchronous check: an answer or an error, and no Deferred.
fn is_valid_user(user: &str) -> Result<bool, Failure> {
    if user.is_empty() {
        return Err(NoName.into());
    }
    Ok(USERS.contains(&user))
}

/// The same check with the signature that one over a network would have.
fn is_valid_user_deferred(user: &str) -> Deferred<bool> {
    if user.is_empty() {
        return fail(NoName);
    }
    succeed(USERS.contains(&user))
}

/// A caller that accepts either kind of check.
fn report<R: CallbackResult<Value = bool>>(user: &'static str, check: fn(&str) -> R) {
    maybe_deferred(|| check(user)).add_callbacks(
        move |valid| println!("{user:?} is {}", if valid { "valid" } else { "unknown" }),
        move |failure| println!("{user:?} cannot be checked: {failure}"),
    );
}

fn main() {
    for user in ["Alice", "Mallory", ""] {
        println!("synchronous:");
        report(user, is_valid_user);
        println!("with a Deferred:");
        report(user, is_valid_user_deferred);
    }
}
