//! `wasi:keyvalue`, in memory: the stores die with the process.

use crate::instance::Instance;
use crate::instance::bindings::wasi::keyvalue::atomics::{self, CasError, HostCas};
use crate::instance::bindings::wasi::keyvalue::store::{self, Error, HostBucket, KeyResponse};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime::Result;
use wasmtime::component::Resource;

/// An open store. Everyone who opens it gets the same one.
#[derive(Clone, Default)]
pub struct Bucket(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Bucket {
    /// The keys with their values. No holder of the lock can panic, so it cannot be poisoned.
    pub fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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

impl store::Host for Instance {
    fn open(&mut self, identifier: String) -> Result<Result<Resource<Bucket>, Error>> {
        match self.key_value.open(&identifier) {
            Some(bucket) => Ok(Ok(self.table.push(bucket)?)),
            None => Ok(Err(Error::NoSuchStore)),
        }
    }
}

impl HostBucket for Instance {
    fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, Error>> {
        Ok(Ok(self.table.get(&bucket)?.lock().get(&key).cloned()))
    }

    fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), Error>> {
        self.table.get(&bucket)?.lock().insert(key, value);
        Ok(Ok(()))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<(), Error>> {
        self.table.get(&bucket)?.lock().remove(&key);
        Ok(Ok(()))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<bool, Error>> {
        Ok(Ok(self.table.get(&bucket)?.lock().contains_key(&key)))
    }

    fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        _cursor: Option<String>,
    ) -> Result<Result<KeyResponse, Error>> {
        // All keys fit on one page, so no guest has a cursor.
        let keys = self.table.get(&bucket)?.lock().keys().cloned().collect();
        Ok(Ok(KeyResponse { keys, cursor: None }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

/// A compare-and-swap: a key, and the value that it must still have.
pub struct Cas {
    bucket: Bucket,
    key: String,
    current: Option<Vec<u8>>,
}

impl Cas {
    fn new(bucket: Bucket, key: String) -> Self {
        let current = bucket.lock().get(&key).cloned();
        Self { bucket, key, current }
    }
}

impl atomics::Host for Instance {
    fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, Error>> {
        let mut values = self.table.get(&bucket)?.lock();
        let value = match values.get(&key).map(|value| <[u8; 8]>::try_from(value.as_slice())) {
            None => Some(0),
            Some(value) => value.ok().map(i64::from_le_bytes),
        };
        let Some(sum) = value.and_then(|value| value.checked_add(delta)) else {
            return Ok(Err(Error::Other(format!("{key} is no number, or too large a one"))));
        };
        values.insert(key, sum.to_le_bytes().into());
        Ok(Ok(sum))
    }

    fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<Result<(), CasError>> {
        let Cas { bucket, key, current } = self.table.delete(cas)?;
        let mut values = bucket.lock();
        if values.get(&key) == current.as_ref() {
            values.insert(key, value);
            return Ok(Ok(()));
        }
        drop(values);
        Ok(Err(CasError::CasFailed(self.table.push(Cas::new(bucket, key))?)))
    }
}

impl HostCas for Instance {
    fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<Resource<Cas>, Error>> {
        let cas = Cas::new(self.table.get(&bucket)?.clone(), key);
        Ok(Ok(self.table.push(cas)?))
    }

    fn current(&mut self, cas: Resource<Cas>) -> Result<Result<Option<Vec<u8>>, Error>> {
        Ok(Ok(self.table.get(&cas)?.current.clone()))
    }

    fn drop(&mut self, cas: Resource<Cas>) -> Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}
