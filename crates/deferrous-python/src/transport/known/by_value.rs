//! Facts of streams that have their attributes in themselves, by the values of these attributes. So all streams of a class
//! that are in the same state share them.

use std::os::fd::RawFd;

use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyInt},
};

use crate::{
    interp::{
        Expected, Field, Place, attributes, bound_function, changes, count_places, has_free_places,
        has_values, inline_value, item, mro_address, place, replace_value, two_values,
    },
    transport::{attribute::Attribute, facts::Facts, names::names, stock::Stock},
};

/// How many states of a class are kept at most.
const MOST_STATES: usize = 8;

/// The places of all attributes.
type Places = [Place; Attribute::ALL.len()];

/// A class of streams, which lives for ever.
struct Class {
    address: usize,
    /// How many names have a place.
    count: usize,
    places: &'static Places,
    states: Vec<State>,
}

/// A state of streams.
struct State {
    expected: Vec<(Place, Expected)>,
    /// What is expected, so that no other object gets the address.
    _kept: Vec<Py<PyAny>>,
    facts: Facts,
    mro: usize,
    /// The number of changes of classes.
    changes: u64,
    /// The function that the attribute `fileno` calls.
    fileno: usize,
}

static CLASSES: Field<Vec<Class>> = Field::new(Vec::new());

impl State {
    /// The descriptor of an object that has the values; `None` if the facts are not true of it.
    #[inline]
    fn descriptor(
        &self,
        object: &Bound<'_, PyAny>,
        places: &Places,
        stock: &Stock,
    ) -> Option<RawFd> {
        if self.changes != changes(object.py()) || self.mro != mro_address(object) {
            return None;
        }
        let places = [Attribute::Socket, Attribute::Fileno].map(|own| places[own as usize]);
        let [socket, fileno] = two_values(object, places)?;
        let (function, owner) = bound_function(&fileno)?;
        let is_own = function == self.fileno && owner.is(&socket);
        is_own.then(|| stock.socket.descriptor(&socket)).flatten()
    }
}

/// The facts of an object with its descriptor, if they are known.
#[inline]
pub fn find<'py>(
    object: &Bound<'py, PyAny>,
    stock: &Stock,
) -> Option<(Facts, Held<'py>, Option<RawFd>)> {
    with_class(object, |class| {
        let has_state = |state: &&State| has_values(object, class.count, &state.expected);
        let state = class.states.iter().find(has_state)?;
        let places = class.places;
        let descriptor = state.descriptor(object, places, stock)?;
        let held = Held { places, dict: None };
        Some((state.facts, held, Some(descriptor)))
    })
}

/// Shows `look` what is known of an object's class. It runs no code of the program.
#[inline]
fn with_class<R>(
    object: &Bound<'_, PyAny>,
    look: impl FnOnce(&mut Class) -> Option<R>,
) -> Option<R> {
    let py = object.py();
    let mut classes = CLASSES.take(py);
    let address = object.get_type_ptr().addr();
    let class = classes.iter_mut().find(|class| class.address == address);
    let seen = class.and_then(look);
    CLASSES.set(py, classes);
    seen
}

/// Keeps the facts of an object, whose class tells of changes.
pub fn keep(object: &Bound<'_, PyAny>, held: &Held<'_>, facts: Facts, stock: &Stock) {
    let get = |attribute: Attribute| inline_value(object, held.places[attribute as usize]);
    let (Some(socket), Some(fileno)) = (get(Attribute::Socket), get(Attribute::Fileno)) else {
        return;
    };
    if held.dict.is_some() || !stock.socket.is_own(&socket, &fileno) {
        return;
    }
    let (mut expected, mut kept) = (Vec::new(), Vec::new());
    for attribute in &Attribute::ALL[Attribute::USED..] {
        let place = held.places[*attribute as usize];
        let found = get(*attribute);
        match found.as_ref().map(|found| expect(*attribute, found, stock)) {
            None if place == Place::NONE => {}
            None => expected.push((place, Expected::Exactly(0))),
            Some(Some(value)) => expected.push((place, value)),
            Some(None) => return,
        }
        if *attribute != Attribute::Producer {
            kept.extend(found.map(Bound::unbind));
        }
    }
    let state = State {
        expected,
        _kept: kept,
        facts,
        mro: mro_address(object),
        changes: changes(object.py()),
        fileno: bound_function(&fileno).map_or(0, |(function, _)| function),
    };
    with_class(object, |class| {
        class.states.retain(|known| known.changes == state.changes);
        if class.states.len() >= MOST_STATES {
            class.states.clear();
        }
        class.states.push(state);
        Some(())
    });
}

