//! `make demo`, as a user runs it.

use crate::browser::Browser;
use crate::support::{Api, PATIENCE};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio::time::{interval, sleep, timeout};

const DEMO: &str = concat!(env!("CARGO_BIN_EXE_spin-on-k8s"), "-demo");

/// A demo, and what it prints.
pub struct Demo {
    child: Child,
    pub api: Api,
    /// Each line, and when it came.
    lines: Receiver<(Instant, String)>,
}

impl Demo {
    fn start() -> Self {
        Self::of(DEMO)
    }

    /// Starts the program at `path`.
    pub fn of(path: &str) -> Self {
        let mut demo = Command::new(path);
        demo.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = demo.spawn().expect("the demo, which cargo test --workspace builds");
        let mut printed: Lines<BufReader<ChildStdout>> =
            BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || printed.next().unwrap().unwrap();
        assert_eq!(next(), "3 replicas of spin-on-k8s run here, under a small kubelet.");
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

/// Keeps a picture of the page every half second, until its headline has `part`.
async fn record(page: &Browser, part: &str) {
    let mut beat = interval(Duration::from_millis(500));
    for frame in 0..100 {
        beat.tick().await;
        let headline = page.text("#live").await;
        page.screenshot(&format!("healing-{frame:02}")).await;
        if headline.contains(part) {
            return;
        }
    }
    panic!("nothing {part}");
}

#[tokio::test]
async fn replicas_heal_in_view() {
    let demo = Demo::start();
    for _ in 1..=3 {
        demo.tells(&["  ready "]);
    }
    demo.serves().await;
    let page = Browser::open(demo.api.url(), "demo").await;
    page.resize(920, 470).await;
    page.see_alive(60).await;

    let failed = page.inject("fail").await;
    let struck = Instant::now();
    page.client.execute("scrollTo(0, 125)", vec![]).await.unwrap();
    record(&page, &format!("{failed} is back after ")).await;
    let unready = demo.awaits(&failed, "not ready", 0) - struck;
    let healed = demo.awaits(&failed, "ready", 1) - struck;
    println!("/fail: unready after {unready:.1?}, ready after {healed:.1?}");
    assert!((1..9).contains(&unready.as_secs()), "{unready:?}");
    assert!((10..30).contains(&healed.as_secs()), "{healed:?}");
    page.see(&format!(".lane[data-replica={failed}] i[data-state=failing]")).await;
    let healed = page.time("healed").await;
    assert!((10.0..30.0).contains(&healed), "{healed}");

    let quit = page.inject("quit").await;
    let struck = Instant::now();
    let restarts = if quit == failed { 2 } else { 1 };
    demo.tells(&[&quit, "not ready", "exit status: 0"]);
    let healed = demo.awaits(&quit, "ready", restarts) - struck;
    println!("/quit: ready after {healed:.1?}, restarts {restarts}");
    page.read("#events tbody tr:first-child", "/quit").await;
    page.see(&format!(".lane[data-replica={quit}] i:last-child[data-state=alive]")).await;

    // Two minutes of it, for the README.
    for polls in [180, 240] {
        page.see(&format!("i[data-state]:nth-last-child(n+{polls})")).await;
    }
    page.client.execute("scrollTo(0, 0)", vec![]).await.unwrap();
    page.resize(1100, 800).await;
    page.screenshot("demo").await;
    assert_eq!(demo.end(Signal::INT).await, Some(0));
}

#[tokio::test]
async fn a_killed_demo_leaves_nothing_behind() {
    let demo = Demo::start();
    demo.serves().await;
    assert_eq!(demo.end(Signal::KILL).await, None);
}
