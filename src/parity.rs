//! `GET /parity?int=`: whether a whole number is even or odd.

use crate::answer::Answer;
use crate::problem::Problem;
use spin_sdk::http::IncomingRequest;

/// How many characters of a bad value the error quotes; a query may be 64 KiB long.
const QUOTED: usize = 64;

/// Answers `even` or `odd`.
pub fn parity(_: &IncomingRequest, query: &str) -> Result<Answer, Problem> {
    let int = only("int", query).map_err(Problem::BadRequest)?;
    let parity = parity_of(&int).map_err(Problem::BadRequest)?;
    Ok(Answer::new(200, "text/plain; charset=UTF-8", parity.as_bytes()))
}

/// The value of the parameter `name`, which must be in the query exactly once.
pub fn only(name: &str, query: &str) -> Result<String, String> {
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter_map(|(key, value)| (key == name).then_some(value));
    let value = values.next().ok_or_else(|| format!("{name} is missing"))?;
    match values.count() {
        0 => Ok(value.into_owned()),
        more => Err(format!("{name} is given {} times", more + 1)),
    }
}

/// The parity of a decimal integer of any length. White space and a sign are allowed, as in R's
/// `as.integer`. Only the last digit matters, so no number is too big.
pub fn parity_of(int: &str) -> Result<&'static str, String> {
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
    fn exactly_one_parameter_is_required() {
        assert_eq!(only("int", "int=4"), Ok("4".into()));
        assert_eq!(only("int", "a=1&%69nt=%2B5&b"), Ok("+5".into()));
        assert_eq!(only("int", "int"), Ok("".into()));
        assert_eq!(only("int", ""), Err("int is missing".into()));
        assert_eq!(only("int", "INT=4"), Err("int is missing".into()));
        assert_eq!(only("int", "int=4&int=4&int=4"), Err("int is given 3 times".into()));
    }

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

        #[test]
        fn no_query_panics(query in ".{0,200}") {
            let _ = only("int", &query).and_then(|int| parity_of(&int).map(String::from));
        }
    }
}
