//! Clients that misbehave or come in large numbers, and the limits that stop them.

use crate::support::{Api, HELD, Host, PATIENCE, hold, rest, with_wait_in_flight};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use spin_on_k8s_host::{Code, KeyValue, Limits};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

async fn host(limits: Limits) -> Host {
    Host::within(Code::CARRIED, KeyValue::new(["default"]), 1, limits).await
}

/// Limits short enough for a test to wait for.
fn hasty() -> Limits {
    Limits { read_timeout: Duration::from_millis(300), ..Limits::default() }
}

#[tokio::test]
async fn a_thousand_waits_take_as_long_as_one() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let host = Host::new().await;
    let waits = [(); 1000].map(|()| {
        let api = host.api.clone();
        tokio::spawn(async move {
            let start = Instant::now();
            (api.get("/wait").await.status, start.elapsed())
        })
    });
    for wait in waits {
        let (status, took) = wait.await.unwrap();
        assert_eq!(status, 200);
        // A tenth of what they would take one after the other.
        assert!((5.0..500.0).contains(&took.as_secs_f64()), "{took:?}");
    }
}

#[tokio::test]
async fn a_busy_replica_is_healthy_and_refuses_other_requests_at_once() {
    let host = host(Limits::default()).await;
    let busy = async || {
        let wait = with_wait_in_flight(&host.api).await;
        let refused = host.api.get("/wait").await;
        for _ in 0..10 {
            host.api.assert_healthy().await;
        }
        let meanwhile = !wait.is_finished();
        assert_eq!(wait.await.unwrap(), Some(200));
        meanwhile.then_some(refused)
    };
    // The wait ends after five seconds, during which this process may not have been given a core.
    let refused = loop {
        if let Some(refused) = busy().await {
            break refused;
        }
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.json("error"), "503 - Service Unavailable");
    assert_eq!(refused.json("detail"), "every instance is busy");
    assert_eq!(refused.header("cache-control"), "no-store");
}

#[tokio::test]
async fn connections_beyond_the_limit_hold_nobody_up() {
    // No time limit helps.
    let endless = Duration::from_secs(1 << 20);
    let (read_timeout, drain_timeout) = (endless, endless);
    for held in HELD {
        let limits = Limits { connections: 1, refusals: 8, read_timeout, drain_timeout };
        let host = host(limits).await;
        let _place = hold(host.address, "").await;
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(hold(host.address, held).await);
        }
        for _ in 0..10 {
            let api = Api::new(host.api.url());
            timeout(PATIENCE, api.assert_healthy()).await.expect(held);
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn a_refusal_reaches_those_who_ask_late() {
    let host = host(Limits { connections: 1, refusals: 8, ..Limits::default() }).await;
    let place = hold(host.address, "").await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(hold(host.address, "").await);
    }
    // All but a few had to give way, and were told before they asked.
    for client in &clients[..92] {
        timeout(PATIENCE, client.readable()).await.expect("an answer").unwrap();
    }
    for mut client in clients {
        let _ = client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let answer = rest(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
        assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer:?}");
    }
    drop(place);
    // The server notices its end in its own time.
    let served = async { while host.api.get("/parity?int=7").await.status != 200 {} };
    timeout(PATIENCE, served).await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let host = host(hasty()).await;
    let mut stream = hold(host.address, "").await;
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    let asking = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, asking).await.expect("an end");
    host.api.assert_healthy().await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let host = host(hasty()).await;
    let chunked = "POST /fail HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = hold(host.address, chunked).await;
    while stream.write_all(b"3\r\nabc\r\n").await.is_ok() {
        tokio::task::yield_now().await;
    }
    // It has not reached the guest.
    host.api.assert_healthy().await;
}

