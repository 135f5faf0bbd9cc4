//! Components that misbehave, each written as text. They cost their own requests, but nobody else's.

use crate::support::{self, Host, PATIENCE, compile};
use spin_on_k8s_host::guest::{Code, Guest, Memory};
use spin_on_k8s_host::instance::{MAX_TICKS, MEMORY_LIMIT, TICK};
use spin_on_k8s_host::key_value::KeyValue;
use std::time::Instant;
use tokio::time::timeout;

/// A component of the right world, with `body` as the instructions of its handler.
fn guest(body: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            (import "wasi:cli/exit@0.2.0" (instance $cli (export "exit" (func (param "status" (result))))))
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $response))
            (alias export $cli "exit" (func $exit))
            (core func $exit (canon lower (func $exit)))
            (core module $m
                (import "cli" "exit" (func $exit (param i32)))
                (memory 1)
                (func (export "handle") (param i32 i32) {body}))
            (core instance $i (instantiate $m
                (with "cli" (instance (export "exit" (func $exit))))))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $i "handle")))
            (component $shim
                (import "request" (type $request (sub resource)))
                (import "response" (type $response (sub resource)))
                (import "handle" (func $handle
                    (param "request" (own $request)) (param "response-out" (own $response))))
                (export $r "incoming-request" (type $request))
                (export $o "response-outparam" (type $response))
                (export "handle" (func $handle)
                    (func (param "request" (own $r)) (param "response-out" (own $o)))))
            (instance $handler (instantiate $shim
                (with "request" (type $request))
                (with "response" (type $response))
                (with "handle" (func $handle))))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    ))
    .unwrap()
}

async fn host(body: &str, instances: u32) -> Host {
    let compiled = compile(&Guest::config(Memory::Returned), &guest(body));
    // SAFETY: just compiled.
    Host::with(unsafe { Code::new(&compiled) }, KeyValue::default(), instances).await
}

#[tokio::test]
async fn a_trap_costs_its_own_request_a_500() {
    let host = host("unreachable", 1).await;
    // With a single instance, so the second request shows that the first gave it back.
    for _ in 0..2 {
        let answer = host.api.get("/").await;
        assert_eq!((answer.status, answer.json("detail").as_str()), (500, "the guest has trapped"));
    }
}

#[tokio::test]
async fn no_answer_is_a_500() {
    let host = host("nop", 1).await;
    let answer = host.api.get("/").await;
    assert_eq!((answer.status, answer.json("detail").as_str()), (500, "the guest gave no answer"));
}

#[tokio::test]
async fn an_exit_ends_the_host_with_the_guests_code() {
    for (status, code) in [(0, 0), (1, 1)] {
        let host = host(&format!("(call $exit (i32.const {status}))"), 1).await;
        assert_eq!(host.api.get("/").await.status, 500);
        assert_eq!(timeout(PATIENCE, host.exit).await.unwrap().unwrap(), code);
    }
}

#[tokio::test]
async fn an_endless_loop_is_a_504_and_lets_others_run() {
    // Four of them on the one thread of this runtime.
    let host = host("(loop br 0)", 4).await;
    let start = Instant::now();
    let loops = [(); 4].map(|()| {
        let api = host.api.clone();
        tokio::spawn(async move { api.get("/").await.status })
    });
    for endless in loops {
        assert_eq!(endless.await.unwrap(), 504);
    }
    assert!(start.elapsed() >= TICK * (MAX_TICKS - 1));
}

#[tokio::test]
async fn memory_does_not_grow_past_the_limit() {
    // Traps once it can grow no more, but loops, for a 504, if it got past the limit.
    let pages = MEMORY_LIMIT >> 16;
    let body = format!(
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
         (loop (br_if 0 (i32.ne (memory.size) (i32.const {pages}))))
         unreachable"
    );
    let answer = host(&body, 1).await.api.get("/").await;
    assert_eq!((answer.status, answer.json("detail").as_str()), (500, "the guest has trapped"));
}

#[test]
fn a_guest_that_wants_more_than_the_world_has_is_refused() {
    let socket = r#"(component
        (import "wasi:sockets/instance-network@0.2.0" (instance
            (export "network" (type (sub resource))))))"#;
    let no_handler = "(component)";
    for wat in [socket, no_handler] {
        let wasm = wat::parse_str(wat).unwrap();
        let guest = support::guest(&Guest::config(Memory::Returned), &wasm, KeyValue::default());
        let error = guest.err().unwrap();
        assert_eq!(error.to_string(), "wrong world");
    }
}
