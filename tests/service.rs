//! The demo's service: whom it sends requests to, and what it says when one is lost.

use crate::support::{Answer, Api, Host};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use spin_on_k8s_host::demo::container;
use spin_on_k8s_host::demo::kubelet::{Pod, Pods};
use spin_on_k8s_host::demo::service::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK";

/// A replica that answers every connection with `answer`, and then ends it.
struct Replica {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Replica {
    async fn new(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                if stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {
                    count.fetch_add(1, Ordering::Relaxed);
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { address, asked }
    }
}

/// Pods that are ready, at these addresses.
fn pods(replicas: &[SocketAddr]) -> Pods {
    let pod = |address| Pod { address: Some(address), ready: true, ..Pod::default() };
    replicas.iter().map(|address| (address.to_string(), pod(*address))).collect()
}

/// A service in front of replicas, which it knows.
async fn service(replicas: &[SocketAddr], prefix: &'static str) -> Api {
    let service = Service::new(watch::channel(pods(replicas)).1, Duration::ZERO);
    while !replicas.is_empty() && service.connect(true).await.is_err() {
        tokio::task::yield_now().await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = Api::new(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(service.serve(listener, prefix));
    api
}

fn assert_bad_gateway(answer: &Answer, said: &str) {
    // A browser tries again in a second.
    assert_eq!((answer.status, answer.header("refresh"), &*answer.body), (502, "1", said));
}

#[tokio::test]
async fn what_one_replica_has_taken_is_not_sent_to_another() {
    for method in ["POST", "GET"] {
        let dying = [Replica::new("").await, Replica::new("").await];
        let api = service(&[dying[0].address, dying[1].address], "").await;
        let answer = api.send(method, "/fail").await;
        assert_bad_gateway(&answer, "The replica ended before it answered.\n");
        assert_eq!(dying.iter().map(|it| it.asked.load(Ordering::Relaxed)).sum::<usize>(), 1);
    }
}

#[tokio::test]
async fn what_a_replica_refuses_is_sent_to_another() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let other = Replica::new(OK).await;
    let api = service(&[gone, other.address], "").await;
    for asked in 1..=4 {
        assert_eq!(api.send("POST", "/fail").await.status, 200);
        assert_eq!(other.asked.load(Ordering::Relaxed), asked);
    }
    let nobody = service(&[], "").await;
    assert_bad_gateway(&nobody.get("/").await, "No replica is ready.\n");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_whole_for_the_client() {
    let dying = Replica::new("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    let api = service(&[dying.address], "").await;
    let stream = TcpStream::connect(api.authority()).await.unwrap();
    let request = Request::get("/").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
    let answer = container::send(stream, request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err(), "a whole body");
}

#[tokio::test]
async fn only_a_prefix_of_whole_segments_is_stripped() {
    let host = Host::new().await;
    let plain = service(&[host.address], "").await;
    let prefixed = service(&[host.address], "/sub/path").await;
    for (api, target, status) in [
        (&plain, "/health", 200),
        (&plain, "//health", 404),
        (&plain, "/parity?int=7", 200),
        (&prefixed, "/sub/path/health", 200),
        (&prefixed, "/sub/path//health", 404),
        (&prefixed, "/sub/path", 200),
        (&prefixed, "/sub/path?", 200),
        (&prefixed, "/sub/pathhealth", 404),
        (&prefixed, "/sub/path/parity?int=7", 200),
    ] {
        assert_eq!(api.get(target).await.status, status, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_arrive_in_their_order() {
    let [first, last] = [Replica::new(OK).await.address, Replica::new(OK).await.address];
    let propagation = Duration::from_millis(300);
    for _ in 0..5 {
        let (sender, receiver) = watch::channel(Pods::new());
        let service = Service::new(receiver, propagation);
        for _ in 0..500 {
            for address in [first, last] {
                sender.send_replace(pods(&[address]));
                tokio::task::yield_now().await;
            }
        }
        assert!(service.connect(false).await.is_err(), "a change before its time");
        sleep(propagation * 2).await;
        let (stream, _) = service.connect(false).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), last);
    }
}
