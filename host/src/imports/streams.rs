//! `wasi:io/streams`, which guests can only write to, and `wasi:cli/stderr`.

use crate::bindings::wasi::cli::stderr;
use crate::bindings::wasi::io::{error, streams};
use crate::instance::Instance;
use crate::resources::OutputStream;
use common::MAX_WRITE;
use std::convert::Infallible;
use streams::StreamError;
use wasmtime::component::Resource;
use wasmtime::{Result, bail};

impl error::Host for Instance {}

impl error::HostError for Instance {
    fn drop(&mut self, error: Resource<Infallible>) -> Result<()> {
        self.table.delete(error)?;
        Ok(())
    }
}

impl streams::Host for Instance {}

impl streams::HostOutputStream for Instance {
    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<OutputStream>,
        contents: Vec<u8>,
    ) -> Result<Result<(), StreamError>> {
        if contents.len() > MAX_WRITE {
            bail!("{} bytes in one write, of at most {MAX_WRITE}", contents.len());
        }
        let is_written = self.table.get(&stream)?.write(&contents, &mut self.body_room);
        Ok(is_written.then_some(()).ok_or(StreamError::Closed))
    }

    fn drop(&mut self, stream: Resource<OutputStream>) -> Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl stderr::Host for Instance {
    fn get_stderr(&mut self) -> Result<Resource<OutputStream>> {
        Ok(self.table.push(OutputStream::Stderr)?)
    }
}
