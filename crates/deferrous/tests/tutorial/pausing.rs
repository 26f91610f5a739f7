use deferrous::{Failure, succeed};

fn main() -> Result<(), Failure> {
    let d = succeed(1);
    d.pause();
    let d = d
        .map(|number| println!("first callback with {number}"))
        .map(|()| println!("second callback"));
    println!("both are added");
    d.unpause()?;
    Ok(())
}
