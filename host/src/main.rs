//! The command: parses its arguments, binds the listener, and hands both to the library.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use common::{QUIT, STORE, token_warning};
use spin_on_k8s_host::{Code, KeyValue, Limits, Pools, Workers, variables};
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Connections that may wait to be accepted. The kernel has its own limit, usually 4,096.
const BACKLOG: u32 = 16384;

/// Descriptors for short-lived purposes, such as listing the open ones.
const MARGIN: usize = 8;

/// The minimum number of connection descriptors; with fewer, the host refuses to start.
const FEWEST: usize = 8;

/// Connections beyond the number of instances, since clients keep some open for later requests.
const SPARE_CONNECTIONS: usize = 4096;

/// Serves the spin-on-k8s component on this machine, as `spin up` would.
///
/// Every request gets its own instance. The replica's state is kept in memory and dies with this
/// process. POST /quit ends the process with exit code 0, and so does SIGTERM or SIGINT. Requests in
/// flight are finished first, for 10 s at most. A second signal ends the process at once.
///
/// The app's variables come from the environment, as with Spin. SPIN_VARIABLE_HOSTNAME is the name
/// that the replica gives in its answers. SPIN_VARIABLE_CHAOS_TOKEN is the bearer token that POST /fail
/// and POST /quit require; without one, anyone may use them. SPIN_VARIABLE_MAX_WAITS is how many waits
/// (GET /wait) may start in five seconds; more are refused with 503.
#[derive(Parser)]
#[command(name = "spin-on-k8s", version)]
struct Args {
    /// Address or name, and port to listen on; :PORT listens on all addresses, port 0 picks a free one
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "SPIN_HTTP_LISTEN_ADDR",
        default_value = "127.0.0.1:8000"
    )]
    listen: String,

    /// Requests handled at the same time; more are refused with 503
    #[arg(long, value_name = "N", env = "SPIN_MAX_INSTANCE_COUNT", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    max_instances: u32,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // Failing to write a log must not stop anything.
    tracing_subscriber::fmt().with_writer(io::stderr).log_internal_errors(false).init();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = format!("{error:#}").replace('\n', " ");
            let _ = writeln!(io::stderr(), "spin-on-k8s: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    // Without any, tokio would panic.
    free_descriptors()?;
    let event_loop = Builder::new_current_thread().enable_all().build();
    event_loop.context("cannot make an event loop")?.block_on(serve(args))
}

async fn serve(args: Args) -> Result<()> {
    let stores = KeyValue::new([STORE]);
    let state = stores.open(STORE).context("no store")?;
    let pools = Pools::new(Code::CARRIED, stores, args.max_instances)?;
    let workers = Workers::start()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            () = state.wait_for(QUIT) => {}
            () = either(&mut terminate, &mut interrupt) => {}
        }
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            std::process::exit(1);
        });
    };
    let listener = listen(&args.listen)?;
    let address = listener.local_addr()?;
    if let Some(warning) = variables::get("chaos_token").as_deref().and_then(token_warning) {
        tracing::warn!("{warning}");
    }
    let (limits, free) = (Limits::default(), free_descriptors()?);
    let refusals = limits.refusals.min(free / 3);
    let connections = (args.max_instances as usize + SPARE_CONNECTIONS).min(free - refusals);
    let limits = Limits { connections, refusals, ..limits };
    let routes = format!("Available Routes:\n  api: http://{address} (wildcard)");
    writeln!(io::stdout(), "Serving http://{address}\n{routes}")
        .context("cannot write to standard output")?;
    spin_on_k8s_host::run(listener, pools, limits, workers, stop).await;
    Ok(())
}

/// The file descriptors that are left for connections.
///
/// # Errors
/// If they are too few.
fn free_descriptors() -> Result<usize> {
    // The default limit is often low, 1,024 or 256, although a process may raise it.
    let limit = rlimit::increase_nofile_limit(u64::MAX)? as usize;
    let taken = std::fs::read_dir("/dev/fd").map_or(0, Iterator::count) + MARGIN;
    let free = limit.saturating_sub(taken);
    ensure!(free >= FEWEST, "{limit} file descriptors are too few (see ulimit -n)");
    Ok(free)
}

/// Listens on the first address of `name` that is available.
fn listen(name: &str) -> Result<TcpListener> {
    let result = try_listen(name);
    result.with_context(|| format!("cannot listen on {name} (--listen sets another address)"))
}

fn try_listen(name: &str) -> io::Result<TcpListener> {
    let mut names = vec![name.to_owned()];
    if name.starts_with(':') {
        names = vec![format!("[::]{name}"), format!("0.0.0.0{name}")];
    }
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for name in names {
        for address in name.to_socket_addrs()? {
            result = bind(address);
            if result.is_ok() {
                return result;
            }
        }
    }
    result
}

/// Listens with a backlog for a flood. Connections beyond the backlog are lost, not refused.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Completes when either signal arrives.
async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}
