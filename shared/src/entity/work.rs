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

    /// Publishes what the write has emitted. The rows are written already: if an event is refused, the transaction
    /// can only be rolled back, whatever its owner makes of the error.
    pub(super) fn publish(&self, drafts: Result<Vec<Draft>>) -> Result<()> {
        let executor = self.executor();
        let published = drafts.and_then(|drafts| executor.publish(drafts));
        if published.is_err() {
            executor.fail();
        }
        published
    }

    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Own(tx) => tx.commit().await,
            Self::Joined(_) => Ok(()),
        }
    }
}
