//! Random programs on a few Deferreds.

use proptest::prelude::*;

/// How many Deferreds a program has.
pub const DEFERREDS: usize = 5;

/// One thing to do. Numbers name Deferreds.
#[derive(Clone, Debug)]
pub enum Op {
    Add(usize, Side, Action),
    Fire(usize, i64),
    Fail(usize, i64),
    Chain(usize, usize),
    Pause(usize),
    Unpause(usize),
    Hold(usize),
    LetGo(usize),
    Cancel(usize),
    Take(usize),
    DropHandle(usize),
    DropTrigger(usize),
}

#[derive(Clone, Copy, Debug)]
pub enum Side {
    Callback,
    Errback,
    Both,
}

/// What a link or canceller does: some operations, and an end.
#[derive(Clone, Debug)]
pub struct Action {
    pub ops: Vec<Op>,
    pub end: End,
}

#[derive(Clone, Copy, Debug)]
pub enum End {
    Pass,
    Value(i64),
    Error(i64),
    Panic(i64),
    /// Returns another Deferred, if its handle is still there.
    Return(usize),
}

/// What a canceller does after its operations.
#[derive(Clone, Debug)]
pub struct Canceller {
    pub ops: Vec<Op>,
    pub fires: Option<Result<i64, i64>>,
    pub panics: bool,
}

#[derive(Clone, Debug)]
pub struct Program {
    pub cancellers: Vec<Option<Canceller>>,
    pub ops: Vec<Op>,
}

fn number() -> impl Strategy<Value = usize> {
    0..DEFERREDS
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Pass),
        2 => (0..100_i64).prop_map(End::Value),
        2 => (0..100_i64).prop_map(End::Error),
        1 => (0..100_i64).prop_map(End::Panic),
        5 => number().prop_map(End::Return),
    ]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![
        2 => Just(Side::Callback),
        1 => Just(Side::Errback),
        2 => Just(Side::Both),
    ]
}

fn simple(chains: bool) -> BoxedStrategy<Op> {
    let simple = prop_oneof![
        4 => (number(), 0..100_i64).prop_map(|(d, n)| Op::Fire(d, n)),
        2 => (number(), 0..100_i64).prop_map(|(d, n)| Op::Fail(d, n)),
        1 => number().prop_map(Op::Pause),
        2 => number().prop_map(Op::Unpause),
        1 => number().prop_map(Op::Hold),
        2 => number().prop_map(Op::LetGo),
        2 => number().prop_map(Op::Cancel),
        1 => number().prop_map(Op::Take),
        1 => number().prop_map(Op::DropHandle),
        1 => number().prop_map(Op::DropTrigger),
    ];
    if !chains {
        return simple.boxed();
    }
    let chain = (number(), number()).prop_map(|(from, to)| Op::Chain(from, to));
    prop_oneof![5 => simple, 1 => chain].boxed()
}

fn op(chains: bool, depth: u32) -> BoxedStrategy<Op> {
    if depth == 0 {
        return simple(chains);
    }
    let add = (number(), side(), action(chains, depth - 1));
    prop_oneof![
        2 => simple(chains),
        2 => add.prop_map(|(d, side, action)| Op::Add(d, side, action)),
    ]
    .boxed()
}

fn action(chains: bool, depth: u32) -> BoxedStrategy<Action> {
    let ops = prop_oneof![
        3 => Just(Vec::new()),
        2 => prop::collection::vec(op(chains, depth), 1..4),
    ];
    (ops, end())
        .prop_map(|(ops, end)| Action { ops, end })
        .boxed()
}

fn canceller(chains: bool) -> impl Strategy<Value = Canceller> {
    let fires = prop_oneof![
        2 => Just(None),
        1 => (0..100_i64).prop_map(|n| Some(Ok(n))),
        1 => (0..100_i64).prop_map(|n| Some(Err(n))),
    ];
    let ops = prop::collection::vec(op(chains, 1), 0..3);
    (ops, fires, prop::bool::weighted(0.1)).prop_map(|(ops, fires, panics)| Canceller {
        ops,
        fires,
        panics,
    })
}

/// Programs. Those with chains may tie Deferreds into circles of ownership, which nobody frees.
pub fn programs(chains: bool) -> impl Strategy<Value = Program> {
    let cancellers =
        prop::collection::vec(prop::option::weighted(0.4, canceller(chains)), DEFERREDS);
    (cancellers, prop::collection::vec(op(chains, 3), 1..40))
        .prop_map(|(cancellers, ops)| Program { cancellers, ops })
}
