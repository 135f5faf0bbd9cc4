//! BENCHMARKS.md: `bench/template.md` with the tables filled in, and the charts.

use crate::contenders::{Absent, Contender, NATIVE};
use crate::goals::goals;
use crate::guest::Cost;
use crate::measure::{Figures, Waits};
use crate::statistics::{median, number, ratio, spread};
use crate::{Plan, charts};
use anyhow::{Context, Result};
use std::fs;
use std::process::Command;

pub const COMPONENT: &str = "target/wasm32-wasip2/release/spin_on_k8s.wasm";
pub const HELLO: &str = "target/wasm32-wasip2/release/hello.wasm";
/// What makes up the image, as `Dockerfile` copies it.
const IMAGE: [&str; 3] = [COMPONENT, "target/wasm32-wasip2/release/lifeline.wasm", "spin.k8s.toml"];

/// All that was measured.
pub struct Results {
    pub plan: Plan,
    pub figures: Vec<Figures>,
    pub absent: Vec<Absent>,
    pub waits: Vec<Waits>,
    pub costs: Vec<Cost>,
}

impl Results {
    /// What was measured of the contender with this name.
    pub fn of(&self, name: &str) -> Option<&Figures> {
        self.figures.iter().find(|it| it.contender.name == name)
    }

    /// Writes BENCHMARKS.md and the charts.
    pub fn write(&self) -> Result<()> {
        fs::create_dir_all("bench/charts")?;
        let mut text = fs::read_to_string("bench/template.md")?;
        for (place, content) in [
            ("{machine}", machine()?),
            ("{rounds}", format!("{} of {} s", self.plan.rounds, self.plan.seconds)),
            ("{contenders}", self.contenders()),
            ("{goals}", goals(self)),
            ("{throughput}", self.throughput()?),
            ("{latency}", self.latency()?),
            ("{memory}", self.memory()?),
            ("{start}", self.start()?),
            ("{waits}", self.waits()?),
            ("{guest}", self.guest()),
            ("{sizes}", sizes()?),
        ] {
            text = text.replace(place, content.trim_end());
        }
        Ok(fs::write("BENCHMARKS.md", text)?)
    }

    fn contenders(&self) -> String {
        let present = self.figures.iter().map(|it| (&it.contender, "measured"));
        let absent = self.absent.iter().map(|it| (&it.contender, it.reason.as_str()));
        let row = |(it, state): (&Contender, &str)| {
            let command = it.command.replace("ADDRESS", "127.0.0.1:8000");
            vec![it.name.into(), format!("`{command}`"), state.into()]
        };
        table(&["contender", "command", ""], present.chain(absent).map(row))
    }

    fn throughput(&self) -> Result<String> {
        let medians = |it: &Figures| it.rates.iter().map(|all| median(all)).collect();
        let series = ["1 connection", "16 connections", "128 connections"];
        let title = "How many requests a second?";
        charts::bars("throughput", title, "requests/s", &series, &self.groups(medians))?;
        let native = self.of(NATIVE).context("nothing to compare with")?;
        Ok(self.table(&["", series[0], series[1], series[2]], |it| {
            let pairs = it.rates.iter().zip(&native.rates);
            pairs
                .map(|(all, to)| format!("{}<br>× {}", written(all), number(ratio(all, to))))
                .collect()
        }))
    }

    fn latency(&self) -> Result<String> {
        let medians = |it: &Figures| it.latency.iter().map(|all| median(all)).collect();
        let series = ["p50", "p99", "p99.9"];
        let title = "How long does an answer take?";
        charts::bars("latency", title, "ms", &series, &self.groups(medians))?;
        Ok(self.table(&["ms", "requests/s", series[0], series[1], series[2]], |it| {
            let rate = number(f64::from(it.contender.rate));
            std::iter::once(rate).chain(it.latency.iter().map(|all| written(all))).collect()
        }))
    }

