//! Faults that the host must survive, at full size. The host is a process of its own here, because
//! its memory and file descriptors are measured. `SOAK=10` makes the soak ten times as long.

use crate::support::{Api, HOST, PATIENCE, Process, get};
use chrono::NaiveDateTime;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

/// Kilobytes that a process has resident.
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

/// How often a flood was served, by the number of the window in which the wait began, and how often it
/// was refused.
#[derive(Default)]
struct Flood {
    served: BTreeMap<u64, usize>,
    refused: usize,
}

/// Seconds that a wait takes, and the length of the window in which waits are counted.
const WINDOW: u64 = 5;

/// Asks for `/wait` again and again on one connection.
async fn flood(mut stream: TcpStream, until: Instant) -> Flood {
    let mut flood = Flood::default();
    while Instant::now() < until {
        stream.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let answer = timeout(PATIENCE, answer(&mut stream, false)).await.unwrap();
        let (status, answer) = answer.expect("an answer");
        match status {
            200 => {
                let (_, time) = answer.split_once(r#"{"time":""#).unwrap();
                let time = NaiveDateTime::parse_from_str(&time[..19], "%Y-%m-%d %H:%M:%S");
                let end = time.unwrap().and_utc().timestamp() as u64;
                *flood.served.entry(end / WINDOW - 1).or_default() += 1;
            }
            503 => {
                assert!(answer.contains("\r\nretry-after: "), "{answer}");
                flood.refused += 1;
            }
            _ => panic!("{answer}"),
        }
    }
    flood
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

    let address = process.address;
    let mut clients = Vec::new();
    for _ in 0..2400 {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let until = Instant::now() + Duration::from_secs(20);
    let clients: Vec<_> = clients.into_iter().map(|it| tokio::spawn(flood(it, until))).collect();
    // On a thread of its own, so that only the server's time counts, not this runtime's.
    let rest = std::thread::spawn(move || {
        let mut slowest = [Duration::ZERO; 2];
        while Instant::now() < until {
            for (target, slowest) in ["/health", "/parity?int=7"].into_iter().zip(&mut slowest) {
                let start = Instant::now();
                assert_eq!(blocking_status(address, target), 200, "{target}");
                *slowest = start.elapsed().max(*slowest);
            }
        }
        slowest
    });
    let (mut served, mut refused) = (BTreeMap::<u64, usize>::new(), 0);
    for client in clients {
        let flood = client.await.unwrap();
        refused += flood.refused;
        for (window, count) in flood.served {
            *served.entry(window).or_default() += count;
        }
    }
    let slowest = rest.join().unwrap();
    println!("served {served:?}, refused {refused}, slowest /health and /parity {slowest:?}");
    let full = now / WINDOW + 1..(now + 20) / WINDOW;
    assert!(full.clone().count() >= 3);
    for window in full {
        assert_eq!(served[&window], MOST, "{window}");
    }
    assert!(served.values().all(|count| *count <= MOST) && refused > 0);

    falls_to(before * 6 / 5, || resident(&process)).await;
    println!("resident {before} kB before, {} kB after", resident(&process));
}

/// The status of a `GET` on a connection of its own.
fn blocking_status(address: SocketAddr, target: &str) -> u16 {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
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
    let waits: Vec<_> = (0..waits)
        .map(|_| {
            let address = process.address;
            tokio::spawn(async move { get(address, "/wait").await.unwrap()[9..12].to_owned() })
        })
        .collect();
    let address = process.address;
    let until = Instant::now() + Duration::from_secs(4);
    let health = std::thread::spawn(move || {
        let mut slowest = Duration::ZERO;
        while Instant::now() < until {
            let start = Instant::now();
            assert_eq!(blocking_status(address, "/health"), 200);
            slowest = start.elapsed().max(slowest);
        }
        slowest
    });
    let (mut served, mut refused) = (0, 0);
    for wait in waits {
        match wait.await.unwrap().as_str() {
            "200" => served += 1,
            "503" => refused += 1,
            status => panic!("{status}"),
        }
    }
    let slowest = health.join().unwrap();
    println!("{limit}: {served} served, {refused} refused, /health within {slowest:?}");
    assert!(slowest < Duration::from_millis(100), "{slowest:?}");
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

/// What a soak sends, and the status that comes back, if the client does not hang up in the middle.
const SOAK: [(&str, Option<u16>); 12] = [
    ("GET /parity?int=7 HTTP/1.1\r\nhost: x\r\n\r\n", Some(200)),
    ("GET /parity?int=%00%FF HTTP/1.1\r\nhost: x\r\n\r\n", Some(400)),
    ("GET /health HTTP/1.1\r\nhost: x\r\n\r\n", Some(200)),
    ("HEAD /health HTTP/1.1\r\nhost: x\r\n\r\n", Some(200)),
    ("OPTIONS /quit HTTP/1.1\r\nhost: x\r\n\r\n", Some(204)),
    ("DELETE /quit HTTP/1.1\r\nhost: x\r\n\r\n", Some(405)),
    ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n", Some(404)),
    ("GET /health HTTP/1.1\r\n\r\n", Some(400)),
    ("GET /health HTTP/9.9\r\nhost: x\r\n\r\n", Some(400)),
    ("\0\0\0\0\r\n\r\n", Some(400)),
    ("POST /parity HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Some(400)),
    ("GET /parity?int=1 HTTP/1.1\r\nhost: x\r\nx: ", None),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(target_os = "linux"), ignore = "it reads /proc")]
async fn a_soak_leaves_nothing_behind() {
    const CLIENTS: usize = 16;
    let factor: usize = std::env::var("SOAK").map_or(1, |factor| factor.parse().unwrap());
    let process = Process::start(&mut Process::command());
    let address = process.address;
    let soak = async |requests: usize| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|seed| tokio::spawn(soak(address, seed as u64, requests / CLIENTS)))
            .collect();
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

/// Sends requests on one connection, or on a new one where the last was closed.
async fn soak(address: SocketAddr, seed: u64, requests: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut connection = None;
    for _ in 0..requests {
        // Those that leave the connection usable come first, and are more frequent.
        let (usable, all) = (&SOAK[..7], &SOAK[..]);
        let kinds = if random.random_ratio(9, 10) { usable } else { all };
        let (request, expected) = kinds.choose(&mut random).unwrap();
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => TcpStream::connect(address).await.unwrap(),
        };
        stream.write_all(request.as_bytes()).await.unwrap();
        let Some(expected) = expected else { continue };
        let answer = answer(&mut stream, request.starts_with("HEAD"));
        let answer = timeout(PATIENCE, answer).await.unwrap();
        assert_eq!(answer.map(|(status, _)| status), Some(*expected), "{request:?}");
        connection = usable.iter().any(|(usable, _)| usable == request).then_some(stream);
    }
}

/// Reads one answer to its end; an answer to `HEAD` ends with its head.
async fn answer(stream: &mut TcpStream, head_only: bool) -> Option<(u16, String)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    let status = text[9..12].parse().ok()?;
    let length = match text.split("content-length: ").nth(1) {
        Some(rest) if !head_only => rest.split('\r').next().unwrap().parse().unwrap(),
        _ => 0,
    };
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((status, String::from_utf8(bytes).unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_under_load_loses_no_request() {
    for _ in 0..5 {
        let mut process = Process::start(&mut Process::command());
        let clients: Vec<_> =
            (0..16).map(|_| tokio::spawn(until_refused(process.address))).collect();
        let api = Api::new(&format!("http://{}", process.address));
        for _ in 0..100 {
            api.assert_healthy().await;
        }
        process.signal(rustix::process::Signal::TERM);
        let mut answered = 0;
        for client in clients {
            answered += client.await.unwrap();
        }
        assert!(answered > 0);
        assert_eq!(process.end().await.0, Some(0));
    }
}

/// Sends requests on one connection after another until no more are accepted; returns how many were
/// answered. A request that was accepted but not answered fails the test.
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
                assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
                assert_eq!(answer, "", "cut in the middle");
                return answered;
            }
        }
        answered += 1;
    }
}
