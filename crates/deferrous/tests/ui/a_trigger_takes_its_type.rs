fn main() {
    let (trigger, _d) = deferrous::deferred::<u8>();
    let _ = trigger.callback("text");
}
