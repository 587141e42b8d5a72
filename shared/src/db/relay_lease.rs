//! The lease of the process that publishes the outbox: it counts up while it lives, and whoever sees it stand still takes
//! the next number. No clock is asked, neither the database's nor anybody's.

use super::Db;
use super::executor::Access;
use crate::entity::EntityValue;
use crate::error::{Error, Result};

/// What a lease looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beat {
    /// A number that no two holders have.
    pub(crate) epoch: i64,
    pub(crate) beat: i64,
}

/// Takes the lease, from whoever has it; returns the holder's number.
pub(crate) async fn take(db: &Db) -> Result<i64> {
    let executor = db.executor();
    let sql = "UPDATE shared_relay SET epoch = epoch + 1, beat = 0 RETURNING epoch";
    let row = executor.fetch_optional(Access::Write, sql, executor.args(), None).await?;
    row.ok_or_else(missing)?.required(0)
}

/// Takes the lease, if it still looks like that.
pub(crate) async fn take_from(db: &Db, seen: Beat) -> Result<Option<i64>> {
    let executor = db.executor();
    let mut args = executor.args();
    seen.epoch.bind(&mut args);
    seen.beat.bind(&mut args);
    let sql = "UPDATE shared_relay SET epoch = epoch + 1, beat = 0 WHERE epoch = $1 AND beat = $2 RETURNING epoch";
    let row = executor.fetch_optional(Access::Write, sql, args, None).await?;
    row.map(|row| row.required(0)).transpose()
}

/// What the lease looks like.
pub(crate) async fn beat(db: &Db) -> Result<Beat> {
    let executor = db.executor();
    let sql = "SELECT epoch, beat FROM shared_relay";
    let row = executor.fetch_optional(Access::Read, sql, executor.args(), None).await?;
    let row = row.ok_or_else(missing)?;
    Ok(Beat { epoch: row.required(0)?, beat: row.required(1)? })
}

/// Shows that the holder of a number lives; `false` when somebody else has the lease.
pub(crate) async fn renew(db: &Db, epoch: i64) -> Result<bool> {
    let executor = db.executor();
    let mut args = executor.args();
    epoch.bind(&mut args);
    let sql = "UPDATE shared_relay SET beat = beat + 1 WHERE epoch = $1";
    Ok(executor.execute(sql, args, None).await? == 1)
}

fn missing() -> Error {
    Error::Unavailable { what: "the row of `shared_relay` is missing".into(), source: None }
}
