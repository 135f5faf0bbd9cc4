//! A replica's container: the embedded host, as a process.

use anyhow::{Context, Result};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout};

/// A process group that does not outlive this process, however this one ends.
///
/// Its first process waits for the end of its input, which this process holds open, and then kills
/// the whole group. That works on any Unix.
pub struct Group {
    id: i32,
    _input: ChildStdin,
}

impl Group {
    /// Makes an empty group.
    pub fn new() -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", "read -r _; kill -9 0"]).process_group(0).stdin(Stdio::piped());
        let mut shell = shell.spawn().context("cannot start sh")?;
        let input = shell.stdin.take().context("sh has no input")?;
        Ok(Self { id: shell.id() as i32, _input: input })
    }
}

/// A container that has been started.
pub struct Container {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Container {
    /// Starts a host in `group`, on a free port.
    pub fn start(mut command: Command, group: &Group) -> Result<Self> {
        command.env("SPIN_HTTP_LISTEN_ADDR", "127.0.0.1:0").process_group(group.id);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let program = command.get_program().to_string_lossy().into_owned();
        let mut command = tokio::process::Command::from(command);
        let mut child = command
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let output = BufReader::new(child.stdout.take().context("it has no output")?);
        Ok(Self { child, output })
    }

    /// Waits until it serves; returns where, or nothing if it ends without.
    pub async fn serves(&mut self) -> Option<SocketAddr> {
        let mut line = String::new();
        self.output.read_line(&mut line).await.ok()?;
        line.trim().strip_prefix("Serving http://")?.parse().ok()
    }

    /// Waits until it ends.
    pub async fn end(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Asks it to end, and lets it take its time.
    pub fn terminate(&self) {
        if let Some(process) = self.child.id().and_then(|id| Pid::from_raw(id as i32)) {
            let _ = kill_process(process, Signal::TERM);
        }
    }

    /// Kills it.
    pub async fn kill(&mut self) -> Result<ExitStatus> {
        let _ = self.child.start_kill();
        self.end().await
    }
}

/// Sends a request to a container, the only one on this connection.
///
/// # Errors
/// If the connection ends before the answer's head.
pub async fn send<B>(stream: TcpStream, request: Request<B>) -> hyper::Result<Response<Incoming>>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}
