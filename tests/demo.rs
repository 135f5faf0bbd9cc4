//! `make demo`, as a user runs it.

use crate::browser::Browser;
use crate::support::{Api, PATIENCE};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const DEMO: &str = concat!(env!("CARGO_BIN_EXE_spin-on-k8s"), "-demo");

/// A demo, and what it prints.
pub struct Demo {
    child: Child,
    pub api: Api,
    lines: Receiver<String>,
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
        assert_eq!(next(), "Ctrl-C ends all of it.");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            printed.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, api: Api::new(url), lines }
    }

    /// The next line that has all of `parts`.
    fn tells(&self, parts: &[&str]) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{parts:?}"));
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }

    /// Waits until a replica is told to be so, and returns when that was.
    fn awaits(&self, name: &str, state: &str, restarts: u32) -> Instant {
        self.tells(&[&format!("{name:16} {state:10} {restarts:>8}")]);
        Instant::now()
    }

    /// Strikes whichever replica has its turn; returns its name, and when that was.
    async fn strike(&self, path: &str) -> (String, Instant) {
        let answer = self.api.send("POST", path).await;
        assert!([200, 202].contains(&answer.status));
        (answer.header("x-replica").into(), Instant::now())
    }

    /// The processes that it has started.
    fn children(&self) -> Vec<i32> {
        let parent = self.child.id().to_string();
        let processes = processes().into_iter();
        let children: Vec<_> =
            processes.filter(|(_, it)| *it == parent).map(|(id, _)| id).collect();
        // The replicas, and what ends them.
        assert_eq!(children.len(), 4);
        children
    }

    /// Sends it a signal, and waits until nothing is left of it.
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

/// All processes of this machine that run, and their parents.
fn processes() -> Vec<(i32, String)> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let running = lines.filter(|it| !it[2].starts_with('Z'));
    running.map(|it| (it[0].parse().unwrap(), it[1].into())).collect()
}

#[tokio::test]
async fn replicas_heal_before_the_eyes() {
    let demo = Demo::start();
    let mut starting = vec!["spin-on-k8s-1", "spin-on-k8s-2", "spin-on-k8s-3"];
    while !starting.is_empty() {
        let line = demo.tells(&[]);
        starting.retain(|name| !line.contains(&format!("{name:16} ready")));
    }
    let page = Browser::open(demo.api.url(), "demo").await;
    page.see("body[data-state=alive]").await;

    let (failed, start) = demo.strike("/fail").await;
    let unready = demo.awaits(&failed, "not ready", 0) - start;
    let healed = demo.awaits(&failed, "ready", 1) - start;
    println!("/fail: unready after {unready:.1?}, ready after {healed:.1?}");
    assert!((10..30).contains(&healed.as_secs()), "{healed:?}");

    let (quit, start) = demo.strike("/quit").await;
    let restarts = if quit == failed { 2 } else { 1 };
    demo.tells(&[&quit, "not ready", "exit status: 0"]);
    let healed = demo.awaits(&quit, "ready", restarts) - start;
    println!("/quit: ready after {healed:.1?}, restarts {restarts}");
    page.see(&format!(".lane[data-replica={quit}] i[data-state=alive]")).await;
    assert_eq!(demo.end(Signal::INT).await, Some(0));
}

#[tokio::test]
async fn nothing_is_left_of_a_demo_that_is_killed() {
    let demo = Demo::start();
    let served = async { while demo.api.get("/health").await.status != 200 {} };
    timeout(PATIENCE, served).await.unwrap();
    assert_eq!(demo.end(Signal::KILL).await, None);
}
