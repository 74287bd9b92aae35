//! Readers for reads of a few rows, which run on the thread that asks: waking another thread twice would cost more than
//! the read itself.

use super::reader::{self, Reader};
use crate::Error;
use std::sync::{Mutex, PoisonError};

/// Readers that nobody uses at the moment; none once it is closed.
pub(super) struct Short(Mutex<Option<Vec<Reader>>>);

impl Short {
    pub(super) fn new(readers: Vec<Reader>) -> Self {
        Self(Mutex::new(Some(readers)))
    }

    /// Runs the closure now, or gives it back when all readers are in use.
    pub(super) fn run<T, E: From<Error>, F>(&self, closure: F) -> Result<Result<T, E>, F>
    where
        F: FnOnce(&Reader) -> Result<T, E>,
    {
        let Some(reader) = self.idle().as_mut().and_then(Vec::pop) else { return Err(closure) };
        let result = reader::now(&reader, closure);
        if let Some(idle) = &mut *self.idle() {
            idle.push(reader);
        }
        Ok(result)
    }

    /// Lets go of the connections.
    pub(super) fn close(&self) {
        self.idle().take();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Vec<Reader>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
