//! How much the tests do, which the environment may change.
#![allow(dead_code)]

use std::{env, str::FromStr};

fn asked<N: FromStr>(variable: &str) -> Option<N> {
    let text = env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable} is {text:?}, which is no number"),
    }
}

/// How many random programs a property is tried on.
pub fn cases(usual: u32) -> u32 {
    asked("DEFERROUS_CASES").unwrap_or(usual)
}

/// How often something is done that is done very often; less where each time takes long, as under
/// memcheck.
pub fn many(usual: u32) -> u32 {
    usual.min(asked("DEFERROUS_MANY").unwrap_or(usual))
}

/// How many times longer than usual a test is waited for before it is taken to hang.
pub fn patience() -> u32 {
    asked("DEFERROUS_PATIENCE").unwrap_or(1)
}
