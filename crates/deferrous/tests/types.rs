//! What the type system keeps programs from doing.

#[test]
fn misuse_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/a_*.rs");
    cases.compile_fail("tests/ui/an_*.rs");
    cases.compile_fail("tests/ui/handles_*.rs");
    cases.pass("tests/ui/pass_*.rs");
}
