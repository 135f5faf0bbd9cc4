//! The demo's kubelet, held to what Kubernetes documents in "Pod Lifecycle" and "Configure Liveness,
//! Readiness and Startup Probes". Its containers are scripts, whose probes this process answers.

use crate::support::{PATIENCE, ROOT};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use spin_on_k8s_host::demo::kubelet::{BackOff, Kubelet, Pod, Pods};
use spin_on_k8s_host::demo::manifest::Manifest;
use std::convert::Infallible;
use std::future::pending;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The only pod of a node.
const NAME: &str = "spin-on-k8s-1";

/// A container that serves until SIGTERM, and then ends with code 3.
const POLITE: &str = "trap 'exit 3' TERM; echo Serving http://$SPIN_VARIABLE_SERVER; \
    while :; do /bin/sleep 0.05; done";

/// A container that SIGTERM does not impress.
const STUBBORN: &str = "trap '' TERM; echo Serving http://$SPIN_VARIABLE_SERVER; \
    exec /bin/sleep 1000";

/// A probe that has arrived.
#[derive(Clone)]
struct Arrival {
    path: String,
    /// Whether the pod was ready then.
    ready: bool,
    at: Instant,
}

/// A node with one pod.
struct Node {
    kubelet: Arc<Kubelet>,
    pods: watch::Receiver<Pods>,
    arrivals: watch::Receiver<Vec<Arrival>>,
    start: Instant,
}

impl Node {
    /// Runs a shell script as the container of a pod, which gets the fields `pod` and `container`.
    ///
    /// The path of a probe lists the answers to it, of which the last holds for ever: `/live/200/500`,
    /// say. There is no answer for 0.
    async fn run(script: &str, pod: &str, container: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let yaml = format!(
            r#"{{apiVersion: apps/v1, kind: Deployment, spec: {{template: {{spec: {{{pod} containers: [{{
                ports: [{{containerPort: 80}}],
                env: [{{name: SERVER, value: "{server}"}}, {{name: SCRIPT, value: "{script}"}}],
                {container}
            }}]}}}}}}}}"#
        );
        let manifest = Manifest::parse(&yaml).unwrap();
        assert!(manifest.ignored.is_empty(), "{:?}", manifest.ignored);
        let kubelet = Kubelet::new(manifest, format!("{ROOT}/tests/container")).unwrap();
        let pods = kubelet.pods.subscribe();
        let (sender, arrivals) = watch::channel(Vec::new());
        tokio::spawn(answer(listener, pods.clone(), sender));
        let start = Instant::now();
        kubelet.create();
        Self { kubelet, pods, arrivals, start }
    }

    /// Waits until the pod is as wanted; returns it.
    async fn until(&self, wanted: impl Fn(&Pod) -> bool) -> Pod {
        let mut pods = self.pods.clone();
        let wanted = timeout(PATIENCE, pods.wait_for(|pods| wanted(&pods[NAME]))).await;
        wanted.expect("the pod to become so").unwrap()[NAME].clone()
    }

    /// Waits until that many probes have arrived; returns them.
    async fn probes(&self, count: usize) -> Vec<Arrival> {
        let mut arrivals = self.arrivals.clone();
        let enough = timeout(PATIENCE, arrivals.wait_for(|all| all.len() >= count)).await;
        enough.expect("more probes").unwrap()[..count].to_vec()
    }

    /// Deletes the pod, and waits until it is gone.
    async fn delete(&self) {
        self.kubelet.delete(NAME);
        let mut pods = self.pods.clone();
        let gone = timeout(PATIENCE, pods.wait_for(Pods::is_empty)).await;
        gone.expect("the pod to be gone").unwrap();
    }
}

