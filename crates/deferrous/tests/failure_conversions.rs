//! `?` into failures and out of them, by way of boxes and of anyhow.

mod support;

use std::{error::Error, fmt, io, num::ParseIntError};

use anyhow::Context;
use deferrous::{Deferred, Failure, fail, succeed};
use support::{failure_of, value_of};

type Boxed = Box<dyn Error + Send + Sync>;

fn parse(text: &str) -> Result<u8, Failure> {
    Ok(text.parse()?)
}

fn parse_boxed(text: &str) -> Result<u8, Boxed> {
    Ok(text.parse()?)
}

fn parse_anyhow(text: &str) -> anyhow::Result<u8> {
    text.parse().context("no number")
}

#[test]
fn a_box_becomes_a_failure_of_its_error() {
    fn convert(text: &str) -> Result<u8, Failure> {
        Ok(parse_boxed(text)? + 1)
    }
    assert_eq!(convert("5").unwrap(), 6);
    assert!(convert("x").unwrap_err().check::<ParseIntError>());
}

#[test]
fn a_failure_becomes_a_box_and_the_same_failure_again() {
    fn convert(text: &str) -> Result<u8, Boxed> {
        Ok(parse(text)? + 1)
    }
    fn there_and_back(text: &str) -> Result<u8, Failure> {
        Ok(convert(text)? + 1)
    }
    assert_eq!(there_and_back("5").unwrap(), 7);
    let boxed = convert("x").unwrap_err();
    let failure = boxed.downcast_ref::<Failure>().unwrap().clone();
    assert_eq!(boxed.to_string(), failure.to_string());
    let again = Failure::from(boxed);
    let place =
        |failure: &Failure| std::ptr::from_ref::<ParseIntError>(failure.downcast_ref().unwrap());
    assert_eq!(place(&failure), place(&again));
    assert!(there_and_back("x").unwrap_err().check::<ParseIntError>());
}

#[test]
fn a_failure_becomes_a_box_that_need_not_be_sent() {
    fn convert(text: &str) -> Result<u8, Box<dyn Error>> {
        Ok(parse(text)? + 1)
    }
    assert!(convert("x").is_err());
}

#[test]
fn an_anyhow_error_becomes_a_failure_with_its_causes() {
    fn convert(text: &str) -> Result<u8, Failure> {
        Ok(parse_anyhow(text)? + 1)
    }
    assert_eq!(convert("5").unwrap(), 6);
    let failure = convert("x").unwrap_err();
    assert_eq!(
        format!("{failure:#}"),
        "no number: invalid digit found in string"
    );
}

#[test]
fn an_anyhow_error_keeps_its_type_if_anyhow_lets_it_go() {
    let error = anyhow::Error::from(io::Error::other("no disk"));
    let failure = Failure::new(error.reallocate_into_boxed_dyn_error_without_backtrace());
    assert!(failure.check::<io::Error>());
}

#[test]
fn a_failure_becomes_an_anyhow_error_that_contains_it() {
    fn convert(text: &str) -> anyhow::Result<u8> {
        Ok(parse(text).map_err(|failure| failure.context("inner"))? + 1)
    }
    let error = convert("x").context("outer").unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    assert!(failure.check::<ParseIntError>());
    assert_eq!(
        format!("{error:#}"),
        "outer: inner: invalid digit found in string"
    );
}

#[test]
fn callbacks_convert_all_of_them() {
    let d = succeed("5")
        .add_callback(|text| Ok(parse_boxed(text)?))
        .add_callback(|n| Ok(parse_anyhow(&n.to_string())?));
    assert_eq!(value_of(d), 5);
    let d: Deferred<u8> = succeed(()).add_callback(|()| Err("text".into()));
    assert_eq!(failure_of(d).to_string(), "text");
    let d = fail::<u8>("no disk").add_errback(|failure| Err(failure.context("loading")));
    assert_eq!(format!("{:#}", failure_of(d)), "loading: no disk");
}

/// As the documentation of `Failure` says, it is `Unpin` by its own word.
#[derive(Debug)]
struct Wrapping(Failure);

impl Unpin for Wrapping {}

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl Error for Wrapping {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn an_error_that_contains_a_failure_becomes_a_failure() {
    fn convert(text: &str) -> Result<u8, Failure> {
        Ok(parse(text).map_err(Wrapping)? + 1)
    }
    let failure = convert("x").unwrap_err();
    assert!(
        failure
            .trap::<Wrapping>()
            .unwrap()
            .0
            .check::<ParseIntError>()
    );
}
