//! The connections beyond the limit.

use crate::connection::refuse;
use crate::handler::Handler;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::{SetOnce, oneshot, watch};
use tokio::task::{JoinHandle, yield_now};

/// The connections beyond the limit, of which there are `most`. They are served by the thread that
/// accepts, so no guest keeps them from being answered.
///
/// When there are too many, the oldest one that has not sent a request gives way. So no client that is slow, or
/// means harm, keeps the next from being accepted: it may be a probe.
pub struct Refusals {
    most: usize,
    /// From the oldest to the newest.
    connections: VecDeque<Refusal>,
}

struct Refusal {
    asked: Arc<SetOnce<()>>,
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Refusals {
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), connections: VecDeque::new() }
    }

    /// Refuses a connection, when there is a place for it.
    pub async fn add(
        &mut self,
        handler: Arc<Handler>,
        stream: TcpStream,
        stop: watch::Receiver<bool>,
    ) {
        if self.connections.len() >= self.most {
            yield_now().await; // to those whose request has come
            self.connections.retain(|it| !it.task.is_finished());
        }
        if self.connections.len() >= self.most {
            let silent = self.connections.iter().position(|it| !it.asked.initialized());
            if let Some(refusal) = self.connections.remove(silent.unwrap_or(0)) {
                let _ = refusal.leave.send(());
                // Its descriptor is free now.
                let _ = refusal.task.await;
            }
        }
        let (leave, left) = oneshot::channel();
        let asked = Arc::new(SetOnce::new());
        let task = tokio::spawn(refuse(handler, stream, stop, asked.clone(), left));
        self.connections.push_back(Refusal { asked, leave, task });
    }
}
