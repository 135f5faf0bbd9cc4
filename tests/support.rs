//! What the tests share: what is built, servers to test, and a client to test them with.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::{Client, Error, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustix::process::{Pid, Signal, kill_process};
use spin_on_k8s_host::{Code, Guest, KeyValue, Limits, Pools, Workers};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasmtime::{Config, Engine};

/// The repository.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The host's binary.
pub const HOST: &str = env!("CARGO_BIN_EXE_spin-on-k8s");

/// The component, built.
pub const COMPONENT: &[u8] = include_bytes!("../target/wasm32-wasip2/release/spin_on_k8s.wasm");

/// The lifeline, built.
pub const LIFELINE: &[u8] = include_bytes!("../target/wasm32-wasip2/release/lifeline.wasm");

/// Runs a shell command in the repository. It finds make as by hand, even if these tests are run by make.
pub fn shell(command: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.current_dir(ROOT).args(["-c", command]).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    shell.output().unwrap()
}

/// Runs a shell command that has to succeed; returns what it prints.
pub fn run(command: &str) -> String {
    let output = shell(command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A copy of the source without Git's files, in a folder of that name.
pub fn copy(name: &str) -> String {
    let folder = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    run(&format!(
        "rm -rf '{folder}' && mkdir -p '{folder}' &&
         git ls-files --cached --others --exclude-standard | tar -cf - -T - | tar -xf - -C '{folder}'"
    ));
    folder
}

/// A copy with the components that were built here.
pub fn built(name: &str) -> String {
    let folder = copy(name);
    let components = "target/wasm32-wasip2/release";
    run(&format!("mkdir -p {folder}/{components} && cp {components}/*.wasm {folder}/{components}"));
    folder
}

/// What `kubectl apply -f k8s` takes. There are no folders, since other tools would descend into them.
pub fn manifests() -> Vec<String> {
    let entries = fs::read_dir(format!("{ROOT}/k8s")).unwrap().map(|entry| entry.unwrap());
    let mut paths: Vec<_> =
        entries.map(|entry| format!("k8s/{}", entry.file_name().display())).collect();
    paths.sort();
    paths
}

/// Runs the tests that `filters` name against the server at `url`, as `make test-contract` does.
pub fn put_to(url: &str, filters: &[&str]) {
    let tests = std::env::current_exe().unwrap();
    let status = Command::new(tests).args(filters).env("BASE_URL", url).status().unwrap();
    assert!(status.success(), "{filters:?}");
}

/// After this, a test has failed: what it waits for does not happen. It is far more than even a busy machine takes.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How long an idle connection of a client stays usable. It is less than any server here waits for the
/// next request, since a request that arrives just as the server closes is lost.
const IDLE: Duration = Duration::from_millis(100);

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    /// The bytes as text.
    pub body: String,
}

impl Answer {
    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The text of a string field of the body, which must be JSON.
    pub fn json(&self, field: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body[field].as_str().unwrap_or_default().into()
    }
}

/// A client of the server at a base URL.
#[derive(Clone)]
pub struct Api {
    base: String,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Api {
    pub fn new(base: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build_http();
        Self { base: base.trim_end_matches('/').into(), client }
    }

    /// The server's base URL.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The server's host and port.
    pub fn authority(&self) -> &str {
        self.base.split('/').nth(2).unwrap()
    }

    async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{target}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).unwrap();
        let (head, body) = self.client.request(request).await?.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8_lossy(&bytes).into(),
            bytes,
        })
    }

    pub async fn try_send(&self, method: &str, target: &str) -> Result<Answer, Error> {
        self.request(method, target, &[]).await
    }

    pub async fn send(&self, method: &str, target: &str) -> Answer {
        self.try_send(method, target).await.unwrap()
    }

    pub async fn send_with(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.request(method, target, headers).await.unwrap()
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send("GET", target).await
    }

    pub async fn assert_healthy(&self) {
        let answer = self.get("/health").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"));
    }
}

