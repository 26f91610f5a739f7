fn main() {
    drop(deferrous::maybe_deferred(|| async { Ok(1) }));
}
