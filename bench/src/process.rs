//! A contender's processes, and what they take.

use crate::contenders::Contender;
use crate::load;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a contender may take for its first answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the contender started last writes its standard error.
const LOG: &str = "target/bench.log";

/// The CPU times in /proc are in ticks of a hundredth of a second on all that is common.
const TICKS: f64 = 100.0;

/// Below the range from which the system takes the ports of clients, which else may find
/// themselves connected to themselves.
static PORT: AtomicU16 = AtomicU16::new(20_000);

/// A contender that runs, killed when dropped, with its descendants.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// Time from exec to the first answer.
    pub first_answer: Duration,
}

impl Server {
    /// Starts `contender`, and returns when it has answered.
    ///
    /// # Errors
    /// If it cannot be started, ends, or does not answer in time or as it should.
    pub fn start(contender: &Contender) -> Result<Self> {
        let address = free_address();
        let command = contender.command.replace("ADDRESS", &address.to_string());
        let mut words = command.split(' ');
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(program);
        command.args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(LOG)?);
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("{program} cannot be run"))?;
        let mut server = Self { child, address, first_answer: Duration::ZERO };
        let answer = loop {
            if let Ok(answer) = load::get(address, contender.target) {
                break answer;
            }
            if let Some(status) = server.child.try_wait()? {
                let log = fs::read_to_string(LOG)?;
                bail!(
                    "{program} ends at once, {status}: {}",
                    log.lines().last().unwrap_or_default()
                );
            }
            if start.elapsed() > PATIENCE {
                bail!("{program} does not answer");
            }
            std::thread::sleep(Duration::from_micros(50));
        };
        server.first_answer = start.elapsed();
        if !answer.starts_with("HTTP/1.1 200") || !answer.contains(contender.answer) {
            bail!("{program} answers {answer:?} to {}", contender.target);
        }
        Ok(server)
    }

    /// CPU seconds so far, of all threads.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let ticks = self.members()?.into_values().map(|stat| stat[11] + stat[12]);
        Ok(ticks.sum::<i64>() as f64 / TICKS)
    }

    /// Megabytes that are resident now.
    pub fn resident(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// Megabytes that were resident at most.
    pub fn peak(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> Result<f64> {
        let mut kibibytes = 0.0;
        for pid in self.members()?.into_keys() {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line =
                status.lines().find_map(|line| line.strip_prefix(field)).context("no memory")?;
            kibibytes += line.trim().trim_end_matches(" kB").parse::<f64>()?;
        }
        Ok(kibibytes * 1024.0 / 1e6)
    }

    /// The process and its descendants, since Spin serves from a child, with what their `stat` has
    /// after the name (`man proc_pid_stat`).
    fn members(&self) -> Result<BTreeMap<i64, Vec<i64>>> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir("/proc")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse() else { continue };
            // A process may end meanwhile.
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let (_, fields) = stat.rsplit_once(") ").context("no stat")?;
            all.insert(pid, fields.split(' ').map(|it| it.trim().parse().unwrap_or(0)).collect());
        }
        let mut members = BTreeMap::new();
        // In ascending order, so parents come before their children.
        for (pid, fields) in all {
            let fields: Vec<i64> = fields;
            if pid == i64::from(self.child.id()) || members.contains_key(&fields[1]) {
                members.insert(pid, fields);
            }
        }
        Ok(members)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for pid in self.members().unwrap_or_default().keys() {
            let kill = format!("kill -9 {pid} 2>/dev/null");
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    loop {
        let port = PORT.fetch_add(1, Ordering::Relaxed);
        let address = (Ipv4Addr::LOCALHOST, port).into();
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
