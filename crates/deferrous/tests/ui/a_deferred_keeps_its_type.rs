use deferrous::Deferred;

type Any = for<'a> fn(&'a u8);
type Static = fn(&'static u8);

fn narrowed(d: Deferred<Any>) -> Deferred<Static> {
    d
}

fn main() {
    let _ = narrowed;
}
