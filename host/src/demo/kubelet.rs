//! A small kubelet. The containers are host processes; how they are treated is read from the
//! deployment's manifest.
//!
//! It follows the Kubernetes documentation: "Configure Liveness, Readiness and Startup Probes", and
//! "Pod Lifecycle" for termination and the restart back-off.

use crate::demo::container::{self, Container, Group};
use crate::demo::manifest::{EnvVar, Manifest, Probe};
use anyhow::Result;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::{self, Display};
use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

/// The path that Spin answers itself, whether the app is poisoned or not.
const SPIN_HEALTH: &str = "/.well-known/spin/health";

/// What a container gets to stop after a hook that took all of its grace period.
const EXTENSION: Duration = Duration::from_secs(2);

/// The state of a pod, as the API server knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    pub address: Option<SocketAddr>,
    pub ready: bool,
    pub restarts: u32,
    /// How its last container ended.
    pub last_exit: Option<ExitStatus>,
    pub deleted: bool,
}

impl Pod {
    /// Whether a service may send requests to it.
    pub fn is_endpoint(&self) -> bool {
        self.ready && !self.deleted
    }
}

impl Display for Pod {
    /// Like `kubectl get pods`: whether it is ready, its restarts, and its last exit.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ready = if self.is_endpoint() { "ready" } else { "not ready" };
        write!(f, "{ready:10} {:>8}  ", self.restarts)?;
        match self.last_exit {
            Some(status) => write!(f, "{status}"),
            None => write!(f, "-"),
        }
    }
}

/// All pods by name.
pub type Pods = BTreeMap<String, Pod>;

/// A node that runs the pods of one deployment.
pub struct Kubelet {
    /// The pods, which anyone may watch.
    pub pods: watch::Sender<Pods>,
    pub manifest: Manifest,
    host: PathBuf,
    group: Group,
    created: AtomicUsize,
}

impl Kubelet {
    /// A node without pods. Their containers will run the command `host`.
    ///
    /// # Errors
    /// If no process can be started.
    pub fn new(manifest: Manifest, host: impl Into<PathBuf>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            pods: watch::Sender::default(),
            manifest,
            host: host.into(),
            group: Group::new()?,
            created: AtomicUsize::new(1),
        }))
    }

    /// Creates one more pod.
    pub fn create(self: &Arc<Self>) {
        let name = format!("spin-on-k8s-{}", self.created.fetch_add(1, Ordering::Relaxed));
        self.pods.send_modify(|pods| _ = pods.insert(name.clone(), Pod::default()));
        tokio::spawn(self.clone().run(name));
    }

    /// Deletes a pod: it is no longer an endpoint, and is removed once its container has stopped.
    pub fn delete(&self, name: &str) {
        self.update(name, |pod| pod.deleted = true);
    }

    fn update(&self, name: &str, change: impl FnOnce(&mut Pod)) {
        self.pods.send_modify(|pods| _ = pods.get_mut(name).map(change));
    }

    /// Waits until a pod is deleted.
    async fn deletion(&self, name: &str) {
        let _ = self.pods.subscribe().wait_for(|pods| pods[name].deleted).await;
    }

    /// Runs a pod until it is deleted. Restarts its container whenever that ends.
    async fn run(self: Arc<Self>, name: String) {
        let mut back_off = BackOff::default();
        loop {
            let start = Instant::now();
            let status = self.run_container(&name).await;
            if let Err(error) = &status {
                tracing::error!("{name}: {error:#}");
            }
            self.update(&name, |pod| (pod.ready, pod.last_exit) = (false, status.ok()));
            tokio::select! {
                biased;
                () = self.deletion(&name) => break,
                () = sleep(back_off.after(start.elapsed())) => {}
            }
            self.update(&name, |pod| pod.restarts += 1);
        }
        self.pods.send_modify(|pods| _ = pods.remove(&name));
    }

    /// Runs a container until it ends: by itself, because a probe has failed, or because its pod is
    /// deleted.
    async fn run_container(&self, name: &str) -> Result<ExitStatus> {
        let mut container = Container::start(self.command(name), &self.group)?;
        let address = tokio::select! {
            address = container.serves() => address,
            () = self.deletion(name) => None,
        };
        let Some(address) = address else {
            return self.stop(&mut container, self.manifest.grace).await;
        };
        self.update(name, |pod| pod.address = Some(address));
        let started = Notify::new();
        let life = async {
            let grace = tokio::select! {
                status = container.end() => return status,
                grace = self.failure(address, &started) => grace,
                () = self.deletion(name) => self.manifest.grace,
            };
            self.stop(&mut container, grace).await
        };
        tokio::select! {
            status = life => status,
            never = self.keep_ready(name, address, &started) => match never {},
        }
    }

    /// The container as a command, with the manifest's environment. The shim takes an app's variables
    /// by their names in capitals; the host expects Spin's prefix before them.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.host);
        command.env_clear();
        for EnvVar { name, value } in &self.manifest.container.env {
            let Some(value) = value else { continue };
            match name.as_str() {
                "SPIN_HTTP_LISTEN_ADDR" => {} // They all share one address here.
                "SPIN_MAX_INSTANCE_COUNT" => _ = command.env(name, value),
                variable => _ = command.env(format!("SPIN_VARIABLE_{variable}"), value),
            }
        }
        command.env("SPIN_VARIABLE_HOSTNAME", name);
        command
    }

    /// Waits until the container has `started` and, later, until it has to be stopped because a probe
    /// has failed. Returns how long it may take to stop.
    async fn failure(&self, address: SocketAddr, started: &Notify) -> Duration {
        let grace = |probe: &Probe| {
            let own = probe.termination_grace_period_seconds;
            own.map_or(self.manifest.grace, |seconds| Duration::from_secs(seconds.into()))
        };
        if let Some(probe) = &self.manifest.container.startup_probe
            && !Prober::new(probe, address).verdict().await
        {
            return grace(probe);
        }
        started.notify_one();
        let Some(probe) = &self.manifest.container.liveness_probe else { return pending().await };
        let mut prober = Prober::new(probe, address);
        while prober.verdict().await {}
        grace(probe)
    }

    /// Keeps the pod's readiness up to date from when the container has `started`, also while it stops.
    async fn keep_ready(&self, name: &str, address: SocketAddr, started: &Notify) -> Infallible {
        started.notified().await;
        let Some(probe) = &self.manifest.container.readiness_probe else {
            self.update(name, |pod| pod.ready = true);
            return pending().await;
        };
        let mut prober = Prober::new(probe, address);
        loop {
            let ready = prober.verdict().await;
            self.update(name, |pod| pod.ready = ready);
        }
    }

    /// The preStop hook and SIGTERM, within `grace`; then SIGKILL. A hook that takes longer is cut
    /// short, and the container gets two seconds more.
    async fn stop(&self, container: &mut Container, grace: Duration) -> Result<ExitStatus> {
        let hook = self.manifest.container.pre_stop();
        let rest = grace.checked_sub(hook).filter(|rest| !rest.is_zero()).unwrap_or(EXTENSION);
        if !grace.is_zero() {
            if let Ok(status) = timeout(hook.min(grace), container.end()).await {
                return status;
            }
            container.terminate();
            if let Ok(status) = timeout(rest, container.end()).await {
                return status;
            }
        }
        container.kill().await
    }
}

