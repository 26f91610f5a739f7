fn main() {
    drop(deferrous::succeed(8_u8).add_errback(|_| 0_u8));
}
