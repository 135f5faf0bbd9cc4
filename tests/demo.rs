//! `make demo`, as a user runs it.

use crate::browser::Browser;
use crate::start_up::assert_errors_are_one_clear_line;
use crate::support::{Api, HOST, MANIFEST, PATIENCE};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio::time::{interval, sleep, timeout};

/// A demo, and what it prints.
pub struct Demo {
    child: Child,
    pub api: Api,
    /// Each line, and when it came.
    lines: Receiver<(Instant, String)>,
}

impl Demo {
    fn start() -> Self {
        Self::of(HOST, &[])
    }

    /// Starts the demo of the program at `path`.
    pub fn of(path: &str, args: &[&str]) -> Self {
        let mut demo = Command::new(path);
        demo.args(["demo", "--listen", "127.0.0.1:0"]).args(args).stdout(Stdio::piped());
        let mut child = demo.spawn().unwrap();
        let mut printed: Lines<BufReader<ChildStdout>> =
            BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || printed.next().unwrap().unwrap();
        assert!(next().ends_with(" replicas of spin-on-k8s run here, under a small kubelet."));
        let url = next();
        let url = url.strip_prefix("Control room: ").unwrap();
        assert_eq!(next(), "Ctrl-C stops everything.");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            printed.map_while(Result::ok).try_for_each(|line| sender.send((Instant::now(), line)))
        });
        Self { child, api: Api::new(url), lines }
    }

    /// Waits for a line with all of `parts`; returns when it came.
    fn tells(&self, parts: &[&str]) -> Instant {
        loop {
            let next = self.lines.recv_timeout(PATIENCE);
            let (at, line) = next.unwrap_or_else(|_| panic!("{parts:?}"));
            if parts.iter().all(|part| line.contains(part)) {
                return at;
            }
        }
    }

    /// Waits until a replica is said to be in `state`; returns when it was.
    fn awaits(&self, name: &str, state: &str, restarts: u32) -> Instant {
        self.tells(&[&format!("{name:16} {state:10} {restarts:>8}")])
    }

    /// Waits until a replica answers at its address.
    async fn serves(&self) {
        let served = async { while self.api.get("/health").await.status != 200 {} };
        timeout(PATIENCE, served).await.unwrap();
    }

    /// The processes that it has started.
    fn children(&self) -> Vec<i32> {
        let parent = self.child.id().to_string();
        let processes = processes().into_iter();
        let children: Vec<_> =
            processes.filter(|(_, it)| *it == parent).map(|(id, _)| id).collect();
        // The replicas, and the shell that ends them.
        assert_eq!(children.len(), 4);
        children
    }

    /// Sends it a signal, and waits until none of its processes is left.
    async fn end(mut self, signal: Signal) -> Option<i32> {
        let children = self.children();
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let code = self.child.wait().unwrap().code();
        let gone = async {
            while processes().iter().any(|(id, _)| children.contains(id)) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, gone).await.expect("no process that is left behind");
        code
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All processes of this machine that run, and their parents.
fn processes() -> Vec<(i32, String)> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let running = lines.filter(|it| !it[2].starts_with('Z'));
    running.map(|it| (it[0].parse().unwrap(), it[1].into())).collect()
}

/// Opens the page of a demo whose replicas are all ready.
async fn open(demo: &Demo) -> Browser {
    for _ in 1..=3 {
        demo.tells(&["  ready "]);
    }
    demo.serves().await;
    let page = Browser::open(demo.api.url(), "demo").await;
    page.resize(920, 470).await;
    page.see_alive(3).await;
    page
}

#[tokio::test]
async fn replicas_heal_in_view() {
    let demo = Demo::start();
    let page = open(&demo).await;

    let failed = page.inject("fail").await;
    let fault = Instant::now();
    let unready = demo.awaits(&failed, "not ready", 0) - fault;
    let healed = demo.awaits(&failed, "ready", 1) - fault;
    println!("/fail: unready after {unready:.1?}, ready after {healed:.1?}");
    page.read("#live", &format!("{failed} healed after ")).await;
    page.see(&format!(".lane[data-replica={failed}] i.failing")).await;
    page.healed().await;

    let quit = page.inject("quit").await;
    let fault = Instant::now();
    let restarts = if quit == failed { 2 } else { 1 };
    demo.tells(&[&quit, "not ready", "exit status: 0"]);
    let healed = demo.awaits(&quit, "ready", restarts) - fault;
    println!("/quit: ready after {healed:.1?}, restarts {restarts}");
    page.read("#events tbody tr:first-child", "/quit").await;
    page.see(&format!(".lane[data-replica={quit}] i.alive:last-child")).await;
    assert_eq!(demo.end(Signal::INT).await, Some(0));
}

/// Takes the README's recording of a replica that heals.
#[tokio::test]
#[ignore = "make pictures runs it"]
async fn pictures() {
    let demo = Demo::start();
    let page = open(&demo).await;
    page.see_alive(20).await;
    let failed = page.inject("fail").await;
    page.client.execute("scrollTo(0, 95)", vec![]).await.unwrap();
    let mut beat = interval(Duration::from_millis(500));
    let healed = format!("{failed} healed after ");
    for frame in 0.. {
        assert!(frame < 100, "it never heals");
        beat.tick().await;
        let headline = page.text("#live").await;
        page.screenshot(&format!("healing-{frame:02}")).await;
        if headline.contains(&healed) {
            break;
        }
    }
}

