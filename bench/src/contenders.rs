//! The servers that are measured.

/// How the embedded host is started.
pub const HOST: &str = "target/host/spin-on-k8s --listen ADDRESS";

/// Requests a second in the open loop: less than half of what the slowest sandbox can do.
const RATE: u32 = 2_000;
/// The same for R.
const RATE_OF_R: u32 = 100;

pub const NATIVE: &str = "native hyper";
pub const PARITY: &str = "host, /parity";
pub const HEALTH: &str = "host, /health";
pub const SPIN_PARITY: &str = "Spin, /parity";
pub const SPIN_HELLO: &str = "Spin, hello-world";

/// A server, how it is started, and what it is asked.
pub struct Contender {
    pub name: &'static str,
    /// Its words are separated by single spaces; `ADDRESS` stands for where it listens.
    pub command: String,
    pub target: &'static str,
    pub answer: &'static str,
    /// The header that says whether it keeps its connections in the closed loop.
    pub connection: &'static str,
    /// Requests a second in the open loop.
    pub rate: u32,
}

impl Contender {
    /// A contender that is asked for a parity.
    pub fn new(name: &'static str, command: &str) -> Self {
        Self {
            name,
            command: command.into(),
            target: "/parity?int=7",
            answer: "odd",
            connection: "connection: keep-alive",
            rate: RATE,
        }
    }
}

/// All contenders, in the order of the tables. The first three have to be there.
pub fn all() -> Vec<Contender> {
    vec![
        Contender::new(NATIVE, "target/host/native ADDRESS"),
        Contender::new(PARITY, HOST),
        Contender { target: "/health", answer: "OK", ..Contender::new(HEALTH, HOST) },
        Contender::new(
            "wasmtime serve, hello-world",
            "wasmtime serve -S cli --addr ADDRESS target/wasm32-wasip2/release/hello.wasm",
        ),
        Contender::new(SPIN_PARITY, "spin up --quiet --state-dir= --listen ADDRESS"),
        Contender::new(SPIN_HELLO, "spin up --quiet --from bench/hello --listen ADDRESS"),
        // On a kept connection, each answer of R's waits 44 ms for a delayed acknowledgement of TCP.
        Contender {
            connection: "connection: close",
            rate: RATE_OF_R,
            ..Contender::new("R plumber, /parity", "Rscript bench/plumber.R ADDRESS")
        },
    ]
}
