//! The page, in a real browser, in front of three replicas.

use crate::browser::{Answer, Browser, NAMES, serve};
use crate::support::{Host, Process};
use http_body_util::{BodyExt, Empty};
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::watch;

/// A prefix that the ingress strips from a path.
const PREFIX: &str = "/sub/path";

/// An answer without a body.
fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Empty::new().map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    answer
}

/// Replicas by name, each a process of its own, and how many requests they got.
#[derive(Default)]
struct Replicas {
    running: BTreeMap<String, Process>,
    requests: usize,
}

impl Replicas {
    /// Starts a replica, in the place of the one of that name.
    fn start(&mut self, name: &str) {
        let process = Process::start(Process::command().env("SPIN_VARIABLE_HOSTNAME", name));
        self.running.insert(name.into(), process);
    }

    /// The replica to which cookies pin a browser, or else the next one.
    fn of(&mut self, headers: &HeaderMap) -> (String, SocketAddr) {
        self.requests += 1;
        let pinned = |(name, _): &(&String, &Process)| has_cookie(headers, &format!("pin={name}"));
        let next = self.requests % self.running.len();
        let mut all = self.running.iter();
        let (name, process) = all.clone().find(pinned).or_else(|| all.nth(next)).unwrap();
        (name.clone(), process.address)
    }
}

/// Whether a request's cookies have `pair`.
fn has_cookie(headers: &HeaderMap, pair: &str) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter();
    cookies.into_iter().any(|cookies| cookies.to_str().unwrap().split("; ").any(|it| it == pair))
}

/// Runs three replicas behind an ingress, which offers each browser a cookie that pins it to one of them;
/// returns them, and its host and port. It answers clients that have not signed in with `refusal`: 401 asks for a
/// password, 302 a cookie of its own, which comes with the page.
async fn deployment(refusal: Option<StatusCode>) -> (Arc<Mutex<Replicas>>, String) {
    let replicas = Arc::new(Mutex::new(Replicas::default()));
    for name in NAMES {
        replicas.lock().unwrap().start(name);
    }
    let (all, client) = (replicas.clone(), Client::builder(TokioExecutor::new()).build_http());
    let address = serve(move |mut request| {
        let (all, client) = (all.clone(), client.clone());
        async move {
            let headers = request.headers();
            let signed_in = match refusal {
                Some(StatusCode::UNAUTHORIZED) => headers.contains_key(header::AUTHORIZATION),
                Some(_) => has_cookie(headers, "in=1") || request.uri().path() == "/",
                None => true,
            };
            if !signed_in {
                let mut answer = empty(refusal.unwrap());
                let headers = answer.headers_mut();
                headers.insert(header::WWW_AUTHENTICATE, "Basic realm=x".parse().unwrap());
                headers.insert(header::LOCATION, "http://login.invalid/".parse().unwrap());
                return answer;
            }
            let (name, replica) = all.lock().unwrap().of(headers);
            let target = request.uri().to_string();
            let target = target.strip_prefix(PREFIX).unwrap_or(&target);
            *request.uri_mut() = format!("http://{replica}{target}").parse().unwrap();
            let Ok(answer) = client.request(request).await else {
                return empty(StatusCode::BAD_GATEWAY);
            };
            let mut answer = answer.map(BodyExt::boxed);
            for cookie in [format!("pin={name}"), "in=1".into()] {
                answer.headers_mut().append(header::SET_COOKIE, cookie.parse().unwrap());
            }
            answer
        }
    });
    (replicas, address.await)
}

#[tokio::test]
async fn every_panel_shows_its_answer_and_everyone_can_use_the_page() {
    let (_replicas, address) = deployment(None).await;
    let page = Browser::open(&format!("http://{address}"), "story").await;
    page.see_alive(1).await;

    for (width, height) in [(1280, 720), (1366, 768), (360, 800)] {
        page.resize(width, height).await;
        let seen = "return Array.from(document.querySelectorAll('.lane, .grave[value$=l], [value=quit]'),
            it => it.getBoundingClientRect()).filter(it => it.top >= 0 && it.bottom <= innerHeight).length";
        assert_eq!(page.run(seen).await, 5, "three lanes and two buttons on {width} by {height}");
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

    for nth in 1..=3 {
        page.read(&format!("#wait li:nth-child({nth})"), "200 OK").await;
    }

    assert_eq!(page.complaints().await, Vec::<Value>::new());
    let elsewhere = "return performance.getEntriesByType('resource').map(it => it.name)
        .filter(it => new URL(it).origin !== location.origin)";
    assert_eq!(page.run(elsewhere).await, json!([]));

    page.inject("fail").await;
    page.see("i.failing").await;
    for width in [1200, 360] {
        page.resize(width, 1000).await;
        for scheme in ["light", "dark"] {
            page.prefer(scheme).await;
            for open in [false, true] {
                if open {
                    page.click("[value=quit]").await;
                    page.see("#confirm[open]").await;
                }
                page.audit(&format!("{scheme} at {width}")).await;
                if open {
                    page.click("#confirm button:not([value=yes])").await;
                }
            }
        }
    }
}

