//! Tells the code which version of Python it is built for, and refuses a Python that deferrous does not support.

mod supported;

use std::{env, process};

use pyo3_build_config::{InterpreterConfig, PythonImplementation};
use supported::{ALLOW_UNTESTED, Python, refusal};

fn main() {
    println!("cargo::rerun-if-env-changed={ALLOW_UNTESTED}");
    if let Some(sentence) = refusal(&python(pyo3_build_config::get()), allow_untested()) {
        println!("cargo::error={sentence}");
        process::exit(1);
    }
    pyo3_build_config::use_pyo3_cfgs();
}

/// The Python that PyO3 has found, or that the builder has named.
fn python(config: &InterpreterConfig) -> Python {
    let abi = config.target_abi();
    Python {
        is_cpython: abi.implementation() == PythonImplementation::CPython,
        implementation: abi.implementation().to_string(),
        version: (config.version().major, config.version().minor),
        is_free_threaded: config.is_free_threaded(),
        is_for_unix: env::var_os("CARGO_CFG_UNIX").is_some(),
    }
}

fn allow_untested() -> bool {
    env::var(ALLOW_UNTESTED).is_ok_and(|value| value == "1")
}
