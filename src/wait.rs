//! `GET /wait`: a slow answer.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::wait_limit;
use crate::wasi::clocks::monotonic_clock::subscribe_duration;
use crate::wasi::clocks::wall_clock::now;
use chrono::DateTime;
use serde::Serialize;
use spin_sdk::http::IncomingRequest;

/// As long as the R original waits, in nanoseconds.
const WAIT: u64 = 5_000_000_000;

#[derive(Serialize)]
struct Body {
    time: String,
}

/// Answers with the time after five seconds, or with 503 at once if too many waits have started.
///
/// It blocks only this instance. The host sees which event it waits for and meanwhile gives the
/// thread to others, so a thousand waits take as long as one.
pub fn wait(_: &IncomingRequest, _query: &str) -> Result<Answer, Problem> {
    wait_limit::begin(now().seconds)?;
    subscribe_duration(WAIT).block();
    let time = DateTime::from_timestamp(now().seconds as i64, 0).unwrap_or_default();
    Ok(Answer::json(200, &Body { time: time.to_string() }))
}