#[tokio::test]
async fn hours_behind_any_proxy_accuse_nobody_and_every_fault_is_healed_once() {
    let host = Host::new().await;
    let page = Browser::open(host.api.url(), "hours").await;
    page.prepend(include_str!("hours.js")).await;
    let start = Instant::now();
    for order in ["in-turn", "random"] {
        for replicas in [1, 3, 10, 100] {
            let context = format!("{replicas} replicas, {order}");
            let query = format!("?replicas={replicas}&{order}&seed={replicas}");
            page.client.goto(&format!("{}/{query}", host.api.url())).await.unwrap();
            for _ in 0..6 {
                page.run("await pass(600e3)").await;
            }
            assert_eq!(page.text("#live").await, "Alive", "{context}");
            assert_eq!(page.text("#events tbody").await, "", "{context}");
            let accused =
                "return Array.from(document.querySelectorAll('.lane b'), it => it.textContent)
                .filter(it => !/^(✓ alive|– not seen for \\d+ s)$/.test(it))";
            assert_eq!(page.run(accused).await, json!([]), "{context}");
            for (nth, fault) in ["fail", "quit"].into_iter().cycle().take(10).enumerate() {
                let said = page.run(&format!("return await injectAndHeal('{fault}')")).await;
                let said: Vec<String> = serde_json::from_value(said).unwrap();
                let replica = said[0].strip_suffix(&format!("got /{fault}")).unwrap();
                let healed = |it: &&String| it.starts_with(&format!("{replica}healed after "));
                let of_others = |it: &&String| !it.starts_with(replica) && !it.contains("502");
                assert_eq!(said.iter().filter(healed).count(), 1, "{context}: {said:?}");
                assert_eq!(said.iter().find(of_others), None, "{context}: {said:?}");
                let rows = "return document.querySelectorAll('#events tbody tr').length";
                assert_eq!(page.run(rows).await, nth + 1, "{context}");
            }
        }
    }
    println!("eight virtual hours, and 80 faults: {:.1?}", start.elapsed());
}

#[tokio::test]
async fn faults_heal_in_view_and_a_replica_that_is_gone_is_not_accused() {
    let (replicas, address) = deployment(None).await;
    let page = Browser::open(&format!("http://{address}"), "healing").await;
    // No cookie pins it.
    page.see_alive(2).await;
    assert_eq!(page.text("#pinned").await, "");

    let _gone = replicas.lock().unwrap().running.remove(NAMES[1]);
    page.read(&format!(".lane[data-replica={}]", NAMES[1]), "not seen for ").await;
    assert_eq!(page.text("#events tbody").await, "");
    assert_eq!(page.text("#live").await, "Alive");

    for fault in ["fail", "quit"] {
        let poisoned = page.inject(fault).await;
        page.read("#events tbody tr:first-child", &format!("/{fault}")).await;
        if fault == "fail" {
            page.see(&format!(".lane[data-replica={poisoned}] i.failing:last-child")).await;
        }
        replicas.lock().unwrap().start(&poisoned);
        page.read("#live", &format!("{poisoned} healed after ")).await;
        page.see(&format!(".lane[data-replica={poisoned}] i.alive:last-child")).await;
        let healed = page.text("#events tbody tr:first-child td:last-child").await;
        assert!(healed.trim_end_matches(" s").parse::<f64>().unwrap() > 0.0, "{healed}");
    }
}

#[tokio::test]
async fn behind_a_sign_in_cookies_may_pin_the_page_and_it_says_so() {
    for refusal in [StatusCode::UNAUTHORIZED, StatusCode::FOUND] {
        let (_replicas, address) = deployment(Some(refusal)).await;
        let page = Browser::open(&format!("http://user:pass@{address}"), "guarded").await;
        page.see("i.alive:nth-last-child(6)").await;
        page.read("#pinned", "may be shown one replica only").await;
        let replica = page.inject("fail").await;
        page.read("#live", &format!("{replica} is failing")).await;
        let lanes =
            "return Array.from(document.querySelectorAll('.lane'), it => it.dataset.replica)";
        assert_eq!(page.run(lanes).await, json!([replica]), "{refusal}");
    }
}

