//! Random programs do on the crate what the guarantees say.

#[path = "model/mod.rs"]
mod model;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestRunner},
};

/// How many programs are tried.
fn cases() -> u32 {
    let asked = std::env::var("DEFERROUS_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}

fn agree(chains: bool) {
    let config = Config {
        cases: cases(),
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let programs = model::program::programs(chains).prop_map(std::rc::Rc::new);
    let result = TestRunner::new(config).run(&programs, |program| {
        let (crate_says, guarantees_say) = (model::run(&program), model::reference::run(&program));
        proptest::prop_assert_eq!(crate_says, guarantees_say);
        Ok(())
    });
    if let Err(difference) = result {
        panic!("{difference}");
    }
}

#[test]
fn the_crate_does_what_the_guarantees_say() {
    agree(false);
}

#[test]
fn the_crate_does_what_the_guarantees_say_with_chain_deferred() {
    agree(true);
}
