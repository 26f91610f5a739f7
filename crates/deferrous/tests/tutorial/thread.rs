use deferrous::{Failure, Reactor};

fn sum_of_squares(limit: u64) -> u64 {
    (0..limit).map(|number| number * number).sum()
}

fn main() -> Result<(), Failure> {
    let reactor = Reactor::new()?;
    let d = reactor.defer_to_thread(|| Ok(sum_of_squares(1000)));
    println!("the thread works, the reactor goes on");
    let sum = reactor.run_until(d)?;
    println!("the sum is {sum}");
    Ok(())
}
