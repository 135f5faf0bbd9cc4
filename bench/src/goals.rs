//! The goals, and which of them this run has reached.

use crate::contenders::{HEALTH, NATIVE, PARITY};
use crate::report::{Results, table};
use crate::statistics::{median, number, ratio};

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}
use Bound::{AtLeast, AtMost};

/// The goals as a table.
pub fn goals(results: &Results) -> String {
    let rate = |name| results.of(name).map(|it| it.rates[1].as_slice());
    let compare = |name, to| Some(ratio(rate(name)?, rate(to)?));
    let host = results.of(PARITY);
    let most = results.waits.last();
    let ten_thousand = results.waits.iter().find(|it| it.count == 10_000);
    let fuel = results.costs.iter().find(|it| it.what.starts_with("/parity"));
    let fuel = fuel.map(|it| it.fuel as f64);
    let rows = [
        (
            "`/parity` against native hyper, 16 connections",
            AtLeast(0.5),
            "",
            compare(PARITY, NATIVE),
        ),
        ("`/health` against `/parity`", AtLeast(0.9), "", compare(HEALTH, PARITY)),
        ("exec to the first 200", AtMost(6.0), " ms", host.map(|it| median(&it.start))),
        ("resident memory, idle", AtMost(9.0), " MB", host.map(|it| it.idle)),
        (
            "memory for each waiting request",
            AtMost(40.0),
            " KB",
            most.map(|it| it.kilobytes_each()),
        ),
        ("10,000 concurrent `/wait`", AtMost(6.5), " s", ten_thousand.map(|it| it.seconds)),
        ("guest fuel, `/parity`", AtMost(2_500.0), "", fuel),
    ];
    let row = |(what, bound, unit, value): (&str, Bound, &str, Option<f64>)| {
        let (goal, reached) = match bound {
            AtLeast(least) => (format!("at least {least}"), value.map(|it| it >= least)),
            AtMost(most) => (format!("at most {most}"), value.map(|it| it <= most)),
        };
        let value = value.map_or("not measured".into(), |it| number(it) + unit);
        let verdict = reached.map_or("", |it| if it { "reached" } else { "**missed**" });
        vec![what.into(), goal + unit, value, verdict.into()]
    };
    table(&["", "goal", "this run", ""], rows.into_iter().map(row))
}
