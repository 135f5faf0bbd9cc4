//! The page, in a real browser, in front of three replicas under the test kubelet.

use crate::browser::{Browser, NAMES};
use crate::support::{HOST, PATIENCE, Process, ROOT};
use http_body_util::Empty;
use hyper::Response;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use spin_on_k8s_host::demo::kubelet::{Kubelet, Pod};
use spin_on_k8s_host::demo::manifest::Manifest;
use spin_on_k8s_host::demo::service::Service;
use std::convert::Infallible;
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// A prefix that the ingress strips from a path.
const PREFIX: &str = "/sub/path";

const MANIFEST: &str = include_str!("../k8s/deployment.yaml");

/// Deploys three replicas behind an ingress; returns its URL.
async fn deployment() -> String {
    deploy(MANIFEST).await.1
}

/// Deploys replicas behind an ingress; returns what runs them, and its URL.
async fn deploy(manifest: &str) -> (Arc<Kubelet>, String) {
    let kubelet = Kubelet::new(Manifest::parse(manifest).unwrap(), HOST).unwrap();
    let service = Service::new(kubelet.pods.subscribe(), Duration::ZERO);
    (0..kubelet.manifest.replicas).for_each(|_| kubelet.create());
    let mut pods = kubelet.pods.subscribe();
    let ready = pods.wait_for(|pods| pods.values().all(Pod::is_endpoint));
    timeout(PATIENCE, ready).await.expect("replicas that get ready").unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(service.serve(listener, PREFIX));
    (kubelet, url)
}

#[tokio::test]
async fn every_panel_shows_its_answer() {
    let page = Browser::open(&deployment().await, "story").await;
    page.see("body[data-state=alive]").await;
    page.see_alive(1).await;

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

    for nth in 1..=3 {
        page.read(&format!("#wait li:nth-child({nth})"), "200 OK").await;
    }

    page.client.execute("scrollTo(0, 0)", vec![]).await.unwrap();
    for scheme in ["dark", "light"] {
        page.prefer(scheme).await;
        page.resize(1200, 1700).await;
        page.screenshot(scheme).await;
    }

    assert_eq!(page.complaints().await, Vec::<serde_json::Value>::new());
    let elsewhere = "return performance.getEntriesByType('resource').map(it => it.name)
        .filter(it => new URL(it).origin !== location.origin)";
    assert_eq!(page.run(elsewhere).await, serde_json::json!([]));
}

/// The manifest with probes that take a failed replica out of rotation as soon as a page could see that
/// it failed, and leave it alive for a while.
fn hasty() -> String {
    let (before, readiness) = MANIFEST.split_once("readinessProbe:").unwrap();
    let hasty = readiness.replacen("periodSeconds: 3", "periodSeconds: 1", 1);
    format!(
        "{before}readinessProbe:{}",
        hasty.replacen("failureThreshold: 2", "failureThreshold: 1", 1)
    )
}

#[tokio::test]
async fn a_bad_answer_or_silence_reveals_a_fault() {
    // With the manifest's own probes, the page gets a bad answer first.
    for (manifest, bad_seen) in [(MANIFEST.into(), true), (hasty(), false)] {
        let (_kubelet, url) = deploy(&manifest).await;
        let page = Browser::open(&url, "silence").await;
        page.see_alive(12).await;
        let failed = page.inject("fail").await;
        page.read("#live", &format!("{failed} is back after ")).await;
        let (unready, healed) = (page.time("unready").await, page.time("healed").await);
        assert!(
            (0.0..8.0).contains(&unready) && (10.0..30.0).contains(&healed),
            "{unready} {healed}"
        );
        let failing = "return document.querySelectorAll('i[data-state=failing]').length > 0";
        if bad_seen {
            assert_eq!(page.run(failing).await, true);
        }
        assert_eq!(page.complaints().await, Vec::<serde_json::Value>::new());
    }
}

#[tokio::test]
async fn the_silence_of_a_replica_that_the_page_did_not_cause_is_seen() {
    let (kubelet, url) = deploy(MANIFEST).await;
    let page = Browser::open(&url, "elsewhere-silence").await;
    page.see_alive(12).await;
    assert_eq!(page.text("#events tbody").await, "");
    kubelet.delete(NAMES[1]);
    page.read("#live", &format!("{} is out of rotation", NAMES[1])).await;
    page.read("#events tbody", "from elsewhere").await;
    let lane = |name: &str| format!(".lane[data-replica='{name}'][data-out=false]");
    page.see(&lane(NAMES[0])).await;
    page.see(&lane(NAMES[2])).await;
}

#[tokio::test]
async fn one_replica_alone_is_never_out_of_rotation() {
    let mut replica = Process::start(&mut Process::command());
    let page = Browser::open(&format!("http://{}", replica.address), "alone").await;
    page.see("i[data-state=alive]:nth-last-child(n+6)").await;
    page.click("#quit button:not(.copy)").await;
    page.read("#effect", "Nobody restarts this one.").await;
    page.click("#confirm button[value=yes]").await;
    page.read("#live", "nobody answers: start it again with make run").await;
    assert_eq!(replica.end().await.0, Some(0));
    assert!(!page.text("#lanes").await.contains("out of rotation"));
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_hurt_a_replica_and_its_own_can() {
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
        // The request may be sent, but its answer may not be seen: the type says so.
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
    page.inject("fail").await;
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
    let axe = fs::read_to_string(axe).expect("axe-core, which tests/tools installs");
    let page = Browser::open(&deployment().await, "audit").await;
    page.see("body[data-state=alive]").await;
    for panel in ["parity", "wait", "health"] {
        page.click(&format!("#{panel} button:not(.copy)")).await;
    }
    let _ = page.inject("fail").await;
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
