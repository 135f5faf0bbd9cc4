//! The tab: what `scripts/web` builds, in Chromium, from servers as people have them. What happens in its cluster is
//! tested in virtual time: see `web/*/*.test.js`.

use crate::browser::{Answer, Browser, serve};
use crate::support::{ROOT, put_to, run};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

/// Of a state `it` of the worker: nothing is under way.
const READY: &str =
    "!it.busy && it.pods.length === it.replicas && it.pods.every(({ ready }) => ready)";

/// Builds the tab, once for all tests, as someone with a careful umask does.
static BUILT: LazyLock<String> = LazyLock::new(|| run("umask 077 && scripts/web"));

/// An ordinary static file server. It serves the folder's parent, so the page is below a path.
struct Site {
    server: Child,
    url: String,
}

impl Site {
    fn start() -> Self {
        LazyLock::force(&BUILT);
        Self::of(&format!("{ROOT}/target"), "0")
    }

    fn of(folder: &str, port: &str) -> Self {
        let mut server = Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", port, "--directory", folder])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, url) = line.split_once('(').expect("an address");
        Self { server, url: url.replace(") ...\n", "web/") }
    }

    fn port(&self) -> &str {
        self.url.split([':', '/']).nth(4).unwrap()
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

/// A copy of the tab for a test that changes it; returns the folder above it.
fn copy(name: &str) -> String {
    LazyLock::force(&BUILT);
    let folder = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    run(&format!("rm -rf {folder} && mkdir {folder} && cp -R target/web {folder}"));
    folder
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
    async fn open(name: &str) -> Self {
        Self::at(Site::start(), name).await
    }

    /// Opens it, and waits until all replicas are ready.
    async fn at(site: Site, name: &str) -> Self {
        let page = Arc::new(Browser::open(&site.url, name).await);
        let tab = Self { page, site };
        tab.until(READY).await;
        tab
    }

    /// Waits until the worker tells a state `it` that is as wanted.
    async fn until(&self, wanted: &str) -> Value {
        let script = format!(
            "const registration = await navigator.serviceWorker.ready;
            return await new Promise((resolve) => {{
                const ask = setInterval(() => registration.active?.postMessage({{}}), 100);
                const hear = ({{ data: it }}) => {{
                    if (it.error || !({wanted})) return;
                    navigator.serviceWorker.removeEventListener('message', hear);
                    clearInterval(ask);
                    resolve(it);
                }};
                navigator.serviceWorker.addEventListener('message', hear);
            }})"
        );
        self.page.run(&script).await
    }

    /// Sends the worker a command, as the page does.
    async fn post(&self, command: Value) {
        let post = format!("(await navigator.serviceWorker.ready).active.postMessage({command})");
        self.page.run(&post).await;
    }

    /// Clicks what injects a fault, and returns its row when all is counted.
    async fn inject(&self, css: &str) -> Value {
        let state = self.until("true").await;
        let last = state["faults"][0]["id"].as_u64().unwrap_or(0);
        self.page.click(css).await;
        let state = self.until(&format!("it.faults[0]?.id > {last} && it.faults[0].done")).await;
        println!("{css}: {}", state["faults"][0]);
        state["faults"][0].clone()
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let tab = Tab::open("tab-contract").await;
    // A single replica, which the tests may fail.
    let api = json!({ "name": "api", "env": [{ "name": "MAX_WAITS", "value": "0" }], "readinessProbe": null, "livenessProbe": null });
    let patch =
        json!({ "spec": { "replicas": 1, "template": { "spec": { "containers": [api] } } } });
    tab.post(json!({ "isFresh": true, "patch": patch })).await;
    tab.until(&format!("{READY} && it.replicas === 1")).await;
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
async fn kubectl_understands_the_patches_of_lessons() {
    let tab = Tab::open("tab-patch").await;
    let commands = "const shown = document.querySelectorAll('#lessons .command');
        return Array.from(shown, (it) => it.textContent.split('\\n')[0])";
    let commands: Vec<String> =
        serde_json::from_value(tab.page.run(commands).await).expect("commands");
    let there = "kubectl patch deployment spin-on-k8s ";
    let local = "target/venv/bin/kubectl patch --local -f k8s/deployment.yaml -o json ";
    let same = run(&format!("{local} --patch '{{}}'"));
    let mut patches = commands.iter().filter(|it| it.starts_with(there)).peekable();
    assert!(patches.peek().is_some());
    for patch in patches {
        assert_ne!(run(&patch.replace(there, local)), same, "{patch}");
    }
}

#[tokio::test]
async fn a_fault_heals_in_view_and_can_be_cancelled() {
    let tab = Tab::open("tab-lesson").await;
    tab.page.run("location.hash = 'probes'").await;
    tab.page.see("#probes[open] pre span").await;
    let row = tab.inject("#probes button").await;
    assert!(row["ready"].as_f64() > row["replaced"].as_f64() && row["lost"] == 0, "{row}");
    tab.page.read("#probes output", "0 lost").await;
    tab.page.read("#events tbody", "Liveness probe failed").await;
    tab.page.read("#pods tbody", "Running").await;
    tab.page.read("#logs", "state: failed").await;

    let named = "const answers = Array.from({ length: 12 }, () => fetch('cluster/health'));
        const names = (await Promise.all(answers)).map(({ headers }) => headers.get('x-replica'));
        return new Set(names).size";
    assert_eq!(tab.page.run(named).await, 3);

    tab.page.click("#probes button").await;
    tab.until("it.busy && it.faults[0].at").await;
    tab.page.click("#restart").await;
    let state = tab.until(READY).await;
    assert_eq!(state["faults"][0]["isCut"], true, "{state}");
    assert!(state["pods"].as_array().unwrap().iter().all(|pod| pod["restarts"] == 0), "{state}");
}

/// The page of the forecast.
struct Forecast {
    page: Browser,
    _site: Site,
}

impl Forecast {
    async fn open(name: &str) -> Self {
        let site = Site::start();
        let page = Browser::open(&format!("{}forecast.html", site.url), name).await;
        page.resize(1280, 800).await;
        Self { page, _site: site }
    }

    /// Pastes a manifest, and begins.
    async fn paste(&self, manifest: &str) {
        let paste = "const field = document.querySelector('textarea');
            field.value = arguments[0];
            field.dispatchEvent(new Event('input'))";
        self.page.client.execute(paste, vec![manifest.into()]).await.unwrap();
        self.page.click("#go").await;
    }

    /// Waits until it ends, and it has to end well.
    async fn done(&self) {
        let now = "await new Promise((done) => { setTimeout(done, 100) });
            const [status, stop] = ['#status', '#stop'].map((it) => document.querySelector(it));
            return { status: status.textContent, ended: stop.disabled }";
        loop {
            let now = self.page.run(now).await;
            if now["ended"] == true {
                assert!(now["status"].as_str().unwrap().starts_with("Done in"), "{now}");
                return;
            }
        }
    }
}

/// A Deployment that needs a second replica.
fn single() -> String {
    fs::read_to_string(format!("{ROOT}/web/samples/single.yaml")).unwrap()
}

#[tokio::test]
async fn a_forecast_says_what_to_change_and_how_it_was_tried() {
    let forecast = Forecast::open("tab-forecast").await;
    let page = &forecast.page;
    forecast.paste(&single()).await;
    forecast.done().await;
    page.read("#findings ol", "Set replicas: 2. With it, ").await;
    page.read("#rows tbody", "A deleted pod").await;
    // kubectl understands the patch.
    page.click("#findings li:first-child summary").await;
    let command = page.text("#findings li:first-child code.command").await;
    let there = "kubectl patch deployment wiki ";
    let local = "target/venv/bin/kubectl patch --local -f web/samples/single.yaml -o json ";
    let patched: Value = serde_json::from_str(&run(&command.replace(there, local))).unwrap();
    assert_eq!(patched["spec"]["replicas"], 2);
    page.see("figure svg rect.lost").await;
    page.read("figure output", "Answers: ").await;

    let lost = "#rows [data-fault=fail] td:nth-child(3)";
    page.click("#compare").await;
    page.read(lost, " → 0").await;
    page.click("#compare").await;
    assert!(!page.text(lost).await.contains('→'));
    page.click("#findings li:first-child .try").await;
    forecast.done().await;
    page.read(lost, " → 0").await;
    for width in [1200, 360] {
        page.resize(width, 1000).await;
        for scheme in ["light", "dark"] {
            page.prefer(scheme).await;
            page.audit(&format!("forecast in {scheme} at {width}")).await;
            page.screenshot(&format!("forecast-{scheme}-{width}")).await;
        }
    }
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_forecast_says_what_a_change_costs() {
    let forecast = Forecast::open("tab-change").await;
    let page = &forecast.page;
    let fill = "document.querySelector('[name=old]').value = arguments[0]";
    page.client.execute(fill, vec![single().into()]).await.unwrap();
    forecast.paste(&single().replacen("spec:\n", "spec:\n  replicas: 2\n", 1)).await;
    forecast.done().await;
    page.read("#changes", "Better: A replica that exits loses").await;
    page.read("#rows [data-fault=fail] td:nth-child(3)", " → 0").await;
    page.run("document.querySelector('#against').open = true").await;
    page.audit("a comparison").await;
    // Without an older version, nothing is left of it.
    page.run("document.querySelector('[name=old]').value = ''").await;
    forecast.paste(&single()).await;
    forecast.done().await;
    assert_eq!(page.run("return document.querySelector('#changes').hidden").await, true);
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}

/// Waits until there is a manifest that a link could carry, and stops.
async fn stop_at_once(page: &Browser) {
    page.see("#link:enabled").await;
    page.click("#stop").await;
    page.read("#status", "Stopped.").await;
}

#[tokio::test]
async fn a_link_carries_what_a_forecast_uses_and_nothing_else() {
    let forecast = Forecast::open("tab-link").await;
    let page = &forecast.page;
    page.see("#link:disabled").await;
    for (name, value) in [("start", "3"), ("term", "cuts"), ("seed", "7")] {
        page.run(&format!("document.querySelector('[name={name}]').value = '{value}'")).await;
    }
    let image = "          image: registry.example/wiki:7\n";
    let env = "          env: [{ name: PASSWORD, value: hunter2 }]\n";
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData: { key: hunter2 }";
    let whole = single().replace(image, &format!("{image}{env}"));
    assert_ne!(whole, single());
    let whole = whole.replacen("metadata:", "metadata:\n  annotations: { owner: hunter2 }", 1);
    forecast.paste(&format!("{whole}---\n{secret}\n")).await;
    stop_at_once(page).await;
    page.click("#link").await;
    page.run("while (!location.hash) await new Promise((done) => { setTimeout(done, 50) })").await;
    page.client.refresh().await.unwrap();
    stop_at_once(page).await;
    let field = |name| format!("return document.querySelector('[name={name}]').value");
    for (name, value) in [("start", "3"), ("term", "cuts"), ("seed", "7"), ("requests", "")] {
        assert_eq!(page.run(&field(name)).await, value, "{name}");
    }
    let carried = page.run(&field("manifest")).await;
    let carried = carried.as_str().unwrap();
    assert!(carried.contains("path: /health") && carried.contains("name: wiki"), "{carried}");
    for word in ["hunter2", "PASSWORD", "annotations", "Secret", "owner"] {
        assert!(!carried.contains(word), "{word}: {carried}");
    }
    // It is the same forecast once more.
    let link = page.run("return location.hash").await;
    page.click("#go").await;
    stop_at_once(page).await;
    page.click("#link").await;
    assert_eq!(page.run("return location.hash").await, link);
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}

/// What is said of a link that is none.
const INVALID: &str = "This link is incomplete or invalid.";

#[tokio::test]
async fn a_manifest_that_makes_no_sense_is_refused_as_text() {
    let forecast = Forecast::open("tab-refused").await;
    let page = &forecast.page;
    let markup = r#""<img src=x onerror=alert(1)>""#;
    let named = single().replace("name: wiki\n", &format!("name: {markup}\n"));
    let both = format!("{}---\n{}", single(), single().replace("wiki", "shop"));
    for (manifest, said) in [
        (named.as_str(), "onerror"),
        ("kind: StatefulSet", "it contains no Deployment, only StatefulSet"),
        (&"x".repeat(10_000_001), "longer than 10 MB"),
    ] {
        forecast.paste(manifest).await;
        page.read("#status", said).await;
    }
    forecast.paste(&both).await;
    page.see("#which:not([hidden]) option[value=shop]").await;
    page.click("#stop").await;

    let link = |manifest, name, answers, seed| json!({ "manifest": manifest, "name": name, "answers": answers, "seed": seed });
    let (single, long) = (single(), "x".repeat(2_000_000));
    let links = [
        (link(&single, markup, json!({}), json!(1)), "onerror"),
        (link(&markup.into(), markup, json!({}), json!(1)), "it contains no Deployment"),
        (link(&single, "", json!({ "term": markup }), json!(1)), INVALID),
        (link(&single, "", json!({}), json!(markup)), INVALID),
        (link(&long, "", json!({}), json!(1)), INVALID),
        (json!(null), INVALID),
    ];
    for (carried, said) in links {
        let compress = "const text = new Blob([JSON.stringify(CARRIED)]).stream();
            const packed = text.pipeThrough(new CompressionStream('deflate-raw'));
            const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
            const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
            document.querySelector('#status').textContent = '';
            location.hash = btoa(letters).replaceAll('+', '-').replaceAll('/', '_')";
        page.run(&compress.replace("CARRIED", &carried.to_string())).await;
        page.read("#status", said).await;
    }
    page.run("document.querySelector('#status').textContent = ''; location.hash = 'x'.repeat(50)")
        .await;
    page.read("#status", INVALID).await;
    assert_eq!(page.run("return document.images.length").await, 0);
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}

/// Takes the README's picture.
#[tokio::test]
#[ignore = "make picture runs it"]
async fn picture() {
    let forecast = Forecast::open("tab-picture").await;
    forecast.page.resize(1280, 1120).await;
    let manifest = fs::read_to_string(format!("{ROOT}/web/samples/no-pre-stop.yaml")).unwrap();
    forecast.paste(&manifest).await;
    forecast.done().await;
    forecast.page.screenshot("forecast").await;
}

#[tokio::test]
async fn everyone_can_use_it() {
    let tab = Tab::open("tab-audit").await;
    // With the keyboard alone.
    for css in ["#container summary", "#container button"] {
        let reached = format!("return document.activeElement.matches('{css}')");
        let mut tabs = 0;
        while tab.page.run(&reached).await != true {
            assert!(tabs < 100, "{css}");
            tabs += 1;
            tab.page.press("\u{e004}").await;
        }
        tab.page.press("\u{e007}").await;
    }
    tab.page.see("#container[open]").await;
    tab.page.read("#faults tbody", "A replica that exits").await;
    tab.page.read("#events tbody", "Started").await;
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
async fn it_needs_nobody_after_the_first_visit_and_gives_way_to_another_site() {
    // A browser takes files of such an age for fresh, and asks for no newer ones for years.
    let old = copy("old");
    run(&format!("touch -t 202001010000 {old}/web/*"));
    let mut tab = Tab::at(Site::of(&old, "0"), "tab-offline").await;
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
    assert_eq!(tab.page.complaints().await, Vec::<Value>::new());

    // Another project, on the same port, whose files are older still.
    let folder = copy("other");
    run(&format!(
        "cd {folder}/web && rm * && echo '<p id=other>another site' >index.html &&
        touch -t 201901010000 index.html"
    ));
    let _other = Site::of(&folder, tab.site.port());
    tab.page.client.goto(&tab.site.url).await.unwrap();
    tab.page.see("#other").await;
    let gone = "while ((await navigator.serviceWorker.getRegistrations()).length) continue;
        while ((await caches.keys()).length) continue";
    assert_eq!(tab.page.run(gone).await, Value::Null);
    tab.page.client.goto(&format!("{}cluster/", tab.site.url)).await.unwrap();
    tab.page.read("body", "404").await;
}

#[tokio::test]
async fn a_page_of_an_old_version_is_loaded_again_but_once() {
    let folder = copy("versions");
    let site = Site::of(&folder, "0");
    let page = Arc::new(Browser::open("about:blank", "tab-versions").await);
    page.prepend("if (self === top) sessionStorage.loads = 1 + Number(sessionStorage.loads ?? 0)")
        .await;
    page.client.goto(&site.url).await.unwrap();
    let tab = Tab { page, site };
    tab.until(READY).await;
    // A cache in between still has the old index.html.
    let rename = "cd FOLDER/web && new=page-NEWER.js && cp page-*.js $new && old=$(sed -n 's/.*\"\\(page-[^\"]*\\)\".*/\\1/p' index.html) &&
        sed \"s/$old/$new/g\" worker.js >worker && mv worker worker.js";
    run(&rename.replace("FOLDER", &folder));
    tab.page.run("await (await navigator.serviceWorker.ready).update()").await;
    tab.page.run("while (sessionStorage['reloaded for'] !== 'page-NEWER.js') await new Promise((done) => { setTimeout(done, 50) })").await;
    tab.page.see_heartbeat().await;
    tab.page.client.enter_parent_frame().await.unwrap();
    tab.until(&format!("{READY} && it.page === 'page-NEWER.js'")).await;
    assert_eq!(tab.page.run("return sessionStorage.loads").await, "2");
}

/// Serves the tab as some hosts do; returns its URL.
async fn host(kind: &'static str) -> String {
    LazyLock::force(&BUILT);
    let address = serve(move |request: Request<Incoming>| async move {
        let path = request.uri().path();
        let answer = Response::builder();
        let file = if path == "/" { "/index.html" } else { path };
        let (answer, body) = match (kind, path, fs::read(format!("{ROOT}/target/web{file}"))) {
            ("redirects", "/", _) => (answer.status(302).header("location", "/index.html"), vec![]),
            ("asks who one is", "/", _) => {
                (answer.status(302).header("location", "/login"), vec![])
            }
            (_, "/login", _) => {
                (answer.header("content-type", "text/html"), b"<p id=login>Who are you?".to_vec())
            }
            (_, _, Err(_)) => (answer.status(404), vec![]),
            (_, _, Ok(bytes)) => {
                let of = |ending| file.ends_with(ending);
                let script =
                    if kind == "knows no scripts" { "text/plain" } else { "text/javascript" };
                let types = [(".js", script), (".html", "text/html"), (".css", "text/css")];
                let it = types
                    .iter()
                    .find(|(ending, _)| of(ending))
                    .map_or("application/wasm", |(_, it)| it);
                let (name, value) = match kind {
                    "isolates" => ("cross-origin-embedder-policy", "require-corp"),
                    "forbids to compile" => ("content-security-policy", "script-src 'self'"),
                    _ => ("cache-control", "no-cache"),
                };
                (answer.header("content-type", it).header(name, value), bytes)
            }
        };
        let body = Full::from(body).map_err(|never| match never {});
        let answer: Answer = answer.body(body.boxed()).unwrap();
        answer
    });
    format!("http://{}/", address.await)
}

#[tokio::test]
async fn it_works_on_any_host_or_says_why_not() {
    let page = Browser::open("about:blank", "tab-hosts").await;
    for kind in ["redirects", "isolates"] {
        let url = host(kind).await;
        for _ in 0..2 {
            page.client.goto(&url).await.unwrap();
            page.see_heartbeat().await;
        }
        let redirected =
            "const responses = (await Promise.all((await caches.keys()).map(async (name) => {
                const cache = await caches.open(name);
                return Promise.all((await cache.keys()).map((key) => cache.match(key)));
            }))).flat();
            return [responses.length > 5, responses.some(({ redirected }) => redirected)]";
        assert_eq!(page.run(redirected).await, json!([true, false]), "{kind}");
    }
    // A login page is neither the tab, nor stored as such.
    let url = host("asks who one is").await;
    page.client.goto(&format!("{url}index.html")).await.unwrap();
    page.see_heartbeat().await;
    page.client.goto(&url).await.unwrap();
    page.see("#login").await;

    for (kind, said) in
        [("knows no scripts", ".js as a script"), ("forbids to compile", "replica.core")]
    {
        page.client.goto(&host(kind).await).await.unwrap();
        page.read("#status", said).await;
    }
    page.prepend("delete globalThis.WebAssembly").await;
    page.client.goto(&host("serves").await).await.unwrap();
    page.read("#status", "WebAssembly is not available").await;
}

/// What a visitor loads, compressed, in bytes: what was reached, and 5 % more. It may never be more than 350 KB.
const BUDGET: usize = 340_000;

#[tokio::test]
async fn it_is_small_and_quick() {
    let site = Site::start();
    assert_eq!(run("find target/web ! -perm -444"), "", "readable, whatever the umask");
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
    let served = "while ((await fetch('cluster/health').catch(() => ({}))).status !== 200) await new Promise((done) => { setTimeout(done, 20) })";
    page.run(&format!("await navigator.serviceWorker.ready; {served}")).await;
    println!("first good answer: {:.2?}", start.elapsed());
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
