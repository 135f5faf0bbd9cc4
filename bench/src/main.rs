//! Measures the component and its hosts side by side, and prints a table.
//!
//! - [`measure`] says what is measured and when, and [`contenders`] of what;
//! - [`process`] starts them, each as a process of its own, and [`load`] puts them under load.
//!
//! `QUICK=1` in the environment makes a run of one short round, to try the benchmark itself.

mod contenders;
mod load;
mod measure;
mod process;

use anyhow::Result;
use measure::{Figures, Plan};
use std::process::ExitCode;

const FULL: Plan = Plan { rounds: 5, seconds: 2, starts: 20 };
const QUICK: Plan = Plan { rounds: 1, seconds: 1, starts: 3 };

/// Concurrent waits.
const WAITS: usize = 10_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    let plan = if std::env::var_os("QUICK").is_some() { QUICK } else { FULL };
    let mut figures = Vec::new();
    for (index, contender) in contenders::all().into_iter().enumerate() {
        match measure::starts(&plan, &contender) {
            Ok(start) => figures.push(Figures { contender, start, idle: 0.0, rates: vec![] }),
            // Without native hyper and the embedded host, there is nothing to compare.
            Err(error) if index < 3 => return Err(error),
            Err(error) => eprintln!("{} is left out: {error:#}", contender.name),
        }
    }
    measure::rounds(&plan, &mut figures)?;
    println!("| | requests/s | relative | MB idle | ms to the first 200 |\n|---|---|---|---|---|");
    for Figures { contender, start, idle, rates } in &figures {
        let relative: Vec<_> =
            rates.iter().zip(&figures[0].rates).map(|(rate, to)| rate / to).collect();
        let cells = [written(rates, 0), written(&relative, 3), format!("{idle:.1}")];
        println!("| {} | {} | {} |", contender.name, cells.join(" | "), written(start, 1));
    }
    let measure::Waits { seconds, idle, peak } = measure::waits(WAITS)?;
    let each = (peak - idle) * 1e3 / WAITS as f64;
    println!("\n{WAITS} concurrent waits: {seconds:.2} s, and {each:.0} KB each");
    Ok(())
}

/// The median and the range, with some digits after the point.
fn written(values: &[f64], digits: usize) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let [least, median, most] = [0, sorted.len() / 2, sorted.len() - 1].map(|index| sorted[index]);
    format!("**{median:.digits$}** ({least:.digits$} to {most:.digits$})")
}
