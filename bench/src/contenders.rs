//! The servers that are measured.

/// How the embedded host is started.
pub const HOST: &str = "target/host/spin-on-k8s --listen ADDRESS";

/// A server, how it is started, and which request it gets.
pub struct Contender {
    pub name: &'static str,
    /// Its words are separated by single spaces; `ADDRESS` stands for where it listens.
    pub command: String,
    pub target: &'static str,
    pub answer: &'static str,
    /// The header that says whether it keeps its connections in the closed loop.
    pub connection: &'static str,
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
        }
    }
}

/// All contenders, in the order of the table. The first three have to be there; the others are compared with the first.
pub fn all() -> Vec<Contender> {
    vec![
        Contender::new("native hyper", "target/host/native ADDRESS"),
        Contender::new("host, /parity", HOST),
        Contender { target: "/health", answer: "OK", ..Contender::new("host, /health", HOST) },
        Contender::new(
            "wasmtime serve, hello-world",
            "wasmtime serve -S cli --addr ADDRESS target/wasm32-wasip2/release/hello.wasm",
        ),
        Contender::new("Spin, /parity", "spin up --quiet --state-dir= --listen ADDRESS"),
        Contender::new("Spin, hello-world", "spin up --quiet --from bench/hello --listen ADDRESS"),
        // On a kept connection, each answer of R's waits 44 ms for a delayed acknowledgement of TCP.
        Contender {
            connection: "connection: close",
            ..Contender::new("R plumber, /parity", "Rscript bench/plumber.R ADDRESS")
        },
    ]
}
