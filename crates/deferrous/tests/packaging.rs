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
    let lean = dependencies(&["--no-default-features", "--features", "futures"]);
    let system = ["libc", "rustix", "polling", "signal-hook"];
    let found = |name: &&str| lean.iter().any(|package| package.starts_with(name));
    assert!(!system.iter().any(found), "{lean:#?}");
}

#[test]
fn the_features_are_independent() {
    for features in ["", "reactor", "tracing", "futures"] {
        let output = Command::new(env!("CARGO"))
            .args(["check", "--offline", "--quiet", "--lib"])
            .args(["--package", "deferrous", "--no-default-features"])
            .args(["--features", features])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
            .env("RUSTFLAGS", "-D warnings")
            .output()
            .unwrap();
        assert!(output.status.success(), "{features:?}: {output:?}");
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
