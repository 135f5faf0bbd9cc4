//! `wasi:keyvalue`.

use crate::bindings::wasi::keyvalue::atomics::{self, CasError, HostCas};
use crate::bindings::wasi::keyvalue::store::{self, Error, HostBucket, KeyResponse};
use crate::instance::Instance;
use crate::key_value::{Bucket, Cas};
use wasmtime::Result;
use wasmtime::component::Resource;

impl store::Host for Instance {
    fn open(&mut self, identifier: String) -> Result<Result<Resource<Bucket>, Error>> {
        match self.key_value.open(&identifier) {
            Some(bucket) => Ok(Ok(self.table.push(bucket)?)),
            // As on Spin, a guest cannot find out which other stores exist.
            None => Ok(Err(Error::AccessDenied)),
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
        let bucket = self.table.get(&bucket)?;
        Ok(bucket.set(&mut bucket.lock(), key, value))
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
        cursor: Option<String>,
    ) -> Result<Result<KeyResponse, Error>> {
        if cursor.is_some() {
            return Ok(Err(Error::Other(
                "all keys are on one page, so there are no cursors".into(),
            )));
        }
        let keys = self.table.get(&bucket)?.lock().keys().cloned().collect();
        Ok(Ok(KeyResponse { keys, cursor: None }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Instance {
    fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, Error>> {
        let bucket = self.table.get(&bucket)?;
        let mut entries = bucket.lock();
        let value = match entries.get(&key).map(|value| <[u8; 8]>::try_from(value.as_slice())) {
            None => Some(0),
            Some(value) => value.ok().map(i64::from_le_bytes),
        };
        let Some(sum) = value.and_then(|value| value.checked_add(delta)) else {
            return Ok(Err(Error::Other(format!("{key} is no number, or too large a one"))));
        };
        Ok(bucket.set(&mut entries, key, sum.to_le_bytes().into()).map(|()| sum))
    }

    fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<Result<(), CasError>> {
        let Cas { bucket, key, current } = self.table.delete(cas)?;
        let mut entries = bucket.lock();
        if entries.get(&key) == current.as_ref() {
            return Ok(bucket.set(&mut entries, key, value).map_err(CasError::StoreError));
        }
        drop(entries);
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
