//! Reading many rows.

use std::fmt;
use std::marker::PhantomData;

use super::Entity;
use super::column::{Column, Order, OrderBy};
use super::filter::Filter;
use super::keyset::complete;
use super::lock::{Lock, LockedQuery};
use super::output::Output;
use super::projection::Projection;
use super::select::{Reading, Rows};
use super::value::EntityValue;
use crate::db::executor::Access;
use crate::db::{Args, Executor, SqlText};
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
///
/// It reads an `O` of each row: the entity, unless [`select`](Self::select) or [`values`](Self::values) says otherwise.
#[must_use = "a query does nothing until it is run: `all`, `first`, `page`, `count`, `exists` or `stream`"]
pub struct Query<E, O = E> {
    pub(super) executor: Executor,
    pub(super) rows: Rows,
    pub(super) order: Vec<OrderBy>,
    pub(super) limit: Limit,
    pub(super) output: Output<O>,
    lock: Option<Lock>,
    of: PhantomData<fn() -> E>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    Default,
    Rows(usize),
    None,
}

impl<E, O> Clone for Query<E, O> {
    fn clone(&self) -> Self {
        Self {
            executor: self.executor.clone(),
            rows: self.rows.clone(),
            order: self.order.clone(),
            limit: self.limit,
            output: self.output,
            lock: self.lock,
            of: PhantomData,
        }
    }
}

impl<E, O> fmt::Debug for Query<E, O> {
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
        Self {
            executor,
            rows: Rows::all(E::DEF, with_deleted),
            order: Vec::new(),
            limit: Limit::Default,
            output: Output::entity(),
            lock: None,
            of: PhantomData,
        }
    }

    /// Reads some of the columns only, into a struct with `#[derive(Projection)]`.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "appointments")]
    /// # struct Appointment { #[entity(id)] id: Uuid, starts_at: DateTime<Utc>, notes: String }
    /// #[derive(Debug, Projection)]
    /// #[projection(of = Appointment)]
    /// struct Slot {
    ///     id: Uuid,
    ///     starts_at: DateTime<Utc>,
    /// }
    ///
    /// async fn slots(db: &Db) -> Result<Vec<Slot>> {
    ///     let query = db.repo::<Appointment>().query().order_by(Appointment::STARTS_AT.asc());
    ///     query.select::<Slot>().limit(100).all().await
    /// }
    /// ```
    pub fn select<P: Projection<E>>(self) -> Query<E, P> {
        self.reading(Output::projection())
    }

    /// Reads one column only.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "appointments")]
    /// # struct Appointment { #[entity(id)] id: Uuid, starts_at: DateTime<Utc> }
    /// async fn times(db: &Db) -> Result<Vec<DateTime<Utc>>> {
    ///     db.repo::<Appointment>().query().values(Appointment::STARTS_AT).all().await
    /// }
    /// ```
    pub fn values<T: EntityValue, R>(self, column: Column<E, T, R>) -> Query<E, T> {
        self.reading(Output::value(column))
    }

    fn reading<O>(self, output: Output<O>) -> Query<E, O> {
        let Self { executor, rows, order, limit, lock, .. } = self;
        Query { executor, rows, order, limit, output, lock, of: PhantomData }
    }

    /// Locks the rows that are read until the end of the transaction: nobody else can change, delete or lock them.
    /// Whoever tries waits, as this does for rows that others have locked; see [`LockedQuery::skip_locked`] and
    /// [`LockedQuery::no_wait`].
    ///
    /// On SQLite, where one transaction writes at a time, the transaction itself is the lock.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # #[derive(Debug, Entity)]
    /// # #[entity(table = "tasks")]
    /// # struct Task { #[entity(id)] id: Uuid, done: bool }
    /// async fn work(tx: &mut Tx) -> Result<()> {
    ///     let tasks = tx.repo::<Task>();
    ///     let waiting = tasks.query().filter(Task::DONE.eq(false)).limit(10).lock_for_update().skip_locked().all().await?;
    ///     for task in waiting {
    ///         // …
    ///         tasks.update(&task, TaskPatch::new().done(true)).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn lock_for_update(self) -> LockedQuery<E> {
        LockedQuery::new(self)
    }

    pub(super) fn locked(self, lock: Lock) -> Self {
        Self { lock: Some(lock), ..self }
    }
}

impl<E: Entity, O: Send + 'static> Query<E, O> {
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
    pub async fn all(self) -> Result<Vec<O>> {
        let limit = match self.limit {
            // one more, to see whether there are more
            Limit::Default => Some(DEFAULT_LIMIT + 1),
            Limit::Rows(rows) => Some(rows),
            Limit::None => None,
        };
        let (sql, args) = self.select_rows(limit);
        let rows = self.executor.fetch_all(self.access(), sql, args, Some(&E::DEF.names)).await?;
        if matches!(self.limit, Limit::Default) && rows.len() > DEFAULT_LIMIT {
            return Err(Error::Usage(
                format!(
                    "more than {DEFAULT_LIMIT} `{}` rows match; say `.limit(n)`, `.unlimited()`, or read them with `.stream()`",
                    E::DEF.name
                )
                .into(),
            ));
        }
        rows.iter().map(|row| self.output.read(row)).collect()
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn first(self) -> Result<Option<O>> {
        let (sql, args) = self.select_rows(Some(1));
        let row = self.executor.fetch_optional(self.access(), sql, args, Some(&E::DEF.names)).await?;
        row.as_ref().map(|row| self.output.read(row)).transpose()
    }

    /// How many rows there are, whatever the limit.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count(self) -> Result<u64> {
        let (sql, args) = self.rows.count(self.executor.engine());
        let row = self.executor.fetch_optional(Access::Read, sql, args, Some(&E::DEF.names)).await?;
        super::read_count(row.as_ref(), 0)
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

    /// What a lock is taken for is a write.
    fn access(&self) -> Access {
        if self.lock.is_some() { Access::Write } else { Access::Read }
    }

    pub(super) fn select_rows(&self, limit: Option<usize>) -> (SqlText, Args) {
        let order = if self.order.is_empty() { Vec::new() } else { complete(E::DEF, &self.order) };
        let reading = Reading {
            order: &order,
            limit: limit.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX)),
            lock: self.lock,
            ..Reading::new(E::DEF, self.output.columns)
        };
        self.rows.read(self.executor.engine(), &reading)
    }
}
