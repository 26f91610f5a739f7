//! The Rust programs of `docs/tutorial.md`: each does what its page says.
//!
//! The page has the text of the files here, which a test of the repository compares.

mod promise {
    include!("promise.rs");

    #[test]
    fn a_function_returns_a_deferred_and_fires_it_later() {
        main().unwrap();
    }
}

mod blocking {
    include!("blocking.rs");

    #[test]
    fn a_deferred_does_not_make_its_function_asynchronous() {
        main().unwrap();
    }
}

mod at_once {
    include!("at_once.rs");

    #[test]
    fn an_answer_that_is_there_is_a_fired_deferred() {
        main().unwrap();
    }
}

mod thread {
    include!("thread.rs");

    #[test]
    fn a_blocking_function_runs_in_a_thread() {
        main().unwrap();
    }
}

mod errors {
    include!("errors.rs");

    #[test]
    fn an_errback_handles_the_error_that_it_expects() {
        main().unwrap();
    }
}

mod pausing {
    include!("pausing.rs");

    #[test]
    fn a_paused_deferred_runs_no_callback() {
        main().unwrap();
    }
}
