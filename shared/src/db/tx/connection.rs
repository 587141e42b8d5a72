//! The connection of a transaction, on either engine.

use crate::db::Db;
#[cfg(feature = "postgres")]
use crate::db::SqlText;
use crate::db::dialect::Engine;
#[cfg(feature = "sqlite")]
use crate::db::executor::Access;
use crate::db::failure::classify;
use crate::db::fence::Fence;
use crate::db::lease::Lease;
#[cfg(feature = "postgres")]
use crate::db::lease::limited;
use crate::db::tx_options::TxOptions;
use crate::error::{Error, Result};

pub(super) enum Connection {
    #[cfg(feature = "postgres")]
    Postgres(Lease<sqlx::Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(Lease<sqlx::Sqlite>),
}

impl Connection {
    pub(super) async fn commit(&mut self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(lease) => lease.commit().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(lease) => lease.commit().await,
        }
    }

    pub(super) async fn rollback(&mut self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(lease) => lease.rollback().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(lease) => lease.rollback().await,
        }
    }

    pub(super) fn kill(&mut self) {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(lease) => lease.kill(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(lease) => lease.kill(),
        }
    }
}

pub(super) async fn connect(db: &Db, options: TxOptions, fence: Option<&Fence>) -> Result<Connection> {
    let engine = db.engine();
    let opened: sqlx::Result<Option<Connection>> = match engine {
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres(db, options, fence).await,
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite(db, options).await.map(Some),
        #[allow(unreachable_patterns)] // reachable when an engine is not compiled in
        _ => unreachable!("a `Db` of an engine that is not compiled in cannot be made"),
    };
    match opened.map_err(|error| classify(error, engine, None)) {
        Ok(Some(connection)) => Ok(connection),
        Ok(None) => Err(Error::Timeout { what: "the database" }),
        Err(error) if fence.is_some() => Err(Fence::refused(error)),
        Err(error) => Err(error),
    }
}

/// `None` when the server does not answer in time.
#[cfg(feature = "postgres")]
async fn postgres(db: &Db, options: TxOptions, fence: Option<&Fence>) -> sqlx::Result<Option<Connection>> {
    let begin = options.begin(Engine::Postgres);
    let sql = match fence {
        Some(fence) => SqlText::built(fence.begin(begin)),
        None => begin.into(),
    };
    let mut lease = Lease::<sqlx::Postgres>::acquire(db.postgres_source()).await?;
    match limited(db.limit(), lease.begin(sql.into_sql())).await {
        Some(Ok(())) => Ok(Some(Connection::Postgres(lease))),
        Some(Err(error)) => {
            // a script that fails after its BEGIN leaves a transaction that sqlx knows nothing of
            lease.kill();
            Err(error)
        }
        None => {
            lease.kill();
            Ok(None)
        }
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(db: &Db, options: TxOptions) -> sqlx::Result<Connection> {
    let access = if options.refuses_writes() { Access::Read } else { Access::Write };
    let mut lease = Lease::<sqlx::Sqlite>::acquire(db.sqlite_pool(access)).await?;
    if options.refuses_writes() {
        lease.refuse_writes().await?;
    }
    lease.begin(options.begin(Engine::Sqlite)).await?;
    Ok(Connection::Sqlite(lease))
}