/// Answers probes as their paths say.
async fn answer(
    listener: TcpListener,
    pods: watch::Receiver<Pods>,
    arrivals: watch::Sender<Vec<Arrival>>,
) {
    let arrivals = Arc::new(arrivals);
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (pods, arrivals) = (pods.clone(), arrivals.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            let path = request.uri().path().to_owned();
            let before = arrivals.borrow().iter().filter(|it| it.path == path).count();
            let answers: Vec<u16> = path.split('/').filter_map(|it| it.parse().ok()).collect();
            let ready = pods.borrow().get(NAME).is_some_and(|pod| pod.ready);
            arrivals.send_modify(|all| all.push(Arrival { path, ready, at: Instant::now() }));
            async move {
                let status = answers[before.min(answers.len() - 1)];
                if status == 0 {
                    return pending().await;
                }
                let answer = Response::builder().status(status).body(Empty::<Bytes>::new());
                Ok::<_, Infallible>(answer.unwrap())
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

fn probe(path: &str, more: &str) -> String {
    format!("{{httpGet: {{path: {path}, port: 80}}, periodSeconds: 1, {more}}}")
}

fn readiness(path: &str, more: &str) -> String {
    format!("readinessProbe: {}", probe(path, more))
}

fn liveness(path: &str, more: &str) -> String {
    format!("livenessProbe: {}", probe(path, more))
}

fn startup(path: &str, more: &str) -> String {
    format!("startupProbe: {}", probe(path, more))
}

fn pre_stop(seconds: u32) -> String {
    format!("lifecycle: {{preStop: {{sleep: {{seconds: {seconds}}}}}}}")
}

#[test]
fn restarts_back_off_to_five_minutes_until_a_container_has_run_for_ten() {
    let mut back_off = BackOff::default();
    for (ran, pause) in [
        (0, 0), // the first restart is immediate
        (0, 10),
        (599, 20),
        (1, 40),
        (0, 80),
        (300, 160),
        (0, 300),
        (599, 300),
        (600, 0), // like the first
        (5, 10),
        (5, 20),
        (6000, 0),
    ] {
        let after = back_off.after(Duration::from_secs(ran));
        assert_eq!(after.as_secs(), pause, "after {ran} s");
    }
}

#[tokio::test]
async fn thresholds_count_results_in_a_row() {
    // Whether the pod is ready when each probe arrives follows from the answers to those before.
    let cases = [
        ("/200/500/500/500/200/500", "", "-+++-+"),
        ("/500/200/200/500/200/200/200", "successThreshold: 3", "-------+"),
        ("/200/500/200/500/500/200", "failureThreshold: 2", "-++++-+"),
        ("/399/400/302/404/200/0/204", "failureThreshold: 1", "-+-+-+-+"),
        ("/200/500", "failureThreshold: 0, successThreshold: 0", "-+++-"),
    ];
    let cases = cases.map(|(path, more, ready)| {
        tokio::spawn(async move {
            let node = Node::run(POLITE, "", &readiness(path, more)).await;
            let seen = node.probes(ready.len()).await;
            let seen: String = seen.iter().map(|it| if it.ready { '+' } else { '-' }).collect();
            assert_eq!(seen, ready, "{path} {more}");
        })
    });
    for case in cases {
        case.await.unwrap();
    }
}

#[tokio::test]
async fn without_probes_a_container_is_ready_at_once() {
    let node = Node::run(POLITE, "", "").await;
    node.until(|pod| pod.ready).await;
}

#[tokio::test]
async fn no_probe_comes_within_the_initial_delay_nor_before_start_up() {
    let delay = Duration::from_secs(2);
    let more = "initialDelaySeconds: 2";
    let container = [
        startup("/startup/500/200", more),
        readiness("/ready/200", more),
        liveness("/live/200", ""),
    ];
    let node = Node::run(POLITE, "", &container.join(", ")).await;
    let seen = node.probes(8).await;
    let first = |name: &str| seen.iter().find(|it| it.path.starts_with(name)).unwrap().at;
    assert!(first("/startup") - node.start >= delay);
    assert!(seen[..2].iter().all(|it| it.path.starts_with("/startup")));
    assert!(seen[2..].iter().all(|it| !it.path.starts_with("/startup")));
    assert!(first("/ready") - seen[1].at >= delay);
    assert!(first("/ready") > first("/live"));
}

#[tokio::test]
async fn a_container_that_does_not_start_up_is_restarted() {
    let container = startup("/500", "failureThreshold: 2");
    let node = Node::run(POLITE, "", &container).await;
    let pod = node.until(|pod| pod.restarts == 1).await;
    assert_eq!(pod.last_exit.unwrap().code(), Some(3));
    let second = node.probes(2).await[1].at;
    assert!(second - node.start >= Duration::from_secs(1));
}

#[tokio::test]
async fn while_it_starts_up_its_end_and_its_deletion_are_noticed() {
    let script = "echo Serving http://$SPIN_VARIABLE_SERVER; /bin/sleep 0.5; exit 7";
    let endless = startup("/500", "failureThreshold: 1000");
    let node = Node::run(script, "", &endless).await;
    let pod = node.until(|pod| pod.restarts == 1).await;
    assert_eq!(pod.last_exit.unwrap().code(), Some(7));

    let node = Node::run(POLITE, "", &endless).await;
    node.probes(1).await;
    node.delete().await;
}

#[tokio::test]
async fn a_container_that_cannot_start_backs_off_and_can_be_deleted() {
    for (script, code) in [("exit 2", 2), ("trap '' TERM; echo No; exit 5", 5)] {
        let node = Node::run(script, "", "").await;
        node.until(|pod| pod.restarts == 1).await;
        // The second restart would come after ten seconds.
        let pod = node.until(|pod| pod.last_exit.is_some()).await;
        assert_eq!((pod.last_exit.unwrap().code(), pod.ready), (Some(code), false));
        let start = Instant::now();
        node.delete().await;
        assert!(start.elapsed() < Duration::from_secs(9));
    }
}

#[tokio::test]
async fn a_program_that_is_missing_backs_off_and_can_be_deleted() {
    let yaml =
        "{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {containers: [{}]}}}}";
    let kubelet = Kubelet::new(Manifest::parse(yaml).unwrap(), "/missing").unwrap();
    let mut pods = kubelet.pods.subscribe();
    kubelet.create();
    let restarted = pods.wait_for(|pods| pods[NAME].restarts == 1);
    assert_eq!(timeout(PATIENCE, restarted).await.unwrap().unwrap()[NAME].last_exit, None);
    kubelet.delete(NAME);
    timeout(PATIENCE, pods.wait_for(Pods::is_empty)).await.unwrap().unwrap();
}

#[tokio::test]
async fn before_a_kill_the_hook_runs_and_readiness_is_still_probed() {
    let container = [
        liveness("/live/200/500", "failureThreshold: 1"),
        readiness("/ready/200/200/200/500", "failureThreshold: 1"),
        pre_stop(4),
    ];
    let node = Node::run(POLITE, "", &container.join(", ")).await;
    node.until(|pod| pod.ready).await;
    node.until(|pod| !pod.ready && pod.last_exit.is_none()).await;
    let pod = node.until(|pod| pod.last_exit.is_some()).await;
    assert_eq!(pod.last_exit.unwrap().code(), Some(3));
    let seen = node.arrivals.borrow().clone();
    let live: Vec<_> = seen.iter().filter(|it| it.path.starts_with("/live")).take(2).collect();
    assert!(live[1].at.elapsed() >= Duration::from_secs(4));
}

#[tokio::test]
async fn the_grace_period_bounds_hook_and_sigterm() {
    let failing = liveness("/500", "failureThreshold: 1");
    for (script, grace, hook, seconds, code, signal) in [
        (POLITE, 3, 1, 1, Some(3), None),
        (STUBBORN, 3, 1, 3, None, Some(9)),
        // A hook that takes longer is cut short, and the container gets two seconds more.
        (POLITE, 1, 1000, 1, Some(3), None),
        (STUBBORN, 1, 1000, 3, None, Some(9)),
        // Without a grace period, there is neither.
        (POLITE, 0, 1000, 0, None, Some(9)),
    ] {
        let pod = format!("terminationGracePeriodSeconds: {grace},");
        let node = Node::run(script, &pod, &format!("{failing}, {}", pre_stop(hook))).await;
        let failed = node.probes(1).await[0].at;
        let status = node.until(|pod| pod.last_exit.is_some()).await.last_exit.unwrap();
        assert!(failed.elapsed() >= Duration::from_secs(seconds), "{grace} {hook}");
        assert_eq!((status.code(), status.signal()), (code, signal), "{grace} {hook}");
    }
}

#[tokio::test]
async fn a_probe_may_have_a_grace_period_of_its_own() {
    let failing = liveness("/500", "failureThreshold: 1, terminationGracePeriodSeconds: 1");
    let node = Node::run(STUBBORN, "terminationGracePeriodSeconds: 1000,", &failing).await;
    let pod = node.until(|pod| pod.last_exit.is_some()).await;
    assert_eq!(pod.last_exit.unwrap().signal(), Some(9));
}

#[tokio::test]
async fn a_deleted_pod_is_no_endpoint_and_its_liveness_is_no_longer_probed() {
    let container = [liveness("/live/200", ""), readiness("/ready/200", ""), pre_stop(3)];
    let node = Node::run(POLITE, "", &container.join(", ")).await;
    node.until(Pod::is_endpoint).await;
    let deleted = Instant::now();
    node.delete().await;
    assert!(deleted.elapsed() >= Duration::from_secs(3));
    let seen = node.arrivals.borrow().clone();
    // The one under way may still arrive.
    let late = |it: &&Arrival| it.path.starts_with("/live") && it.at > deleted;
    assert!(seen.iter().filter(late).count() <= 1);
}
