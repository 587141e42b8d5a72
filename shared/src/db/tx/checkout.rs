//! Who has the connection of a transaction: nobody, a statement, or nobody ever again.

use futures_util::TryStreamExt;
use sqlx::SqlStr;

use super::connection::Connection;
use super::{TxInner, lock};
use crate::db::dialect::{ArgsInner, Row, RowInner};
use crate::db::executor::Access;
use crate::db::failure::READ_ONLY;
use crate::error::{Error, Result};

pub(super) enum Slot {
    Idle(Connection),
    // Postgres ignores everything after a failed statement, even the COMMIT, which it answers with a silent
    // rollback; SQLite goes on. Here both refuse, so that what works on one engine works on the other.
    Failed(Connection),
    Busy,
    Broken,
    Ended,
}

impl TxInner {
    /// Takes the connection for one statement.
    pub(in crate::db) fn checkout(&self, access: Access) -> Result<Checkout<'_>> {
        if self.read_only && access == Access::Write {
            return Err(Error::Usage(READ_ONLY.into()));
        }
        self.take(false)
    }

    pub(super) fn take(&self, even_failed: bool) -> Result<Checkout<'_>> {
        let mut slot = lock(&self.slot);
        match std::mem::replace(&mut *slot, Slot::Busy) {
            Slot::Idle(connection) => Ok(Checkout { tx: self, connection: Some(connection) }),
            Slot::Failed(connection) if even_failed => Ok(Checkout { tx: self, connection: Some(connection) }),
            Slot::Failed(connection) => {
                *slot = Slot::Failed(connection);
                Err(Error::Usage(
                    "an earlier statement of this transaction failed, so it can only be rolled back; return the error, \
                     or run what may fail inside `tx.transaction(..)`"
                        .into(),
                ))
            }
            Slot::Busy => Err(Error::Usage(
                "two statements at once in one transaction; await the first before starting the second".into(),
            )),
            Slot::Broken => {
                *slot = Slot::Broken;
                Err(Error::Usage(
                    "a statement of this transaction was cancelled half-way; the transaction is rolled back, run it again".into(),
                ))
            }
            Slot::Ended => {
                *slot = Slot::Ended;
                Err(Error::Usage(
                    "this transaction has ended; a repository made from it cannot be used any more".into(),
                ))
            }
        }
    }
}

/// The connection of a transaction while one statement runs. Dropped without [`give_back`](Self::give_back)
/// (the statement's future was dropped), the transaction is broken.
pub(in crate::db) struct Checkout<'t> {
    tx: &'t TxInner,
    pub(super) connection: Option<Connection>,
}

macro_rules! on_connection {
    ($checkout:expr, $arguments:expr, |$args:ident, $connection:ident, $row:ident| $run:expr) => {
        match ($checkout.connection.as_mut(), $arguments) {
            #[cfg(feature = "postgres")]
            (Some(Connection::Postgres(lease)), ArgsInner::Postgres($args)) => {
                let $connection = lease.connection();
                let $row = RowInner::Postgres;
                $run
            }
            #[cfg(feature = "sqlite")]
            (Some(Connection::Sqlite(lease)), ArgsInner::Sqlite($args)) => {
                let $connection = lease.connection();
                let $row = RowInner::Sqlite;
                $run
            }
            #[allow(unreachable_patterns)] // reachable when both engines are compiled in
            _ => unreachable!("arguments are made for the engine of the transaction they are used in"),
        }
    };
}

impl Checkout<'_> {
    pub(in crate::db) fn give_back(mut self, succeeded: bool) {
        let mut slot = lock(&self.tx.slot);
        // not when the transaction has ended or was broken while the statement ran
        if let (Slot::Busy, Some(connection)) = (&*slot, self.connection.take()) {
            *slot = if succeeded { Slot::Idle(connection) } else { Slot::Failed(connection) };
        }
    }

    /// The server does not answer: the connection is closed, and the transaction broken.
    pub(in crate::db) fn kill(mut self) {
        if let Some(connection) = self.connection.as_mut() {
            connection.kill();
        }
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn sqlite(&mut self) -> Option<&mut sqlx::SqliteConnection> {
        match self.connection.as_mut()? {
            Connection::Sqlite(lease) => Some(lease.connection()),
            #[cfg(feature = "postgres")]
            Connection::Postgres(_) => None,
        }
    }

    pub(super) fn end(mut self) -> Option<Connection> {
        *lock(&self.tx.slot) = Slot::Ended;
        self.connection.take()
    }

    pub(in crate::db) async fn fetch_optional(&mut self, sql: SqlStr, args: ArgsInner) -> sqlx::Result<Option<Row>> {
        let persistent = !self.tx.db.is_behind_pgbouncer();
        on_connection!(self, args, |args, connection, row| {
            sqlx::query_with(sql, args)
                .persistent(persistent)
                .fetch_optional(connection)
                .await
                .map(|found| found.map(row).map(Row))
        })
    }

    pub(in crate::db) async fn for_each(
        &mut self,
        sql: SqlStr,
        args: ArgsInner,
        with: &mut (dyn FnMut(Row) + Send),
    ) -> sqlx::Result<()> {
        let persistent = !self.tx.db.is_behind_pgbouncer();
        on_connection!(self, args, |args, connection, row| {
            let mut rows = sqlx::query_with(sql, args).persistent(persistent).fetch(connection);
            while let Some(found) = rows.try_next().await? {
                with(Row(row(found)));
            }
            Ok(())
        })
    }

    pub(in crate::db) async fn execute(&mut self, sql: SqlStr, args: ArgsInner) -> sqlx::Result<u64> {
        let persistent = !self.tx.db.is_behind_pgbouncer();
        on_connection!(self, args, |args, connection, _row| {
            sqlx::query_with(sql, args)
                .persistent(persistent)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })
    }

    pub(in crate::db) async fn script(&mut self, sql: SqlStr) -> sqlx::Result<()> {
        match self.connection.as_mut() {
            #[cfg(feature = "postgres")]
            Some(Connection::Postgres(lease)) => sqlx::raw_sql(sql).execute(lease.connection()).await.map(|_| ()),
            #[cfg(feature = "sqlite")]
            Some(Connection::Sqlite(lease)) => sqlx::raw_sql(sql).execute(lease.connection()).await.map(|_| ()),
            None => unreachable!("a checkout holds its connection until it is given back or ended, which consume it"),
        }
    }
}

impl Drop for Checkout<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let mut slot = lock(&self.tx.slot);
            if matches!(*slot, Slot::Busy) {
                *slot = Slot::Broken;
            }
            drop(slot);
            // a lease queues a ROLLBACK when it is dropped
            drop(connection);
        }
    }
}
