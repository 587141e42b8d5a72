//! One write of a repository that takes several statements, or publishes.

use crate::db::{Executor, Tx};
use crate::error::Result;
use crate::event::Draft;

/// The transaction of one write: the caller's, or one of its own that ends with it. Dropped, its own is rolled back.
#[derive(Debug)]
pub(super) enum Work {
    Own(Tx),
    Joined(Executor),
}

impl Work {
    pub(super) async fn begin(executor: &Executor) -> Result<Self> {
        match executor {
            Executor::Db(db) => Tx::begin(db).await.map(Self::Own),
            tx @ Executor::Tx(_) => Ok(Self::Joined(tx.clone())),
        }
    }

    pub(super) fn executor(&self) -> Executor {
        match self {
            Self::Own(tx) => tx.executor(),
            Self::Joined(executor) => executor.clone(),
        }
    }

    /// Publishes what the write has emitted, after the rows.
    pub(super) fn publish(&self, drafts: Result<Vec<Draft>>) -> Result<()> {
        self.all_or_none(drafts.and_then(|drafts| self.executor().publish(drafts)))
    }

    /// What a part of the write has come to, after which rows may be written: if that is an error, the transaction can
    /// only be rolled back, whatever its owner makes of it.
    pub(super) fn all_or_none<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.executor().fail();
        }
        result
    }

    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Own(tx) => tx.commit().await,
            Self::Joined(_) => Ok(()),
        }
    }
}
