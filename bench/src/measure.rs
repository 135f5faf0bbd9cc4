//! What is measured, and in which order.

use crate::contenders::{Contender, HOST};
use crate::load;
use crate::process::Server;
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// Apart from the first three, no start of a contender may begin after this much time.
const STARTS: Duration = Duration::from_secs(10);

/// Requests before the idle memory is read.
const IDLE_AFTER: usize = 1_000;

/// How much is measured.
pub struct Plan {
    pub rounds: usize,
    pub seconds: u32,
    pub starts: usize,
}

/// What was measured of a contender: a value for each start, and for each round.
pub struct Figures {
    pub contender: Contender,
    /// Milliseconds from exec to the first 200.
    pub start: Vec<f64>,
    /// Resident megabytes after [`IDLE_AFTER`] requests.
    pub idle: f64,
    /// Requests a second.
    pub rates: Vec<f64>,
}

/// What a number of concurrent waits cost the embedded host.
pub struct Waits {
    /// Until all are answered.
    pub seconds: f64,
    /// Resident megabytes, before and at most.
    pub idle: f64,
    pub peak: f64,
}

/// Starts a contender again and again.
///
/// # Errors
/// Those of [`Server::start`].
pub fn starts(plan: &Plan, contender: &Contender) -> Result<Vec<f64>> {
    eprintln!("{}: starting", contender.name);
    let (begin, mut start) = (Instant::now(), Vec::new());
    while start.len() < plan.starts && (start.len() < 3 || begin.elapsed() < STARTS) {
        start.push(Server::start(contender)?.first_answer.as_secs_f64() * 1e3);
    }
    Ok(start)
}

/// Loads all contenders in turn, round after round; the first round is short, and forgotten.
pub fn rounds(plan: &Plan, figures: &mut [Figures]) -> Result<()> {
    let servers: Result<Vec<_>> = figures.iter().map(|it| Server::start(&it.contender)).collect();
    let servers = servers?;
    for (server, it) in servers.iter().zip(&mut *figures) {
        for _ in 0..IDLE_AFTER {
            load::get(server.address, it.contender.target)?;
        }
        it.idle = server.resident()?;
    }
    for round in 0..=plan.rounds {
        let seconds = if round == 0 { 1 } else { plan.seconds };
        eprintln!("round {round} of {}", plan.rounds);
        for (server, it) in servers.iter().zip(&mut *figures) {
            let rate = load::closed(server.address, &it.contender, seconds)
                .with_context(|| it.contender.name)?;
            if round > 0 {
                it.rates.push(rate);
            }
        }
    }
    Ok(())
}

/// Has a new host answer `count` concurrent waits.
pub fn waits(count: usize) -> Result<Waits> {
    eprintln!("{count} waits");
    let server = Server::start(&Contender::new("waits", &format!("{HOST} --max-instances 10000")))?;
    let idle = server.resident()?;
    let seconds = load::waits(server.address, count)?.as_secs_f64();
    Ok(Waits { seconds, idle, peak: server.peak()? })
}
