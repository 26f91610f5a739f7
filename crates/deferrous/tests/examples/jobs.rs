//! The program `jobs`: how many commands run at once, and how they are ended.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Output, Stdio},
};

use crate::support::{Place, end, example, send_signal, text};

/// Ends by nothing but SIGKILL. It notes the number of its process.
const STUBBORN: &str = "trap '' TERM; echo $$ >> stubborn; while :; do sleep 600; done";

/// Starts `jobs` in the place, with commands to run.
fn jobs(place: &Place, args: &[&str], commands: &[&str]) -> Child {
    place.file("commands", commands.join("\n").as_bytes());
    let commands = File::open(place.path("commands")).expect("it was just written");
    example("jobs")
        .args(args)
        .current_dir(place.path(""))
        .stdin(commands)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example can be run")
}

fn report(output: &Output) -> String {
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout)
}

/// The lines of the report without the commands.
fn totals(report: &str) -> Vec<&str> {
    let lines = report.lines().filter(|line| !line.starts_with("      "));
    lines.map(str::trim_start).collect()
}

fn lines(place: &Place, name: &str) -> Vec<String> {
    let content = fs::read_to_string(place.path(name)).expect("a command has written it");
    content.lines().map(str::to_owned).collect()
}

/// Whether there is a process with this number.
fn is_alive(id: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("kill -0 {id}")]);
    let status = shell.stderr(Stdio::null()).status();
    status.expect("there is a shell").success()
}

/// How many commands ran at once, by a log of their beginnings and ends. One without an end was ended
/// by somebody else, and is left out.
fn most_at_once(log: &[String]) -> usize {
    let ended: HashSet<_> = log
        .iter()
        .filter_map(|line| line.strip_prefix("end "))
        .collect();
    let (mut running, mut most) = (0_usize, 0);
    for line in log {
        match line.split_once(' ') {
            Some(("begin", id)) if ended.contains(id) => running += 1,
            Some(("end", _)) => running -= 1,
            _ => {}
        }
        most = most.max(running);
    }
    most
}

#[test]
fn two_hundred_commands_run_twenty_at_once_and_some_are_killed() {
    let place = Place::new("jobs");
    let quick = "echo begin $$ >> log; sleep 0.05; echo end $$ >> log";
    let commands: Vec<_> = (0..200)
        .map(|n| match n % 20 {
            3 => "exit 3",
            7 => "exec sleep 600",
            11 => STUBBORN,
            _ => quick,
        })
        .collect();
    let output = end(jobs(
        &place,
        &["--timeout", "4", "--grace", "0.5"],
        &commands,
    ));
    assert_eq!(output.status.code(), Some(1));
    let report = report(&output);
    let expected = [
        "170  exit status: 0",
        "10  exit status: 3",
        "20  timed out after 4s",
        "200  in all, at most 20 at once",
    ];
    assert_eq!(totals(&report), expected, "{report}");
    let log = lines(&place, "log");
    assert_eq!(log.len(), 2 * 170);
    let most = most_at_once(&log);
    assert!((2..=20).contains(&most), "{most} at once");
    let stubborn = lines(&place, "stubborn");
    assert_eq!(stubborn.len(), 10);
    assert!(!stubborn.iter().any(|id| is_alive(id)));
}

#[test]
fn a_place_is_not_free_before_the_command_is_dead() {
    let place = Place::new("jobs_place");
    let next = "if kill -0 $(cat stubborn); then exit 9; fi 2> /dev/null";
    let args = ["--at-once", "1", "--timeout", "1", "--grace", "0.3"];
    let output = end(jobs(&place, &args, &[STUBBORN, next]));
    let report = report(&output);
    let expected = [
        "1  exit status: 0",
        "1  timed out after 1s",
        "2  in all, at most 1 at once",
    ];
    assert_eq!(totals(&report), expected, "{report}");
}

#[test]
fn a_signal_ends_what_runs_and_starts_nothing_else() {
    let place = Place::new("jobs_signal");
    let stubborn = format!("{STUBBORN} & echo ready; wait");
    let commands = [&*stubborn, &*stubborn, "echo not this"];
    let mut child = jobs(&place, &["--at-once", "2", "--grace", "0.3"], &commands);
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut ready = String::new();
    for _ in 0..2 {
        stdout.read_line(&mut ready).expect("it is text");
    }
    assert_eq!(ready, "ready\nready\n");
    send_signal(child.id(), "TERM");
    let output = end(child);
    assert_eq!(output.status.code(), Some(1));
    let mut report = String::new();
    stdout.read_to_string(&mut report).expect("it is text");
    let expected = ["3  cancelled", "3  in all, at most 2 at once"];
    assert_eq!(totals(&report), expected, "{report}");
    assert!(!lines(&place, "stubborn").iter().any(|id| is_alive(id)));
}
