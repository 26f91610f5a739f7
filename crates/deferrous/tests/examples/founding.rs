//! The programs of the document that the project starts from.

use num_bigint::BigUint;

use crate::support::output_of;

/// The nth Fibonacci number and the one after it, by doubling, which is not how the examples
/// compute it.
fn fibonacci(n: u32) -> (BigUint, BigUint) {
    if n == 0 {
        return (BigUint::ZERO, BigUint::from(1u8));
    }
    let (a, b) = fibonacci(n / 2);
    let even = &a * (&b * 2u8 - &a);
    let odd = &a * &a + &b * &b;
    if n.is_multiple_of(2) {
        (even, odd)
    } else {
        let next = even + &odd;
        (odd, next)
    }
}

fn number_line() -> String {
    format!("Fibonacci number 10000 is {}", fibonacci(10_000).0)
}

#[test]
fn a_blocking_function_ends_before_its_callback_is_added() {
    let output = output_of("fibonacci_blocking");
    let mut lines = output.lines();
    for step in (100..10_000).step_by(100) {
        let expected = format!("Progress: {step} of 10000 numbers computed");
        assert_eq!(lines.next(), Some(&*expected));
    }
    let time = lines.next().and_then(|line| {
        let seconds = line.strip_prefix("The call took ")?;
        seconds.strip_suffix(" seconds")?.parse::<f64>().ok()
    });
    assert!(time.is_some(), "{output}");
    assert_eq!(lines.next(), Some("Adding the callback now."));
    assert_eq!(lines.next(), Some(&*number_line()));
    assert_eq!(lines.next(), None);
}

#[test]
fn a_function_in_a_thread_lets_the_program_go_on() {
    let output = output_of("fibonacci_thread");
    let number = number_line();
    let expected = [
        "1st line after the addition of the callback",
        "2nd line after the addition of the callback",
        &number,
    ];
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn both_kinds_of_check_give_the_caller_the_same() {
    let expected = r#"synchronous:
"Alice" is valid
with a Deferred:
"Alice" is valid
synchronous:
"Mallory" is unknown
with a Deferred:
"Mallory" is unknown
synchronous:
"" cannot be checked: a user needs a name
with a Deferred:
"" cannot be checked: a user needs a name
"#;
    assert_eq!(output_of("valid_user"), expected);
}

#[test]
fn callbacks_wait_until_the_pause_ends() {
    let expected = "without a pause:
  callback with 1
  next callback
  all callbacks added
paused after firing:
  all callbacks added
  callback with 2
  next callback
fired while paused:
  fired
  callback with 3
with a guard:
  all callbacks added
  callback with 4
";
    assert_eq!(output_of("pausing"), expected);
}
