use std::time::Duration;

use deferrous::{Deferred, Failure, Reactor, deferred};

fn temperature(reactor: &Reactor) -> Deferred<u32> {
    let (trigger, d) = deferred();
    // The sensor answers a moment later.
    reactor.call_later(Duration::from_millis(10), move || {
        trigger.callback(21).expect("it fires once");
    });
    d
}

fn main() -> Result<(), Failure> {
    let reactor = Reactor::new()?;
    let d = temperature(&reactor).map(|degrees| format!("{degrees} degrees"));
    println!("{}", reactor.run_until(d)?);
    Ok(())
}
