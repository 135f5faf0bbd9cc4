//! How many waits a replica begins.
//!
//! All requests share the host's instances. A flood of `/wait` would take every one of them, and
//! leave none for `/health`: liveness would restart a replica that is only busy. So the variable
//! `max_waits` says how many waits may begin in each window of five seconds, as long as one takes;
//! then at most twice as many are in flight.
//!
//! Waits are counted as they begin, and never counted down. A client that goes away, an instance
//! that is dropped and a container that is killed could not count down, and would leave the replica
//! with places that nobody has.

use crate::problem::Problem;
use crate::state;
use crate::wasi::keyvalue::atomics::increment;
use spin_sdk::variables;

/// Seconds that a window takes.
const WINDOW: u64 = 5;

/// What comes before the window's number in the key of its count.
const PREFIX: &str = "waits-";

/// Lets one more wait begin at `now`, a Unix time in seconds, or says when to come back.
pub fn admit(now: u64) -> Result<(), Problem> {
    let most = variables::get("max_waits")
        .map_err(|error| Problem::Internal(format!("max_waits is out of reach: {error}")))?;
    let most = limit(&most).map_err(Problem::Internal)?;
    if most == 0 {
        return Ok(());
    }
    let key = |window: u64| format!("{PREFIX}{window}");
    let window = now / WINDOW;
    let bucket = state::open()?;
    let begun = increment(&bucket, &key(window), 1)?;
    if begun == 1 {
        // The first of a window removes old counts, so that the store does not grow. Not that of the
        // window before: a request that is late by a moment would begin to count it anew.
        let kept = key(window.saturating_sub(1));
        for other in bucket.list_keys(None)?.keys {
            if is_before(&other, &kept) {
                bucket.delete(&other)?;
            }
        }
    }
    if begun > most {
        return Err(Problem::Busy {
            retry_after: WINDOW - now % WINDOW,
            detail: format!("this replica begins at most {most} waits in {WINDOW} seconds"),
        });
    }
    Ok(())
}

/// The value of `max_waits`; 0 is no limit.
fn limit(max_waits: &str) -> Result<i64, String> {
    let limit = max_waits.trim().parse::<u32>().map(i64::from);
    limit.map_err(|_| format!("max_waits is not a whole number: '{max_waits}'"))
}

/// Whether `other` counts the waits of a window before that of `key`. Both compare as text, since
/// windows have nine digits from 1985 to 2128.
fn is_before(other: &str, key: &str) -> bool {
    other.starts_with(PREFIX) && other < key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_whole_number() {
        assert_eq!(limit("0"), Ok(0));
        assert_eq!(limit(" 200\n"), Ok(200));
        for bad in ["", "-1", "2.5", "many", "99999999999"] {
            assert_eq!(limit(bad), Err(format!("max_waits is not a whole number: '{bad}'")));
        }
    }

    #[test]
    fn only_earlier_counts_are_deleted() {
        assert!(is_before("waits-352810583", "waits-352810584"));
        assert!(!is_before("waits-352810584", "waits-352810584"));
        assert!(!is_before("waits-352810585", "waits-352810584"));
        assert!(!is_before("failed", "waits-352810584"));
        assert!(!is_before("quit", "waits-352810584"));
    }
}
