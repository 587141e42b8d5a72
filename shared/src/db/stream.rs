//! Reading more rows than memory holds.

#[cfg(feature = "postgres")]
use std::time::Duration;

#[cfg(feature = "postgres")]
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::Db;
use super::dialect::{Args, ArgsInner, Engine, Row, RowInner, SqlText};
#[cfg(feature = "sqlite")]
use super::executor::Access;
#[cfg(feature = "postgres")]
use super::executor::SILENT;
use super::failure::{Names, classify};
#[cfg(feature = "postgres")]
use super::lease::{Lease, limited};
use super::rows;
#[cfg(feature = "postgres")]
use super::rows::Sink;
use crate::error::Result;

/// What is left of a stream that is given up is read for at most that long; if it is more, its connection is closed.
#[cfg(feature = "postgres")]
const REST: Duration = Duration::from_millis(50);

impl Db {
    /// Rows as they were when the first one was asked for, as fast as they are taken.
    pub(crate) fn stream(
        &self,
        sql: impl Into<SqlText>,
        mut args: Args,
        names: Option<&'static Names>,
    ) -> BoxStream<'static, Result<Row>> {
        if let Some(error) = args.failed.take() {
            return stream::once(async { Err(error) }).boxed();
        }
        let (db, sql) = (self.clone(), sql.into());
        match args.inner {
            #[cfg(feature = "postgres")]
            ArgsInner::Postgres(arguments) => rows::stream(move |sink| async move {
                if let Err(error) = read(&db, sql, arguments, names, &sink).await {
                    sink.send(Err(error)).await;
                }
            }),
            #[cfg(feature = "sqlite")]
            ArgsInner::Sqlite(arguments) => rows::stream(move |sink| async move {
                let mut rows = sqlx::query_with(sql.into_sql(), arguments).fetch(db.sqlite_pool(Access::Read));
                while let Some(found) = rows.next().await {
                    let found = found.map(|row| Row(RowInner::Sqlite(row)));
                    sink.send(found.map_err(|error| classify(error, Engine::Sqlite, names))).await;
                }
            }),
        }
    }
}

/// One statement whose answer is read as it is wanted: the server sends no more than the connection holds.
///
/// In a transaction, for the time that its rows may take: the statement timeout would count the reader's time, too. The
/// server's own time is limited here, for each row.
#[cfg(feature = "postgres")]
async fn read(
    db: &Db,
    sql: SqlText,
    arguments: sqlx::postgres::PgArguments,
    names: Option<&'static Names>,
    sink: &Sink,
) -> Result<()> {
    const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = 0";
    let translate = |error| classify(error, Engine::Postgres, names);
    let mut lease = Lease::<sqlx::Postgres>::acquire(db.postgres_source()).await.map_err(translate)?;
    lease.hurry(REST);
    let Some(begun) = limited(db.limit(), lease.begin(BEGIN)).await else {
        lease.kill();
        return Err(SILENT);
    };
    begun.map_err(translate)?;
    let mut rows =
        sqlx::query_with(sql.into_sql(), arguments).persistent(!db.is_behind_pgbouncer()).fetch(lease.connection());
    loop {
        let next = match rows.next().now_or_never() {
            Some(next) => Some(next),
            None => limited(db.limit(), rows.next()).await,
        };
        match next {
            Some(Some(found)) => {
                let found = found.map_err(translate)?;
                sink.send(Ok(Row(RowInner::Postgres(found)))).await;
            }
            Some(None) => break,
            None => {
                drop(rows);
                lease.kill();
                return Err(SILENT);
            }
        }
    }
    drop(rows);
    let Some(ended) = limited(db.limit(), lease.commit()).await else {
        lease.kill();
        return Err(SILENT);
    };
    ended.map_err(translate)
}
