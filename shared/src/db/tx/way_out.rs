//! The way out of a transaction, to sqlx, for what this library does not offer.

use super::Tx;
use super::connection::Connection;
use crate::db::executor::Access;
use crate::error::{Error, Result};

impl Tx {
    /// Runs sqlx on this transaction's connection, if this is Postgres: the way out for what this library does not
    /// offer. Do not begin or end transactions in it.
    ///
    /// # Errors
    /// The closure's error, which fails the transaction; [`Error::Usage`] when this is not Postgres.
    #[cfg(feature = "postgres")]
    pub async fn postgres<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut sqlx::PgConnection) -> Result<T>,
    {
        let mut checkout = self.inner.checkout(Access::Read)?;
        let result = match checkout.connection.as_mut() {
            Some(Connection::Postgres(lease)) => work(lease.connection()).await,
            _ => Err(Error::Usage("this transaction is not on Postgres".into())),
        };
        checkout.give_back(result.is_ok());
        result
    }

    /// Runs sqlx on this transaction's connection, if this is SQLite: the way out for what this library does not
    /// offer. Do not begin or end transactions in it.
    ///
    /// # Errors
    /// The closure's error, which fails the transaction; [`Error::Usage`] when this is not SQLite.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut sqlx::SqliteConnection) -> Result<T>,
    {
        let mut checkout = self.inner.checkout(Access::Read)?;
        let result = match checkout.connection.as_mut() {
            Some(Connection::Sqlite(lease)) => work(lease.connection()).await,
            _ => Err(Error::Usage("this transaction is not on SQLite".into())),
        };
        checkout.give_back(result.is_ok());
        result
    }
}
