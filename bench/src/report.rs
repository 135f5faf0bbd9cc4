//! BENCHMARKS.md: `bench/template.md` with the tables filled in.

use crate::contenders::{HEALTH, NATIVE, PARITY, SPIN_HELLO, SPIN_PARITY};
use crate::measure::{Figures, Plan, Waits};
use crate::statistics::{median, number, ratio, spread};
use anyhow::{Context, Result};
use std::fs;
use std::process::Command;

/// All that was measured.
pub struct Results {
    pub plan: Plan,
    pub figures: Vec<Figures>,
    /// Contenders that could not be started, and why.
    pub absent: Vec<(&'static str, String)>,
    pub waits: Vec<Waits>,
}

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}
use Bound::{AtLeast, AtMost};

impl Results {
    /// The text of BENCHMARKS.md.
    pub fn text(&self) -> Result<String> {
        let mut text = fs::read_to_string("bench/template.md")?;
        for (place, content) in [
            ("{machine}", machine()?),
            ("{rounds}", format!("{} of {} s", self.plan.rounds, self.plan.seconds)),
            ("{goals}", self.goals()),
            ("{summary}", self.summary()?),
            ("{throughput}", self.throughput()?),
            ("{latency}", self.latency()),
            ("{waits}", self.waits()),
        ] {
            text = text.replace(place, content.trim_end());
        }
        Ok(text)
    }

    /// The rates of a contender for the connections with this index.
    fn rates(&self, name: &str, index: usize) -> Option<&[f64]> {
        self.figures
            .iter()
            .find(|it| it.contender.name == name)
            .map(|it| it.rates[index].as_slice())
    }

    /// The goals, and which of them this run has reached.
    fn goals(&self) -> String {
        let of = |name, to, index| Some(ratio(self.rates(name, index)?, self.rates(to, index)?));
        let host = self.figures.iter().find(|it| it.contender.name == PARITY);
        let (start, idle) = (host.map(|it| median(&it.start)), host.map(|it| it.idle));
        let (each, all) = (self.waits.last().map(Waits::kilobytes_each), self.waits.last());
        let rows = [
            (
                "`/parity` relative to native hyper, 16 connections",
                AtLeast(0.5),
                "",
                of(PARITY, NATIVE, 1),
            ),
            ("… 128 connections", AtLeast(0.5), "", of(PARITY, NATIVE, 2)),
            ("`/health` relative to `/parity`", AtLeast(0.9), "", of(HEALTH, PARITY, 1)),
            (
                "`/parity` relative to hello-world, on Spin",
                AtLeast(1.35),
                "",
                of(SPIN_PARITY, SPIN_HELLO, 1),
            ),
            ("exec to the first 200", AtMost(3.5), " ms", start),
            ("resident, idle, after 1,000 requests", AtMost(7.0), " MB", idle),
            ("memory for each wait", AtMost(48.0), " KB", each),
            ("10,000 concurrent waits", AtMost(6.5), " s", all.map(|it| it.seconds)),
        ];
        let row = |(what, bound, unit, value): (&str, Bound, &str, Option<f64>)| {
            let (goal, reached) = match bound {
                AtLeast(it) => (format!("at least {}", number(it)), value.map(|value| value >= it)),
                AtMost(it) => (format!("at most {}", number(it)), value.map(|value| value <= it)),
            };
            let value = value.map_or("not measured".into(), |it| number(it) + unit);
            let verdict = reached.map_or("", |it| if it { "reached" } else { "**missed**" });
            vec![what.into(), goal + unit, value, verdict.into()]
        };
        table(&["", "goal", "this run", ""], rows.into_iter().map(row))
    }

    /// One line for each contender, and why the others are absent.
    fn summary(&self) -> Result<String> {
        let native = self.rates(NATIVE, 1).context("nothing to compare with")?;
        let head = ["", "requests/s", "relative", "p99, ms", "MB idle", "ms to the first 200"];
        let present = self.table(&head, |it| {
            let (rates, latency) = (&it.rates[1], &it.latency[1]);
            let numbers = [median(rates), ratio(rates, native), median(latency), it.idle];
            numbers.into_iter().chain([median(&it.start)]).map(number).collect()
        });
        let absent =
            self.absent.iter().map(|(name, reason)| format!("| {name} | absent: {reason} |\n"));
        Ok(present + &absent.collect::<String>())
    }

    fn throughput(&self) -> Result<String> {
        let native: Option<Vec<_>> = (0..3).map(|index| self.rates(NATIVE, index)).collect();
        let native = native.context("nothing to compare with")?;
        Ok(self.table(&["", "1 connection", "16 connections", "128 connections"], |it| {
            let pairs = it.rates.iter().zip(&native);
            pairs
                .map(|(all, to)| format!("{}<br>× {}", written(all), number(ratio(all, to))))
                .collect()
        }))
    }

    fn latency(&self) -> String {
        let head = ["ms", "requests/s", "p50", "p99", "p99.9", "MB at the peak", "starts, ms"];
        self.table(&head, |it| {
            let mut cells = vec![number(f64::from(it.contender.rate))];
            cells.extend(it.latency.iter().map(|all| written(all)));
            cells.extend([number(it.peak), written(&it.start)]);
            cells
        })
    }

    fn waits(&self) -> String {
        let head = ["waits at once", "s until all are answered", "MB before", "MB peak", "KB each"];
        let row = |it: &Waits| {
            let numbers = [it.count as f64, it.seconds, it.idle, it.peak, it.kilobytes_each()];
            numbers.map(number).into()
        };
        table(&head, self.waits.iter().map(row))
    }

    /// A table with a row for each contender.
    fn table(&self, head: &[&str], cells: impl Fn(&Figures) -> Vec<String>) -> String {
        let row = |it: &Figures| [vec![it.contender.name.into()], cells(it)].concat();
        table(head, self.figures.iter().map(row))
    }
}

/// A table in Markdown.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        text += &format!("| {} |\n", row.join(" | "));
    }
    text
}

/// The median, and the range.
fn written(values: &[f64]) -> String {
    let (median, least, most) = spread(values);
    format!("**{}** ({} to {})", number(median), number(least), number(most))
}

/// When, on what and with what it was measured.
fn machine() -> Result<String> {
    let line = "date -u +%F; nproc; sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1; uname -sr; \
                rustc --version";
    let output = Command::new("sh").args(["-c", line]).output()?;
    let facts = String::from_utf8(output.stdout)?;
    let facts: Vec<_> = facts.lines().collect();
    let [date, cores, cpu, kernel, rustc] = facts[..] else {
        anyhow::bail!("what machine is this? {facts:?}")
    };
    Ok(format!("{date}, {cores} cores of {cpu}, {kernel}, {rustc}"))
}