/// Starts a `/wait` and returns once it holds the only instance, so that others find it busy.
pub async fn with_wait_in_flight(api: &Api) -> JoinHandle<Option<u16>> {
    let waiting = api.clone();
    let wait = tokio::spawn(async move {
        loop {
            // The request below may hold the instance at this moment.
            match waiting.try_send("GET", "/wait").await.ok()?.status {
                503 => continue,
                status => return Some(status),
            }
        }
    });
    let busy = async { while api.get("/parity?int=1").await.status != 503 {} };
    timeout(PATIENCE, busy).await.unwrap();
    wait
}

/// A component, compiled for an engine with these settings.
pub fn compile(config: &Config, wasm: &[u8]) -> Vec<u8> {
    Engine::new(config).unwrap().precompile_component(wasm).unwrap()
}

/// A component, linked as the host links its own.
pub fn guest(config: &Config, wasm: &[u8], stores: KeyValue) -> wasmtime::Result<Guest> {
    let compiled = compile(config, wasm);
    // SAFETY: just compiled.
    Guest::new(config, unsafe { Code::new(&compiled) }, stores)
}

/// The host in this process, on a free port; it ends with the test's runtime, if not before.
pub struct Host {
    pub address: SocketAddr,
    pub api: Api,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Host {
    pub async fn new() -> Self {
        Self::with(Code::CARRIED, KeyValue::new(["default"]), 1000).await
    }

    pub async fn with(code: Code<'_>, stores: KeyValue, instances: u32) -> Self {
        Self::within(code, stores, instances, Limits::default()).await
    }

    pub async fn within(code: Code<'_>, stores: KeyValue, instances: u32, limits: Limits) -> Self {
        let pools = Pools::new(code, stores, instances).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            if stopped.await.is_err() {
                std::future::pending().await
            }
        };
        let workers = Workers::start().unwrap();
        let server =
            tokio::spawn(spin_on_k8s_host::run(listener, pools, limits, workers, shutdown));
        Self { address, api: Api::new(&format!("http://{address}")), stop, server }
    }

    /// Shuts it down, and waits until it has ended.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.server).await.expect("an end").unwrap();
    }

    /// Sends what no client library would, and returns everything that comes back.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        raw(self.address, bytes).await
    }
}

/// Sends `bytes` on a new connection and returns everything that comes back until it ends.
pub async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    rest(&mut hold(address, bytes).await).await
}

/// What clients send before they leave a connection as it is: nothing, half a head, half a body.
pub const HELD: [&str; 4] = [
    "",
    "GET /parity?int=7 HTTP/1.1\r\nhost: x\r\n",
    "POST /fail HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1",
    "POST /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n9\r\n1",
];

/// Opens a connection, and sends bytes.
pub async fn hold(address: SocketAddr, held: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(held.as_ref()).await.unwrap();
    stream
}

/// Everything that `stream` still yields; a reset ends it just as an orderly end does.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("an end");
    String::from_utf8_lossy(&all).into_owned()
}

/// The host as a process of its own; it is killed if it outlives the test.
pub struct Process {
    pub child: Child,
    pub address: SocketAddr,
    pub api: Api,
}

impl Process {
    /// The command, not yet run, on a free port.
    pub fn command() -> Command {
        let mut command = Command::new(HOST);
        command.env_clear().env("SPIN_HTTP_LISTEN_ADDR", "127.0.0.1:0");
        command
    }

    /// Starts the command and waits until it serves.
    pub fn start(command: &mut Command) -> Self {
        Self::with(command, Stdio::piped())
    }

    /// The same, with another standard error.
    pub fn with(command: &mut Command, stderr: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Serving http://").expect("an address");
        Self {
            api: Api::new(&format!("http://{address}")),
            address: address.parse().unwrap(),
            child,
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it ends; returns its exit code and its standard error.
    pub async fn end(&mut self) -> (Option<i32>, String) {
        let ended = async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => return status.code(),
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let code = timeout(PATIENCE, ended).await.expect("the process to end");
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        (code, stderr)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server under test, and its host if that is ours.
pub async fn server() -> (Api, Option<Host>) {
    match std::env::var("BASE_URL") {
        Ok(base) => (Api::new(&base), None),
        Err(_) => {
            let host = Host::new().await;
            (host.api.clone(), Some(host))
        }
    }
}
