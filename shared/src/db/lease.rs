//! A pooled connection on loan: whatever becomes of its holder, the pool gets it back clean, or gets room for a new one.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

/// How long a connection may take to show that it is clean, when it comes back.
pub(super) const RETURN: Duration = Duration::from_secs(5);

/// What the engines do differently with connections.
pub(super) trait Pooled: Database {
    /// Where connections come from.
    type Source;
    /// What they go back with.
    type Home: Send;

    /// Takes a connection.
    fn take(source: &Self::Source) -> impl Future<Output = sqlx::Result<(PoolConnection<Self>, Self::Home)>> + Send;

    /// Gives it back.
    fn settle(connection: PoolConnection<Self>, home: Self::Home, state: Returned);
}

/// How a connection comes back.
pub(super) struct Returned {
    /// Whether what ran on it last has come to its end.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // SQLite's pool asks nobody
    clean: bool,
    /// How long it may take to come to its end.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))] // a statement of SQLite is stopped at once
    patience: Duration,
    /// Whether it refuses writes at the moment.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))] // Postgres' transactions do so by themselves
    query_only: bool,
}

#[cfg(feature = "postgres")]
impl Pooled for sqlx::Postgres {
    type Source = super::ready::Source;
    type Home = super::ready::Place;

    async fn take(source: &Self::Source) -> sqlx::Result<(PoolConnection<Self>, Self::Home)> {
        source.acquire().await
    }

    fn settle(connection: PoolConnection<Self>, home: Self::Home, state: Returned) {
        home.take_back(connection, state.clean, state.patience);
    }
}

#[cfg(feature = "sqlite")]
impl Pooled for sqlx::Sqlite {
    type Source = sqlx::SqlitePool;
    type Home = ();

    async fn take(source: &Self::Source) -> sqlx::Result<(PoolConnection<Self>, Self::Home)> {
        source.acquire().await.map(|connection| (connection, ()))
    }

    fn settle(mut connection: PoolConnection<Self>, _home: Self::Home, state: Returned) {
        if !state.query_only {
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
    /// Until it is dropped.
    loan: Option<(PoolConnection<DB>, DB::Home)>,
    open: bool,
    /// Whether a single statement has begun and not come to its end.
    busy: bool,
    patience: Duration,
    query_only: bool,
    /// Whether a transaction may be open that nobody knows of.
    unsure: bool,
    dead: bool,
}

impl<DB: Pooled> Lease<DB> {
    pub(super) async fn acquire(source: &DB::Source) -> sqlx::Result<Self> {
        let loan = DB::take(source).await?;
        Ok(Self {
            loan: Some(loan),
            open: false,
            busy: false,
            patience: RETURN,
            query_only: false,
            unsure: false,
            dead: false,
        })
    }

    pub(super) fn connection(&mut self) -> &mut DB::Connection {
        let (connection, _) = self.loan.as_mut().expect("it is taken only when the lease is dropped");
        connection
    }

    /// Runs a single statement: in a transaction of its own if it must not be parted from its preparation.
    #[cfg(feature = "postgres")]
    pub(super) async fn single<T>(
        &mut self,
        in_transaction: bool,
        work: impl AsyncFnOnce(&mut DB::Connection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        if !in_transaction {
            self.busy = true;
            let value = work(self.connection()).await?;
            self.busy = false;
            return Ok(value);
        }
        self.begin("BEGIN").await?;
        let value = work(self.connection()).await?;
        self.commit().await?;
        Ok(value)
    }

    /// Opens a transaction, by a statement of the engine's.
    pub(super) async fn begin(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<()> {
        // When this does not come to its end, sqlx does not know that there may be a transaction to roll back.
        self.unsure = true;
        self.open = true;
        let begun = DB::TransactionManager::begin(self.connection(), Some(sql.into_sql_str())).await;
        self.unsure = false;
        begun
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

    /// When it is given back with a statement under way, the rest of the answer is waited for only that long.
    #[cfg(feature = "postgres")]
    pub(super) fn hurry(&mut self, patience: Duration) {
        self.patience = patience;
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
        let Some((mut connection, home)) = self.loan.take() else { return };
        if self.dead || self.unsure {
            connection.close_on_drop();
            return;
        }
        if self.open {
            DB::TransactionManager::start_rollback(&mut connection);
        }
        let clean = !self.open && !self.busy;
        let state = Returned { clean, patience: self.patience, query_only: self.query_only };
        DB::settle(connection, home, state);
    }
}

/// Runs something for at most that long; `None` when it did not come to its end.
pub(super) async fn limited<F: Future>(limit: Option<Duration>, work: F) -> Option<F::Output> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}
