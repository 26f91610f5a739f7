use std::num::ParseIntError;

use deferrous::{Deferred, Failure, succeed};

fn port(text: &str) -> Deferred<u16> {
    succeed(text.to_owned())
        .add_callback(|text: String| Ok(text.parse::<u16>()?))
        .add_errback(|failure| {
            failure.trap::<ParseIntError>()?;
            Ok(8080)
        })
}

fn main() -> Result<(), Failure> {
    port("80").map(|port| println!("{port}"));
    port("eighty").map(|port| println!("{port}"));
    Ok(())
}
