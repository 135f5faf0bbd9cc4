//! How several measurements are summarized, and how numbers are written.

/// The median, the smallest and the largest value; all zero if there are none.
pub fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    (at(sorted.len() / 2), at(0), at(sorted.len().saturating_sub(1)))
}

/// The median.
pub fn median(values: &[f64]) -> f64 {
    spread(values).0
}

/// The median of the ratios of each round.
pub fn ratio(values: &[f64], to: &[f64]) -> f64 {
    median(&values.iter().zip(to).map(|(value, to)| value / to).collect::<Vec<_>>())
}

/// A number with three significant digits, or with all digits before the point.
pub fn number(value: f64) -> String {
    match value {
        ..0.00995 => format!("{value:.4}"),
        ..0.0995 => format!("{value:.3}"),
        ..9.95 => format!("{value:.2}"),
        ..99.5 => format!("{value:.1}"),
        ..999.5 => format!("{value:.0}"),
        _ => format!("{},{:03}", value.round() as u64 / 1000, value.round() as u64 % 1000),
    }
}
