//! A small kubelet. The containers are host processes; how they are treated is read from the
//! deployment's manifest.
//!
//! It follows the Kubernetes documentation: "Configure Liveness, Readiness and Startup Probes", and
//! "Pod Lifecycle" for termination and the restart back-off.

use crate::demo::container::{Container, Group};
use crate::demo::manifest::{EnvVar, Manifest, Probe};
use crate::demo::prober::Prober;
use anyhow::Result;
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
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

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
