//! Components that misbehave, each written as text. They cost their own requests, but nobody else's.

use crate::support::{self, Host, PATIENCE, ROOT, compile};
use hyper::Request;
use spin_on_k8s_host::wasi::http::types::{
    HostFields, HostIncomingRequest, HostOutgoingBody, HostOutgoingResponse,
};
use spin_on_k8s_host::wasi::io::streams::HostOutputStream;
use spin_on_k8s_host::wasi::keyvalue::atomics::{Host as _, HostCas};
use spin_on_k8s_host::wasi::keyvalue::store::{Host as _, HostBucket};
use spin_on_k8s_host::{
    Code, Guest, Instance, KeyValue, MAX_TICKS, MEMORY_LIMIT, Memory, OutgoingBody, TICK,
};
use std::fmt::Debug;
use std::time::Instant;
use tokio::time::timeout;
use wasmtime::component::Resource;
use wasmtime::{Engine, Store};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A component of the right world, with `body` as the instructions of its handler.
fn guest(body: &str) -> Vec<u8> {
    let mut module = wat::parse_str(format!(
        r#"(module
            (import "wasi:http/types@0.2.0" "[method]incoming-request.method"
                (func $method (param i32 i32)))
            (import "wasi:http/types@0.2.0" "[static]fields.from-list" (func $fields (param i32 i32 i32)))
            (import "wasi:http/types@0.2.0" "[constructor]outgoing-response"
                (func $response (param i32) (result i32)))
            (import "wasi:http/types@0.2.0" "[method]outgoing-response.body"
                (func $body (param i32 i32)))
            (import "wasi:http/types@0.2.0" "[method]outgoing-body.write"
                (func $stream (param i32 i32)))
            (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish"
                (func $finish (param i32 i32 i32 i32)))
            (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
                (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
            (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
            (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
                (func $write (param i32 i32 i32 i32)))
            (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $close (param i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            ;; A response with a body of so many times 4 KiB, and without headers.
            (func $answer (param $chunks i32) (result i32) (local $response i32) (local $body i32) (local $stream i32)
                (call $fields (i32.const 0) (i32.const 0) (i32.const 8192))
                (local.set $response (call $response (i32.load (i32.const 8196))))
                (call $body (local.get $response) (i32.const 8192))
                (local.set $body (i32.load (i32.const 8196)))
                (call $stream (local.get $body) (i32.const 8192))
                (local.set $stream (i32.load (i32.const 8196)))
                (loop
                    (call $write (local.get $stream) (i32.const 0) (i32.const 4096) (i32.const 8192))
                    (br_if 0 (local.tee $chunks (i32.sub (local.get $chunks) (i32.const 1)))))
                (call $close (local.get $stream))
                (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 8192))
                (local.get $response))
            (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $outparam i32)
                (local $left i32)
                {body}))"#
    ))
    .unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(format!("{ROOT}/wit")).unwrap();
    let world = resolve.select_world(&[package], Some("replica")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

async fn host(body: &str, instances: u32) -> Host {
    let compiled = compile(&Guest::config(Memory::Cold), &guest(body));
    // SAFETY: just compiled.
    Host::with(unsafe { Code::new(&compiled) }, KeyValue::default(), instances).await
}

#[tokio::test]
async fn a_failure_costs_its_own_request_a_500() {
    let too_long = "(call $write (call $stderr) (i32.const 0) (i32.const 4097) (i32.const 8192))";
    // The host's first function is not even called.
    let too_much = "(drop (memory.grow (i32.const 1)))
        (call $fields (i32.const 0) (i32.const 8000) (i32.const 8192))";
    let too_many = "(local.set $left (i32.const 64))
        (loop
            (call $fields (i32.const 0) (i32.const 0) (i32.const 8192))
            (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))";
    for (body, detail) in [
        ("unreachable", "the guest has trapped"),
        (too_long, "the guest has trapped"),
        (too_much, "the guest has trapped"),
        (too_many, "the guest has trapped"),
        ("nop", "the guest gave no answer"),
    ] {
        // With a single instance, so the second request shows that the first gave it back.
        let host = host(body, 1).await;
        for _ in 0..2 {
            let answer = host.api.get("/").await;
            assert_eq!((answer.status, answer.json("detail").as_str()), (500, detail), "{body}");
        }
    }
}

#[tokio::test]
async fn an_answer_is_sent_whole_or_not_at_all() {
    const MOST: usize = 8 << 20;
    let full = MOST / 4096;
    // What another answer has taken is taken, too.
    let another = "(drop (call $answer (i32.const 1)))";
    for (before, chunks, status) in [("", full, 200), ("", full + 1, 500), (another, full, 500)] {
        let body = format!(
            "{before}
            (call $set (local.get $outparam) (i32.const 0) (call $answer (i32.const {chunks}))
                (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"
        );
        let answer = host(&body, 1).await.api.get("/").await;
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.bytes.len() == MOST, status == 200, "{body}");
    }
}

#[tokio::test]
async fn an_endless_loop_is_a_504_and_lets_others_run() {
    // Endless for POST (2), but not for GET (0).
    let body = "(call $method (local.get $request) (i32.const 0))
        (loop (br_if 0 (i32.load8_u (i32.const 0))))";
    const LOOPS: usize = 8;
    let host = host(body, LOOPS as u32).await;
    let served_meanwhile = async || {
        let start = Instant::now();
        let loops = [(); LOOPS].map(|()| {
            let api = host.api.clone();
            tokio::spawn(async move {
                loop {
                    // One of the requests below may have had the last instance.
                    let status = api.send("POST", "/").await.status;
                    if status != 503 {
                        return status;
                    }
                }
            })
        });
        let endless = || loops.iter().all(|it| !it.is_finished());
        // Once the loops have all instances, only those for probes are left.
        while endless() && host.api.get("/").await.status != 503 {}
        let health = host.api.get("/health").await.json("detail");
        let meanwhile = endless();
        for endless in loops {
            assert_eq!(endless.await.unwrap(), 504);
        }
        assert!(start.elapsed() >= TICK * (MAX_TICKS - 1));
        meanwhile && health == "the guest gave no answer"
    };
    // The loops end after a second, during which this process may not have been given a core.
    let served = async { while !served_meanwhile().await {} };
    timeout(PATIENCE, served).await.expect("others to be served meanwhile");
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
        let guest = support::guest(&Guest::config(Memory::Cold), &wasm, KeyValue::default());
        let error = guest.err().unwrap();
        assert_eq!(error.to_string(), "wrong world");
    }
}

/// An instance without code, whose imports can be called.
fn instance() -> Store<Instance> {
    let engine = Engine::new(&Guest::config(Memory::Cold)).unwrap();
    Instance::store(&engine, KeyValue::new(["default"]))
}

/// How an import refuses what a guest wants; panics if it does not, or if the guest traps.
fn refusal<T, E: Debug>(result: wasmtime::Result<Result<T, E>>) -> String {
    format!("{:?}", result.unwrap().err().expect("a refusal"))
}

/// The body of a new answer whose headers give its length.
fn body(instance: &mut Instance, length: &str) -> Result<Resource<OutgoingBody>, ()> {
    let length = ("content-length".into(), length.into());
    let headers = HostFields::from_list(instance, vec![length]).unwrap().unwrap();
    let answer = HostOutgoingResponse::new(instance, headers).unwrap();
    HostOutgoingResponse::body(instance, answer).unwrap()
}

/// Another handle of the same resource.
fn same<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_own(resource.rep())
}

/// `wasi:http/types`, `wasi:io/streams` and `wasi:keyvalue`, as documented and as Spin has them.
#[test]
fn imports_refuse_what_spin_refuses() {
    let mut store = instance();
    let it = store.data_mut();

    for (name, value, expected) in [
        ("a b", "", "InvalidSyntax"),
        ("", "", "InvalidSyntax"),
        ("x", "a\nb", "InvalidSyntax"),
        ("Connection", "close", "Forbidden"),
        ("host", "x", "Forbidden"),
        ("keep-alive", "timeout=5", "Forbidden"),
        ("transfer-encoding", "chunked", "Forbidden"),
    ] {
        let fields = HostFields::from_list(it, vec![(name.into(), value.into())]);
        assert!(refusal(fields).ends_with(expected), "{name}: {value}");
    }

    let request = Request::get("/").header("host", "x").header("connection", "close").body(());
    let request = it.table.push(request.unwrap().into_parts().0).unwrap();
    assert_eq!(it.authority(same(&request)).unwrap().unwrap(), "x");
    let headers = HostIncomingRequest::headers(it, request).unwrap();
    for name in ["host", "connection", "a b"] {
        assert!(HostFields::get(it, same(&headers), name.into()).unwrap().is_empty(), "{name}");
    }

    let answer = HostOutgoingResponse::new(it, headers).unwrap();
    for status in [0, 99, 1000] {
        refusal(it.set_status_code(same(&answer), status));
    }
    HostOutgoingResponse::body(it, same(&answer)).unwrap().unwrap();
    refusal(HostOutgoingResponse::body(it, answer));

    for length in ["two", "-1", "0x2", ""] {
        assert!(body(it, length).is_err(), "{length:?}");
    }
    let two = body(it, "2").unwrap();
    let stream = it.write(same(&two)).unwrap().unwrap();
    refusal(it.write(same(&two)));
    let mut write = |bytes: &[u8]| it.blocking_write_and_flush(same(&stream), bytes.into());
    write(b"1").unwrap().unwrap();
    assert_eq!(refusal(write(b"23")), "StreamError::Closed");
    assert!(write(&[0; 4097]).is_err(), "no trap");
    assert!(it.finish(same(&two), None).is_err(), "it was finished with its stream alive");
    HostOutputStream::drop(it, stream).unwrap();
    assert_eq!(refusal(it.finish(two, None)), "ErrorCode::HttpResponseBodySize(Some(1))");

    let long = body(it, "4096").unwrap();
    let stream = it.write(same(&long)).unwrap().unwrap();
    it.blocking_write_and_flush(same(&stream), vec![0; 4096]).unwrap().unwrap();
    HostOutputStream::drop(it, stream).unwrap();
    it.finish(long, None).unwrap().unwrap();

    assert_eq!(refusal(it.open("other".into())), "Error::AccessDenied");
    let bucket = it.open("default".into()).unwrap().unwrap();
    refusal(it.list_keys(bucket, Some("page 2".into())));
}

#[test]
fn a_store_has_room_for_so_many_keys_and_no_large_values() {
    let mut store = instance();
    let it = store.data_mut();
    let bucket = it.open("default".into()).unwrap().unwrap();
    let mut set = |key: &str, bytes| it.set(same(&bucket), key.into(), vec![0; bytes]);
    for nth in 0..1024 {
        set(&format!("{nth:4}"), 8188).unwrap().unwrap();
    }
    set("   0", 0).unwrap().unwrap();
    let full = "Error::Other(\"the store has no room for it\")";
    assert_eq!(refusal(set("   0", 8189)), full);
    assert_eq!(refusal(set("1024", 0)), full);
    assert_eq!(refusal(it.increment(same(&bucket), "1024".into(), 1)), full);
    let cas = HostCas::new(it, same(&bucket), "1024".into()).unwrap().unwrap();
    refusal(it.swap(cas, vec![]));
    it.delete(same(&bucket), "   0".into()).unwrap().unwrap();
    assert_eq!(it.increment(bucket, "1024".into(), 1).unwrap().unwrap(), 1);
}