/// The pauses before a container is restarted: none, 10 s, 20 s and so on to 5 minutes; from the start
/// again, once it has run for 10 minutes.
#[derive(Default)]
pub struct BackOff(Duration);

impl BackOff {
    /// The pause before the restart of a container that `ran` for so long.
    pub fn after(&mut self, ran: Duration) -> Duration {
        let pause = if ran < Duration::from_secs(600) { self.0 } else { Duration::ZERO };
        self.0 = (pause * 2).clamp(Duration::from_secs(10), Duration::from_secs(300));
        pause
    }
}

/// Probes a container again and again.
struct Prober<'a> {
    probe: &'a Probe,
    address: SocketAddr,
    tick: Interval,
    /// The last result, and how many times in a row it came.
    last: (bool, u32),
}

impl<'a> Prober<'a> {
    /// Begins with the first period that does not lie within the initial delay.
    fn new(probe: &'a Probe, address: SocketAddr) -> Self {
        let period = probe.period_seconds.seconds();
        let periods = probe.initial_delay_seconds.0.div_ceil(probe.period_seconds.0);
        let mut tick = interval_at(Instant::now() + period * periods, period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { probe, address, tick, last: (false, 0) }
    }

    /// Probes until as many successes or failures in a row as their threshold asks for.
    async fn verdict(&mut self) -> bool {
        loop {
            self.tick.tick().await;
            let success = succeeds(self.probe, self.address).await;
            self.last = (success, if self.last.0 == success { self.last.1 + 1 } else { 1 });
            let failures = self.probe.failure_threshold.0;
            if self.last.1 >= if success { self.probe.success_threshold.0 } else { failures } {
                return success;
            }
        }
    }
}

/// Probes once: whether there is a status from 200 to 399 in time.
async fn succeeds(probe: &Probe, address: SocketAddr) -> bool {
    let path = probe.http_get.path.as_deref().unwrap_or("/");
    let status = async {
        let stream = TcpStream::connect(address).await?;
        if path == SPIN_HEALTH {
            return Ok(StatusCode::OK);
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let request = Request::get(format!("{slash}{path}"))
            .header(header::HOST, address.to_string())
            .body(Empty::<Bytes>::new())?;
        anyhow::Ok(container::send(stream, request).await?.status())
    };
    let status = timeout(probe.timeout_seconds.seconds(), status).await;
    matches!(status, Ok(Ok(status)) if status.is_success() || status.is_redirection())
}
