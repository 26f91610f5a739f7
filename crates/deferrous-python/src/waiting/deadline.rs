//! Times as numbers that can be ordered, for [`Deadlines`](deferrous::event_loop::Deadlines).

/// A number that orders times as they are. What is not a number comes last.
pub const fn deadline(time: f64) -> u64 {
    if time.is_nan() {
        return u64::MAX;
    }
    // There is one zero.
    let bits = (time + 0.0).to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    }
}

/// The time that has this number.
pub const fn time_of(deadline: u64) -> f64 {
    f64::from_bits(if deadline >> 63 == 1 {
        deadline & !(1 << 63)
    } else {
        !deadline
    })
}
