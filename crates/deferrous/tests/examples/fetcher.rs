//! The fetcher's own tests, and the program around it.

use crate::support::{Place, end, example, start, text};

/// The example, with its own tests in it.
#[path = "../../examples/fetcher/fetcher.rs"]
mod own_tests;

#[test]
fn each_file_is_read_once_and_each_error_told_to_all() {
    let place = Place::new("fetcher");
    place.file("two", b"one\ntwo\n");
    let paths = ["two", "missing", "two", "missing", "two"];
    let output = end(start(
        example("fetcher").current_dir(place.path("")).args(paths),
    ));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    let written = text(&output.stdout);
    let (first, second) = written.split_once("second round\n").expect("two rounds");
    let missing = "  missing: No such file or directory (os error 2)";
    for round in [first, second] {
        let count = |line| round.lines().filter(|each| *each == line).count();
        assert_eq!(
            (count("  two: 2 lines"), count(missing)),
            (3, 2),
            "{written}"
        );
    }
    // The file once, and what is missing once in each round.
    assert!(written.ends_with("10 asked, 3 read\n"), "{written}");
}
