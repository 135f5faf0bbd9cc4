//! A real browser: Debian's Chromium, headless, driven over WebDriver.

use crate::support::{PATIENCE, ROOT};
use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use http_body_util::combinators::BoxBody;
use hyper::body::{Bytes, Incoming};
use hyper::http::Method;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Error, Request, Response};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fs, process};
use tokio::net::TcpListener;
use tokio::time::timeout;
use url::{ParseError, Url};

/// The replicas of a deployment.
pub const NAMES: [&str; 3] = ["spin-on-k8s-1", "spin-on-k8s-2", "spin-on-k8s-3"];

/// What a server of a test answers.
pub type Answer = Response<BoxBody<Bytes, Error>>;

/// Serves what `answer` makes of each request; returns its host and port.
pub async fn serve<F>(answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static) -> String
where
    F: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            let answer = service_fn(move |request| {
                let answer = answer(request);
                async { Ok::<_, Error>(answer.await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    address
}

/// A window of its own, with nothing remembered.
pub struct Browser {
    pub client: Client,
    driver: Child,
    profile: PathBuf,
}

impl Browser {
    /// Opens `url`.
    pub async fn open(url: &str, name: &str) -> Self {
        let (driver, port) = (0..5).find_map(|_| start_driver()).expect("chromedriver's port");
        let profile = env::temp_dir().join(format!("spin-on-k8s-{name}-{}", process::id()));
        let data = format!("--user-data-dir={}", profile.display());
        let capabilities = json!({
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": 2 * PATIENCE.as_millis() as u64 },
            "goog:chromeOptions": { "args": [
                "--headless", "--hide-scrollbars", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--no-first-run", data,
            ] },
        });
        let capabilities: Capabilities = capabilities.as_object().unwrap().clone();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        client.goto(url).await.unwrap();
        Self { client, driver, profile }
    }

    /// Waits until there is an element.
    pub async fn see(&self, css: &str) {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        element.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Clicks the only element of that kind.
    pub async fn click(&self, css: &str) {
        self.client.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
    }

    /// The text of an element.
    pub async fn text(&self, css: &str) -> String {
        self.client.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
    }

    /// Waits until the text of an element has `part`.
    pub async fn read(&self, css: &str, part: &str) {
        let read = async { while !self.text(css).await.contains(part) {} };
        if timeout(PATIENCE, read).await.is_err() {
            panic!("{css} has no {part}: {}", self.text(css).await);
        }
    }

    /// Enters the only frame, and waits until it has shown the control room's first heartbeat.
    pub async fn see_heartbeat(&self) {
        self.see("iframe[src]").await;
        self.client.enter_frame(0).await.unwrap();
        self.see("i.alive").await;
    }

    /// Waits until each of [`NAMES`] has been seen alive that many times.
    pub async fn see_alive(&self, times: u32) {
        for name in NAMES {
            self.see(&format!(".lane[data-replica='{name}'] i.alive:nth-last-child({times})"))
                .await;
        }
    }

    /// Injects a fault, `fail` or `quit`, by its button, and confirms; returns the replica that got it.
    pub async fn inject(&self, fault: &str) -> String {
        self.click(&format!("[value={fault}]")).await;
        self.see("#confirm[open]").await;
        self.click("[value=yes]").await;
        let output = format!("#{fault} output");
        self.read(&output, "x-replica").await;
        let output = self.text(&output).await;
        let replica = output.lines().find_map(|line| line.strip_prefix("x-replica: "));
        replica.expect("the replica that got it").into()
    }

    /// What a function body returns in the page; it may be a promise.
    pub async fn run(&self, script: &str) -> Value {
        let whole = format!(
            "const done = arguments[0]; (async () => {{ {script} }})().then(done, e => done(String(e)))"
        );
        let result = self.client.execute_async(&whole, vec![]).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Has the page send a request; returns the status, the headers and the bytes of the answer. Several requests
    /// can be under way, though the browser runs only one script at a time.
    pub async fn fetch(&self, url: &str, init: Value) -> Value {
        let send = "const send = async (url, init) => {
                const answer = await fetch(url, init);
                return [answer.status, [...answer.headers], Array.from(new Uint8Array(await answer.arrayBuffer()))];
            };
            return (globalThis.sent ??= []).push(send(...arguments)) - 1";
        let nth = self.client.execute(send, vec![url.into(), init]).await.unwrap();
        let moment = "new Promise(done => { setTimeout(done, 50) })";
        let answer = format!("return await Promise.race([sent[{nth}], {moment}])");
        loop {
            match self.run(&answer).await {
                Value::Null => {}
                answer => return answer,
            }
        }
    }

    /// Has the page believe that its reader prefers `scheme`, `dark` or `light`.
    pub async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Makes the window `width` by `height` pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Presses a key, wherever the focus is.
    pub async fn press(&self, key: &str) {
        self.client.active_element().await.unwrap().send_keys(key).await.unwrap();
    }

    /// Asserts that nothing is wider than the window, and that axe finds nothing wrong.
    pub async fn audit(&self, context: &str) {
        let beyond = "const it = document.documentElement; return it.scrollWidth - it.clientWidth";
        assert_eq!(self.run(beyond).await, 0, "{context}");
        let axe = format!("{ROOT}/tests/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(axe).expect("axe-core, which scripts/tools installs");
        self.client.execute(&axe, vec![]).await.unwrap();
        let audit = self.run("return await axe.run()").await;
        assert!(audit["passes"].as_array().unwrap().len() > 10, "{audit}");
        assert_eq!(audit["violations"], json!([]), "{context}");
    }

    /// Ends all service workers, as a browser does when it wants their memory.
    pub async fn stop_workers(&self) {
        for command in ["ServiceWorker.enable", "ServiceWorker.stopAllWorkers"] {
            self.devtools(command, json!({})).await;
        }
    }

    /// Has every page that is opened from now on run `script` before its own.
    pub async fn prepend(&self, script: &str) {
        let source = json!({ "source": script });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    }

    async fn devtools(&self, command: &'static str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.issue("goog/cdp/execute", body).await.unwrap();
    }

    /// What the browser has complained of since it was last asked.
    pub async fn complaints(&self) -> Vec<Value> {
        let log = self.issue("se/log", json!({ "type": "browser" })).await.unwrap();
        // This source reports only failed requests, and the page's are expected to fail.
        log.as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["source"] != "network")
            .cloned()
            .collect()
    }

    async fn issue(&self, path: &'static str, body: Value) -> Result<Value, CmdError> {
        self.client.issue_cmd(Extension { path, body }).await
    }

    /// Keeps a picture of the window in target/screenshots.
    pub async fn screenshot(&self, name: &str) {
        let folder = format!("{ROOT}/target/screenshots");
        fs::create_dir_all(&folder).unwrap();
        let png = self.client.screenshot().await.unwrap();
        fs::write(format!("{folder}/{name}.png"), png).unwrap();
    }
}

/// Starts chromedriver on a free port. It ends when that is free for IPv4, but not for IPv6.
fn start_driver() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver");
    driver.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut driver = driver.spawn().expect("chromedriver");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("successfully on port "));
    let Some(line) = line else {
        let _ = driver.wait();
        return None;
    };
    let (_, port) = line.trim_end_matches('.').rsplit_once(' ').unwrap();
    Some((driver, port.into()))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The whole group, because chromedriver would leave the browser behind.
        let _ = kill_process_group(Pid::from_child(&self.driver), Signal::KILL);
        let _ = self.driver.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

/// A command of chromedriver's that WebDriver does not have.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
