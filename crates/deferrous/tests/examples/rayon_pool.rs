use crate::support::output_of;

#[test]
fn counts_come_in_the_order_of_the_jobs() {
    let expected = "25 primes below 100\n1229 primes below 10000\n78498 primes below 1000000\n";
    assert_eq!(output_of("rayon_pool"), expected);
}
