//! Faults that the host must survive, at full size. The host is a process of its own here, because
//! its memory and file descriptors are measured. `SOAK=10` makes the soak ten times as long.

use crate::support::{Api, HOST, PATIENCE, Process, raw, rest};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::{interval, timeout};

/// The resident memory of a process, in kilobytes.
fn resident(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// File descriptors that a process has open.
fn descriptors(process: &Process) -> usize {
    fs::read_dir(format!("/proc/{}/fd", process.child.id())).unwrap().count()
}

/// Waits until a reading of the process falls to `bound`; otherwise panics with the last reading.
async fn falls_to<T: PartialOrd + std::fmt::Debug>(bound: T, read: impl Fn() -> T) {
    let mut pause = interval(Duration::from_millis(100));
    let fallen = async {
        while read() > bound {
            pause.tick().await;
        }
    };
    let fallen = timeout(Duration::from_secs(10), fallen).await;
    assert!(fallen.is_ok(), "still {:?} of at most {bound:?}", read());
}

/// Asks for `/wait` again and again on one connection; returns how often it was served, and how often
/// refused.
async fn flood(api: Api, until: Instant) -> (usize, usize) {
    let (mut served, mut refused) = (0, 0);
    while Instant::now() < until {
        let answer = timeout(PATIENCE, api.get("/wait")).await.expect("an answer");
        match answer.status {
            200 => served += 1,
            503 => refused += 1,
            _ => panic!("{answer:?}"),
        }
        assert_eq!(answer.header("retry-after").is_empty(), answer.status == 200);
    }
    (served, refused)
}

/// Sends requests for `targets`, each on a new connection, all of which must be answered with 200, and
/// yields the longest that one took. It has its own thread, so that only the server's time counts, not
/// this runtime's.
fn probe(api: &Api, targets: &'static [&str], until: Instant) -> JoinHandle<Duration> {
    let url = api.url().to_owned();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut slowest = Duration::ZERO;
            while Instant::now() < until {
                for target in targets {
                    let start = Instant::now();
                    assert_eq!(Api::new(&url).get(target).await.status, 200, "{target}");
                    slowest = slowest.max(start.elapsed());
                }
            }
            slowest
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(target_os = "linux"), ignore = "it reads /proc")]
async fn a_flood_of_waits_leaves_room_for_the_rest() {
    const MOST: usize = 200;
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let mut command = Process::command();
    command.args(["--max-instances", "500"]).env("SPIN_VARIABLE_MAX_WAITS", MOST.to_string());
    let process = Process::start(&mut command);
    // The warm places keep their memory. Use them all once before it is measured.
    let wait = |()| {
        let api = process.api.clone();
        tokio::spawn(async move { api.get("/wait").await.status })
    };
    for wait in [(); 32].map(wait) {
        assert_eq!(wait.await.unwrap(), 200);
    }
    let before = resident(&process);

    // Waits are counted in windows of five seconds since the epoch.
    let window = || UNIX_EPOCH.elapsed().unwrap().as_secs() as usize / 5;
    let first = window();
    let until = Instant::now() + Duration::from_secs(20);
    let client = |_| tokio::spawn(flood(Api::new(process.api.url()), until));
    let clients: Vec<_> = (0..2400).map(client).collect();
    let rest = probe(&process.api, &["/health", "/parity?int=7"], until);
    let slowest = tokio::task::spawn_blocking(|| rest.join().unwrap()).await.unwrap();
    let last = window();
    let (mut served, mut refused) = (0, 0);
    for client in clients {
        let counts = client.await.unwrap();
        (served, refused) = (served + counts.0, refused + counts.1);
    }
    println!("{served} served, {refused} refused, the rest within {slowest:?}");
    // The whole windows between the first and the last are full, and no window is more than full.
    let (least, most) = (MOST * (last - first - 1), MOST * (window() - first + 1));
    assert!((least..=most).contains(&served) && refused > 0, "{least} to {most}");

    falls_to(before * 6 / 5, || resident(&process)).await;
    println!("resident {before} kB before, {} kB after", resident(&process));
}

