//! Times the crate against what a Rust program would otherwise use, each pair in one run.
//!
//! See `benches/README.md` for what the rows mean and how to run and profile them.

mod chain;
mod combine;
mod coroutine;
mod harness;
mod memory;
mod net;
mod pin;
mod plot;
mod promise;
mod report;
mod threads;
mod timers;

use std::{env, fs, hint::black_box, path::Path, process::ExitCode};

use harness::{Case, Pace};

/// What the command line asks for.
struct Options {
    pace: Pace,
    filter: Option<String>,
    json: Option<String>,
    plot: Option<String>,
    caption: String,
    profile: Option<String>,
    times: u32,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        pace: Pace::FULL,
        filter: None,
        json: None,
        plot: None,
        caption: String::new(),
        profile: None,
        times: 100,
    };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or(format!("{argument} needs a value after it"))
        };
        match argument.as_str() {
            // Cargo says so to every bench.
            "--bench" => {}
            "--quick" => options.pace = Pace::QUICK,
            "--json" => options.json = Some(value()?),
            "--plot" => options.plot = Some(value()?),
            "--caption" => options.caption = value()?,
            "--profile" => options.profile = Some(value()?),
            "--times" => {
                options.times = value()?.parse().map_err(|_| "--times needs a number")?;
            }
            unknown if unknown.starts_with("--") => {
                return Err(format!(
                    "{unknown} is unknown: use [FILTER] [--quick] [--json FILE] [--plot FILE [--caption TEXT]] [--profile NAME [--times N]]"
                ));
            }
            _ => options.filter = Some(argument),
        }
    }
    Ok(options)
}

fn cases() -> Vec<Case> {
    [
        chain::CASES,
        coroutine::CASES,
        combine::CASES,
        timers::CASES,
        threads::CASES,
        net::CASES,
    ]
    .concat()
}

/// Our side of one case, and nothing else. Profilers are told to look inside this function.
#[inline(never)]
fn profiled(ours: &mut dyn FnMut(), times: u32) {
    for _ in 0..times {
        ours();
    }
}

fn profile(name: &str, times: u32) -> Result<(), String> {
    let case = cases().into_iter().find(|case| case.name == name);
    let case = case.ok_or_else(|| format!("no row is called {name:?}"))?;
    let mut pair = (case.make)();
    // Once before, so that what is made once is not in the profile.
    (pair.ours)();
    profiled(black_box(&mut *pair.ours), times);
    println!("{}", u64::from(pair.ops) * u64::from(times));
    Ok(())
}

fn run(options: &Options) -> Result<(), String> {
    if let Some(name) = &options.profile {
        return profile(name, options.times);
    }
    let wanted = |name: &str| {
        options
            .filter
            .as_ref()
            .is_none_or(|part| name.contains(part))
    };
    let mut rows = Vec::new();
    report::head();
    for case in cases().iter().filter(|case| wanted(case.name)) {
        let row = harness::measure(case, options.pace);
        report::print(&row);
        rows.push(row);
    }
    let sizes: Vec<_> = memory::sizes()
        .into_iter()
        .filter(|size| wanted(size.name))
        .collect();
    report::print_sizes(&sizes);
    if let Some(path) = &options.json {
        write(path, &report::json(&rows, &sizes))?;
    }
    if let Some(path) = &options.plot {
        write(path, &plot::svg(&rows, &sizes, &options.caption))?;
    }
    Ok(())
}

/// Writes a file. Cargo runs benches in the directory of the package, but who names a file is most
/// likely at the root.
fn write(path: &str, text: &str) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::write(root.join(path), text).map_err(|error| format!("cannot write {path}: {error}"))
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
