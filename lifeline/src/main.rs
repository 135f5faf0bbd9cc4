//! Ends the container of a replica that has been told to quit.
//!
//! On Spin, no guest can end its host: `/quit` alone ends an instance, and the replica lives on.
//! But Spin's containerd shim runs all triggers of an app in one process, and exits as soon as one
//! of them completes. So this is a second trigger, of type `command`, that completes when the
//! replica's state says `quit`: the container ends with exit code 0, and the kubelet starts a new
//! one. An error, such as a store that cannot be read, also ends it, but with another code.

// Compiled here, too, and not once for both guests, because it calls the bindings that each generates for itself.
#[cfg(target_arch = "wasm32")]
#[path = "../../src/libc.rs"]
mod libc;

use common::{FAILED, QUIT, STORE, token_warning};
use spin_sdk::variables;
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::keyvalue::store::{Error, open};

wit_bindgen::generate!({ path: "../wit", world: "system", generate_all });

/// Polling interval, in nanoseconds: long enough to cost only 0.4 % of a core, and short
/// enough for a person.
const PERIOD: u64 = 250_000_000;

fn main() -> Result<(), Error> {
    let bucket = open(STORE)?;
    // A new container is healthy, but its store may be old: an emptyDir outlives a container.
    bucket.delete(FAILED)?;
    // Reporting an unreadable token is up to the API, when a client calls /fail or /quit.
    if let Some(warning) = variables::get("chaos_token").ok().as_deref().and_then(token_warning) {
        eprintln!("{warning}");
    }
    while !bucket.exists(QUIT)? {
        subscribe_duration(PERIOD).block();
    }
    // The key is set before /quit is answered; give the answer time to get out.
    subscribe_duration(PERIOD).block();
    // The next container starts without it. Deleted at the start, it could be one that was just set: all triggers of
    // an app start at the same time.
    bucket.delete(QUIT)
}
