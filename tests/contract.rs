//! The contract, row by row: what the R original answers, and where we do better.
//!
//! With `BASE_URL` set, that server is tested against the same rows (`make test-contract`).

use crate::support::server;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};

const PLAIN: &str = "text/plain; charset=UTF-8";
const JSON: &str = "application/json";

#[tokio::test]
async fn parity_of_integers() {
    let (api, _host) = server().await;
    let huge_odd = "9".repeat(10_000);
    for (int, parity) in [
        ("4", "even"),
        ("7", "odd"),
        ("-3", "odd"),
        ("0", "even"),
        ("-0", "even"),
        ("+5", "odd"),
        ("%2B5", "odd"),
        ("%206", "even"),
        ("8%20%09", "even"),
        ("007", "odd"),
        ("99999999999", "odd"),
        (&huge_odd, "odd"),
        ("4&x=1", "even"),
    ] {
        let answer = api.get(&format!("/parity?int={int}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, parity), "int={int}");
        assert_eq!(answer.header("content-type"), PLAIN);
        assert_eq!(answer.header("content-length"), parity.len().to_string());
    }
}

#[tokio::test]
async fn parity_of_anything_else() {
    let (api, _host) = server().await;
    for (query, named) in [
        ("", "int"),
        ("?", "int"),
        ("?int", "''"),
        ("?int=", "''"),
        ("?INT=4", "int"),
        ("?int=abc", "'abc'"),
        ("?int=TRUE", "'TRUE'"),
        ("?int=2.7", "'2.7'"),
        ("?int=1e3", "'1e3'"),
        ("?int=0x10", "'0x10'"),
        ("?int=1_000", "'1_000'"),
        ("?int=--1", "'--1'"),
        ("?int=-", "'-'"),
        ("?int=4+2", "'4 2'"),
        ("?int=%D9%A3", "'٣'"),
        ("?int=%FF", "'\u{fffd}'"),
        ("?int=%00", "'\0'"),
        ("?int=%zz", "'%zz'"),
        ("?int=%3Cscript%3E", "'<script>'"),
        ("?int=4&int=5", "2 times"),
    ] {
        let answer = api.get(&format!("/parity{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.header("content-type"), JSON);
        assert_eq!(answer.json("error"), "400 - Bad Request");
        assert!(answer.json("detail").contains(named), "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn wait_answers_the_time_after_five_seconds() {
    let (api, _host) = server().await;
    let (start, earliest) = (Instant::now(), Utc::now().naive_utc() + TimeDelta::seconds(5));
    let answer = api.get("/wait?ignored").await;
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert_eq!((answer.status, answer.header("content-type")), (200, JSON));
    let time = answer.json("time");
    let parsed = NaiveDateTime::parse_from_str(&time, "%Y-%m-%d %H:%M:%S UTC").unwrap();
    // A server elsewhere has a clock of its own, and none has fractions of a second.
    let error = TimeDelta::seconds(3);
    let latest = Utc::now().naive_utc();
    assert!((earliest - error..=latest + error).contains(&parsed), "{time}");
    assert_eq!(answer.body, format!(r#"{{"time":"{time}"}}"#));
}

#[tokio::test]
async fn health_is_ok_and_names_the_replica() {
    let (api, _host) = server().await;
    let answer = api.get("/health").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "OK"));
    assert_eq!(answer.header("content-type"), "text/plain");
    assert!(!answer.header("x-replica").is_empty());
}

#[tokio::test]
async fn unknown_paths() {
    let (api, _host) = server().await;
    for target in ["/nope", "/parity/", "//parity", "/Parity", "/%70arity", "/parity%3Fint=4"] {
        let answer = api.get(target).await;
        assert_eq!(answer.status, 404, "{target}");
        assert_eq!(answer.header("content-type"), JSON);
        assert_eq!(answer.body, r#"{"error":"404 - Resource Not Found"}"#);
    }
    assert_eq!(api.send("OPTIONS", "/nope").await.status, 404);
}

#[tokio::test]
async fn wrong_methods() {
    let (api, _host) = server().await;
    const GET: &str = "GET, HEAD, OPTIONS";
    const POST: &str = "POST, OPTIONS";
    for (path, allow, wrong) in [
        ("/parity?int=4", GET, "POST"),
        ("/wait", GET, "PUT"),
        ("/health", GET, "DELETE"),
        ("/fail", POST, "GET"),
        ("/fail", POST, "HEAD"),
        ("/quit", POST, "GET"),
        ("/quit", POST, "PATCH"),
        ("/quit", POST, "PURGE"),
    ] {
        let answer = api.send(wrong, path).await;
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{wrong} {path}");
        if wrong != "HEAD" {
            assert_eq!(answer.body, r#"{"error":"405 - Method Not Allowed"}"#);
        }
        let answer = api.send("OPTIONS", path).await;
        assert_eq!((answer.status, answer.header("allow")), (204, allow), "OPTIONS {path}");
        assert_eq!(answer.body, "");
    }
    api.assert_healthy().await;
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (api, _host) = server().await;
    for target in ["/parity?int=7", "/parity?int=x", "/health", "/wait", "/nope"] {
        let (head, get) = tokio::join!(api.send("HEAD", target), api.get(target));
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{target}");
        for name in ["content-type", "content-length", "x-replica"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {target}");
        }
    }
}

#[tokio::test]
async fn waits_do_not_wait_for_each_other() {
    let (api, _host) = server().await;
    let start = Instant::now();
    let waits = (0..8).map(|_| {
        let api = api.clone();
        tokio::spawn(async move { api.get("/wait").await.status })
    });
    for wait in waits.collect::<Vec<_>>() {
        assert_eq!(wait.await.unwrap(), 200);
    }
    // Twice as long as one, if any of them had waited for another.
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn answers_about_a_moment_must_not_be_stored() {
    let (api, _host) = server().await;
    for (method, target, stored) in [
        ("GET", "/parity?int=7", ""),
        ("GET", "/parity", "no-store"),
        ("POST", "/parity?int=7", "no-store"),
        ("GET", "/wait", "no-store"),
        ("GET", "/health", "no-store"),
        ("GET", "/fail", "no-store"),
        ("GET", "/nope", "no-store"),
        ("GET", "/", "no-cache"),
        ("GET", "/openapi.json", "no-cache"),
    ] {
        let answer = api.send(method, target).await;
        assert_eq!(answer.header("cache-control"), stored, "{method} {target}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_not_hurt_it() {
    let (api, _host) = server().await;
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:1")],
        &[("origin", "http://there.example")],
        &[("origin", "null")],
    ] {
        for path in ["/fail", "/quit"] {
            let answer = api.send_with("POST", path, headers).await;
            assert_eq!((answer.status, answer.header("content-type")), (403, JSON), "{headers:?}");
            assert_eq!(answer.json("error"), "403 - Forbidden");
            let detail = answer.json("detail");
            assert!(detail.contains("another origin") && detail.contains("Host $http_host"));
            assert!(!answer.header("x-replica").is_empty());
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        assert_eq!(api.send_with("GET", "/parity?int=7", headers).await.body, "odd");
    }
    api.assert_healthy().await;
}

/// Tests that poison or end the server. A server that is not ours gets them only on demand, in this
/// order, and as a single replica.
mod destructive {
    use super::*;

    #[tokio::test]
    async fn a_fail_poisons_health_and_nothing_else() {
        let (api, _host) = server().await;
        api.assert_healthy().await;
        let own = format!("http://{}", api.authority());
        for headers in [&[][..], &[("sec-fetch-site", "same-origin")], &[("origin", own.as_str())]]
        {
            let answer = api.send_with("POST", "/fail", headers).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
            assert_eq!(answer.header("content-type"), JSON);
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(!answer.header("x-replica").is_empty());
        }
        for _ in 0..3 {
            let answer = api.get("/health").await;
            assert_eq!((answer.status, answer.header("content-type")), (500, JSON));
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.json("error"), "500 - Internal server error");
            assert!(answer.json("detail").contains("poisoned"));
            assert!(!answer.header("x-replica").is_empty());
        }
        assert_eq!(api.get("/parity?int=7").await.body, "odd");
        assert_eq!(api.get("/wait").await.status, 200);
    }

    #[tokio::test]
    async fn b_quit_answers_in_full() {
        let (api, _host) = server().await;
        let answer = api.send("POST", "/quit").await;
        assert_eq!((answer.status, answer.body.as_str()), (202, "{}"));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-type"), JSON);
        assert_eq!(answer.header("content-length"), "2");
        assert!(!answer.header("x-replica").is_empty());
    }
}