#[tokio::test]
async fn a_body_is_ignored_whatever_its_size() {
    let host = Host::new().await;
    let size = 20 << 20;
    let mut request =
        format!("GET /parity?int=7 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n")
            .into_bytes();
    request.resize(request.len() + size, b'x');
    let answer = host.raw(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nodd"), "{answer}");
}

/// Each request is given as bytes, with how its answer starts and ends, and is followed by a healthy
/// `/health`.
#[tokio::test]
async fn odd_requests_get_the_right_answers() {
    let (patient, hasty) = (host(Limits::default()).await, host(hasty()).await);
    let long = format!("GET /health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: x\r\n".repeat(1000));
    let target = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
    const CLOSE: &str = "host: x\r\nconnection: close\r\n\r\n";
    for (request, start, end) in [
        // HTTP/1.0 has no host header; HTTP/1.1 must have exactly one, and a valid one.
        ("GET /health HTTP/1.0\r\n\r\n".into(), "HTTP/1.0 200 ", "\r\n\r\nOK"),
        (
            "GET /health HTTP/1.1\r\nconnection: close\r\n\r\n".into(),
            "HTTP/1.1 400 ",
            r#"{"detail":"the host header is not one valid host","error":"400 - Bad Request"}"#,
        ),
        (format!("GET /health HTTP/1.1\r\n{CLOSE}").replace('x', "\u{e9}"), "HTTP/1.1 400 ", "}"),
        (format!("GET /health HTTP/1.1\r\n{CLOSE}").replace('x', "a b/?"), "HTTP/1.1 400 ", "}"),
        (format!("GET /health HTTP/1.1\r\n{CLOSE}").replace('x', "me@x"), "HTTP/1.1 400 ", "}"),
        (format!("GET /health HTTP/1.1\r\n{CLOSE}").replace('x', ""), "HTTP/1.1 200 ", "OK"),
        (format!("GET /health HTTP/1.1\r\n{CLOSE}").replace('x', "[::1]:1"), "HTTP/1.1 200 ", "OK"),
        (format!("GET /health HTTP/1.1\r\nhost: x\r\n{CLOSE}"), "HTTP/1.1 400 ", "}"),
        // The forms of a target.
        (format!("GET http://y/parity?int=7 HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 200 ", "\r\n\r\nodd"),
        (format!("OPTIONS * HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 404 ", "}"),
        (format!("CONNECT y:1 HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 404 ", "}"),
        (format!("GET parity HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 4", ""),
        (format!("GET /parity#?int=7 HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 400 ", "int is missing\"}"),
        // Percent-encoding, UTF-8 and control characters.
        (format!("GET /parity?int=%zz HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 400 ", "'%zz'\"}"),
        (format!("GET /parity?int=%C3%28 HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 400 ", "'\u{fffd}('\"}"),
        (format!("GET /parity?int=%00 HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 400 ", "'\\u0000'\"}"),
        (format!("GET /parity?int=\0 HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 400 ", ""),
        (format!("GET /health\0 HTTP/1.1\r\n{CLOSE}"), "HTTP/1.1 400 ", ""),
        (format!("GET /health HTTP/1.1\r\nx: \0\r\n{CLOSE}"), "HTTP/1.1 400 ", ""),
        // Sizes.
        (long, "HTTP/1.1 431 ", ""),
        (many, "HTTP/1.1 431 ", ""),
        (target, "HTTP/1.1 414 ", ""),
        // Bodies whose length is not as announced.
        (format!("POST /fail HTTP/1.1\r\ncontent-length: 5\r\n{CLOSE}1"), "HTTP/1.1 408 ", "}"),
        (format!("POST /fail HTTP/1.1\r\ncontent-length: -1\r\n{CLOSE}"), "HTTP/1.1 400 ", ""),
        (
            format!("POST /fail HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n{CLOSE}12"),
            "HTTP/1.1 400 ",
            "",
        ),
        (
            format!("POST /fail HTTP/1.1\r\ntransfer-encoding: chunked\r\n{CLOSE}zz"),
            "HTTP/1.1 400 ",
            "}",
        ),
        // What exceeds the announced length of a body is another request, and not a good one.
        (
            "GET /parity?int=7 HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n12\r\n\r\n".into(),
            "HTTP/1.1 200 ",
            "",
        ),
    ] {
        let host = if start == "HTTP/1.1 408 " { &hasty } else { &patient };
        let answer = host.raw(&request).await;
        let request = request.chars().take(80).collect::<String>();
        assert!(answer.starts_with(start) && answer.ends_with(end), "{request:?}: {answer:?}");
        host.api.assert_healthy().await;
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let host = Host::new().await;
    let one = |int: usize| format!("GET /parity?int={int} HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut requests: String = (0..50).map(one).collect();
    requests.push_str("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answers = host.raw(requests).await;
    let bodies = answers.split("HTTP/1.1 200 OK\r\n").skip(1);
    let bodies: Vec<_> = bodies.map(|answer| answer.split("\r\n\r\n").nth(1).unwrap()).collect();
    let mut expected = ["even", "odd"].repeat(25);
    expected.push("OK");
    assert_eq!(bodies, expected);
    host.api.assert_healthy().await;
}

#[tokio::test]
async fn a_client_that_has_closed_its_writing_side_is_answered() {
    let host = Host::new().await;
    let request = "GET /parity?int=7 HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = hold(host.address, request).await;
    stream.shutdown().await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("odd"), "{answer}");
    host.api.assert_healthy().await;
}

#[tokio::test]
async fn five_hundred_dripping_heads_are_cut_off_and_hold_nobody_up() {
    let limits = Limits { connections: 1000, ..hasty() };
    let host = host(limits).await;
    let dripping = [(); 500].map(|()| {
        let address = host.address;
        tokio::spawn(async move {
            let start = Instant::now();
            let mut stream = hold(address, "GET /health HTTP/1.1\r\n").await;
            let mut drip = interval(Duration::from_millis(50));
            while stream.write_all(b"x: x\r\n").await.is_ok() {
                drip.tick().await;
            }
            assert!(start.elapsed() >= hasty().read_timeout);
        })
    });
    host.api.assert_healthy().await;
    for drip in dripping {
        timeout(PATIENCE, drip).await.expect("an end").unwrap();
    }
    host.api.assert_healthy().await;
}

#[tokio::test]
async fn random_bytes_leave_it_healthy() {
    let host = Host::new().await;
    let mut random = StdRng::seed_from_u64(7);
    let mut bytes = vec![0; 64 << 10];
    let mut answered = 0;
    for round in 0..80 {
        random.fill(&mut bytes[..]);
        let mut stream = TcpStream::connect(host.address).await.unwrap();
        // Bare, or as the query of an otherwise well-formed request.
        let (before, after) = match round % 2 {
            0 => ("", ""),
            _ => ("GET /parity?", " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        };
        // The server may hang up halfway.
        for part in [before.as_bytes(), &bytes, after.as_bytes()] {
            let _ = stream.write_all(part).await;
        }
        let _ = stream.shutdown().await;
        let answer = rest(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        answered += usize::from(!answer.is_empty());
    }
    assert!(answered > 0);
    host.api.assert_healthy().await;
}

#[tokio::test]
async fn a_replica_without_its_store_is_not_healthy_and_says_so() {
    let host = Host::with(Code::CARRIED, KeyValue::new([]), 1).await;
    for (method, path) in [("GET", "/health"), ("POST", "/fail"), ("POST", "/quit")] {
        let answer = host.api.send(method, path).await;
        assert_eq!(answer.status, 500, "{path}");
        let detail = answer.json("detail");
        assert!(detail.starts_with("the replica's state is unavailable: "), "{detail}");
    }
    assert_eq!(host.api.get("/parity?int=4").await.body, "even");
    assert_eq!(host.api.get("/wait").await.status, 200, "it opened a store without max_waits");
}
