//! Measures the component and its hosts side by side, and writes BENCHMARKS.md.
//!
//! - [`report`] tells all of it, with the means of [`statistics`];
//! - [`measure`] says what is measured and when, and [`contenders`] of what;
//! - [`process`] starts them, each as a process of its own, and [`load`] puts them under load.
//!
//! `QUICK=1` in the environment makes a run of one short round, to try the benchmark itself, and prints
//! what it would write.

mod contenders;
mod load;
mod measure;
mod process;
mod report;
mod statistics;

use anyhow::Result;
use measure::{Figures, Plan};
use report::Results;
use std::fs;
use std::process::ExitCode;

const FULL: Plan = Plan { rounds: 5, seconds: 2, starts: 20, waits: &[100, 1_000, 10_000] };
const QUICK: Plan = Plan { rounds: 1, seconds: 1, starts: 3, waits: &[100, 10_000] };

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
    let quick = std::env::var_os("QUICK").is_some();
    let plan = if quick { QUICK } else { FULL };
    let (mut figures, mut absent) = (Vec::new(), Vec::new());
    for (index, contender) in contenders::all().into_iter().enumerate() {
        match measure::starts(&plan, &contender) {
            Ok(start) => {
                let (idle, peak, rates, latency) = Default::default();
                figures.push(Figures { contender, start, idle, peak, rates, latency });
            }
            // Without native hyper and the embedded host there is nothing to tell.
            Err(error) if index < 3 => return Err(error),
            Err(error) => absent.push((contender.name, format!("{error:#}"))),
        }
    }
    measure::rounds(&plan, &mut figures)?;
    let waits: Result<Vec<_>> = plan.waits.iter().map(|&count| measure::waits(count)).collect();
    let text = Results { plan, figures, absent, waits: waits? }.text()?;
    if quick {
        print!("{text}");
        return Ok(());
    }
    Ok(fs::write("BENCHMARKS.md", text)?)
}
