fn main() {
    drop(deferrous::succeed("8").add_callback(|text| text.parse::<u8>()));
}
