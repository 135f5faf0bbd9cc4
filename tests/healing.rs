//! The drill without a cluster: three replicas under a small kubelet, constant requests, and five
//! faults. `tests/drill` does the same on a real cluster.

use crate::support::{Api, HOST, MANIFEST};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use serde::Deserialize;
use spin_on_k8s_host::demo::container;
use spin_on_k8s_host::demo::kubelet::{Kubelet, Pods};
use spin_on_k8s_host::demo::manifest::Manifest;
use spin_on_k8s_host::demo::service::Service;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

const REPLICAS: usize = 3;
/// How long it takes until a change of readiness reaches those who send requests.
const PROPAGATION: Duration = Duration::from_secs(1);
/// How long a fault may take to heal.
const HEALING: Duration = Duration::from_secs(60);
/// Clients that wait. So many, one after the other, that every replica always has waits in flight that
/// have only just begun: with a lesser chance than one in a million, none within two seconds.
const WAITING: u32 = 120;
/// How long a `/wait` takes.
const WAIT: Duration = Duration::from_secs(5);
/// Clients of a flood: more than the instances of three replicas, for a fifth of the load.
const FLOODING: usize = 480;
/// How long a flood takes: longer than the patience of readiness and liveness.
const FLOOD: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Default, Debug, Deserialize)]
pub struct Requests {
    pub sent: usize,
    pub lost: usize,
    pub retried: usize,
    /// Waits beyond the limit of a replica.
    pub refused: usize,
}

/// What a fault led to, and after how many seconds.
#[derive(Debug, Deserialize)]
pub struct Row {
    /// The first replica was not ready.
    pub unready: Option<f64>,
    /// The last replica that had to be replaced was.
    pub replaced: Option<f64>,
    /// All replicas were ready.
    pub ready: Option<f64>,
    #[serde(flatten)]
    pub requests: Requests,
}

/// A deployment under fire.
pub struct Drill {
    kubelet: Arc<Kubelet>,
    pods: watch::Receiver<Pods>,
    service: Arc<Service>,
    requests: Mutex<Requests>,
    /// Whether the last fault was a `/quit`. A request that it refuses may be retried once, as an
    /// ingress does.
    quitting: Mutex<bool>,
}

