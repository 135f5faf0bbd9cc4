//! The built lifeline, with the host's stores.

use crate::support::{COMPONENT, Host, LIFELINE, PATIENCE, compile, guest};
use hyper::Request;
use spin_on_k8s_host::{Code, Guest, Instance, KeyValue, Memory, linker};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasmtime::Engine;
use wasmtime::component::Component;

wasmtime::component::bindgen!({
    path: "../wit",
    world: "lifeline",
    exports: { default: async },
});

const MEMORY: Memory = Memory::Warm { places: 1 };

static COMPILED: LazyLock<Vec<u8>> = LazyLock::new(|| compile(&Guest::config(MEMORY), LIFELINE));

/// Starts a lifeline; it yields what its `main` returns.
fn start(stores: &KeyValue) -> JoinHandle<Result<(), ()>> {
    let stores = stores.clone();
    tokio::spawn(async move {
        let engine = Engine::new(&Guest::config(MEMORY)).unwrap();
        // SAFETY: just compiled.
        let component = unsafe { Component::deserialize(&engine, &*COMPILED) }.unwrap();
        let pre = linker(&engine).unwrap().instantiate_pre(&component).unwrap();
        let mut store = Instance::store(&engine, stores);
        let lifeline = pre.instantiate_async(&mut store).await.unwrap();
        let lifeline = Lifeline::new(&mut store, &lifeline).unwrap();
        lifeline.wasi_cli_run().call_run(&mut store).await.unwrap()
    })
}

#[tokio::test]
async fn it_clears_a_failure_at_start_and_returns_only_on_quit() {
    let stores = KeyValue::new(["default"]);
    let replica = Host::with(Code::CARRIED, stores.clone(), 10).await;
    let health = async || replica.api.get("/health").await.status;
    assert_eq!(replica.api.send("POST", "/fail").await.status, 200);
    assert_eq!(health().await, 500);

    let mut lifeline = start(&stores);
    timeout(PATIENCE, async { while health().await != 200 {} }).await.expect("a cleared state");

    assert_eq!(replica.api.send("POST", "/fail").await.status, 200);
    let four_periods = Duration::from_secs(1);
    assert!(timeout(four_periods, &mut lifeline).await.is_err(), "it returned without a quit");
    assert_eq!(health().await, 500, "it clears the state only at start");

    assert_eq!(replica.api.send("POST", "/quit").await.status, 202);
    let returned = timeout(PATIENCE, lifeline).await.expect("a return");
    assert_eq!(returned.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_quit_before_it_starts_ends_one_container_and_not_the_next() {
    let stores = KeyValue::new(["default"]);
    let replica = Host::with(Code::CARRIED, stores.clone(), 10).await;
    assert_eq!(replica.api.send("POST", "/quit").await.status, 202);
    let returned = timeout(PATIENCE, start(&stores)).await.expect("a return");
    assert_eq!(returned.unwrap(), Ok(()));

    assert_eq!(replica.api.send("POST", "/fail").await.status, 200);
    let next = start(&stores);
    let started = async { while replica.api.get("/health").await.status != 200 {} };
    timeout(PATIENCE, started).await.expect("a cleared state");
    let four_periods = Duration::from_secs(1);
    assert!(timeout(four_periods, next).await.is_err(), "it returned without a quit");
}

#[tokio::test]
async fn a_fail_at_the_same_time_does_not_undo_a_quit() {
    let mut config = Guest::config(Memory::Warm { places: 2 });
    config.consume_fuel(true);
    let stores = KeyValue::new(["default"]);
    let guest = guest(&config, COMPONENT, stores.clone()).unwrap();
    let request = |path: &str| Request::post(path).body(()).unwrap().into_parts().0;
    let bucket = stores.open("default").unwrap();
    // The /quit comes after so many instructions of the /fail, until the /fail ends before that.
    let mut moments = (100..).step_by(100);
    for moment in &mut moments {
        bucket.lock().clear();
        let mut fail = guest.store();
        fail.set_fuel(u64::MAX).unwrap();
        fail.fuel_async_yield_interval(Some(moment)).unwrap();
        let mut failing = pin!(guest.handle(&mut fail, request("/fail")));
        if poll_fn(|context| Poll::Ready(failing.as_mut().poll(context).is_ready())).await {
            break;
        }
        let mut quit = guest.store();
        quit.set_fuel(u64::MAX).unwrap();
        guest.handle(&mut quit, request("/quit")).await.unwrap();
        failing.await.unwrap();
        assert!(bucket.lock().contains_key("quit"), "lost after {moment} instructions");
    }
    assert!(moments.next() > Some(1000));
}

#[tokio::test]
async fn without_its_store_it_ends_with_an_error() {
    let returned = timeout(PATIENCE, start(&KeyValue::new([]))).await.unwrap();
    assert_eq!(returned.unwrap(), Err(()));
}
