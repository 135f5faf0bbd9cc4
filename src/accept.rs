//! What a client prefers (RFC 9110, section 12).

/// How much `accepted`, the value of an `Accept…` header, prefers what `ranges` name, the most
/// specific of them first: its weight in thousandths, then how specific the matching range is.
/// The result is only meant to be compared.
///
/// The most specific range that is named decides. If none is named, or it has a weight of 0, the
/// client does not accept it at all.
pub fn preference(accepted: &str, ranges: &[&str]) -> (u16, usize) {
    let named = ranges.iter().rev().enumerate().rev().find_map(|(specificity, range)| {
        accepted.split(',').find_map(|choice| {
            let mut parts = choice.split(';').map(str::trim);
            let named = parts.next()?.eq_ignore_ascii_case(range);
            let weight = parts.find_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q=")));
            named.then(|| (weight.map_or(1000, thousandths), specificity))
        })
    });
    named.filter(|(weight, _)| *weight > 0).unwrap_or_default()
}

/// A weight, such as `0.75`, in thousandths. Anything but a number from 0 to 1 counts as 0.
fn thousandths(weight: &str) -> u16 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let thousandths = format!("{whole}{fraction:0<3}").parse().unwrap_or(0);
    if whole.len() == 1 && thousandths <= 1000 { thousandths } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{preference, thousandths};

    #[test]
    fn weights_and_specificity_decide() {
        let html = |accepted| {
            preference(accepted, &["text/html", "text/*", "*/*"])
                > preference(accepted, &["text/plain", "text/*", "*/*"])
        };
        assert!(html("text/html"));
        assert!(html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(html("*/*, Text/HTML"));
        assert!(html("text/plain;q=0.75, text/html ; level=1; q=0.8"));
        assert!(html("text/plain;q=0, text/html;Q=0.001"));
        assert!(!html(""));
        assert!(!html("*/*"));
        assert!(!html("text/*"));
        assert!(!html("application/json"));
        assert!(!html("text/html;q=0"));
        assert!(!html("text/html;q=0.000, text/plain;q=0"));
        assert!(!html("text/html;q=0, */*"));
        assert!(!html("text/html;q=0.5, */*"));
        assert!(!html("text/html;q=0.5, text/plain;q=0.500"));
        assert!(!html("text/plain, text/html"));
    }

    #[test]
    fn a_weight_of_zero_refuses() {
        let gzip = |accepted| preference(accepted, &["gzip", "*"]) > (0, 0);
        assert!(gzip("gzip"));
        assert!(gzip("deflate, gzip;q=1.0, *;q=0.5"));
        assert!(gzip("*"));
        assert!(!gzip(""));
        assert!(!gzip("identity"));
        assert!(!gzip("gzip;q=0.000, *"));
        assert!(!gzip("*;q=0"));
    }

    #[test]
    fn weights_are_numbers() {
        for (weight, expected) in [
            ("1", 1000),
            ("1.000", 1000),
            ("0.75", 750),
            ("0.5", 500),
            ("0.001", 1),
            ("0.", 0),
            ("0", 0),
            // Not weights, by RFC 9110, section 12.4.2.
            ("1.001", 0),
            ("2", 0),
            ("0.1234", 0),
            (".5", 0),
            ("", 0),
            ("high", 0),
        ] {
            assert_eq!(thousandths(weight), expected, "{weight}");
        }
    }
}
