//! Reading many rows.

use std::fmt;
use std::marker::PhantomData;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::Entity;
use super::column::{Order, OrderBy};
use super::filter::Filter;
use super::select::Rows;
use crate::db::Executor;
use crate::db::executor::Access;
use crate::error::{Error, Result};

/// How many rows [`Query::all`] returns at most when the query does not say.
pub const DEFAULT_LIMIT: usize = 1_000;

/// A query under construction; see [`Repo::query`](super::Repo::query).
///
/// ```
/// # use shared::prelude::*;
/// # #[derive(Debug, Entity)]
/// # #[entity(table = "patients")]
/// # struct Patient { #[entity(id)] id: Uuid, age: i32 }
/// async fn oldest(db: &Db) -> Result<Vec<Patient>> {
///     db.repo::<Patient>().query().filter(Patient::AGE.ge(65)).order_by(Patient::AGE.desc()).limit(20).all().await
/// }
/// ```
#[must_use = "a query does nothing until it is run: `all`, `first`, `count`, `exists` or `stream`"]
pub struct Query<E> {
    executor: Executor,
    rows: Rows,
    order: Vec<OrderBy>,
    limit: Limit,
    of: PhantomData<fn() -> E>,
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    Default,
    Rows(usize),
    None,
}

impl<E> Clone for Query<E> {
    fn clone(&self) -> Self {
        Self {
            executor: self.executor.clone(),
            rows: self.rows.clone(),
            order: self.order.clone(),
            limit: self.limit,
            of: PhantomData,
        }
    }
}

impl<E> fmt::Debug for Query<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("of", &self.rows.of.name)
            .field("filter", &self.rows.filter)
            .field("order", &self.order)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<E: Entity> Query<E> {
    pub(super) fn new(executor: Executor, with_deleted: bool) -> Self {
        let rows = Rows::all(E::DEF, with_deleted);
        Self { executor, rows, order: Vec::new(), limit: Limit::Default, of: PhantomData }
    }

    /// Only rows for which this holds, too.
    pub fn filter(mut self, filter: Filter<E>) -> Self {
        self.rows.and(filter.node);
        self
    }

    /// Only rows for which this holds, too, if there is such a condition: for what a caller may leave open.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # use shared::entity::Query;
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "patients")]
    /// # struct Patient { #[entity(id)] id: Uuid, age: i32, ward: Option<String> }
    /// fn search(query: Query<Patient>, ward: Option<&str>, from_age: Option<i32>) -> Query<Patient> {
    ///     query
    ///         .filter_some(ward.map(|ward| Patient::WARD.eq(ward)))
    ///         .filter_some(from_age.map(|age| Patient::AGE.ge(age)))
    /// }
    /// ```
    pub fn filter_some(self, filter: Option<Filter<E>>) -> Self {
        match filter {
            Some(filter) => self.filter(filter),
            None => self,
        }
    }

    /// Sorted by this. Call it again to sort the rows that are equal so far; at the end the id decides. Without it,
    /// rows come in no particular order.
    pub fn order_by(mut self, order: Order<E>) -> Self {
        self.order.push(order.by);
        self
    }

    /// At most so many rows.
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Limit::Rows(rows);
        self
    }

    /// All rows, however many there are. They are held in memory together: consider [`stream`](Self::stream).
    pub fn unlimited(mut self) -> Self {
        self.limit = Limit::None;
        self
    }

    /// Rows that are marked as deleted, too.
    pub fn with_deleted(mut self) -> Self {
        self.rows.with_deleted = true;
        self
    }

    /// The rows.
    ///
    /// # Errors
    /// [`Error::Usage`] when there are more than [`DEFAULT_LIMIT`] rows and neither [`limit`](Self::limit) nor
    /// [`unlimited`](Self::unlimited) says what to do; those of the database.
    pub async fn all(self) -> Result<Vec<E>> {
        let limit = match self.limit {
            // one more, to see whether there are more
            Limit::Default => Some(DEFAULT_LIMIT + 1),
            Limit::Rows(rows) => Some(rows),
            Limit::None => None,
        };
        let (sql, args) = self.select(limit);
        let rows = self.executor.fetch_all(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        if matches!(self.limit, Limit::Default) && rows.len() > DEFAULT_LIMIT {
            return Err(Error::Usage(
                format!(
                    "more than {DEFAULT_LIMIT} `{}` rows match; say `.limit(n)`, `.unlimited()`, or read them with `.stream()`",
                    E::DEF.name
                )
                .into(),
            ));
        }
        rows.iter().map(super::read).collect()
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn first(self) -> Result<Option<E>> {
        let (sql, args) = self.select(Some(1));
        let row = self.executor.fetch_optional(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        row.as_ref().map(super::read).transpose()
    }

    /// How many rows there are, whatever the limit.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count(self) -> Result<u64> {
        let (sql, args) = self.rows.count(self.executor.engine());
        let row = self.executor.fetch_optional(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        super::read_count(row.as_ref())
    }

    /// Whether there is such a row.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn exists(self) -> Result<bool> {
        let (sql, args) = self.rows.exists(self.executor.engine());
        let row = self.executor.fetch_optional(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        Ok(row.is_some())
    }

    /// The rows one by one, however many there are: as fast as they are taken, in memory that does not grow. Inside
    /// a transaction they are read at once, since its connection must be free for other statements meanwhile.
    ///
    /// The stream holds a connection until it ends or is dropped.
    pub fn stream(self) -> BoxStream<'static, Result<E>> {
        let limit = match self.limit {
            Limit::Rows(rows) => Some(rows),
            Limit::Default | Limit::None => None,
        };
        let (sql, args) = self.select(limit);
        self.executor.stream(sql, args, Some(&E::DEF.names)).map(|row| super::read(&row?)).boxed()
    }

    fn select(&self, limit: Option<usize>) -> (crate::db::SqlText, crate::db::Args) {
        let limit = limit.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
        self.rows.select(self.executor.engine(), &self.order, limit)
    }
}
