fn main() {
    drop(deferrous::succeed(1_u8).add_callback(|n| n + 1));
}
