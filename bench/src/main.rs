//! Measures the component and its hosts side by side, and writes BENCHMARKS.md and its charts.
//!
//! - [`contenders`] are the servers, each a process of its own;
//! - [`measure`] tells what is measured and when, [`load`] puts a contender under load, and
//!   [`process`] reads what that costs it;
//! - [`guest`] counts what a request costs the guest, whatever the machine;
//! - [`report`] and [`charts`] tell it all.
//!
//! `QUICK=1` in the environment makes a run of one short round, to try the benchmark itself.

mod charts;
mod contenders;
mod goals;
mod guest;
mod load;
mod measure;
mod process;
mod report;
mod statistics;

use anyhow::Result;
use report::{COMPONENT, Results};
use std::process::ExitCode;

/// How much is measured.
pub struct Plan {
    pub rounds: usize,
    pub seconds: u32,
    pub starts: usize,
    pub waits: &'static [usize],
}

const FULL: Plan =
    Plan { rounds: 5, seconds: 2, starts: 20, waits: &[100, 300, 1_000, 3_000, 10_000] };
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
    load::check_tool()?;
    let plan = if std::env::var_os("QUICK").is_some() { QUICK } else { FULL };
    let (mut figures, mut absent) = (Vec::new(), Vec::new());
    for contender in contenders::all() {
        match measure::starts(&plan, contender)? {
            Ok(contender) => figures.push(contender),
            Err(reason) => absent.push(reason),
        }
    }
    measure::rounds(&plan, &mut figures)?;
    let waits: Result<Vec<_>> = plan.waits.iter().map(|&count| measure::waits(count)).collect();
    let results = Results { plan, figures, absent, waits: waits?, costs: guest::costs(COMPONENT)? };
    results.write()
}
