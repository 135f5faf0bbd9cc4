//! A contender's processes, and the memory that they take.

use crate::contenders::Contender;
use crate::load;
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a contender may take for its first answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the contender that was started last writes its standard error.
const LOG: &str = "target/bench.log";

/// Below the range from which the system takes the ports of clients. A client within it may find
/// itself connected to itself.
static PORT: AtomicU16 = AtomicU16::new(20_000);

/// A contender that runs, with all processes of its group, which are killed when this is dropped.
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
        command.args(words).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(LOG)?);
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("{program} cannot be run"))?;
        let mut server = Self { child, address, first_answer: Duration::ZERO };
        let answer = loop {
            let error = match load::get(address, contender.target) {
                Ok(answer) => break answer,
                Err(error) => error,
            };
            if let Some(status) = server.child.try_wait()? {
                let log = fs::read_to_string(LOG)?;
                let last = log.lines().last().unwrap_or_default();
                bail!("{program} ends at once, {status}: {last}");
            }
            if start.elapsed() > PATIENCE {
                bail!("{program} does not answer: {error:#}");
            }
            std::thread::sleep(Duration::from_micros(50));
        };
        server.first_answer = start.elapsed();
        if answer != contender.answer {
            bail!("{program} answers {answer:?} to {}", contender.target);
        }
        Ok(server)
    }

    /// Megabytes that are resident now.
    pub fn resident(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// Megabytes that were resident at most.
    pub fn peak(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    /// Of all processes of its group, since Spin serves from a child.
    fn memory(&self, field: &str) -> Result<f64> {
        let mut kibibytes = 0.0;
        for entry in fs::read_dir("/proc")? {
            let process = entry?.path();
            // The third field after the name, which may have anything in it: man proc_pid_stat.
            let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
            let group = stat.rsplit(") ").next().and_then(|fields| fields.split(' ').nth(2));
            if group != Some(&self.child.id().to_string()) {
                continue;
            }
            let status = fs::read_to_string(process.join("status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            kibibytes +=
                line.context("no memory")?.trim().trim_end_matches(" kB").parse::<f64>()?;
        }
        Ok(kibibytes * 1024.0 / 1e6)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let kill = format!("kill -9 -{}", self.child.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
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
