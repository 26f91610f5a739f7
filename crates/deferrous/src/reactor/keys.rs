//! The keys of events: which table has what an event is for, and where.

/// A key is a place in a table, and above that its generation, which tells what is there from what was there
/// before. A bit above that says which table.
const PLACE_BITS: u32 = usize::BITS / 2;
const PLACE_MASK: usize = (1 << PLACE_BITS) - 1;
/// The poller's keys end at a quarter of all numbers.
const SOURCE: usize = 1 << (usize::BITS - 3);
const GENERATION_MASK: usize = (SOURCE >> PLACE_BITS) - 1;

/// The generation after this one. After a very long time they come again.
pub(super) const fn next_generation(generation: usize) -> usize {
    (generation + 1) & GENERATION_MASK
}

/// The key of a place in the table of watched descriptors.
pub(super) const fn descriptor_key(place: usize, generation: usize) -> usize {
    place | generation << PLACE_BITS
}

/// The key of a place in the table of sources.
pub(super) const fn source_key(place: usize, generation: usize) -> usize {
    descriptor_key(place, generation) | SOURCE
}

/// Whether a key belongs to the table of sources.
pub(super) const fn is_source(key: usize) -> bool {
    key & SOURCE != 0
}

/// The place that a key is for.
pub(super) const fn place(key: usize) -> usize {
    key & PLACE_MASK
}

/// The generation that a key is for.
pub(super) const fn generation(key: usize) -> usize {
    key >> PLACE_BITS & GENERATION_MASK
}
