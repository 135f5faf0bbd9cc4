//! The key-value stores, in memory: they die with the process.

use crate::bindings::wasi::keyvalue::store::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How many keys a store has room for.
const KEYS: usize = 1024;

/// How many bytes a key and its value may have together.
const ENTRY: usize = 8 << 10;

/// All stores that guests may open, by label.
#[derive(Clone, Default)]
pub struct KeyValue(Arc<HashMap<String, Bucket>>);

impl KeyValue {
    /// Makes one empty store for each label.
    pub fn new<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        let stores = labels.into_iter().map(|label| (label.into(), Bucket::default()));
        Self(Arc::new(stores.collect()))
    }

    /// The store with this label.
    pub fn open(&self, label: &str) -> Option<Bucket> {
        self.0.get(label).cloned()
    }
}

/// What a store holds: keys with their values.
pub type Entries = HashMap<String, Vec<u8>>;

/// An open store. Everyone who opens it gets the same one.
#[derive(Clone, Default)]
pub struct Bucket(Arc<Shared>);

#[derive(Default)]
struct Shared {
    entries: Mutex<Entries>,
    new_key: Notify,
}

impl Bucket {
    /// Its entries. No holder of the lock can panic, so it cannot be poisoned.
    pub fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets `key` in this store's `entries`.
    ///
    /// # Errors
    /// If the store has no room for it. What a guest has set stays when its request has ended.
    pub fn set(&self, entries: &mut Entries, key: String, value: Vec<u8>) -> Result<(), Error> {
        let is_new = !entries.contains_key(&key);
        if key.len() + value.len() > ENTRY || is_new && entries.len() >= KEYS {
            return Err(Error::Other("the store has no room for it".into()));
        }
        entries.insert(key, value);
        if is_new {
            self.0.new_key.notify_waiters();
        }
        Ok(())
    }

    /// Completes when `key` exists.
    pub async fn wait_for(&self, key: &str) {
        loop {
            let new_key = self.0.new_key.notified();
            if self.lock().contains_key(key) {
                return;
            }
            new_key.await;
        }
    }
}

/// A compare-and-swap: a key, and the value that it must still have.
pub struct Cas {
    pub bucket: Bucket,
    pub key: String,
    pub current: Option<Vec<u8>>,
}

impl Cas {
    /// One for the present value of `key`.
    pub fn new(bucket: Bucket, key: String) -> Self {
        let current = bucket.lock().get(&key).cloned();
        Self { bucket, key, current }
    }
}