impl Drill {
    /// Deploys three replicas, waits until they are ready, and starts the traffic.
    pub async fn start(manifest: Manifest) -> Arc<Self> {
        rlimit::increase_nofile_limit(u64::MAX).unwrap();
        let kubelet = Kubelet::new(manifest, HOST).unwrap();
        let pods = kubelet.pods.subscribe();
        let drill = Arc::new(Self {
            service: Service::new(pods.clone(), PROPAGATION),
            pods,
            kubelet,
            requests: Mutex::default(),
            quitting: Mutex::default(),
        });
        (0..REPLICAS).for_each(|_| drill.kubelet.create());
        drill.until(Instant::now() + HEALING, all_ready).await.expect("replicas that get ready");
        sleep(PROPAGATION * 2).await;
        for _ in 0..4 {
            tokio::spawn(drill.clone().traffic(Duration::ZERO, "/parity?int=7", "odd"));
        }
        for client in 0..WAITING {
            let delay = WAIT * client / WAITING;
            tokio::spawn(drill.clone().traffic(delay, "/wait", r#"{"time":""#));
        }
        // Until all of them wait.
        sleep(WAIT).await;
        drill
    }

    /// Requests `target` through the Service after a `delay`, one after the other.
    async fn traffic(self: Arc<Self>, delay: Duration, target: &str, body: &str) {
        sleep(delay).await;
        loop {
            self.request(target, body).await;
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Requests `target` through the Service, and counts the outcome; returns whether it was good.
    async fn request(&self, target: &str, body: &str) -> bool {
        let quitting = *self.quitting.lock().unwrap();
        let answer = async {
            let (stream, retry) = self.service.connect(quitting).await?;
            let request = Request::get(target).header("host", "x").body(Empty::<Bytes>::new())?;
            let (head, body) = container::send(stream, request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            anyhow::Ok((retry, head.status.as_u16(), String::from_utf8_lossy(&body).into_owned()))
        };
        let (retry, status, answer) = answer.await.unwrap_or_default();
        let refused = status == 503 && answer.contains("this replica begins");
        let good = status == 200 && answer.starts_with(body);
        let mut requests = self.requests.lock().unwrap();
        requests.sent += 1;
        requests.retried += usize::from(retry);
        requests.refused += usize::from(refused);
        requests.lost += usize::from(!good && !refused);
        good
    }

    /// Waits until the pods are as wanted; returns when they were, or nothing if they are not by `end`.
    async fn until(&self, end: Instant, wanted: impl FnMut(&Pods) -> bool) -> Option<Instant> {
        let mut pods = self.pods.clone();
        timeout_at(end, pods.wait_for(wanted)).await.ok().map(|_| Instant::now())
    }

    /// Waits out a fault, prints its row, and returns it.
    async fn heal(&self, fault: &str, start: Instant, replaced: impl Fn(&Pods) -> bool) -> Row {
        let end = start + HEALING;
        let unready = self.until(end, |pods| pods.values().any(|pod| !pod.is_endpoint())).await;
        let replaced = self.until(end, replaced).await;
        let ready = self.until(end, all_ready).await;
        self.report(fault, start, [unready, replaced, ready]).await
    }

    /// Prints the row of a fault, and returns it.
    async fn report(&self, fault: &str, start: Instant, times: [Option<Instant>; 3]) -> Row {
        // What is still under way belongs to this fault.
        sleep(PROPAGATION + WAIT + Duration::from_secs(1)).await;
        let requests = std::mem::take(&mut *self.requests.lock().unwrap());
        *self.quitting.lock().unwrap() = false;
        let times = times.map(|end| end.map(|end| (end - start).as_secs_f64()));
        let [unready, replaced, ready] =
            times.map(|time| time.map_or("never".into(), |time| format!("{time:.1} s")));
        let Requests { sent, lost, retried, refused } = requests;
        println!(
            "| {fault} | {unready} | {replaced} | {ready} | {sent} | {lost} | {retried} | {refused} |"
        );
        let [unready, replaced, ready] = times;
        Row { unready, replaced, ready, requests }
    }

    /// More clients than the replicas have instances keep asking for `/wait`. Returns whether all
    /// replicas stayed ready, and the requests.
    async fn flood(self: &Arc<Self>) -> (bool, Requests) {
        let clients: Vec<_> = (0..FLOODING)
            .map(|_| {
                let drill = self.clone();
                tokio::spawn(async move {
                    loop {
                        if !drill.request("/wait", r#"{"time":""#).await {
                            // The least that `Retry-After` asks for.
                            sleep(Duration::from_secs(1)).await;
                        }
                    }
                })
            })
            .collect();
        let start = Instant::now();
        let unready = self.until(start + FLOOD, |pods| !all_ready(pods)).await;
        clients.iter().for_each(JoinHandle::abort);
        let requests = self.report("flood", start, [unready, None, None]).await.requests;
        (unready.is_none() && self.pods.borrow().values().all(|pod| pod.restarts == 0), requests)
    }

    /// The name of a pod without a fault, and its container.
    fn victim(&self) -> (String, Api) {
        let pods = self.pods.borrow();
        let (name, pod) = pods.iter().find(|(_, pod)| pod.restarts == 0).unwrap();
        (name.clone(), Api::new(&format!("http://{}", pod.address.unwrap())))
    }

    pub async fn fail(&self) -> Row {
        let (name, api) = self.victim();
        let start = Instant::now();
        assert_eq!(api.send("POST", "/fail").await.status, 200);
        self.heal("`/fail`", start, |pods| pods[&name].restarts > 0).await
    }

    pub async fn quit(&self) -> Row {
        let (name, api) = self.victim();
        let start = Instant::now();
        *self.quitting.lock().unwrap() = true;
        assert_eq!(api.send("POST", "/quit").await.status, 202);
        self.heal("`/quit`", start, |pods| pods[&name].restarts > 0).await
    }

    /// Creates one pod more than there should be, deletes an old one when it is ready, and so on.
    pub async fn rolling_restart(&self) -> Row {
        let start = Instant::now();
        let old: Vec<_> = self.pods.borrow().keys().cloned().collect();
        for name in &old {
            self.kubelet.create();
            self.until(start + HEALING, |pods| endpoints(pods) > REPLICAS).await;
            self.kubelet.delete(name);
        }
        self.heal("rolling restart", start, |pods| old.iter().all(|name| !pods.contains_key(name)))
            .await
    }

    /// Evicts all pods, each as soon as the disruption budget of one allows it.
    async fn evict(&self) -> Row {
        let start = Instant::now();
        let old: Vec<_> = self.pods.borrow().keys().cloned().collect();
        for name in &old {
            self.until(start + HEALING, |pods| endpoints(pods) == REPLICAS).await;
            self.kubelet.delete(name);
            self.kubelet.create();
        }
        self.heal("eviction", start, |pods| old.iter().all(|name| !pods.contains_key(name))).await
    }
}

/// How many pods the Service sends requests to.
fn endpoints(pods: &Pods) -> usize {
    pods.values().filter(|pod| pod.is_endpoint()).count()
}

fn all_ready(pods: &Pods) -> bool {
    pods.len() == REPLICAS && endpoints(pods) == REPLICAS
}

async fn deploy(manifest: &str) -> Arc<Drill> {
    Drill::start(Manifest::parse(manifest).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_heals_and_no_request_is_lost() {
    let drill = deploy(MANIFEST).await;
    println!("| fault | unready | replaced | all ready | sent | lost | retried | refused |");
    for row in
        [drill.fail().await, drill.quit().await, drill.rolling_restart().await, drill.evict().await]
    {
        assert!(row.replaced.is_some() && row.ready.is_some(), "{row:?}");
        assert!(row.requests.sent > 0 && row.requests.lost == 0, "{row:?}");
    }
}

/// A manifest with `from` replaced, which must be in it.
fn changed(manifest: &str, from: &str, to: &str) -> String {
    assert!(manifest.contains(from), "{from}");
    manifest.replace(from, to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_readiness_requests_are_lost() {
    let manifest = changed(MANIFEST, "readinessProbe:", "readinessProbe: null\n          unused:");
    let drill = deploy(&manifest).await;
    assert_ne!(drill.fail().await.requests.lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_pre_stop_requests_are_lost() {
    let drill = deploy(&changed(MANIFEST, "seconds: 7", "seconds: 0")).await;
    assert_ne!(drill.rolling_restart().await.requests.lost, 0);
}

/// The manifest for a fifth of the load, since it is not this machine that the flood shall test.
fn small() -> String {
    changed(&changed(MANIFEST, r#""500""#, r#""100""#), r#""200""#, r#""40""#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_refused_and_costs_nothing_else() {
    let drill = deploy(&small()).await;
    let (ready, requests) = drill.flood().await;
    assert!(ready && requests.refused > 0 && requests.lost == 0, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_max_waits_a_flood_costs_requests() {
    let drill = deploy(&changed(&small(), "name: MAX_WAITS", "name: UNUSED")).await;
    assert_ne!(drill.flood().await.1.lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_that_spin_answers_itself_never_heals() {
    let drill = deploy(&changed(MANIFEST, "path: /health", "path: /.well-known/spin/health")).await;
    assert_eq!(drill.fail().await.replaced, None);
}
