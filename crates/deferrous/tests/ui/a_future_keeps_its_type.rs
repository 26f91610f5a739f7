use deferrous::DeferredFuture;

type Any = for<'a> fn(&'a u8);
type Static = fn(&'static u8);

fn narrowed(future: DeferredFuture<Any>) -> DeferredFuture<Static> {
    future
}

fn main() {
    let _ = narrowed;
}
