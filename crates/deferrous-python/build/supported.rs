//! Which Pythons deferrous is built for. It knows nothing of PyO3, so that its tests need no Python:
//! `tests/packaging/test_building.py` compiles and runs them.

/// The first and the last supported CPython. A test compares them with `python/deferrous/_versions.py`.
pub const FIRST_PYTHON: (u8, u8) = (3, 10);
pub const LAST_PYTHON: (u8, u8) = (3, 15);

/// The environment variable that allows a newer CPython.
pub const ALLOW_UNTESTED: &str = "DEFERROUS_ALLOW_UNTESTED";

/// What matters of the Python that the extension is built for.
#[derive(Clone, Debug)]
pub struct Python {
    pub is_cpython: bool,
    /// The name for messages, such as "PyPy".
    pub implementation: String,
    /// The major and the minor version.
    pub version: (u8, u8),
    pub is_free_threaded: bool,
    pub is_for_unix: bool,
}

/// Returns the sentence that says why deferrous cannot be built for this Python, or `None` if it can.
///
/// A newer CPython is the only one that `allow_untested` allows.
pub fn refusal(python: &Python, allow_untested: bool) -> Option<String> {
    let (major, minor) = python.version;
    let name = &python.implementation;
    let range = format!(
        "CPython {}.{} to {}.{}, with the GIL",
        FIRST_PYTHON.0, FIRST_PYTHON.1, LAST_PYTHON.0, LAST_PYTHON.1
    );
    if !python.is_for_unix {
        return Some(
            "deferrous needs Linux or another Unix: its reactor waits for descriptors and signals, \
             which Windows does not have."
                .to_owned(),
        );
    }
    if !python.is_cpython {
        return Some(format!(
            "deferrous needs {range}, and cannot be built for {name} {major}.{minor}: \
             it uses the objects of CPython directly."
        ));
    }
    if python.is_free_threaded {
        return Some(format!(
            "deferrous needs {range}, and cannot be built for a free-threaded CPython {major}.{minor}: \
             use the CPython {major}.{minor} that has the lock."
        ));
    }
    if python.version < FIRST_PYTHON {
        return Some(format!(
            "deferrous needs {range}, and cannot be built for CPython {major}.{minor}."
        ));
    }
    if python.version > LAST_PYTHON && !allow_untested {
        return Some(format!(
            "deferrous supports {range}, and has not been tested with CPython {major}.{minor}: \
             look for a later deferrous, or set {ALLOW_UNTESTED}=1 to try it."
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpython(version: (u8, u8)) -> Python {
        Python {
            is_cpython: true,
            implementation: "CPython".to_owned(),
            version,
            is_free_threaded: false,
            is_for_unix: true,
        }
    }

    fn sentence(python: &Python) -> String {
        refusal(python, true).expect("it is refused, whatever the environment allows")
    }

    #[test]
    fn each_supported_python_is_built_for() {
        for minor in FIRST_PYTHON.1..=LAST_PYTHON.1 {
            assert_eq!(refusal(&cpython((3, minor)), false), None);
        }
    }

    #[test]
    fn a_newer_python_is_refused_unless_the_environment_allows_it() {
        for version in [(3, LAST_PYTHON.1 + 1), (4, 0)] {
            let told = refusal(&cpython(version), false).unwrap();
            assert!(told.contains("DEFERROUS_ALLOW_UNTESTED=1"), "{told}");
            assert_eq!(refusal(&cpython(version), true), None);
        }
    }

    #[test]
    fn an_older_python_is_refused() {
        assert!(sentence(&cpython((3, 9))).contains("CPython 3.9"));
    }

    #[test]
    fn a_free_threaded_python_is_refused() {
        let python = Python {
            is_free_threaded: true,
            ..cpython((3, 14))
        };
        assert!(sentence(&python).contains("free-threaded CPython 3.14"));
    }

    #[test]
    fn another_implementation_is_refused() {
        let python = Python {
            is_cpython: false,
            implementation: "PyPy".to_owned(),
            ..cpython((3, 11))
        };
        assert!(sentence(&python).contains("PyPy 3.11"));
    }

    #[test]
    fn windows_is_refused() {
        let python = Python {
            is_for_unix: false,
            ..cpython((3, 13))
        };
        assert!(sentence(&python).contains("Windows"));
    }

    #[test]
    fn each_refusal_is_one_sentence() {
        let free_threaded = Python {
            is_free_threaded: true,
            ..cpython((3, 14))
        };
        let windows = Python {
            is_for_unix: false,
            ..cpython((3, 13))
        };
        for python in [cpython((3, 9)), cpython((3, 16)), free_threaded, windows] {
            let told = refusal(&python, false).unwrap();
            assert!(told.ends_with('.') && !told.contains(". "), "{told}");
            assert!(!told.contains('\n'), "{told}");
        }
    }
}
