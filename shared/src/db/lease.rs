//! A pooled connection on loan: whatever becomes of its holder, the pool gets it back clean, or gets room for a new one.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

/// How long a connection may take to show that it is clean, when it comes back.
#[cfg(feature = "postgres")]
const RETURN: Duration = Duration::from_secs(5);

/// What the engines do differently with a connection that comes back.
pub(super) trait Pooled: Database {
    /// Gives the connection back; `query_only` if it refuses writes at the moment.
    fn settle(connection: PoolConnection<Self>, query_only: bool);
}

#[cfg(feature = "postgres")]
impl Pooled for sqlx::Postgres {
    fn settle(mut connection: PoolConnection<Self>, _query_only: bool) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // The pool asks the server whether the connection is clean, and waits for the answer for ever: behind a dead
        // link every connection would be lost to the pool.
        // boxed: it is large, and would be copied from place to place until it runs
        let returned = Box::pin(connection.return_to_pool());
        runtime.spawn(async move {
            let _closed_when_it_takes_longer = tokio::time::timeout(RETURN, returned).await;
        });
    }
}

#[cfg(feature = "sqlite")]
impl Pooled for sqlx::Sqlite {
    fn settle(mut connection: PoolConnection<Self>, query_only: bool) {
        if !query_only {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if sqlx::query("PRAGMA query_only = OFF").execute(&mut *connection).await.is_err() {
                connection.close_on_drop();
            }
        });
    }
}

/// See the module.
pub(super) struct Lease<DB: Pooled> {
    connection: Option<PoolConnection<DB>>,
    open: bool,
    query_only: bool,
    dead: bool,
}

impl<DB: Pooled> Lease<DB> {
    pub(super) async fn acquire(pool: &sqlx::Pool<DB>) -> sqlx::Result<Self> {
        let connection = pool.acquire().await?;
        Ok(Self { connection: Some(connection), open: false, query_only: false, dead: false })
    }

    pub(super) fn connection(&mut self) -> &mut DB::Connection {
        self.connection.as_deref_mut().expect("it is taken only when the lease is dropped")
    }

    /// Runs a single statement: in a transaction of its own if it must not be parted from its preparation.
    #[cfg(feature = "postgres")]
    pub(super) async fn single<T>(
        &mut self,
        in_transaction: bool,
        work: impl AsyncFnOnce(&mut DB::Connection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        if !in_transaction {
            return work(self.connection()).await;
        }
        self.begin("BEGIN").await?;
        let value = work(self.connection()).await?;
        self.commit().await?;
        Ok(value)
    }

    /// Opens a transaction, by a statement of the engine's.
    pub(super) async fn begin(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<()> {
        // also when this fails or does not come to its end: then it may be open or not
        self.open = true;
        DB::TransactionManager::begin(self.connection(), Some(sql.into_sql_str())).await
    }

    pub(super) async fn commit(&mut self) -> sqlx::Result<()> {
        DB::TransactionManager::commit(self.connection()).await?;
        self.open = false;
        Ok(())
    }

    pub(super) async fn rollback(&mut self) -> sqlx::Result<()> {
        DB::TransactionManager::rollback(self.connection()).await?;
        self.open = false;
        Ok(())
    }

    /// The server does not answer: nobody shall get this connection any more.
    pub(super) fn kill(&mut self) {
        self.dead = true;
    }
}

#[cfg(feature = "sqlite")]
impl Lease<sqlx::Sqlite> {
    /// Refuses writes from now on, until the connection is given back.
    pub(super) async fn refuse_writes(&mut self) -> sqlx::Result<()> {
        self.query_only = true;
        sqlx::query("PRAGMA query_only = ON").execute(self.connection()).await.map(|_| ())
    }
}

impl<DB: Pooled> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if self.dead {
            connection.close_on_drop();
            return;
        }
        if self.open {
            DB::TransactionManager::start_rollback(&mut connection);
        }
        DB::settle(connection, self.query_only);
    }
}

/// Runs something for at most that long; `None` when it did not come to its end.
pub(super) async fn limited<F: Future>(limit: Option<Duration>, work: F) -> Option<F::Output> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}
