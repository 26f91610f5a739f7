//! The program `digest`, beside `sha256sum` where the system has it.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    os::unix::ffi::OsStrExt,
    process::{Command, Output, Stdio},
};

use sha2::{Digest, Sha256};

use crate::support::{Place, end, example, send_signal, start, text};

/// `digest` with the place as its working directory, so that names in the output are short.
fn digest<A: AsRef<OsStr>>(place: &Place, args: impl IntoIterator<Item = A>) -> Command {
    let mut command = example("digest");
    command.current_dir(place.path("")).args(args);
    command
}

fn run<A: AsRef<OsStr>>(place: &Place, args: impl IntoIterator<Item = A>) -> Output {
    end(start(&mut digest(place, args)))
}

fn hex(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The line for a file whose name needs no escapes.
fn line(name: &str, content: &[u8]) -> String {
    format!("{}  {name}\n", hex(content))
}

/// Has `sha256sum` check the lines. Without it, that they are the expected ones has to be enough.
fn check(place: &Place, lines: &[u8]) {
    place.file("SUMS", lines);
    let checked = Command::new("sha256sum")
        .args(["--strict", "-c", "SUMS"])
        .current_dir(place.path(""))
        .output();
    if let Ok(output) = checked {
        assert!(output.status.success(), "{output:?}");
    }
}

/// Gives a named pipe its writer and its content.
fn feed(place: &Place, pipe: &str, content: &[u8]) {
    let mut pipe = writer_of(place, pipe);
    pipe.write_all(content).expect("somebody reads it");
}

/// Opens a named pipe for writing, which waits until somebody opens it for reading.
fn writer_of(place: &Place, pipe: &str) -> File {
    let pipe = OpenOptions::new().write(true).open(place.path(pipe));
    pipe.expect("the pipe is there")
}

#[test]
fn files_are_hashed_in_order() {
    let place = Place::new("order");
    place.dir("tree");
    place.dir("tree/b");
    let large = vec![7; 1_000_000];
    let files: [(&str, &[u8]); 4] = [
        ("tree/a", b""),
        ("tree/b/x", b"in a directory"),
        ("tree/c", &large),
        ("first", b"named first"),
    ];
    for (name, content) in files {
        place.file(name, content);
    }
    let output = run(&place, ["first", "tree"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    let expected = line("first", b"named first")
        + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  tree/a\n"
        + &line("tree/b/x", b"in a directory")
        + &line("tree/c", &large);
    assert_eq!(text(&output.stdout), expected);
    check(&place, &output.stdout);
}

#[test]
fn names_are_escaped_as_sha256sum_does() {
    let place = Place::new("names");
    place.dir("d");
    let names: [(&[u8], &[u8], &[u8]); 6] = [
        (b" *blank", b"", b" *blank"),
        (b"back\\slash", b"\\", b"back\\\\slash"),
        (b"new\nline", b"\\", b"new\\nline"),
        (b"return\r", b"\\", b"return\\r"),
        ("\u{fc}ber".as_bytes(), b"", "\u{fc}ber".as_bytes()),
        (b"\xff\xfe", b"", b"\xff\xfe"),
    ];
    let mut expected = Vec::new();
    for (name, mark, written) in names {
        fs::write(place.path("d").join(OsStr::from_bytes(name)), name).expect("a valid name");
        expected.extend([mark, hex(name).as_bytes(), b"  d/", written, b"\n"].concat());
    }
    let output = run(&place, ["d"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        output.stdout.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    // Old versions of it do not know the escape of a carriage return.
    let lines = output.stdout.split_inclusive(|byte| *byte == b'\n');
    let known: Vec<_> = lines.filter(|line| !line.ends_with(b"\\r\n")).collect();
    check(&place, &known.concat());
}

#[test]
fn links_to_files_are_followed_and_links_to_directories_are_not() {
    let place = Place::new("links");
    place.dir("real");
    place.dir("tree");
    place.file("real/file", b"content");
    place.link("tree/directory", "../real");
    place.link("tree/file", "../real/file");
    place.link("tree/loop", ".");
    place.link("given", "real");
    let output = run(&place, ["tree", "given"]);
    assert!(output.status.success(), "{output:?}");
    let expected = line("tree/file", b"content") + &line("given/file", b"content");
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_finished() {
    let place = Place::new("unreadable");
    place.dir("tree");
    place.file("tree/a", b"a");
    place.link("tree/dangling", "nowhere");
    place.file("tree/z", b"z");
    let output = run(&place, ["missing", "tree"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = line("tree/a", b"a") + &line("tree/z", b"z");
    assert_eq!(text(&output.stdout), expected);
    let expected = "digest: missing: No such file or directory (os error 2)\n\
        digest: tree/dangling: No such file or directory (os error 2)\n\
        digest: done: 2 hashed, 2 failed\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn what_is_no_file_is_not_opened_in_a_directory() {
    let place = Place::new("special");
    place.dir("tree");
    place.file("tree/file", b"content");
    place.pipe("tree/pipe");
    place.link("tree/device", "/dev/null");
    let output = run(&place, ["tree"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), line("tree/file", b"content"));
    let expected = "digest: tree/device: skipped, as it is not a regular file\n\
        digest: tree/pipe: skipped, as it is not a regular file\n\
        digest: done: 1 hashed, 2 failed\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn a_line_waits_for_those_before_it_and_for_no_other() {
    let place = Place::new("waiting");
    place.file("a", b"a");
    place.file("c", b"c");
    place.pipe("b");
    let mut child = start(&mut digest(&place, ["--jobs", "2", "a", "b", "c"]));
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut lines = String::new();
    stdout.read_line(&mut lines).expect("it is text");
    assert_eq!(lines, line("a", b"a"));
    feed(&place, "b", b"from a pipe");
    assert!(end(child).status.success());
    lines.clear();
    stdout.read_to_string(&mut lines).expect("it is text");
    assert_eq!(lines, line("b", b"from a pipe") + &line("c", b"c"));
}

#[test]
fn a_slow_file_holds_up_more_files_than_may_be_ahead() {
    let place = Place::new("ahead");
    place.pipe("slow");
    place.dir("many");
    let names: Vec<_> = (0..3000).map(|n| format!("many/{n:04}")).collect();
    for name in &names {
        place.file(name, name.as_bytes());
    }
    let child = start(&mut digest(&place, ["--jobs", "2", "slow", "many"]));
    feed(&place, "slow", b"at last");
    let output = end(child);
    assert!(output.status.success(), "{output:?}");
    let lines = names.iter().map(|name| line(name, name.as_bytes()));
    let expected = line("slow", b"at last") + &lines.collect::<String>();
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn a_file_that_vanishes_before_its_turn_is_reported() {
    let place = Place::new("vanishing");
    place.pipe("first");
    place.file("gone", b"");
    let child = start(&mut digest(&place, ["--jobs", "1", "first", "gone"]));
    // The pipe is opened after both were found, and holds the only turn.
    let pipe = writer_of(&place, "first");
    fs::remove_file(place.path("gone")).expect("it is there");
    drop(pipe);
    let output = end(child);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), line("first", b""));
    let complaint = "digest: gone: No such file or directory (os error 2)\n";
    assert!(text(&output.stderr).starts_with(complaint), "{output:?}");
}

#[test]
fn a_file_that_takes_too_long_is_given_up() {
    let place = Place::new("timeout");
    place.huge_file("huge");
    place.pipe("stuck");
    place.file("small", b"small");
    // With one turn, the small file is hashed only if the others let go of it.
    let args = ["--jobs", "1", "--timeout", "1", "huge", "stuck", "small"];
    let output = run(&place, args);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), line("small", b"small"));
    let expected = "digest: huge: timed out after 1s\n\
        digest: stuck: timed out after 1s\n\
        digest: done: 1 hashed, 2 failed\n";
    assert_eq!(text(&output.stderr), expected);
}

/// Interrupts `digest` after its first line, while it is busy with a file that has no end in sight.
fn interrupt(place: &Place, busy_with: &str, signal: &str) -> Output {
    place.file("first", b"first");
    place.file("last", b"last");
    let args = ["--jobs", "2", "first", "missing", busy_with, "last"];
    let mut child = start(&mut digest(place, args));
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut lines = Vec::new();
    stdout.read_until(b'\n', &mut lines).expect("it is open");
    send_signal(child.id(), signal);
    let mut output = end(child);
    stdout.read_to_end(&mut lines).expect("it is open");
    output.stdout = lines;
    output
}

#[test]
fn an_interrupt_ends_a_long_read() {
    let place = Place::new("interrupt");
    place.huge_file("huge");
    let output = interrupt(&place, "huge", "INT");
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(text(&output.stdout), line("first", b"first"));
    let summary = "digest: interrupted: 1 hashed, 1 failed\n";
    assert!(text(&output.stderr).ends_with(summary), "{output:?}");
}

#[test]
fn a_signal_ends_a_read_that_is_stuck() {
    let place = Place::new("terminate");
    place.pipe("stuck");
    let output = interrupt(&place, "stuck", "TERM");
    assert_eq!(output.status.code(), Some(143));
    assert_eq!(text(&output.stdout), line("first", b"first"));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::new("broken_pipe");
    place.pipe("pipe");
    place.huge_file("huge");
    let mut child = start(&mut digest(&place, ["pipe", "huge"]));
    drop(child.stdout.take());
    feed(&place, "pipe", b"nobody reads the line for this");
    let output = end(child);
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(text(&output.stderr), "");
}

#[test]
#[cfg(target_os = "linux")]
fn lines_that_cannot_be_written_are_an_error() {
    let place = Place::new("full");
    place.file("a", b"a");
    let full = OpenOptions::new().write(true).open("/dev/full");
    let child = digest(&place, ["a"])
        .stdout(full.expect("Linux has it"))
        .stderr(Stdio::piped())
        .spawn();
    let output = end(child.expect("it can be run"));
    assert_eq!(output.status.code(), Some(1));
    let expected = "digest: No space left on device (os error 28)\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn wrong_arguments_are_refused_and_help_is_given() {
    let place = Place::new("arguments");
    place.file("a", b"a");
    for args in [
        &[][..],
        &["--jobs", "0", "a"],
        &["--jobs", "few", "a"],
        &["--timeout", "0", "a"],
        &["--timeout=-1", "a"],
        &["--timeout", "soon", "a"],
    ] {
        let output = run(&place, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(text(&output.stdout), "");
    }
    let help = run(&place, ["--help"]);
    assert!(help.status.success());
    for option in ["--jobs <N>", "--timeout <SECONDS>", "<PATH>..."] {
        assert!(text(&help.stdout).contains(option), "{option}");
    }
}
