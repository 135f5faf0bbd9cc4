//! The page, in a real browser, in front of three replicas under the test kubelet.

use crate::browser::Browser;
use crate::kubelet::Kubelet;
use crate::support::{PATIENCE, Process, ROOT};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::time::timeout;

const NAMES: [&str; 3] =
    ["spin-on-k8s-5d9c7b-4kxvq", "spin-on-k8s-5d9c7b-h8z2m", "spin-on-k8s-5d9c7b-tw6jn"];

/// Deploys three replicas behind an ingress; returns its URL.
async fn deployment() -> String {
    let kubelet = Kubelet::new(include_str!("../k8s/deployment.yaml"));
    for name in NAMES {
        tokio::spawn(kubelet.clone().run(name.into()));
    }
    let mut pods = kubelet.pods.subscribe();
    let ready = pods.wait_for(|pods| pods.values().filter(|pod| pod.is_endpoint()).count() == 3);
    timeout(PATIENCE, ready).await.expect("replicas that get ready").unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let turn = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (kubelet, turn) = (kubelet.clone(), turn.clone());
            let forward = service_fn(move |request| {
                forward(kubelet.clone(), turn.fetch_add(1, Ordering::Relaxed), request)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), forward));
        }
    });
    url
}

/// A prefix that the ingress strips from a path.
const PREFIX: &str = "/sub/path";

/// The ingress: every request to the next of the ready replicas; 502 if that refuses it.
async fn forward(
    kubelet: Arc<Kubelet>,
    turn: usize,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let ready: Vec<_> =
        kubelet.pods.borrow().values().filter(|pod| pod.is_endpoint()).cloned().collect();
    let answer = async {
        let address = ready.get(turn % ready.len().max(1))?.address?;
        let (mut head, _) = request.into_parts();
        let target = head.uri.to_string();
        let target = target.strip_prefix(PREFIX).unwrap_or(&target).trim_start_matches('/');
        head.uri = format!("http://{address}/{target}").parse::<Uri>().ok()?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (head, body) = client
            .request(Request::from_parts(head, Empty::<Bytes>::new()))
            .await
            .ok()?
            .into_parts();
        Some(Response::from_parts(head, Full::new(body.collect().await.ok()?.to_bytes())))
    };
    Ok(answer.await.unwrap_or_else(|| {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    }))
}

/// Presses the button of an endpoint that hurts, and confirms; returns the replica that was hit.
async fn strike(page: &Browser, panel: &str) -> String {
    page.click(&format!("#{panel} button:not(.copy)")).await;
    page.see("#confirm[open]").await;
    page.click("#confirm button[value=yes]").await;
    page.read(&format!("#{panel} output"), "x-replica").await;
    let output = page.text(&format!("#{panel} output")).await;
    let hit = NAMES.into_iter().find(|name| output.contains(name));
    hit.expect("the replica that was hit").into()
}

#[tokio::test]
async fn a_browser_sees_replicas_die_and_heal() {
    let page = Browser::open(&deployment().await, "story").await;
    page.see("body[data-state=alive]").await;
    for name in NAMES {
        page.see(&format!(".lane[data-replica='{name}'] i[data-state=alive]")).await;
    }

    let int = page.client.find(fantoccini::Locator::Css("#parity input")).await.unwrap();
    for (number, status, body) in
        [("-3", "200 OK", "odd"), ("2.7", "400 Bad Request", "int is not an integer: '2.7'")]
    {
        int.clear().await.unwrap();
        int.send_keys(number).await.unwrap();
        page.click("#parity button:not(.copy)").await;
        page.read("#parity output", body).await;
        assert!(page.text("#parity output").await.contains(status));
    }

    for _ in 0..3 {
        page.click("#wait button:not(.copy)").await;
    }
    page.see("#wait li:nth-child(3) progress").await;
    page.read("#wait", "3 waiting").await;

    page.click("#health button:not(.copy)").await;
    page.read("#health output", "200 OK").await;

    let failed = strike(&page, "fail").await;
    let lane =
        |name: &str, state: &str| format!(".lane[data-replica='{name}'] i[data-state={state}]");
    page.see(&lane(&failed, "failing")).await;
    for nth in 1..=3 {
        page.read(&format!("#wait li:nth-child({nth})"), "200 OK").await;
    }
    page.read("#live", &format!("{failed} is alive again after ")).await;
    let healed = page.text("#events tbody tr:first-child td.healed").await;
    let healed: f64 = healed.trim_end_matches(" s").parse().unwrap();
    assert!((10.0..30.0).contains(&healed), "{healed}");

    strike(&page, "quit").await;
    page.read("#events tbody tr:first-child", "/quit").await;

    page.client.execute("scrollTo(0, 0)", vec![]).await.unwrap();
    for scheme in ["dark", "light"] {
        page.prefer(scheme).await;
        page.resize(1200, 1700).await;
        page.screenshot(scheme).await;
    }
    page.resize(900, 600).await;
    page.screenshot("small").await;

    assert_eq!(page.complaints().await, Vec::<serde_json::Value>::new());
    let elsewhere = "return performance.getEntriesByType('resource').map(it => it.name)
        .filter(it => new URL(it).origin !== location.origin)";
    assert_eq!(page.run(elsewhere).await, serde_json::json!([]));
}