    fn memory(&self) -> Result<String> {
        let series = ["idle, after 1,000 requests", "peak under load"];
        let groups = self.groups(|it| vec![it.idle, it.peak]);
        charts::bars("memory", "How much memory is resident?", "MB", &series, &groups)?;
        let head = ["", "MB idle", "MB peak", "CPU seconds for 10,000 requests"];
        Ok(self.table(&head, |it| vec![number(it.idle), number(it.peak), written(&it.cpu)]))
    }

    fn start(&self) -> Result<String> {
        let groups = self.groups(|it| vec![median(&it.start)]);
        charts::bars("start", "How long from exec to the first 200?", "ms", &["ms"], &groups)?;
        Ok(self.table(&["", "ms", "starts"], |it| {
            vec![written(&it.start), it.start.len().to_string()]
        }))
    }

    fn waits(&self) -> Result<String> {
        let label = |it: &Waits| format!("{} in {} s", number(it.count as f64), number(it.seconds));
        let groups: Vec<_> = self.waits.iter().map(|it| (label(it), vec![it.peak])).collect();
        charts::bars(
            "waits",
            "What do concurrent waits cost?",
            "MB at the peak",
            &["MB"],
            &groups,
        )?;
        let head = ["waits at once", "s until all are answered", "MB before", "MB peak", "KB each"];
        let row = |it: &Waits| {
            let numbers = [it.count as f64, it.seconds, it.idle, it.peak, it.kilobytes_each()];
            numbers.map(number).into()
        };
        Ok(table(&head, self.waits.iter().map(row)))
    }

    fn guest(&self) -> String {
        let row = |it: &Cost| vec![it.what.into(), number(it.fuel as f64), it.calls.to_string()];
        table(&["", "fuel", "host calls"], self.costs.iter().map(row))
    }

    /// The values of each contender, for a chart.
    fn groups(&self, values: impl Fn(&Figures) -> Vec<f64>) -> Vec<(String, Vec<f64>)> {
        self.figures.iter().map(|it| (it.contender.name.into(), values(it))).collect()
    }

    /// A table with a row for each contender.
    fn table(&self, head: &[&str], cells: impl Fn(&Figures) -> Vec<String>) -> String {
        let row = |it: &Figures| [vec![it.contender.name.into()], cells(it)].concat();
        table(head, self.figures.iter().map(row))
    }
}

/// A table in Markdown.
pub fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        text += &format!("| {} |\n", row.join(" | "));
    }
    text
}

/// The median, and the range if there is one.
fn written(values: &[f64]) -> String {
    let (median, least, most) = spread(values);
    format!("**{}** ({} to {})", number(median), number(least), number(most))
}

/// The size of files together.
fn kibibytes(files: &[&str]) -> Result<f64> {
    let sizes = files.iter().map(|file| Ok(fs::metadata(file).context(file.to_string())?.len()));
    Ok(sizes.sum::<Result<u64>>()? as f64 / 1024.0)
}

fn sizes() -> Result<String> {
    let files: [(&str, &[&str]); 3] =
        [("the component", &[COMPONENT]), ("hello-world", &[HELLO]), ("the image", &IMAGE)];
    let rows = files.map(|(what, files)| Ok(vec![what.into(), number(kibibytes(files)?)]));
    let rows: Result<Vec<_>> = rows.into_iter().collect();
    Ok(table(&["", "KiB"], rows?.into_iter()))
}

/// When, on what and with what it was measured.
fn machine() -> Result<String> {
    let run = |line| {
        anyhow::Ok(String::from_utf8(Command::new("sh").args(["-c", line]).output()?.stdout)?)
    };
    let facts = run(
        "date -u +%F; sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1; nproc; uname -sr; rustc --version",
    )?;
    let facts: Vec<_> = facts.lines().collect();
    let [date, cpu, cores, kernel, rustc] = facts[..] else {
        anyhow::bail!("what machine is this? {facts:?}")
    };
    Ok(format!("{date}, {cores} cores of {cpu}, {kernel}, {rustc}"))
}