/// Runs the host under a limit set by the shell, with as many connections in `/wait` as that allows.
/// `/health` must be good and quick all the while. Returns how many waits were served, and how many
/// refused.
async fn waits_under(limit: &str, instances: usize, waits: usize) -> (usize, usize) {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let run = format!("{limit} && exec \"$0\" --max-instances {instances}");
    let mut shell = Command::new("sh");
    shell.env("SPIN_HTTP_LISTEN_ADDR", "127.0.0.1:0").args(["-c", &run, HOST]);
    let process = Process::start(&mut shell);
    // hyper's client does not accept an answer before it has sent a request, but a client that has to give way gets one.
    let request = "GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let waits: Vec<_> = (0..waits).map(|_| tokio::spawn(raw(process.address, request))).collect();
    let health = probe(&process.api, &["/health"], Instant::now() + Duration::from_secs(4));
    let (mut served, mut refused) = (0, 0);
    for wait in waits {
        match wait.await.unwrap().get(9..12) {
            Some("200") => served += 1,
            Some("503") => refused += 1,
            status => panic!("{status:?}"),
        }
    }
    let slowest = health.join().unwrap();
    println!("{limit}: {served} served, {refused} refused, /health within {slowest:?}");
    // It takes milliseconds, or a second when all else is busy, too; and four when it is held up.
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    (served, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_descriptors_leave_one_for_health() {
    for (limit, waits) in [(256, 400), (1024, 1200)] {
        let (served, refused) = waits_under(&format!("ulimit -n {limit}"), 1000, waits).await;
        assert_eq!(served + refused, waits);
        assert!(served > limit / 2 && refused > waits - limit, "{served} and {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(target_os = "linux"), ignore = "addresses are limited on Linux only")]
async fn instances_fit_a_small_address_space() {
    // With 39-bit addresses, of which the kernel has half, 256 GiB are left.
    assert_eq!(waits_under("ulimit -v 134217728", 1000, 1000).await, (1000, 0));
    // Those that do not fit are refused.
    let (served, refused) = waits_under("ulimit -v 6291456", 1000, 1000).await;
    assert!(served > 0 && refused > 0 && served + refused == 1000);
}

/// What a soak sends, and the status that comes back.
const GOOD: [(&str, &str, u16); 7] = [
    ("GET", "/parity?int=7", 200),
    ("GET", "/parity?int=%00%FF", 400),
    ("GET", "/health", 200),
    ("HEAD", "/health", 200),
    ("OPTIONS", "/quit", 204),
    ("DELETE", "/quit", 405),
    ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
];

/// What it sends that no client library would. The answer is a 400, unless the client hangs up first.
const BAD: [&str; 5] = [
    "GET /health HTTP/1.1\r\nconnection: close\r\n\r\n",
    "GET /health HTTP/9.9\r\nhost: x\r\n\r\n",
    "\0\0\0\0\r\n\r\n",
    "POST /parity HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    HANG_UP,
];
const HANG_UP: &str = "GET /parity?int=1 HTTP/1.1\r\nhost: x\r\nx: ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(target_os = "linux"), ignore = "it reads /proc")]
async fn a_soak_leaves_nothing_behind() {
    const CLIENTS: usize = 16;
    let factor: usize = std::env::var("SOAK").map_or(1, |factor| factor.parse().unwrap());
    let process = Process::start(&mut Process::command());
    let soak = async |requests: usize| {
        let client =
            |seed| tokio::spawn(soak(process.api.clone(), seed as u64, requests / CLIENTS));
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        for client in clients {
            client.await.unwrap();
        }
    };
    // This lets the allocator and the pools reach their size.
    soak(20_000).await;
    let (memory, files) = (resident(&process), descriptors(&process));
    soak(200_000 * factor).await;
    // No more descriptors, and at most a tenth more memory, whatever the length.
    falls_to(files, || descriptors(&process)).await;
    falls_to(memory * 11 / 10, || resident(&process)).await;
    println!("resident {memory} kB before, {} kB after", resident(&process));
    process.api.assert_healthy().await;
}

async fn soak(api: Api, seed: u64, requests: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..requests {
        if random.random_ratio(9, 10) {
            let (method, target, status) = GOOD.choose(&mut random).unwrap();
            let answer = timeout(PATIENCE, api.send(method, target)).await.unwrap();
            assert_eq!(answer.status, *status, "{method} {target}");
            continue;
        }
        let request = *BAD.choose(&mut random).unwrap();
        let mut stream = TcpStream::connect(api.authority()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        if request != HANG_UP {
            let answer = rest(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_under_load_loses_no_request() {
    for _ in 0..5 {
        let mut process = Process::start(&mut Process::command());
        let client = |_| tokio::spawn(until_refused(process.address));
        let clients: Vec<_> = (0..16).map(client).collect();
        for _ in 0..100 {
            process.api.assert_healthy().await;
        }
        process.signal(Signal::TERM);
        let mut answered = 0;
        for client in clients {
            answered += client.await.unwrap();
        }
        assert!(answered > 0);
        assert_eq!(process.end().await.0, Some(0));
    }
}

/// Sends requests on one connection after another until no more are accepted; returns how many were
/// answered. A request that was accepted but not answered fails the test; hyper's client does not tell
/// it from one that was never accepted.
async fn until_refused(address: SocketAddr) -> usize {
    let mut answered = 0;
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { return answered };
        let request = "GET /parity?int=7 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        // The kernel takes connections for the server, and resets those that the server never accepts.
        if stream.write_all(request.as_bytes()).await.is_err() {
            return answered;
        }
        let mut answer = String::new();
        match timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap() {
            Ok(_) => assert!(answer.ends_with("\r\n\r\nodd"), "{answer:?}"),
            Err(reset) => {
                assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
                assert_eq!(answer, "", "cut in the middle");
                return answered;
            }
        }
        answered += 1;
    }
}
