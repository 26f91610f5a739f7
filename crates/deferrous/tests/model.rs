//! Random programs do on the crate what the guarantees say.

#[path = "model/mod.rs"]
mod model;
#[path = "support/scale.rs"]
mod scale;

use model::program::{Action, Canceller, DEFERREDS, End, Op, Program, Side};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestRunner},
};

fn agree(chains: bool) {
    let config = Config {
        cases: scale::cases(2_000),
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

/// 0 waits for 1, which waits for 2 and is paused for good, so that nothing but 2 keeps it. When
/// the canceller of 2 fires 2, 1 is freed at once, and 0 abandoned before the canceller returns.
#[test]
fn the_middle_of_a_row_is_freed_while_the_row_is_cancelled() {
    let run_and = |end| Action {
        ops: Vec::new(),
        end,
    };
    let canceller = Canceller {
        ops: vec![Op::Fire(2, 5)],
        fires: None,
        panics: false,
    };
    let mut cancellers = vec![None; DEFERREDS];
    cancellers[2] = Some(canceller);
    let program = std::rc::Rc::new(Program {
        cancellers,
        ops: vec![
            Op::Add(1, Side::Both, run_and(End::Return(2))),
            Op::Fire(1, 1),
            Op::Pause(1),
            Op::DropTrigger(1),
            Op::Add(0, Side::Both, run_and(End::Return(1))),
            Op::Fire(0, 0),
            Op::Add(0, Side::Errback, run_and(End::Pass)),
            Op::Cancel(0),
        ],
    });
    let report = model::run(&program);
    assert_eq!(report, model::reference::run(&program));
    let place = |what: &str| report.trace.iter().position(|line| line == what);
    assert!(place("link 2 of 0 got abandoned") < place("fired 2 true"));
}
