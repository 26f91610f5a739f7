fn main() {
    let (_trigger, d) = deferrous::deferred::<u8>();
    let numbers = d.map(|n| n + 1);
    let texts = d.map(|n| n.to_string());
    drop((numbers, texts));
}
