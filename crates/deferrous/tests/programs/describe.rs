//! Values and failures as text, as `owned.py` has it.

use std::{error::Error, fmt};

use deferrous::{
    Abandoned, AllFailed, AlreadyCalled, Cancelled, CircularWait, Failure, FirstError, NotPaused,
    Panicked, TimedOut,
};

/// What programs pass around.
#[derive(Clone)]
pub enum Value {
    None,
    True,
    Number(i64),
    Text(String),
    List(Vec<Value>),
    /// A value that is known by a text.
    Told(String),
}

/// The error that most callbacks of the programs fail with.
#[derive(Debug)]
pub struct Boom(pub String);

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Boom {}

pub fn value(value: &Value) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::True => "True".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("'{text}'"),
        Value::List(values) => format!(
            "[{}]",
            values
                .iter()
                .map(self::value)
                .collect::<Vec<_>>()
                .join(", ")
        ),
        Value::Told(text) => text.clone(),
    }
}

pub fn failure(failure: &Failure) -> String {
    if let Some(first) = failure.downcast_ref::<FirstError>() {
        return format!(
            "FirstError({}, {})",
            first.index,
            self::failure(&first.failure)
        );
    }
    if let Some(all) = failure.downcast_ref::<AllFailed>() {
        let failures: Vec<_> = all.failures.iter().map(self::failure).collect();
        return format!("AllFailed({})", failures.join(", "));
    }
    if let Some(panicked) = failure.downcast_ref::<Panicked>() {
        return panicked.message().to_owned();
    }
    let names = [
        (failure.check::<Cancelled>(), "Cancelled"),
        (failure.check::<AlreadyCalled>(), "AlreadyCalled"),
        (failure.check::<CircularWait>(), "CircularWait"),
        (failure.check::<Abandoned>(), "Abandoned"),
        (failure.check::<NotPaused>(), "NotPaused"),
        (failure.check::<TimedOut>(), "TimedOut"),
    ];
    match names.iter().find(|(is, _)| *is) {
        Some((_, name)) => (*name).to_owned(),
        None => failure.to_string(),
    }
}

pub fn result(result: &Result<Value, Failure>) -> String {
    match result {
        Ok(value) => self::value(value),
        Err(failure) => format!("failure {}", self::failure(failure)),
    }
}
