//! The repository of an entity.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::filter::{Comparison, Filter, Node, SQLITE_MAX_LIST};
use super::insert;
use super::patch::{Assignments, EntityPatch, one_row};
use super::query::Query;
use super::select::Rows;
use super::value::{EntityValue, Insert, Rows as Inserted};
use super::{Entity, NewEntity, read, read_count};
use crate::db::executor::Access;
use crate::db::{Args, Engine, Executor};
use crate::error::{Error, Result};
use crate::validate::{Checker, Validate};

/// Reads and writes the rows of an entity, on a [`Db`](crate::Db) or inside a transaction: the same methods on both.
///
/// Get one from [`Db::repo`](crate::Db::repo) or [`Tx::repo`](crate::Tx::repo); cheap to clone.
///
/// Every future may be dropped: outside of a transaction the statement then ran completely or not at all, inside of
/// one the transaction is rolled back.
///
/// Errors name entity and fields, never values: a broken unique key is [`Error::Unique`] with its fields, a
/// missing or still referenced row [`Error::ForeignKey`], a lost race [`Error::Stale`].
pub struct Repo<E> {
    executor: Executor,
    with_deleted: bool,
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

    /// The same, with the rows that are marked as deleted: they are found, and they can be updated.
    #[must_use]
    pub fn with_deleted(mut self) -> Self {
        self.with_deleted = true;
        self
    }

    fn args(&self) -> Args {
        self.executor.args()
    }

    fn rows(&self) -> Rows {
        Rows::all(E::DEF, self.with_deleted)
    }

    fn not_found(&self) -> Error {
        Error::NotFound { entity: E::DEF.name }
    }

    /// Inserts a row and returns it as it is stored.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every broken rule; [`Error::Unique`], [`Error::ForeignKey`]; those of the database.
    pub async fn create(&self, new: E::New) -> Result<E> {
        let mut checker = Checker::default();
        new.check(&mut checker);
        let entity = new.into_entity();
        entity.check_whole(&mut checker);
        checker.finish(E::New::NAME)?;
        let mut args = self.args();
        E::bind(&mut Insert { rows: Inserted::One(&entity), args: &mut args });
        self.executor.execute(E::DEF.sql.insert, args, Some(&E::DEF.names)).await?;
        Ok(entity)
    }

    /// Inserts rows, all or none, and returns them in the same order: one statement for 10,000 rows on Postgres
    /// and for 1,000 on SQLite.
    ///
    /// # Errors
    /// As [`create`](Self::create). Paths of [`Error::Invalid`] start with the row: `/3/duration_minutes`.
    pub async fn create_many(&self, new: Vec<E::New>) -> Result<Vec<E>> {
        let mut checker = Checker::default();
        let entities: Vec<E> = new
            .into_iter()
            .enumerate()
            .map(|(index, new)| {
                checker.item(index, |checker| new.check(checker));
                let entity = new.into_entity();
                checker.item(index, |checker| entity.check_whole(checker));
                entity
            })
            .collect();
        checker.finish(E::New::NAME)?;
        let engine = self.executor.engine();
        let statements = entities
            .chunks(insert::rows_per_statement(E::DEF, engine))
            .map(|chunk| {
                let mut args = Args::new(engine);
                match engine {
                    Engine::Postgres => E::bind(&mut Insert { rows: Inserted::Arrays(chunk), args: &mut args }),
                    Engine::Sqlite => chunk
                        .iter()
                        .for_each(|entity| E::bind(&mut Insert { rows: Inserted::One(entity), args: &mut args })),
                }
                (insert::many(E::DEF, engine, chunk.len()), args)
            })
            .collect();
        insert::all_or_none(&self.executor, E::DEF, statements).await?;
        Ok(entities)
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
        let row = self.executor.fetch_optional(Access::Read, E::DEF.sql.get, args, Some(&E::DEF.names)).await?;
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
            let column = E::DEF.roles.id;
            let node = Node::In { column, negated: false, nullable: false, values: Arc::new(chunk.to_vec()) };
            let mut rows = self.rows();
            rows.and(node);
            let (sql, args) = rows.select(self.executor.engine(), &[], None);
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
        let row = self.executor.fetch_optional(Access::Read, E::DEF.sql.exists, args, Some(&E::DEF.names)).await?;
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
        let sql = E::DEF.sql.count;
        let row = self.executor.fetch_optional(Access::Read, sql, self.args(), Some(&E::DEF.names)).await?;
        read_count(row.as_ref())
    }

    /// A query: filter, sort, limit, then `all`, `first`, `count`, `exists` or `stream`.
    pub fn query(&self) -> Query<E> {
        Query::new(self.executor.clone(), self.with_deleted)
    }

