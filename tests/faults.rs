//! Faults that the host must survive, at full size. The host is a process of its own here, since
//! its memory and its file descriptors are counted. `SOAK=10` makes the soak ten times as long.

use crate::support::{Api, PATIENCE, Process, rest};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
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

/// Awaits that a reading of the process falls to `bound`; panics with the last one.
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

/// The status of a request on a connection of its own, and how long its answer took.
async fn status(address: SocketAddr, target: &str) -> (u16, Duration) {
    exchange(TcpStream::connect(address).await.unwrap(), target).await
}

/// The status of a `GET /health`, and how long it took.
fn blocking_health(address: SocketAddr) -> (u16, Duration) {
    let start = Instant::now();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), start.elapsed())
}

async fn exchange(mut stream: TcpStream, target: &str) -> (u16, Duration) {
    let start = Instant::now();
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    (answer[9..12].parse().unwrap(), start.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_served_up_to_the_instances_and_refused_beyond() {
    let process = Process::start(Process::command().args(["--max-instances", "2000"]));
    let address = process.address;
    // The warm places keep their memory: all are in use once before it is measured.
    for wait in [(); 32].map(|()| tokio::spawn(status(address, "/wait"))) {
        assert_eq!(wait.await.unwrap().0, 200);
    }
    let before = resident(&process);

    let flood = tokio::spawn(async move {
        let mut flood = Vec::new();
        // 4,000 a second, as many as two cores can both offer and take: more would measure the queue
        // in the kernel. All are there before the first is answered.
        let mut pace = interval(Duration::from_micros(2500));
        for number in 0..10_000 {
            if number % 10 == 0 {
                pace.tick().await;
            }
            let stream = TcpStream::connect(address).await.unwrap();
            flood.push(tokio::spawn(exchange(stream, "/wait")));
        }
        let mut answers = Vec::new();
        for request in flood {
            answers.push(request.await.unwrap());
        }
        answers
    });
    // On a thread of its own: it is the server's time that counts, not that of this runtime.
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let health = std::thread::spawn(move || {
        let mut slowest = Duration::ZERO;
        while stopped.try_recv().is_err() {
            let (status, took) = blocking_health(address);
            assert_eq!(status, 200);
            slowest = slowest.max(took);
        }
        slowest
    });
    let answers = flood.await.unwrap();
    stop.send(()).unwrap();
    let slowest = health.join().unwrap();
    let count = |wanted| answers.iter().filter(|(status, _)| *status == wanted).count();
    assert_eq!((count(200), count(503)), (2000, 8000));
    let refused = answers.iter().filter(|(status, _)| *status == 503);
    let slowest_refusal = refused.map(|(_, took)| *took).max().unwrap();
    println!("slowest /health {slowest:?}, slowest refusal {slowest_refusal:?}");
    assert!(slowest < Duration::from_millis(100), "/health took {slowest:?}");
    // Before the first of those that were served was answered.
    assert!(slowest_refusal < Duration::from_secs(5), "a refusal took {slowest_refusal:?}");

    falls_to(before * 6 / 5, || resident(&process)).await;
    println!("resident {before} kB before, {} kB after", resident(&process));
}

/// What a soak sends, and the status that comes back; none where the client hangs up in the middle.
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
    // The allocator and the pools reach their size in this.
    soak(20_000).await;
    let (memory, files) = (resident(&process), descriptors(&process));
    soak(200_000 * factor).await;
    // No descriptor, and no more memory than a tenth, whatever the length.
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
        // Those that leave the connection usable come first, and are the more frequent.
        let (usable, all) = (&SOAK[..7], &SOAK[..]);
        let kinds = if random.random_ratio(9, 10) { usable } else { all };
        let (request, expected) = kinds.choose(&mut random).unwrap();
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => TcpStream::connect(address).await.unwrap(),
        };
        stream.write_all(request.as_bytes()).await.unwrap();
        let Some(expected) = expected else { continue };
        let status = timeout(PATIENCE, answer(&mut stream, request)).await.unwrap();
        assert_eq!(status, Some(*expected), "{request:?}");
        connection = usable.iter().any(|(usable, _)| usable == request).then_some(stream);
    }
}

/// Reads one answer to its end; returns its status.
async fn answer(stream: &mut TcpStream, request: &str) -> Option<u16> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = std::str::from_utf8(&bytes[..head]).unwrap().to_ascii_lowercase();
    let length = match text.split("content-length: ").nth(1) {
        Some(rest) if !request.starts_with("HEAD") => {
            rest.split('\r').next().unwrap().parse().unwrap()
        }
        _ => 0,
    };
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    text[9..12].parse().ok()
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

/// Sends requests on one connection after the other until no more are accepted; returns how many
/// were answered. A request that was taken and not answered fails the test.
async fn until_refused(address: SocketAddr) -> usize {
    let mut answered = 0;
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { return answered };
        let request = "GET /parity?int=7 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        // The kernel takes connections for the server, and resets those that it has not accepted.
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
