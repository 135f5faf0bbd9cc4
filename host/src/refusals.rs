//! The connections beyond the limit.

use crate::connection::refuse;
use crate::handler::Handler;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, SetOnce, oneshot, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, timeout};

/// How long a client may take to send its request while another waits for its place.
const PATIENCE: Duration = Duration::from_millis(25);

/// The connections beyond the limit, of which there are `most`. They are served by the thread that
/// accepts, so no guest keeps them from being answered.
///
/// When there are too many, the oldest one that has not sent a request gives way. So no client that is slow, or
/// means harm, keeps the next from being accepted: it may be a probe.
pub struct Refusals {
    most: usize,
    /// From the oldest to the newest.
    connections: VecDeque<Refusal>,
    /// Told when one has ended by itself.
    ended: Arc<Notify>,
    /// Whether none has ended by itself since the last one was made to.
    is_stalled: bool,
}

struct Refusal {
    since: Instant,
    asked: Arc<SetOnce<()>>,
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Refusals {
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            connections: VecDeque::new(),
            ended: Arc::default(),
            is_stalled: false,
        }
    }

    /// Refuses a connection, when there is a place for it.
    pub async fn add(
        &mut self,
        handler: Arc<Handler>,
        stream: TcpStream,
        stop: watch::Receiver<bool>,
    ) {
        while self.connections.len() >= self.most {
            self.make_room().await;
        }
        let (leave, left) = oneshot::channel();
        let asked = Arc::new(SetOnce::new());
        let (refused, ended) =
            (refuse(handler, stream, stop, asked.clone(), left), self.ended.clone());
        let task = tokio::spawn(async move {
            if refused.await {
                ended.notify_one();
            }
        });
        self.connections.push_back(Refusal { since: Instant::now(), asked, leave, task });
    }

    /// Waits briefly for one to end, unless waiting was no use last time; then ends one.
    async fn make_room(&mut self) {
        yield_now().await; // to those whose request has come
        self.connections.retain(|it| !it.task.is_finished());
        if self.connections.len() < self.most {
            self.is_stalled = false;
            return;
        }
        let silent = self.connections.iter().position(|it| !it.asked.initialized()).unwrap_or(0);
        if !self.is_stalled {
            let patience = PATIENCE.saturating_sub(self.connections[silent].since.elapsed());
            self.is_stalled = timeout(patience, self.ended.notified()).await.is_err();
        } else if let Some(refusal) = self.connections.remove(silent) {
            let _ = refusal.leave.send(());
            // Its descriptor is free now.
            let _ = refusal.task.await;
        }
    }
}
