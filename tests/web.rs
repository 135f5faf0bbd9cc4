//! The tab: what `scripts/web` builds, in Chromium, from a plain static server and below a path.

use crate::browser::Browser;
use crate::control_room::serve;
use crate::manifests::yaml;
use crate::spin::put_to;
use crate::support::{ROOT, run};
use fantoccini::Locator;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

/// What the worker tells.
#[derive(Deserialize)]
struct State {
    pods: Vec<Pod>,
    events: Vec<Event>,
    faults: Vec<Fault>,
}

impl State {
    fn restarts(&self) -> u32 {
        self.pods.iter().map(|pod| pod.restarts).sum()
    }

    /// How many times there was an event whose message begins so.
    fn count(&self, reason: &str, message: &str) -> u32 {
        let these =
            self.events.iter().filter(|it| it.reason == reason && it.message.starts_with(message));
        these.map(|it| it.count).sum()
    }
}

#[derive(Deserialize)]
struct Pod {
    name: String,
    restarts: u32,
}

#[derive(Deserialize)]
struct Event {
    reason: String,
    message: String,
    count: u32,
}

#[derive(Deserialize)]
struct Fault {
    id: u32,
    #[serde(flatten)]
    row: Row,
    /// Answers of a replica that fails.
    bad: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Requests {
    lost: usize,
    retried: usize,
    /// Waits beyond the limit of a replica.
    refused: usize,
}

/// What a fault led to, and after how many seconds.
#[derive(Debug, Deserialize)]
struct Row {
    /// The first replica was not ready.
    unready: Option<f64>,
    /// The last replica that had to be replaced was.
    replaced: Option<f64>,
    /// All replicas were ready.
    ready: Option<f64>,
    #[serde(flatten)]
    requests: Requests,
}

/// Of a state `it` of the worker: nothing is under way.
const READY: &str =
    "!it.busy && it.pods.length === it.replicas && it.pods.every(({ ready }) => ready)";

/// A static server, as anyone has one. It serves target/, so the page is below a path.
struct Site {
    server: Child,
    url: String,
}

impl Site {
    fn start() -> Self {
        static BUILT: LazyLock<String> = LazyLock::new(|| run("scripts/web"));
        LazyLock::force(&BUILT);
        let mut server = Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
            .args(["--directory", &format!("{ROOT}/target")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, url) = line.split_once('(').expect("an address");
        Self { server, url: url.replace(") ...\n", "web/") }
    }

    fn stop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Serves what `page` gets when it sends each request itself, to a URL that begins with `base`. The browser leaves out
/// the headers that a page cannot set.
async fn bridge(page: &Arc<Browser>, base: &'static str) -> String {
    let page = page.clone();
    let address = serve(move |request: Request<Incoming>| {
        let page = page.clone();
        async move {
            let headers = request.headers().iter();
            let headers: Vec<_> =
                headers.map(|(name, it)| (name.as_str(), it.to_str().unwrap())).collect();
            let init = json!({ "method": request.method().as_str(), "headers": headers });
            let answer = page.fetch(&format!("{base}{}", request.uri()), init).await;
            let (status, headers, body): (u16, Vec<(String, String)>, Vec<u8>) =
                serde_json::from_value(answer).unwrap();
            // Without a length, so that only the replica's header tells it.
            let body = Full::from(body).map_frame(|frame| frame).map_err(|never| match never {});
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            answer.body(body.boxed()).unwrap()
        }
    });
    format!("http://{}", address.await)
}

/// The page, in a browser of its own.
struct Tab {
    page: Arc<Browser>,
    site: Site,
}

impl Tab {
    /// Opens it, and waits until all replicas are ready.
    async fn open(name: &str) -> Self {
        let site = Site::start();
        let page = Arc::new(Browser::open(&site.url, name).await);
        let tab = Self { page, site };
        tab.until(READY).await;
        tab
    }

    /// Waits until the worker tells a state `it` that is as wanted.
    async fn until(&self, wanted: &str) -> State {
        let script = format!(
            "const {{ scope }} = await navigator.serviceWorker.ready;
            const channel = new BroadcastChannel(scope);
            try {{
                return await new Promise((resolve) => {{
                    channel.onmessage = ({{ data: it }}) => {{ if ({wanted}) resolve(it) }};
                    const ask = () => navigator.serviceWorker.controller?.postMessage({{}});
                    navigator.serviceWorker.oncontrollerchange = ask;
                    ask();
                }});
            }} finally {{ channel.close() }}"
        );
        serde_json::from_value(self.page.run(&script).await).expect(wanted)
    }

    /// Clicks what injects a fault, and returns the state when all is counted.
    async fn inject(&self, css: &str) -> State {
        let last = self.until("true").await.faults.first().map_or(0, |fault| fault.id);
        self.page.click(css).await;
        let state = self.until(&format!("it.faults[0]?.id > {last} && it.faults[0].done")).await;
        println!("{css}: {:?}", state.faults[0].row);
        state
    }

    /// Sets a field of the form, as a user does; a space switches a box.
    async fn turn(&self, name: &str, value: &str) {
        let field = self.page.client.find(Locator::Css(&format!("[name='{name}']"))).await.unwrap();
        if value.parse::<u32>().is_ok() {
            field.clear().await.unwrap();
        }
        field.send_keys(value).await.unwrap();
    }

    /// The numbers in the form, by the names of its fields, without those that are switched off.
    async fn numbers(&self) -> Value {
        let numbers = "const fields = Array.from(document.forms[0].elements);
            const named = fields.filter(({ name, disabled }) => name && !disabled);
            return Object.fromEntries(named.map((it) => [it.name, it.type === 'checkbox' ? it.checked : it.value]))";
        self.page.run(numbers).await
    }

    /// The manifest with the patch that the page shows, which kubectl has applied.
    async fn patched(&self) -> Value {
        let command = self.page.text("#command").await;
        let local = "target/venv/bin/kubectl patch --local -f k8s/deployment.yaml -o json ";
        let there = "kubectl patch deployment spin-on-k8s ";
        assert!(command.starts_with(there), "{command}");
        serde_json::from_str(&run(&command.replace(there, local))).unwrap()
    }
}

/// A manifest's numbers, by the names of the form's fields.
fn numbers(manifest: &Value) -> Value {
    let container = &manifest["spec"]["template"]["spec"]["containers"][0];
    let mut variables = container["env"].as_array().unwrap().iter();
    let max_waits = variables.find(|it| it["name"] == "MAX_WAITS").unwrap();
    let path = &container["startupProbe"]["httpGet"]["path"];
    let number = |it: &Value, default: u64| json!(it.as_u64().unwrap_or(default).to_string());
    let mut numbers = Map::from_iter([
        ("replicas".into(), number(&manifest["spec"]["replicas"], 1)),
        ("MAX_WAITS".into(), max_waits["value"].clone()),
        ("preStop".into(), number(&container["lifecycle"]["preStop"]["sleep"]["seconds"], 0)),
        ("path".into(), path.clone()),
    ]);
    for name in ["readiness", "liveness"] {
        let probe = &container[format!("{name}Probe")];
        numbers.insert(name.into(), json!(!probe.is_null()));
        if probe.is_null() {
            continue;
        }
        assert_eq!(&probe["httpGet"]["path"], path);
        numbers.insert(format!("{name} period"), number(&probe["periodSeconds"], 10));
        numbers.insert(format!("{name} threshold"), number(&probe["failureThreshold"], 3));
    }
    numbers.into()
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let tab = Tab::open("tab-contract").await;
    // A single replica, which the tests may fail.
    for (name, value) in
        [("replicas", "1"), ("MAX_WAITS", "0"), ("readiness", " "), ("liveness", " ")]
    {
        tab.turn(name, value).await;
    }
    tab.page.click("form button:not([type])").await;
    tab.until(&format!("{READY} && it.replicas === 1 && it.pods[0].name.endsWith('-1')")).await;
    let served = "while ((await fetch('cluster/health')).status !== 200) continue";
    tab.page.run(served).await;
    let url = bridge(&tab.page, "cluster").await;
    let put = tokio::task::spawn_blocking(move || {
        // A page cannot set the headers that say where a request comes from.
        let unsendable = "--skip=pages_of_other_origins_may_not_hurt_it";
        put_to(&url, &["contract::", unsendable, "--skip=destructive", "--test-threads=1"]);
        put_to(&url, &["contract::destructive", "--test-threads=1"]);
    });
    put.await.unwrap();
}

#[tokio::test]
async fn its_numbers_are_the_manifests_and_kubectl_understands_its_patch() {
    let tab = Tab::open("tab-numbers").await;
    assert_eq!(tab.numbers().await, numbers(&yaml("k8s/deployment.yaml")));
    for (name, value) in [
        ("replicas", "2"),
        ("MAX_WAITS", "0"),
        ("preStop", "0"),
        ("path", "/.well-known"),
        ("readiness", " "),
        ("liveness period", "4"),
        ("liveness threshold", "5"),
    ] {
        tab.turn(name, value).await;
    }
    let patched = numbers(&tab.patched().await);
    assert_eq!(patched.as_object().unwrap().len(), 8);
    assert_eq!(tab.numbers().await, patched);
    // What the worker makes of the patch is what the form shows when it is opened anew.
    tab.page.click("form button:not([type])").await;
    tab.until(&format!("{READY} && it.replicas === 2")).await;
    tab.page.client.refresh().await.unwrap();
    tab.page.see("[name='liveness threshold']").await;
    tab.page.read("#command", "\"failureThreshold\":5").await;
    assert_eq!(tab.numbers().await, patched);
}

/// All lessons, in their order on the page.
const LESSONS: &str = "program container replicas deployment no-pre-stop probes no-readiness \
    blind-probe max-waits no-max-waits hasty-liveness service ingress";

/// Does what a lesson says, and sees what it says; returns how many answers came from a replica that fails.
async fn learn(tab: &Tab, lesson: &str) -> u32 {
    tab.page.run(&format!("location.hash = '{lesson}'")).await;
    tab.page.see(&format!("#{lesson}[open] pre span")).await;
    let button = format!("#{lesson} button");
    let output = format!("#{lesson} output");
    if lesson == "program" {
        tab.page.click(&button).await;
        tab.page.read(&output, "200 odd").await;
        return 0;
    }
    if lesson == "service" {
        tab.page.click(&button).await;
        for pod in tab.until(READY).await.pods {
            tab.page.read(&output, &format!("{}: ", pod.name)).await;
        }
        return 0;
    }
    let state = tab.inject(&button).await;
    let row = &state.faults[0].row;
    let Row { unready, replaced, ready, requests } = row;
    let (pods, restarts) = (state.pods.len(), state.restarts());
    let kept = match lesson {
        "container" => restarts == 1 && state.count("Started", "") == 4 && requests.lost == 0,
        "replicas" => pods == 5 && requests.lost == 0,
        "deployment" => pods == 3 && *replaced > Some(7.0) && requests.lost == 0,
        "no-pre-stop" => *replaced < Some(7.0) && requests.lost > 0,
        "probes" => restarts == 1 && *replaced > Some(16.0) && requests.lost == 0,
        "no-readiness" => restarts == 1 && *replaced > Some(16.0) && requests.lost > 0,
        "hasty-liveness" => restarts > 0 && requests.lost > 0,
        "blind-probe" => restarts == 0 && unready.is_none() && replaced.is_none(),
        "max-waits" => {
            unready.is_none() && restarts == 0 && requests.refused > 0 && requests.lost == 0
        }
        "no-max-waits" => unready.is_some() && requests.lost > 0,
        "ingress" => ready.is_some() && requests.retried > 0 && requests.lost == 0,
        _ => false,
    };
    assert!(kept, "{lesson}: {row:?}, {restarts} restarts");
    tab.page.read(&output, &format!("{} lost", requests.lost)).await;
    state.faults[0].bad
}

#[tokio::test]
async fn lessons_about_replicas_and_probes_lead_to_what_they_say() {
    let tab = Tab::open("tab-lessons").await;
    let ids = "Array.from(document.querySelectorAll('#lessons details'), ({ id }) => id)";
    assert_eq!(tab.page.run(&format!("return {ids}.join(' ')")).await, LESSONS);
    let mut bad = HashMap::new();
    for lesson in LESSONS.split(' ').take(8) {
        bad.insert(lesson, learn(&tab, lesson).await);
    }
    assert!(bad["deployment"] == 0 && bad["probes"] > 0, "{bad:?}");
    assert!(2 * bad["no-readiness"] > 3 * bad["probes"], "{bad:?}");
    assert!(bad["blind-probe"] > bad["no-readiness"], "{bad:?}");
}

#[tokio::test]
async fn the_other_lessons_lead_to_what_they_say() {
    let tab = Tab::open("tab-load").await;
    for lesson in LESSONS.split(' ').skip(8) {
        learn(&tab, lesson).await;
    }
    // The one about liveness also says how the same burst restarts nobody.
    tab.turn("MAX_WAITS", "0").await;
    assert_eq!(tab.inject("#inject [value=burst]").await.restarts(), 0);
}

/// Takes the README's first picture.
#[tokio::test]
#[ignore = "make pictures runs it"]
async fn picture() {
    let tab = Tab::open("tab-picture").await;
    tab.page.resize(1280, 800).await;
    tab.page.run("location.hash = 'probes'").await;
    tab.inject("#probes button").await;
    tab.page.screenshot("tab").await;
}

#[tokio::test]
async fn everyone_can_use_it() {
    let tab = Tab::open("tab-audit").await;
    // With the keyboard alone.
    for css in ["#probes summary", "#probes button"] {
        let reached = format!("return document.activeElement.matches('{css}')");
        let mut tabs = 0;
        while tab.page.run(&reached).await != true {
            assert!(tabs < 100, "{css}");
            tabs += 1;
            tab.page.press("\u{e004}").await;
        }
        tab.page.press("\u{e007}").await;
    }
    tab.page.see("#probes[open]").await;
    tab.page.read("#faults tbody", "/fail").await;
    tab.page.read("#events tbody", "Unhealthy").await;
    for width in [1200, 360] {
        tab.page.resize(width, 1000).await;
        for scheme in ["light", "dark"] {
            tab.page.prefer(scheme).await;
            tab.page.audit(&format!("{scheme} at {width}")).await;
            tab.page.screenshot(&format!("tab-{scheme}-{width}")).await;
        }
    }
}

#[tokio::test]
async fn it_needs_nobody_after_the_first_visit_not_even_its_worker() {
    let mut tab = Tab::open("tab-offline").await;
    tab.site.stop();
    tab.page.client.refresh().await.unwrap();
    tab.page.see_heartbeat().await;
    let elsewhere = "return performance.getEntriesByType('resource').map(({ name }) => name)
        .filter((name) => new URL(name).origin !== location.origin)";
    assert_eq!(tab.page.run(elsewhere).await, json!([]));
    tab.page.client.enter_parent_frame().await.unwrap();
    assert_eq!(tab.page.run(elsewhere).await, json!([]));
    assert_eq!(tab.page.text("#notice").await, "");

    tab.page.stop_workers().await;
    tab.page.read("#notice", "the cluster started afresh").await;
    tab.until(READY).await;
    let row = tab.inject("#inject [value=quit]").await.faults.remove(0).row;
    assert!(row.ready.is_some() && row.requests.lost == 0, "{row:?}");
    assert_eq!(tab.page.complaints().await, Vec::<Value>::new());
}

/// What a visitor loads, in bytes: what was reached, and 5 % more. It may never be more than 150 KB.
const BUDGET: usize = 120_000;

#[tokio::test]
async fn it_is_small_and_quick() {
    let site = Site::start();
    let mut sum = 0;
    for file in run("find target/web -type f").lines() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&fs::read(format!("{ROOT}/{file}")).unwrap()).unwrap();
        sum += packed.finish().unwrap().len();
    }
    println!("a visitor loads {sum} bytes");
    assert!(sum <= BUDGET, "{sum} bytes");

    let page = Browser::open("about:blank", "tab-speed").await;
    let start = Instant::now();
    page.client.goto(&site.url).await.unwrap();
    page.see_heartbeat().await;
    println!("first heartbeat: {:.2?}", start.elapsed());
    let rate = "const end = performance.now() + 3000;
        let count = 0;
        const client = async () => {
            for (; performance.now() < end; count++) await (await fetch('parity?int=7')).text();
        };
        await Promise.all(Array.from({ length: 4 }, client));
        return count / 3";
    println!("requests a second: {}", page.run(rate).await);
}