/// Forgets what was found out of one object alone, which is nothing.
pub const fn forget(_object: &Bound<'_, PyAny>) {}

/// The places of all attributes in objects of a class that lives for ever and has `count` names with places.
fn places(object: &Bound<'_, PyAny>, count: usize) -> &'static Places {
    let known = |class: &mut Class| (class.count == count).then_some(class.places);
    with_class(object, known).unwrap_or_else(|| {
        let (py, address) = (object.py(), object.get_type_ptr().addr());
        let found = Attribute::ALL.map(|own| place(object, own.name(names(py)).bind(py)));
        // A class has thirty names with places at most, so they change seldom.
        let places = Box::leak(Box::new(found));
        let mut classes = CLASSES.take(py);
        classes.retain(|class| class.address != address);
        classes.push(Class {
            address,
            count,
            places,
            states: Vec::new(),
        });
        CLASSES.set(py, classes);
        places
    })
}

/// What is expected in other objects of the same state. `None` for a value that makes the state one of this object alone.
fn expect(attribute: Attribute, found: &Bound<'_, PyAny>, stock: &Stock) -> Option<Expected> {
    let is_plain = found.is_none()
        || found.is_exact_instance_of::<PyBool>()
        || found.is_exact_instance_of::<PyInt>()
        || found
            .cast_exact::<PyBytes>()
            .is_ok_and(|bytes| bytes.as_bytes().is_empty());
    let mut families = stock.datagrams.families.iter();
    if is_plain || families.any(|(family, _)| found.is(family)) {
        return Some(Expected::Exactly(found.as_ptr().addr()));
    }
    (attribute == Attribute::Producer).then_some(Expected::Something)
}

/// The places where there are none.
static NOWHERE: Places = [Place::NONE; Attribute::ALL.len()];

/// Where a stream has its attributes: in itself, or in a dict.
pub struct Held<'py> {
    places: &'static Places,
    dict: Option<Bound<'py, PyDict>>,
}

impl<'py> Held<'py> {
    /// Where this one has them. `lives` says that its class lives for ever.
    pub fn of(object: &Bound<'py, PyAny>, lives: bool) -> Option<Self> {
        match count_places(object).filter(|_| lives) {
            Some(count) => Some(Held {
                places: places(object, count),
                dict: None,
            }),
            None => Some(Held {
                places: &NOWHERE,
                dict: Some(attributes(object).ok()?),
            }),
        }
    }

    /// What the object itself has.
    #[inline]
    pub fn get(
        &self,
        object: &Bound<'py, PyAny>,
        attribute: Attribute,
    ) -> Option<Bound<'py, PyAny>> {
        match &self.dict {
            None => inline_value(object, self.places[attribute as usize]),
            Some(dict) => item(dict, attribute.name(names(object.py())).bind(object.py())),
        }
    }

    /// Whether an object that gets these attributes keeps the others where they are.
    pub fn may_add(&self, object: &Bound<'py, PyAny>, attributes: &[Attribute]) -> bool {
        let places = attributes.iter().map(|own| self.places[*own as usize]);
        let missing = places.filter(|place| *place == Place::NONE).count();
        self.dict.is_some() || missing == 0 || has_free_places(object, missing)
    }

    /// Sets an attribute on which no facts depend.
    #[inline]
    pub fn set(
        &self,
        object: &Bound<'py, PyAny>,
        attribute: Attribute,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        if replace_value(object, self.places[attribute as usize], value) {
            return Ok(());
        }
        object.setattr(attribute.name(names(object.py())).bind(object.py()), value)
    }
}
