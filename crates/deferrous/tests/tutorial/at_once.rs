use deferrous::{Deferred, Failure, maybe_deferred, succeed};

fn is_valid(user: &str) -> bool {
    ["Alice", "Angus", "Agnes"].contains(&user)
}

fn is_valid_deferred(user: &str) -> Deferred<bool> {
    succeed(is_valid(user))
}

fn main() -> Result<(), Failure> {
    is_valid_deferred("Alice").map(|valid| println!("Alice: {valid}"));
    maybe_deferred(|| Ok(is_valid("Bob"))).map(|valid| println!("Bob: {valid}"));
    Ok(())
}
