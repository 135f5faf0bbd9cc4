//! What a client would rather have (RFC 9110, section 12).

/// How much `accepted`, the value of an `Accept…` header, wants what `ranges` name, the most
/// specific of them first: its weight, then how specifically that was said. To be compared.
///
/// A weight stays text, since `0.5`, `0.75` and `1` compare as text as they do as numbers; what
/// is not named, or refused with a weight of 0, has an empty one.
pub fn preference<'a>(accepted: &'a str, ranges: &[&str]) -> (&'a str, usize) {
    let named = ranges.iter().rev().enumerate().rev().find_map(|(specificity, range)| {
        accepted.split(',').find_map(|choice| {
            let mut parts = choice.split(';').map(str::trim);
            let named = parts.next()?.eq_ignore_ascii_case(range);
            let weight = parts.find_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q=")));
            let weight = weight.unwrap_or("1").trim_end_matches(['0', '.']);
            named.then_some((weight, specificity))
        })
    });
    named.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::preference;

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
        assert!(!html("text/html;q=0, */*"));
        assert!(!html("text/html;q=0.5, */*"));
        assert!(!html("text/html;q=0.5, text/plain;q=0.500"));
        assert!(!html("text/plain, text/html"));
    }

    #[test]
    fn a_weight_of_zero_refuses() {
        let gzip = |accepted| !preference(accepted, &["gzip", "*"]).0.is_empty();
        assert!(gzip("gzip"));
        assert!(gzip("deflate, gzip;q=1.0, *;q=0.5"));
        assert!(gzip("*"));
        assert!(!gzip(""));
        assert!(!gzip("identity"));
        assert!(!gzip("gzip;q=0.000, *"));
        assert!(!gzip("*;q=0"));
    }
}
