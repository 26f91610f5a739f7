//! What the crate brings along, and what it needs.

use std::{fs, path::Path, process::Command};

/// The packages that a build with these options needs, with repetitions, as `cargo tree` lists them.
fn dependencies(options: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(["--package", "deferrous"])
        .args(options)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_dependency_tree_is_small() {
    let lean = dependencies(&["--no-default-features"]);
    assert!(lean.len() <= 8, "{lean:#?}");
    let usual = dependencies(&[]);
    assert!(usual.len() <= 16, "{usual:#?}");
}

#[test]
fn deferreds_alone_need_no_operating_system() {
    let lean = ["--no-default-features", "--features", "tracing,futures"];
    for target in [None, Some("wasm32-unknown-unknown")] {
        let target = target.map(|target| ["--target", target]);
        let options: Vec<_> = lean
            .into_iter()
            .chain(target.into_iter().flatten())
            .collect();
        let needed = dependencies(&options);
        let system = ["libc", "rustix", "polling", "signal-hook", "windows"];
        let found = |name: &&str| needed.iter().any(|package| package.starts_with(name));
        assert!(!system.iter().any(found), "{options:?}: {needed:#?}");
    }
}

#[test]
fn each_set_of_features_builds_without_warnings() {
    let features = ["reactor", "tracing", "futures", "tls", "inspect"];
    for set in 0..1 << features.len() {
        let chosen = (0..features.len()).filter(|at| set & 1 << at != 0);
        let chosen = chosen.map(|at| features[at]).collect::<Vec<_>>().join(",");
        let output = Command::new(env!("CARGO"))
            .args(["check", "--offline", "--quiet", "--lib"])
            .args(["--package", "deferrous", "--no-default-features"])
            .args(["--features", &chosen])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
            .env("RUSTFLAGS", "-D warnings")
            .output()
            .unwrap();
        assert!(output.status.success(), "{chosen:?}: {output:?}");
    }
}

#[test]
fn the_documentation_has_no_warnings_and_shows_only_what_programs_use() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let output = Command::new(env!("CARGO"))
        .args(["doc", "--offline", "--quiet", "--no-deps", "--all-features"])
        .args(["--package", "deferrous"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTDOCFLAGS", "-D warnings")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let index = fs::read_to_string(target.join("doc/deferrous/index.html")).unwrap();
    for shown in ["struct.Deferred.html", "struct.Reactor.html", "process/"] {
        assert!(index.contains(&format!("href=\"{shown}")), "{shown}");
    }
    for hidden in ["chain", "event_loop", "primitives"] {
        assert!(!index.contains(&format!("href=\"{hidden}/")), "{hidden}");
    }
}

#[test]
fn the_package_has_what_its_readers_need() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["README.md", "LICENSE"] {
        assert!(folder.join(file).is_file(), "{file} is missing");
    }
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let version = format!("Rust version is {}", env!("CARGO_PKG_RUST_VERSION"));
    assert!(
        readme.contains(&version),
        "the README does not say {version:?}"
    );
    assert!(!readme.contains("](../"), "a link leads out of the package");
}

/// Outside of the repository there is no such file.
#[test]
fn the_oldest_compiler_is_tried_by_the_workflow() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(workflow) = fs::read_to_string(folder.join("../../.github/workflows/rust.yml")) else {
        return;
    };
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    for needed in [
        format!("toolchain install {oldest} "),
        format!("make msrv CARGO=\"cargo +{oldest}\""),
    ] {
        assert!(workflow.contains(&needed), "{needed}");
    }
}

/// Outside of the repository there is nothing to compare.
#[test]
fn the_repository_says_the_same_as_the_package() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(folder.join(path));
    let (Ok(license), Ok(readme)) = (read("../../LICENSE"), read("../../README.md")) else {
        return;
    };
    assert_eq!(read("LICENSE").unwrap(), license);
    let own = read("README.md").unwrap();
    let program = own.split("```").find(|part| part.starts_with("rust\n"));
    assert!(readme.contains(program.unwrap()), "the programs differ");
}
