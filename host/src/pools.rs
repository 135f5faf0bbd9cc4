//! The places for instances, and which of them a request gets.
//!
//! There are two pools, because memory is either fast or given back. A few warm places serve all short
//! requests; many cold ones take over when the warm ones run out. So the host is nearly as small after a flood
//! as it was before: 9 MB are resident after a thousand waits at once, where a pool for all of them would keep 85.
//!
//! A few more warm places are reserved for probes. A busy replica has not failed, and these places
//! have their memory even when the system has no more.

use crate::guest::{Code, Guest, Memory};
use crate::key_value::KeyValue;
use anyhow::Result;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many places are warm. A request that does not wait needs one for a fraction of a millisecond.
const WARM: u32 = 32;

/// Additional places, for probes when all others are taken.
const PROBES: u32 = 4;

/// All places.
pub struct Pools {
    warm: Arc<Guest>,
    cold: Arc<Guest>,
    warm_places: Arc<Semaphore>,
    probe_places: Arc<Semaphore>,
    cold_places: Arc<Semaphore>,
}

impl Pools {
    /// Makes places for `instances` instances of `code`, which share `key_value`.
    ///
    /// # Errors
    /// Those of [`Guest::new`].
    pub fn new(code: Code, key_value: KeyValue, instances: u32) -> Result<Self> {
        let warm_places = instances.min(WARM);
        let cold_places = instances - warm_places;
        let guest =
            |memory| Guest::new(&Guest::config(memory), code, key_value.clone()).map(Arc::new);
        let places = |places| Arc::new(Semaphore::new(places as usize));
        Ok(Self {
            warm: guest(Memory::Warm { places: warm_places + PROBES })?,
            cold: guest(Memory::Cold)?,
            warm_places: places(warm_places),
            probe_places: places(PROBES),
            cold_places: places(cold_places),
        })
    }

    /// The guest to instantiate, and its place, which must be held as long as the instance lives. None
    /// if all places are taken.
    pub fn place(&self, is_probe: bool) -> Option<(Arc<Guest>, OwnedSemaphorePermit)> {
        let free = |guest: &Arc<Guest>, places: &Arc<Semaphore>| {
            places.clone().try_acquire_owned().ok().map(|place| (guest.clone(), place))
        };
        free(&self.warm, &self.warm_places)
            .or_else(|| if is_probe { free(&self.warm, &self.probe_places) } else { None })
            .or_else(|| free(&self.cold, &self.cold_places))
    }
}
