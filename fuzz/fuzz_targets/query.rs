//! Any text as the query of `/parity`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use num_bigint::BigInt;
use spin_on_k8s::parity::{only, parity_of};

/// The most characters in an error: those that it quotes, and its own words.
const SHORT: usize = 100;

fuzz_target!(|query: &str| {
    let Ok(int) = only("int", query) else { return };
    // Only `BigInt` allows `1_000`.
    let number = int.trim().parse::<BigInt>().ok().filter(|_| !int.contains('_'));
    match (parity_of(&int), number) {
        (Ok(parity), Some(number)) => {
            assert_eq!(parity, if number.bit(0) { "odd" } else { "even" });
        }
        (Err(detail), None) => assert!(detail.chars().count() < SHORT, "{detail}"),
        (parity, number) => panic!("{int:?} is {parity:?} here and {number:?} as a BigInt"),
    }
});
