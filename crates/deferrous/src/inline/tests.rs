use std::{cell::RefCell, rc::Rc};

use super::{Queue, Thunk, Value};

#[repr(align(32))]
struct Aligned(u8);

/// Taking and dropping each free the content exactly once.
fn counted<T: 'static>(make: impl Fn(Rc<()>) -> T) {
    let count = Rc::new(());
    let value = Value::new(make(count.clone()));
    assert_eq!(Rc::strong_count(&count), 2);
    drop(value);
    assert_eq!(Rc::strong_count(&count), 1);
    let taken = Value::new(make(count.clone())).take::<T>();
    assert_eq!(Rc::strong_count(&count), 2);
    drop(taken);
    assert_eq!(Rc::strong_count(&count), 1);
}

#[test]
fn values_are_dropped_once() {
    counted(|rc| rc);
    counted(|rc| (rc, [0_usize; 2]));
    counted(|rc| (rc, [0_usize; 3]));
    counted(|rc| (rc, Aligned(1)));
}

#[test]
fn values_come_back_whole() {
    assert_eq!(Value::new(7_u8).take::<u8>(), 7);
    assert_eq!(Value::new([1_u64; 9]).take::<[u64; 9]>(), [1; 9]);
    assert_eq!(Value::new(Aligned(9)).take::<Aligned>().0, 9);
    Value::new(()).take::<()>();
}

#[test]
#[should_panic(expected = "u8 where its types say u16")]
fn a_value_of_another_type_is_refused() {
    Value::new(7_u8).take::<u16>();
}

#[test]
fn closures_are_called_or_dropped_once() {
    let count = Rc::new(());
    for size in 0..2 {
        let (inner, large) = (count.clone(), [size; 5]);
        let thunk = Thunk::new(move |n: &mut usize| *n + large[0] + Rc::strong_count(&inner));
        assert_eq!(thunk.call(&mut 1), 3 + size);
        assert_eq!(Rc::strong_count(&count), 1);
        let inner = count.clone();
        drop(Thunk::new(move |(): &mut ()| drop(inner)));
        assert_eq!(Rc::strong_count(&count), 1);
    }
}

#[test]
fn a_value_that_is_replaced_is_dropped() {
    let count = Rc::new(());
    let mut value = Value::new(count.clone());
    value.set((count.clone(), [0_usize; 3]));
    assert_eq!(Rc::strong_count(&count), 2);
    value.set(7_u8);
    assert_eq!(Rc::strong_count(&count), 1);
    assert_eq!(value.take::<u8>(), 7);
}

type Numbers = Queue<Vec<usize>, ()>;

/// Appends a closure that notes a number, and is dropped with `count`. Every third is boxed.
fn push(queue: &RefCell<Numbers>, number: usize, count: &Rc<()>) {
    let count = count.clone();
    if number.is_multiple_of(3) {
        let large = [number; 5];
        let note = move |notes: &mut Vec<usize>| notes.push(large[Rc::strong_count(&count) % 5]);
        queue.borrow_mut().push(note);
    } else {
        let note = move |notes: &mut Vec<usize>| {
            notes.push(number);
            drop(count);
        };
        queue.borrow_mut().push(note);
    }
}

/// Calls the first closure of the queue.
fn call(queue: &RefCell<Numbers>, notes: &mut Vec<usize>) -> bool {
    Queue::call_first(queue.borrow_mut(), notes).is_some()
}

#[test]
fn queued_closures_are_called_in_order_at_any_length() {
    let (queue, count, mut notes) = (RefCell::new(Queue::new()), Rc::new(()), Vec::new());
    let (mut pushed, mut called) = (0, 0);
    // The rings turn, overflow and run empty at all lengths.
    for round in 0_usize..200 {
        for _ in 0..round * 7 % 23 {
            push(&queue, pushed, &count);
            pushed += 1;
        }
        for _ in 0..round * 5 % 23 {
            called += usize::from(call(&queue, &mut notes));
        }
        assert_eq!(queue.borrow().len(), pushed - called);
        assert_eq!(Rc::strong_count(&count), 1 + pushed - called);
    }
    while call(&queue, &mut notes) {}
    assert!(queue.borrow().is_empty());
    assert_eq!(notes, (0..pushed).collect::<Vec<_>>());
}

#[test]
fn queued_closures_are_dropped_once() {
    for length in 0..40 {
        let (queue, count) = (RefCell::new(Queue::new()), Rc::new(()));
        for number in 0..length {
            push(&queue, number, &count);
        }
        for _ in 0..length / 3 {
            drop(queue.borrow_mut().pop());
        }
        assert_eq!(Rc::strong_count(&count), 1 + length - length / 3);
        drop(queue);
        assert_eq!(Rc::strong_count(&count), 1);
    }
}

/// The queue is lent no longer, and the closure is out of it.
#[test]
fn a_closure_may_change_the_queue_that_it_was_in() {
    let queue: Rc<RefCell<Numbers>> = Rc::new(RefCell::new(Queue::new()));
    let inner = queue.clone();
    let words = [1, 2];
    queue.borrow_mut().push(move |notes: &mut Vec<usize>| {
        for number in 0..20 {
            inner
                .borrow_mut()
                .push(move |notes: &mut Vec<usize>| notes.push(number));
        }
        notes.extend(words);
    });
    let mut notes = Vec::new();
    while call(&queue, &mut notes) {}
    assert_eq!(notes[..3], [1, 2, 0]);
    assert_eq!(notes.len(), 22);
}

#[test]
fn a_destructor_that_panics_leaves_nothing_twice() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("no"));
        }
    }
    let (queue, count) = (RefCell::new(Queue::new()), Rc::new(()));
    for number in 0..5 {
        push(&queue, number, &count);
    }
    let panics = Panics;
    queue
        .borrow_mut()
        .push(move |_: &mut Vec<usize>| drop(panics));
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(queue)));
    assert!(dropped.is_err());
    assert_eq!(Rc::strong_count(&count), 1);
}
