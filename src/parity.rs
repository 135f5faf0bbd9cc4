//! `GET /parity?int=`: whether a whole number is even or odd.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::query;
use spin_sdk::http::IncomingRequest;

/// How many characters of a bad value the error quotes; a query may be 64 KiB long.
const QUOTED: usize = 64;

/// Answers `even` or `odd`.
pub fn parity(_: &IncomingRequest, query: &str) -> Result<Answer, Problem> {
    let int = query::only("int", query).map_err(Problem::BadRequest)?;
    let parity = parity_of(&int).map_err(Problem::BadRequest)?;
    Ok(Answer::new(200, "text/plain; charset=UTF-8", parity.as_bytes()))
}

/// The parity of a decimal integer of any length. White space and a sign are allowed, as in R's
/// `as.integer`. Only the last digit matters, so no number is too big.
fn parity_of(int: &str) -> Result<&'static str, String> {
    let number = int.trim();
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    match digits.as_bytes().last() {
        Some(last) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            Ok(if last % 2 == 0 { "even" } else { "odd" })
        }
        _ => {
            let mut quoted: String = int.chars().take(QUOTED).collect();
            if quoted.len() < int.len() {
                quoted.push('…');
            }
            Err(format!("int is not an integer: '{quoted}'"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    #[test]
    fn a_long_bad_value_is_cut_between_characters() {
        let detail = parity_of(&"é".repeat(1000)).unwrap_err();
        assert_eq!(detail, format!("int is not an integer: '{}…'", "é".repeat(QUOTED)));
    }

    proptest! {
        #[test]
        fn agrees_with_big_integers(
            bytes: Vec<u8>,
            negative: bool,
            plus in "[+]?",
            (before, after) in ("[ \t\r\n]{0,3}", "[ \t\r\n]{0,3}"),
        ) {
            let magnitude = BigInt::from_bytes_le(num_bigint::Sign::Plus, &bytes);
            let number = if negative { format!("-{magnitude}") } else { format!("{plus}{magnitude}") };
            let expected = if magnitude.bit(0) { "odd" } else { "even" };
            prop_assert_eq!(parity_of(&format!("{before}{number}{after}")), Ok(expected));
        }

        #[test]
        fn accepts_what_a_big_integer_parser_accepts(text in "\\PC{0,12}") {
            // Only `BigInt` allows `1_000`.
            let integer = text.trim().parse::<BigInt>().is_ok() && !text.contains('_');
            prop_assert_eq!(parity_of(&text).is_ok(), integer);
        }
    }
}
