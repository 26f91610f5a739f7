use deferrous::{Deferred, Failure, deferred};

fn sum_of_squares(limit: u64) -> Result<Deferred<u64>, Failure> {
    let (trigger, d) = deferred();
    println!("working");
    trigger.callback((0..limit).map(|number| number * number).sum())?;
    Ok(d)
}

fn main() -> Result<(), Failure> {
    let d = sum_of_squares(1000)?;
    println!("adding the callback");
    d.map(|sum| println!("the sum is {sum}"));
    Ok(())
}
