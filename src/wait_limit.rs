//! Limits how many waits a replica starts.
//!
//! All requests share the host's instances. A flood of `/wait` would take every one of them and
//! leave none for `/health`, so liveness would restart a replica that is only busy. The variable
//! `max_waits` says how many waits may start in each window of five seconds. A wait takes as long as a
//! window, so at most twice as many are in flight.
//!
//! Waits are counted when they start, and never counted down. A client that goes away, an instance
//! that is dropped or a container that is killed could not count down, and its place would be lost.

use crate::problem::Problem;
use crate::replica;
use crate::wasi::keyvalue::atomics::increment;
use spin_sdk::variables;

/// Length of a window in seconds.
const WINDOW: u64 = 5;

/// What precedes a window's number in the key of its count.
const PREFIX: &str = "waits-";

/// Lets one more wait start at `now`, a Unix time in seconds, or says when to come back.
pub fn begin(now: u64) -> Result<(), Problem> {
    let most = variables::get("max_waits")
        .map_err(|error| Problem::Internal(format!("max_waits is unavailable: {error}")))?;
    let most = limit(&most).map_err(Problem::Internal)?;
    if most == 0 {
        return Ok(());
    }
    let key = |window: u64| format!("{PREFIX}{window}");
    let window = now / WINDOW;
    let bucket = replica::open()?;
    let begun = increment(&bucket, &key(window), 1)?;
    if begun == 1 {
        // The first wait of a window removes old counts, so that the store does not grow. It keeps the
        // previous window's, because a request arriving a moment late would otherwise restart that count from zero.
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
            detail: format!("this replica starts at most {most} waits in {WINDOW} seconds"),
        });
    }
    Ok(())
}

/// The value of `max_waits`; 0 means no limit.
fn limit(max_waits: &str) -> Result<i64, String> {
    let limit = max_waits.trim().parse::<u32>().map(i64::from);
    limit.map_err(|_| format!("max_waits is not a whole number: '{max_waits}'"))
}

/// Whether `other` counts the waits of a window before that of `key`. They can be compared as text,
/// since the numbers of windows have nine digits from 1985 to 2128.
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
