//! The repository of an entity: what it is, and how it reads.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::filter::{Comparison, Filter, Node, SQLITE_MAX_LIST};
use super::query::Query;
use super::select::Rows;
use super::value::EntityValue;
use super::{Entity, read, read_count};
use crate::db::executor::Access;
use crate::db::{Args, Executor};
use crate::error::{Error, Result};

/// Reads and writes the rows of an entity, on a [`Db`](crate::Db) or inside a transaction: the same methods on both.
///
/// Get one from [`Db::repo`](crate::Db::repo) or [`Tx::repo`](crate::Tx::repo); cheap to clone.
///
/// Every future may be dropped: outside of a transaction the statement then ran completely or not at all, inside of
/// one the transaction is rolled back.
///
/// Errors name entity and fields, never values: a broken unique key is [`Error::Unique`] with its fields, a
/// missing or still referenced row [`Error::ForeignKey`] with what refers to it, a lost race [`Error::Stale`].
pub struct Repo<E> {
    pub(super) executor: Executor,
    pub(super) with_deleted: bool,
    of: PhantomData<fn() -> E>,
}

impl<E> Clone for Repo<E> {
    fn clone(&self) -> Self {
        Self { executor: self.executor.clone(), with_deleted: self.with_deleted, of: PhantomData }
    }
}

impl<E: Entity> fmt::Debug for Repo<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repo").field("of", &E::DEF.name).field("on", &self.executor).finish()
    }
}

impl<E: Entity> Repo<E> {
    pub(crate) fn new(executor: Executor) -> Self {
        Self { executor, with_deleted: false, of: PhantomData }
    }

    /// The same on another pool or transaction.
    pub(super) fn on(&self, executor: Executor) -> Self {
        Self { executor, with_deleted: self.with_deleted, of: PhantomData }
    }

    /// The same, with the rows that are marked as deleted: they are found, and they can be updated.
    #[must_use]
    pub fn with_deleted(mut self) -> Self {
        self.with_deleted = true;
        self
    }

    pub(super) fn args(&self) -> Args {
        self.executor.args()
    }

    pub(super) fn rows(&self) -> Rows {
        Rows::all(E::DEF, self.with_deleted)
    }

    pub(super) fn not_found(&self) -> Error {
        Error::NotFound { entity: E::DEF.name }
    }

    /// The row with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of the database.
    pub async fn get(&self, id: E::Id) -> Result<E> {
        self.find(id).await?.ok_or_else(|| self.not_found())
    }

    /// The row with this id, if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find(&self, id: E::Id) -> Result<Option<E>> {
        if self.with_deleted {
            return self.query().filter(Filter::new(id_is::<E>(id))).first().await;
        }
        let mut args = self.args();
        id.bind(&mut args);
        let sql = E::DEF.sql.get.text(self.executor.engine());
        let row = self.executor.fetch_optional(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        row.as_ref().map(read).transpose()
    }

    /// One row that a filter finds, if there is one: made for the filters of unique keys, such as
    /// `Appointment::by_doctor_id_and_starts_at(doctor_id, starts_at)`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find_by(&self, filter: Filter<E>) -> Result<Option<E>> {
        self.query().filter(filter).first().await
    }

    /// The rows with these ids, in the order of the ids. An id without a row is left out, one that is given twice
    /// counts once.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn get_many(&self, ids: &[E::Id]) -> Result<Vec<E>> {
        let mut found: HashMap<E::Id, E> = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(SQLITE_MAX_LIST) {
            let (sql, args) = self.rows_with(chunk).select(self.executor.engine());
            for row in self.executor.fetch_all(Access::Read, sql, args, Some(&E::DEF.names)).await? {
                let entity: E = read(&row)?;
                found.insert(entity.id().clone(), entity);
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Whether there is a row with this id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn exists(&self, id: E::Id) -> Result<bool> {
        if self.with_deleted {
            return self.query().filter(Filter::new(id_is::<E>(id))).exists().await;
        }
        let mut args = self.args();
        id.bind(&mut args);
        let sql = E::DEF.sql.exists.text(self.executor.engine());
        let row = self.executor.fetch_optional(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        Ok(row.is_some())
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count(&self) -> Result<u64> {
        if self.with_deleted {
            return self.query().count().await;
        }
        let sql = E::DEF.sql.count.text(self.executor.engine());
        let row = self.executor.fetch_optional(Access::Read, sql, self.args(), Some(&E::DEF.names)).await?;
        read_count(row.as_ref(), 0)
    }

    /// A query: filter, sort, limit, then `all`, `first`, `count`, `exists` or `stream`.
    pub fn query(&self) -> Query<E> {
        Query::new(self.executor.clone(), self.with_deleted)
    }
}

pub(super) fn id_is<E: Entity>(id: E::Id) -> Node {
    equal(E::DEF.roles.id, id)
}

pub(super) fn equal<T: EntityValue>(column: &'static str, value: T) -> Node {
    Node::Compare { column, comparison: Comparison::Eq, or_null: false, nullable: false, value: Arc::new(value) }
}
