//! `fermyon:spin/key-value`, in memory: the stores die with the process.

use crate::guest::Instance;
use crate::guest::bindings::fermyon::spin::key_value::{Error, Host, HostStore};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime::component::Resource;

/// One open store, the same for all who open it.
pub type Store = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// All stores that guests may open, by label.
#[derive(Clone, Default)]
pub struct KeyValue(Arc<HashMap<String, Store>>);

impl KeyValue {
    /// Makes one empty store for each label.
    pub fn new<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        let stores = labels.into_iter().map(|label| (label.into(), Store::default()));
        Self(Arc::new(stores.collect()))
    }
}

impl Host for Instance {}

impl HostStore for Instance {
    fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        match self.key_value.0.get(&label) {
            Some(store) => Ok(Ok(self.table.push(store.clone())?)),
            None => Ok(Err(Error::NoSuchStore)),
        }
    }

    fn get(
        &mut self,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(Ok(lock(self.table.get(&store)?).get(&key).cloned()))
    }

    fn set(
        &mut self,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        lock(self.table.get(&store)?).insert(key, value);
        Ok(Ok(()))
    }

    fn delete(
        &mut self,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        lock(self.table.get(&store)?).remove(&key);
        Ok(Ok(()))
    }

    fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

/// No holder of the lock can panic, so it cannot be poisoned.
fn lock(store: &Store) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
