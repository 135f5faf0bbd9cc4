//! The servers that are measured.

use crate::report::HELLO as HELLO_WASM;

/// How the embedded host is started.
pub const HOST: &str = "target/host/spin-on-k8s --listen ADDRESS";

/// Requests a second in the open loop: less than half of what the slowest sandbox can do.
const RATE: u32 = 2_000;
/// The same for R.
const RATE_OF_R: u32 = 100;

/// A server, how it is started, and what it is asked.
pub struct Contender {
    pub name: &'static str,
    /// Its words are separated by single spaces; `ADDRESS` stands for where it listens.
    pub command: String,
    pub target: &'static str,
    /// What its answer has in it.
    pub answer: &'static str,
    /// Requests a second in the open loop.
    pub rate: u32,
    /// Whether a run without it would be in vain.
    pub required: bool,
}

/// A contender that could not be started, and why.
pub struct Absent {
    pub contender: Contender,
    pub reason: String,
}

impl Contender {
    pub fn new(name: &'static str, command: &str, target: &'static str) -> Self {
        let answer = if target == "/health" { "OK" } else { "odd" };
        Self { name, command: command.into(), target, answer, rate: RATE, required: false }
    }
}

pub const NATIVE: &str = "native hyper";
pub const PARITY: &str = "host, /parity";
pub const HEALTH: &str = "host, /health";

/// All contenders, in the order of the tables.
pub fn all() -> Vec<Contender> {
    let parity = |name, command| Contender::new(name, command, "/parity?int=7");
    vec![
        Contender { required: true, ..parity(NATIVE, "target/host/native ADDRESS") },
        Contender { required: true, ..parity(PARITY, HOST) },
        Contender { required: true, ..Contender::new(HEALTH, HOST, "/health") },
        parity(
            "wasmtime serve, hello-world",
            &format!("wasmtime serve -S cli --addr ADDRESS {HELLO_WASM}"),
        ),
        parity("Spin, /parity", "spin up --quiet --state-dir= --listen ADDRESS"),
        Contender {
            rate: RATE_OF_R,
            ..parity("R plumber, /parity", "Rscript bench/plumber.R ADDRESS")
        },
    ]
}