#[tokio::test]
async fn a_killed_demo_leaves_nothing_behind() {
    let demo = Demo::start();
    demo.serves().await;
    assert_eq!(demo.end(Signal::KILL).await, None);
}

/// Writes the deployment's manifest with `from` replaced, which must be in it; returns the file's name.
fn changed(name: &str, changes: &[(&str, &str)]) -> String {
    let mut manifest = MANIFEST.to_owned();
    for (from, to) in changes {
        assert!(manifest.contains(from), "{from}");
        manifest = manifest.replace(from, to);
    }
    let file = format!("{}/{name}.yaml", env!("CARGO_TARGET_TMPDIR"));
    fs::write(&file, manifest).unwrap();
    file
}

#[tokio::test]
async fn a_changed_manifest_is_heeded_and_what_is_ignored_is_said() {
    let hasty = changed(
        "hasty",
        &[
            ("replicas: 3", "replicas: 1"),
            ("periodSeconds: 3", "periodSeconds: 1"),
            ("failureThreshold: 4", "failureThreshold: 1\n            periodsSeconds: 9"),
            ("seconds: 7", "seconds: 0"),
        ],
    );
    let demo = Demo::of(HOST, &["--manifest", &hasty]);
    demo.tells(&["Ignored in ", &hasty, ", livenessProbe.periodsSeconds, ", ", resources, "]);
    demo.awaits("spin-on-k8s-1", "ready", 0);
    demo.serves().await;
    let fault = Instant::now();
    assert_eq!(demo.api.send("POST", "/fail").await.status, 200);
    // Four failures, one each three seconds, and the preStop hook would take 16.
    assert!(demo.awaits("spin-on-k8s-1", "ready", 1) - fault < Duration::from_secs(12));
}

#[test]
fn a_manifest_that_it_cannot_heed_is_refused_by_name() {
    for (from, to, said) in [
        ("kind: Deployment", "kind: StatefulSet", "kind: \"StatefulSet\" is not \"Deployment\""),
        ("kind: Deployment", "", "kind is missing"),
        ("apps/v1", "extensions/v1beta1", "apiVersion: \"extensions/v1beta1\" is not"),
        ("sizeLimit: 8Mi", "sizeLimit: 8Mi\n---\nkind: Service", "2 documents, not one"),
        ("replicas: 3", "replicas: many", "spec.replicas: invalid type: string \"many\""),
        ("replicas: 3", "replicas: 101", "spec.replicas: 101 is more than 100"),
        ("replicas: 3", "replicas: -1", "spec.replicas: invalid value"),
        ("- name: api\n", "- name: other\n        - name: api\n", "2 containers, not one"),
        ("      containers:", "      initContainers: []\n      containers:", "initContainers"),
        (
            "httpGet: *health",
            "exec: {command: [ls]}",
            "livenessProbe.exec: the demo cannot do this",
        ),
        ("httpGet: *health", "grpc: {port: 8000}", "livenessProbe.grpc"),
        ("httpGet: *health", "tcpSocket: {port: http}", "livenessProbe.tcpSocket"),
        ("path: /health", "host: other", "livenessProbe.httpGet.host"),
        ("path: /health", "scheme: HTTPS", "livenessProbe.httpGet.scheme: unknown variant `HTTPS`"),
        ("port: http", "port: 9000", "startupProbe.httpGet.port: 9000 is not the container's"),
        (
            "failureThreshold: 4",
            "successThreshold: 2",
            "livenessProbe.successThreshold: 2 is not 1",
        ),
        ("failureThreshold: 4", "failureThreshold: -4", "livenessProbe.failureThreshold: invalid"),
        ("sleep:", "exec:", "lifecycle.preStop.exec"),
        ("preStop:", "postStart:", "lifecycle.postStart"),
        ("value: \"200\"", "value: 200", "env[2].value: invalid type: integer `200`"),
        ("  replicas: 3", "\treplicas: 3", "line 11"),
        (MANIFEST, "", "0 documents, not one"),
        (MANIFEST, "[]", "apiVersion is missing"),
    ] {
        let file = changed("refused", &[(from, to)]);
        let mut demo = Command::new(HOST);
        demo.args(["demo", "--listen", "127.0.0.1:0", "--manifest", &file]);
        let output = demo.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), stderr.lines().count()),
            (Some(1), 1),
            "{said}: {stderr}"
        );
        assert!(stderr.contains(&format!("{file}: ")) && stderr.contains(said), "{said}: {stderr}");
    }
}

#[test]
fn start_up_errors_are_one_clear_line() {
    let demo = || {
        let mut demo = Command::new(HOST);
        demo.arg("demo");
        demo
    };
    assert_errors_are_one_clear_line(demo, &[["--replicas", "0"], ["--replicas", "101"]]);
}