    /// Sets the columns of the patch and returns the row as it then is. A patch that sets nothing changes nothing.
    ///
    /// With a version column the row is only changed if it still has the entity's version. Without one the last
    /// writer wins.
    ///
    /// # Errors
    /// [`Error::Stale`] when the row was changed since `entity` was read; [`Error::NotFound`] when it is gone;
    /// [`Error::Invalid`] with every rule that a set value breaks, and with the rules of the entity itself that `entity`
    /// would break with the patch; [`Error::Unique`], [`Error::ForeignKey`]; those of the database.
    pub async fn update(&self, entity: &E, patch: E::Patch) -> Result<E> {
        let mut checker = Checker::default();
        patch.check(&mut checker);
        entity.check_patched(&patch, &mut checker);
        checker.finish(E::Patch::NAME)?;
        let mut set = Assignments::new(E::DEF, self.executor.engine());
        patch.assign(&mut set);
        let rows = one_row(self.rows(), id_is::<E>(entity.id().clone()), version_is(entity));
        let names = Some(&E::DEF.names);
        let row = if set.is_empty() {
            let (sql, args) = rows.select(self.executor.engine(), &[], None);
            self.executor.fetch_optional(Access::Read, sql, args, names).await?
        } else {
            let (sql, args) = set.returning(&rows);
            self.executor.fetch_optional(Access::Write, sql, args, names).await?
        };
        match row {
            Some(row) => read(&row),
            None => Err(self.missing(entity.id().clone()).await?),
        }
    }

    /// Sets the columns of the patch in every row that the filter finds; returns how many. Versions are counted up,
    /// not checked. The rules of the set values are checked, those of the entity itself are not: the rows are not read.
    ///
    /// # Errors
    /// As [`update`](Self::update), without [`Error::Stale`] and [`Error::NotFound`].
    pub async fn update_where(&self, filter: Filter<E>, patch: E::Patch) -> Result<u64> {
        patch.validate()?;
        let mut set = Assignments::new(E::DEF, self.executor.engine());
        patch.assign(&mut set);
        let mut rows = self.rows();
        rows.and(filter.node);
        if set.is_empty() {
            let (sql, args) = rows.count(self.executor.engine());
            let row = self.executor.fetch_optional(Access::Read, sql, args, Some(&E::DEF.names)).await?;
            return read_count(row.as_ref());
        }
        let (sql, args) = set.all(&rows);
        self.executor.execute(sql, args, Some(&E::DEF.names)).await
    }

    /// Deletes the row, if it still has the entity's version; marks it as deleted if the entity has a `deleted_at`.
    ///
    /// # Errors
    /// [`Error::Stale`] when the row was changed since `entity` was read; [`Error::NotFound`] when it is gone;
    /// [`Error::ForeignKey`] when others refer to it; those of the database.
    pub async fn delete(&self, entity: &E) -> Result<()> {
        let args = self.deletion(entity.id(), entity.version());
        if self.executor.execute(E::DEF.sql.delete, args, Some(&E::DEF.names)).await? == 0 {
            return Err(self.missing(entity.id().clone()).await?);
        }
        Ok(())
    }

    /// Deletes the row with this id, whatever its version.
    ///
    /// # Errors
    /// As [`delete`](Self::delete), without [`Error::Stale`].
    pub async fn delete_by_id(&self, id: E::Id) -> Result<()> {
        let args = self.deletion(&id, None);
        match self.executor.execute(E::DEF.sql.delete_by_id, args, Some(&E::DEF.names)).await? {
            0 => Err(self.not_found()),
            _ => Ok(()),
        }
    }

    fn deletion(&self, id: &E::Id, version: Option<i64>) -> Args {
        let mut args = self.args();
        if E::DEF.roles.deleted_at.is_some() {
            crate::time::now().bind(&mut args);
        }
        id.bind(&mut args);
        if let Some(version) = version {
            version.bind(&mut args);
        }
        args
    }

    /// Deletes every row that the filter finds, or marks them as deleted; returns how many.
    ///
    /// # Errors
    /// [`Error::ForeignKey`] when others refer to one of them; those of the database.
    pub async fn delete_where(&self, filter: Filter<E>) -> Result<u64> {
        // what is deleted stays deleted, with its time
        let mut rows = Rows::all(E::DEF, false);
        rows.and(filter.node);
        let (sql, args) = rows.delete(self.executor.engine());
        self.executor.execute(sql, args, Some(&E::DEF.names)).await
    }

    /// Takes the mark of deletion from the row with this id and returns it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no deleted row has this id; [`Error::Unique`] when its place was taken meanwhile;
    /// [`Error::Usage`] when the entity has no `deleted_at`; those of the database.
    pub async fn restore(&self, id: E::Id) -> Result<E> {
        let Some(sql) = E::DEF.sql.restore else {
            let why =
                format!("`{}` rows are deleted for good; a `#[entity(deleted_at)]` column keeps them", E::DEF.name);
            return Err(Error::Usage(why.into()));
        };
        let mut args = self.args();
        if E::DEF.roles.updated_at.is_some() {
            crate::time::now().bind(&mut args);
        }
        id.bind(&mut args);
        let row = self.executor.fetch_optional(Access::Write, sql, args, Some(&E::DEF.names)).await?;
        row.as_ref().map_or_else(|| Err(self.not_found()), read)
    }

    /// Why a row was not changed: somebody else changed it, or it is gone.
    async fn missing(&self, id: E::Id) -> Result<Error> {
        let exists = E::DEF.roles.version.is_some() && self.exists(id).await?;
        Ok(if exists { Error::Stale { entity: E::DEF.name } } else { self.not_found() })
    }
}

fn id_is<E: Entity>(id: E::Id) -> Node {
    equal(E::DEF.roles.id, id)
}

fn version_is<E: Entity>(entity: &E) -> Option<Node> {
    Some(equal(E::DEF.roles.version?, entity.version()?))
}

fn equal<T: EntityValue>(column: &'static str, value: T) -> Node {
    Node::Compare { column, comparison: Comparison::Eq, or_null: false, nullable: false, value: Arc::new(value) }
}
