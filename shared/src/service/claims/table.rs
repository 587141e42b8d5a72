//! What the keeper needs of the table of claims: the seam at which the simulation puts a model in the place of Postgres.

use std::collections::HashMap;
use std::future::Future;

use crate::db::claim::{Claims, Seen};
use crate::db::fence::Fence;
use crate::error::Result;

/// The claims of a database, in the hands of one holder. Each method is that of [`Claims`].
pub(crate) trait ClaimTable: Send {
    fn renew(&mut self) -> impl Future<Output = Result<HashMap<String, i64>>> + Send;
    fn look(&mut self) -> impl Future<Output = Result<HashMap<String, Seen>>> + Send;
    fn take(&mut self, name: &str, seen: Option<&Seen>) -> impl Future<Output = Result<Option<Fence>>> + Send;
    fn open(&mut self, name: &str) -> impl Future<Output = Result<usize>> + Send;
    fn end_open(&mut self, name: &str) -> impl Future<Output = Result<()>> + Send;
    fn release(&mut self, name: &str) -> impl Future<Output = Result<()>> + Send;
    fn forget(&mut self, name: &str, seen: &Seen) -> impl Future<Output = Result<()>> + Send;
    fn close(self) -> impl Future<Output = ()> + Send;
}

impl ClaimTable for Claims {
    fn renew(&mut self) -> impl Future<Output = Result<HashMap<String, i64>>> + Send {
        Self::renew(self)
    }

    fn look(&mut self) -> impl Future<Output = Result<HashMap<String, Seen>>> + Send {
        Self::look(self)
    }

    fn take(&mut self, name: &str, seen: Option<&Seen>) -> impl Future<Output = Result<Option<Fence>>> + Send {
        Self::take(self, name, seen)
    }

    fn open(&mut self, name: &str) -> impl Future<Output = Result<usize>> + Send {
        Self::open(self, name)
    }

    fn end_open(&mut self, name: &str) -> impl Future<Output = Result<()>> + Send {
        Self::end_open(self, name)
    }

    fn release(&mut self, name: &str) -> impl Future<Output = Result<()>> + Send {
        Self::release(self, name)
    }

    fn forget(&mut self, name: &str, seen: &Seen) -> impl Future<Output = Result<()>> + Send {
        Self::forget(self, name, seen)
    }

    fn close(self) -> impl Future<Output = ()> + Send {
        Self::close(self)
    }
}