#[tokio::test]
async fn tabs_share_the_connections_of_their_browser() {
    let replica = Process::start(&mut Process::command());
    let (to, client) = (replica.address, Client::builder(TokioExecutor::new()).build_http());
    // In front of it, a gate that can hold waits for as long as the test needs them.
    let (gate, is_open) = watch::channel(true);
    let address = serve(move |mut request| {
        let (client, mut is_open) = (client.clone(), is_open.clone());
        async move {
            let target = request.uri().to_string();
            if target == "/wait" {
                let _ = is_open.wait_for(|is_open| *is_open).await;
            }
            *request.uri_mut() = format!("http://{to}{target}").parse().unwrap();
            let answer = client.request(request).await;
            answer.map_or_else(|_| empty(StatusCode::BAD_GATEWAY), |it| it.map(BodyExt::boxed))
        }
    });
    let url = format!("http://{}", address.await);
    let page = Browser::open(&url, "tabs").await;
    let mut tabs = vec![page.client.window().await.unwrap()];
    for _ in 0..2 {
        tabs.push(page.client.new_window(true).await.unwrap().handle);
        page.client.switch_to_window(tabs.last().unwrap().clone()).await.unwrap();
        page.client.goto(&url).await.unwrap();
    }
    // Two tabs leave room for each other. A third does not, and the page says so.
    for some in [&tabs[..2], &tabs] {
        let too_many = some.len() > 2;
        gate.send_replace(!too_many);
        for tab in some {
            page.client.switch_to_window(tab.clone()).await.unwrap();
            let listen = "globalThis.said = []; const headline = document.querySelector('#live');
                const note = () => said.push(headline.textContent);
                new MutationObserver(note).observe(headline, { childList: true })";
            page.run(listen).await;
            for _ in 0..4 {
                page.click("#wait button:not(.copy)").await;
            }
        }
        for tab in some.iter().filter(|_| too_many) {
            page.client.switch_to_window(tab.clone()).await.unwrap();
            page.read("#live", "this browser's tabs use all connections").await;
        }
        gate.send_replace(true);
        for tab in some {
            page.client.switch_to_window(tab.clone()).await.unwrap();
            page.read("#wait", "0 waiting").await;
            // When there are too many, how long they are held is up to the test.
            assert!(too_many || !page.text("#wait ul").await.contains("No answer"));
            let said = page.run("return said").await.to_string();
            assert!(!said.contains("Nobody"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_inject_a_fault_and_its_own_can() {
    let mut replica = Process::start(Process::command().env("SPIN_VARIABLE_MAX_WAITS", "1"));
    let url = format!("http://{}", replica.address);
    let elsewhere = serve(async |_| empty(StatusCode::OK)).await;
    let page = Browser::open(&format!("http://{elsewhere}/"), "elsewhere").await;
    for path in ["fail", "quit"] {
        // The request may be sent, but its answer may not be seen: the type says so.
        let sent = format!(
            "return (await fetch('{url}/{path}', {{ method: 'POST', mode: 'no-cors' }})).type"
        );
        assert_eq!(page.run(&sent).await, "opaque");
        replica.api.assert_healthy().await;
    }

    page.client.goto(&url).await.unwrap();
    page.see("i.alive").await;
    for _ in 0..3 {
        page.click("#wait button:not(.copy)").await;
    }
    page.read("#wait ul", "refused: come back in ").await;
    page.read("#wait ul", "200 OK").await;
    page.inject("fail").await;
    page.see("i.failing").await;

    page.click("[value=quit]").await;
    page.read("#effect", "Nobody restarts this one.").await;
    page.click("[value=yes]").await;
    page.read("#live", "Nobody answers: start it again with make run").await;
    assert_eq!(replica.end().await.0, Some(0));
}

#[tokio::test]
async fn the_page_works_below_a_prefix_and_with_credentials_in_its_address() {
    let (_replicas, address) = deployment(None).await;
    let root = format!("http://{address}");
    for (user, slash) in [("", ""), ("", "/"), ("user:pass@", "/")] {
        let url = format!("http://{user}{address}{PREFIX}{slash}");
        let page = Browser::open(&url, "prefix").await;
        page.see("i.alive").await;
        page.click("#parity button:not(.copy)").await;
        page.read("#parity output", "odd").await;
        let curl = format!("curl -i '{root}{PREFIX}/parity?int=7'");
        assert_eq!(page.text("#parity code").await, curl);
        let document = "return document.querySelector('footer a').href";
        assert_eq!(page.run(document).await, format!("{root}{PREFIX}/openapi.json"));
        let document =
            "return (await (await fetch(document.querySelector('footer a'))).json()).openapi";
        assert_eq!(page.run(document).await, "3.1.0");
    }
}
