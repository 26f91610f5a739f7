//! What belongs to descriptors, by their numbers, which are small.

use std::os::fd::RawFd;

/// A map from descriptors, which takes one look into memory.
pub struct Table<T> {
    places: Vec<Option<T>>,
    count: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            places: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Table<T> {
    /// How many descriptors there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// What belongs to a descriptor.
    #[inline]
    pub fn get(&self, fd: RawFd) -> Option<&T> {
        self.places.get(usize::try_from(fd).ok()?)?.as_ref()
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, fd: RawFd) -> Option<&mut T> {
        self.places.get_mut(usize::try_from(fd).ok()?)?.as_mut()
    }

    /// Adds what belongs to a descriptor, which is not negative and has nothing yet.
    pub fn insert(&mut self, fd: RawFd, value: T) {
        let at = fd.unsigned_abs() as usize;
        if self.places.len() <= at {
            self.places.resize_with(at + 1, || None);
        }
        self.count += usize::from(self.places[at].replace(value).is_none());
    }

    /// Takes out what belongs to a descriptor.
    pub fn remove(&mut self, fd: RawFd) -> Option<T> {
        let removed = self.places.get_mut(usize::try_from(fd).ok()?)?.take();
        self.count -= usize::from(removed.is_some());
        removed
    }

    /// All descriptors, with what belongs to them, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (RawFd, &T)> {
        let places = (0..).zip(&self.places);
        places.filter_map(|(fd, place)| Some((fd, place.as_ref()?)))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (RawFd, &mut T)> {
        let places = (0..).zip(&mut self.places);
        places.filter_map(|(fd, place)| Some((fd, place.as_mut()?)))
    }
}