#[tokio::test]
async fn a_page_of_another_origin_hurts_nobody_and_its_own_may() {
    let replica = Process::start(Process::command().env("SPIN_VARIABLE_MAX_WAITS", "1"));
    let url = format!("http://{}", replica.address);
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = format!("http://{}/", elsewhere.local_addr().unwrap());
    tokio::spawn(async move {
        let empty = service_fn(async |_| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
        while let Ok((stream, _)) = elsewhere.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), empty));
        }
    });
    let page = Browser::open(&page, "elsewhere").await;
    for path in ["fail", "quit"] {
        // It may be sent, but its answer may not be seen: the type says so.
        let sent = format!(
            "return (await fetch('{url}/{path}', {{ method: 'POST', mode: 'no-cors' }})).type"
        );
        assert_eq!(page.run(&sent).await, "opaque");
        replica.api.assert_healthy().await;
    }

    page.client.goto(&url).await.unwrap();
    page.see("body[data-state=alive]").await;
    for _ in 0..3 {
        page.click("#wait button:not(.copy)").await;
    }
    page.read("#wait ul", "refused: come back in ").await;
    page.read("#wait ul", "200 OK").await;
    page.click("#fail button:not(.copy)").await;
    page.see("#confirm[open]").await;
    page.click("#confirm button[value=yes]").await;
    page.see("i[data-state=failing]").await;
}

#[tokio::test]
async fn the_page_works_below_a_prefix() {
    let root = deployment().await;
    for prefix in [PREFIX.into(), format!("{PREFIX}/")] {
        let page =
            Browser::open(&format!("{}{prefix}", root.trim_end_matches('/')), "prefix").await;
        page.see("body[data-state=alive]").await;
        page.click("#parity button:not(.copy)").await;
        page.read("#parity output", "odd").await;
        let curl = format!("curl -i '{}{PREFIX}/parity?int=7'", root.trim_end_matches('/'));
        assert_eq!(page.text("#parity code").await, curl);
        let document =
            "return (await (await fetch(document.querySelector('footer a'))).json()).openapi";
        assert_eq!(page.run(document).await, "3.1.0");
    }
}

#[tokio::test]
async fn everyone_can_use_the_page() {
    let axe = format!("{ROOT}/target/node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(axe).expect("axe-core, which tests/tools brings");
    let page = Browser::open(&deployment().await, "audit").await;
    page.see("body[data-state=alive]").await;
    for panel in ["parity", "wait", "health"] {
        page.click(&format!("#{panel} button:not(.copy)")).await;
    }
    let _ = strike(&page, "fail").await;
    page.see("i[data-state=failing]").await;
    page.client.execute(&axe, vec![]).await.unwrap();
    for width in [1200, 360] {
        page.resize(width, 1000).await;
        let beyond = "const it = document.documentElement; return it.scrollWidth - it.clientWidth";
        assert_eq!(page.run(beyond).await, 0, "beyond {width}");
        for scheme in ["light", "dark"] {
            page.prefer(scheme).await;
            for open in [false, true] {
                if open {
                    page.click("#quit button:not(.copy)").await;
                    page.see("#confirm[open]").await;
                }
                let audit = page.run("return await axe.run()").await;
                assert!(audit["passes"].as_array().unwrap().len() > 10, "{audit}");
                assert_eq!(audit["violations"], serde_json::json!([]), "{scheme} at {width}");
                if open {
                    page.click("#confirm button:not([value=yes])").await;
                }
            }
        }
    }
}
