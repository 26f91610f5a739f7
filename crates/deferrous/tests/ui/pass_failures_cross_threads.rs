use deferrous::{AllFailed, Failure, FirstError, Panicked, Unhandled};

fn crosses<T: Send + Sync>() {}

fn main() {
    crosses::<Failure>();
    crosses::<FirstError>();
    crosses::<AllFailed>();
    crosses::<Panicked>();
    crosses::<Unhandled>();
}
