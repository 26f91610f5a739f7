fn main() {
    let d = deferrous::succeed(1_u8).add_errback(|_| Ok("text"));
    drop(d);
}
