//! Reading rows that nobody else may change meanwhile.

use std::fmt;

use super::Entity;
use super::query::Query;
use crate::db::Executor;
use crate::error::{Error, Result};

/// What happens with rows that another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    Wait,
    Skip,
    Fail,
}

impl Lock {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Wait => " FOR UPDATE",
            Self::Skip => " FOR UPDATE SKIP LOCKED",
            Self::Fail => " FOR UPDATE NOWAIT",
        }
    }
}

/// A query whose rows are locked; see [`Query::lock_for_update`].
#[must_use = "a query does nothing until it is run: `all` or `first`"]
pub struct LockedQuery<E> {
    query: Query<E>,
    lock: Lock,
}

impl<E: Entity> LockedQuery<E> {
    pub(super) fn new(query: Query<E>) -> Self {
        Self { query, lock: Lock::Wait }
    }

    /// Leaves out rows that another transaction has locked: what workers need that take from one table.
    pub fn skip_locked(self) -> Self {
        Self { lock: Lock::Skip, ..self }
    }

    /// Fails with [`Error::Busy`] instead of waiting for another transaction.
    pub fn no_wait(self) -> Self {
        Self { lock: Lock::Fail, ..self }
    }

    fn query(self) -> Result<Query<E>> {
        match self.query.executor {
            Executor::Tx(_) => Ok(self.query.locked(self.lock)),
            Executor::Db(_) => Err(Error::Usage(
                "`lock_for_update` locks rows until the end of a transaction, and there is none; use the repository of a `Tx`"
                    .into(),
            )),
        }
    }

    /// The rows, as [`Query::all`] reads them.
    ///
    /// # Errors
    /// Those of [`Query::all`]; [`Error::Usage`] outside of a transaction; [`Error::Busy`] with
    /// [`no_wait`](Self::no_wait).
    pub async fn all(self) -> Result<Vec<E>> {
        self.query()?.all().await
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn first(self) -> Result<Option<E>> {
        self.query()?.first().await
    }
}

impl<E> Clone for LockedQuery<E> {
    fn clone(&self) -> Self {
        Self { query: self.query.clone(), lock: self.lock }
    }
}

impl<E> fmt::Debug for LockedQuery<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedQuery").field("query", &self.query).field("lock", &self.lock).finish()
    }
}
