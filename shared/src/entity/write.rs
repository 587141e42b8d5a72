//! How a repository writes. What the entity emits is published in the transaction of the write.

use std::collections::HashMap;
use std::sync::Arc;

use super::emit::{self, Change, Kind};
use super::filter::{Filter, Node, SQLITE_MAX_LIST};
use super::insert::{self, Insertion};
use super::patch::{Assignments, EntityPatch};
use super::repo::{Repo, equal, id_is};
use super::role::bind_actor;
use super::select::Rows;
use super::value::{EntityValue, Insert, Rows as Inserted};
use super::work::Work;
use super::{Entity, NewEntity, read, read_count};
#[cfg(feature = "postgres")]
use crate::db::Executor;
use crate::db::executor::Access;
use crate::db::{Args, Engine, Sql, SqlText};
use crate::error::{Error, Result};
use crate::event::Draft;
use crate::validate::{Checker, Validate};

impl<E: Entity> Repo<E> {
    /// Inserts a row and returns it as it is stored.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every broken rule, also of an event that is emitted; [`Error::Unique`],
    /// [`Error::ForeignKey`]; those of the database.
    pub async fn create(&self, new: E::New) -> Result<E> {
        let entity = made_one::<E>(new)?;
        let mut drafts = Vec::new();
        emit::drafts(&Change::Created(&entity), &mut drafts)?;
        let engine = self.executor.engine();
        let args = bound_row(&entity, engine);
        if drafts.is_empty() {
            let done = self.executor.execute(E::DEF.sql.insert.text(engine), args, Some(&E::DEF.names)).await;
            self.explained(done, || insertion(&entity, engine)).await?;
        } else {
            self.insert_and_publish(&entity, args, drafts).await?;
        }
        Ok(entity)
    }

    /// A write, and which foreign key has refused it.
    pub(super) async fn explained<T>(&self, result: Result<T>, again: impl FnOnce() -> (SqlText, Args)) -> Result<T> {
        self.executor.explained(result, &E::DEF.names, again).await
    }

    async fn insert_and_publish(&self, entity: &E, args: Args, drafts: Vec<Draft>) -> Result<()> {
        let engine = self.executor.engine();
        let (sql, names) = (E::DEF.sql.insert.text(engine), Some(&E::DEF.names));
        #[cfg(feature = "postgres")]
        if let Executor::Db(db) = &self.executor
            && engine == Engine::Postgres
            && (E::DEF.references.is_empty() || drafts.iter().all(|draft| draft.key.is_none()))
        {
            let context = crate::Context::current();
            let events: Result<Vec<_>> = drafts.into_iter().map(|draft| db.seal(draft, &context)).collect();
            return crate::db::outbox::insert_beside(db, sql, args, &events?, names).await;
        }
        let work = Work::begin(&self.executor).await?;
        let done = work.executor().execute(sql, args, names).await;
        self.on(work.executor()).explained(done, || insertion(entity, engine)).await?;
        work.publish(Ok(drafts))?;
        work.commit().await
    }

    /// Inserts rows, all or none, and returns them in the same order: one statement for 10,000 rows on Postgres
    /// and for 1,000 on SQLite.
    ///
    /// # Errors
    /// As [`create`](Self::create). Paths of [`Error::Invalid`] start with the row: `/3/duration_minutes`.
    pub async fn create_many(&self, new: Vec<E::New>) -> Result<Vec<E>> {
        let entities = made::<E>(new)?;
        let mut drafts = Vec::new();
        for entity in &entities {
            emit::drafts(&Change::Created(entity), &mut drafts)?;
        }
        let engine = self.executor.engine();
        let chunks = entities.chunks(insert::rows_per_statement(E::DEF, engine));
        let insertion = |chunk: &[E]| (insert::many(E::DEF, engine, chunk.len()), bound(chunk, engine));
        let insertions: Vec<_> = chunks.map(|chunk| Insertion::new(move || insertion(chunk))).collect();
        if drafts.is_empty() {
            insert::all_or_none(&self.executor, E::DEF, insertions).await?;
        } else {
            let work = Work::begin(&self.executor).await?;
            insert::all_or_none(&work.executor(), E::DEF, insertions).await?;
            work.publish(Ok(drafts))?;
            work.commit().await?;
        }
        Ok(entities)
    }

    /// Sets the columns of the patch and returns the row as it then is. A patch that sets nothing changes nothing, and
    /// emits nothing.
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
        if !emit::any_on::<E>(Kind::Updated) || self.assignments(&patch).is_empty() {
            return self.update_row(entity, &patch).await;
        }
        let work = Work::begin(&self.executor).await?;
        let repo = self.on(work.executor());
        // with a version, the row is what `entity` says, or it is not changed
        let read_before = if emit::compares::<E>() && entity.version().is_none() {
            repo.locked(Filter::new(id_is::<E>(entity.id().clone()))).await?.into_iter().next()
        } else {
            None
        };
        let row = repo.update_row(entity, &patch).await?;
        let before = read_before.as_ref().unwrap_or(entity);
        work.publish(drafts([Change::Updated(Some(before), &row)]))?;
        work.commit().await?;
        Ok(row)
    }

    async fn update_row(&self, entity: &E, patch: &E::Patch) -> Result<E> {
        let (set, names) = (self.assignments(patch), Some(&E::DEF.names));
        let row = if set.is_empty() {
            let mut rows = self.rows();
            rows.and(id_is::<E>(entity.id().clone()));
            if let Some(version) = version_is(entity) {
                rows.and(version);
            }
            let (sql, args) = rows.select(self.executor.engine());
            self.executor.fetch_optional(Access::Read, sql, args, names).await?
        } else {
            let (sql, args) = set.one_row(entity, self.with_deleted);
            let row = self.executor.fetch_optional(Access::Write, sql, args, names).await;
            self.explained(row, || self.assignments(patch).one_row(entity, self.with_deleted)).await?
        };
        match row {
            Some(row) => read(&row),
            None => Err(self.missing(entity.id().clone()).await?),
        }
    }

    /// Sets the columns of the patch in every row that the filter finds; returns how many. Versions are counted up,
    /// not checked. The rules of the set values are checked, those of the entity itself are not: the rows are not read.
    /// What the entity emits is published for each of the rows. For that it holds all of them, and their events, in
    /// memory until the commit: change very many in parts, as [`delete_where`](Self::delete_where) shows.
    ///
    /// # Errors
    /// As [`update`](Self::update), without [`Error::Stale`] and [`Error::NotFound`].
    pub async fn update_where(&self, filter: Filter<E>, patch: E::Patch) -> Result<u64> {
        patch.validate()?;
        let set = self.assignments(&patch);
        let mut rows = self.rows();
        rows.and(filter.node.clone());
        if set.is_empty() {
            let (sql, args) = rows.count(self.executor.engine());
            let row = self.executor.fetch_optional(Access::Read, sql, args, Some(&E::DEF.names)).await?;
            return read_count(row.as_ref(), 0);
        }
        if !emit::any_on::<E>(Kind::Updated) {
            let (sql, args) = set.all(&rows);
            let done = self.executor.execute(sql, args, Some(&E::DEF.names)).await;
            return self.explained(done, || self.assignments(&patch).all(&rows)).await;
        }
        let work = Work::begin(&self.executor).await?;
        let repo = self.on(work.executor());
        let (before, after) = if emit::compares::<E>() {
            repo.update_locked(filter, &patch).await?
        } else {
            let (sql, args) = set.returning(&rows);
            let written = repo.written(sql, args).await;
            (HashMap::new(), repo.explained(written, || repo.assignments(&patch).returning(&rows)).await?)
        };
        work.publish(drafts(after.iter().map(|row| Change::Updated(before.get(row.id()), row))))?;
        work.commit().await?;
        Ok(after.len() as u64)
    }

    /// Locks what the filter finds, updates exactly that, and returns the rows as they were and as they are.
    async fn update_locked(&self, filter: Filter<E>, patch: &E::Patch) -> Result<(HashMap<E::Id, E>, Vec<E>)> {
        let locked = self.locked(filter).await?;
        let before: HashMap<E::Id, E> = locked.into_iter().map(|row| (row.id().clone(), row)).collect();
        let ids: Vec<E::Id> = before.keys().cloned().collect();
        let mut after = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(SQLITE_MAX_LIST) {
            let update = || self.assignments(patch).returning(&self.rows_with(chunk));
            let (sql, args) = update();
            let written = self.written(sql, args).await;
            after.extend(self.explained(written, update).await?);
        }
        Ok((before, after))
    }

    pub(super) fn rows_with(&self, ids: &[E::Id]) -> Rows {
        let (column, values) = (E::DEF.roles.id, Arc::new(ids.to_vec()));
        let mut rows = self.rows();
        rows.and(Node::In { column, negated: false, nullable: false, values });
        rows
    }

    fn assignments(&self, patch: &E::Patch) -> Assignments {
        let mut set = Assignments::new(E::DEF, self.executor.engine());
        patch.assign(&mut set);
        set
    }

    /// The rows that the filter finds, which nobody else changes before the transaction ends.
    pub(super) async fn locked(&self, filter: Filter<E>) -> Result<Vec<E>> {
        let mut rows = self.rows();
        rows.and(filter.node);
        let (sql, args) = rows.select_to_change(self.executor.engine());
        self.written(sql, args).await
    }

    pub(super) async fn written(&self, sql: SqlText, args: Args) -> Result<Vec<E>> {
        let rows = self.executor.fetch_all(Access::Write, sql, args, Some(&E::DEF.names)).await?;
        rows.iter().map(read).collect()
    }

    /// Deletes the row, if it still has the entity's version; marks it as deleted if the entity has a `deleted_at`.
    ///
    /// # Errors
    /// [`Error::Stale`] when the row was changed since `entity` was read; [`Error::NotFound`] when it is gone;
    /// [`Error::ForeignKey`] when others refer to it; those of the database.
    pub async fn delete(&self, entity: &E) -> Result<()> {
        if self.delete_one(E::DEF.sql.delete, entity.id(), entity.version()).await? {
            return Ok(());
        }
        Err(self.missing(entity.id().clone()).await?)
    }

    /// Deletes the row with this id, whatever its version.
    ///
    /// # Errors
    /// As [`delete`](Self::delete), without [`Error::Stale`].
    pub async fn delete_by_id(&self, id: E::Id) -> Result<()> {
        if self.delete_one(E::DEF.sql.delete_by_id, &id, None).await? { Ok(()) } else { Err(self.not_found()) }
    }

    async fn delete_one(&self, sql: Sql, id: &E::Id, version: Option<i64>) -> Result<bool> {
        let (sql, args) = (sql.text(self.executor.engine()), self.deletion(id, version));
        let again = || (sql.into(), self.deletion(id, version));
        if !emit::any_on::<E>(Kind::Deleted) {
            let deleted = self.executor.execute(sql, args, Some(&E::DEF.names)).await;
            return Ok(self.explained(deleted, again).await? > 0);
        }
        let work = Work::begin(&self.executor).await?;
        let repo = self.on(work.executor());
        let returning = SqlText::built(format!("{sql} RETURNING {}", E::DEF.sql.columns));
        let deleted = repo.written(returning, args).await;
        let deleted = repo.explained(deleted, again).await?;
        work.publish(drafts(deleted.iter().map(Change::Deleted)))?;
        work.commit().await?;
        Ok(!deleted.is_empty())
    }

    fn deletion(&self, id: &E::Id, version: Option<i64>) -> Args {
        let mut args = self.args();
        if E::DEF.roles.deleted_at.is_some() {
            crate::time::now().bind(&mut args);
            if let Some(column) = E::DEF.roles.updated_by {
                bind_actor(E::DEF, column, &mut args);
            }
        }
        id.bind(&mut args);
        if let Some(version) = version {
            version.bind(&mut args);
        }
        args
    }

    /// Deletes every row that the filter finds, or marks them as deleted; returns how many. What the entity emits is
    /// published for each of the rows. For that it holds all of them, and their events, in memory until the commit. Of an
    /// entity that emits, delete very many rows in parts, each in a transaction of its own:
    ///
    /// ```
    /// # use shared::prelude::*;
    /// # #[derive(Debug, Clone, Entity)]
    /// # #[entity(table = "visits", emits(deleted = VisitForgotten))]
    /// # struct Visit { #[entity(id)] id: Uuid, ended_at: DateTime<Utc> }
    /// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    /// # #[event(subject = "visit.forgotten")]
    /// # struct VisitForgotten { visit_id: Uuid }
    /// # impl From<&Visit> for VisitForgotten { fn from(visit: &Visit) -> Self { Self { visit_id: visit.id } } }
    /// async fn forget(db: &Db, before: DateTime<Utc>) -> Result<()> {
    ///     let visits = db.repo::<Visit>();
    ///     let old = visits.query().filter(Visit::ENDED_AT.lt(before)).values(Visit::ID).limit(10_000);
    ///     loop {
    ///         let ids = old.clone().all().await?;
    ///         if visits.delete_where(Visit::ID.in_(ids)).await? == 0 {
    ///             return Ok(());
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::ForeignKey`] when others refer to one of them; those of the database.
    pub async fn delete_where(&self, filter: Filter<E>) -> Result<u64> {
        // what is deleted stays deleted, with its time
        let mut rows = Rows::all(E::DEF, false);
        rows.and(filter.node);
        if !emit::any_on::<E>(Kind::Deleted) {
            let (sql, args) = rows.delete(self.executor.engine());
            let deleted = self.executor.execute(sql, args, Some(&E::DEF.names)).await;
            return self.explained(deleted, || rows.delete(self.executor.engine())).await;
        }
        let work = Work::begin(&self.executor).await?;
        let repo = self.on(work.executor());
        let (sql, args) = rows.delete_returning(self.executor.engine());
        let deleted = repo.written(sql, args).await;
        let deleted = repo.explained(deleted, || rows.delete(self.executor.engine())).await?;
        work.publish(drafts(deleted.iter().map(Change::Deleted)))?;
        work.commit().await?;
        Ok(deleted.len() as u64)
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
        let sql = sql.text(self.executor.engine());
        let mut args = self.args();
        if E::DEF.roles.updated_at.is_some() {
            crate::time::now().bind(&mut args);
        }
        if let Some(column) = E::DEF.roles.updated_by {
            bind_actor(E::DEF, column, &mut args);
        }
        id.bind(&mut args);
        if !emit::any_on::<E>(Kind::Restored) {
            let row = self.executor.fetch_optional(Access::Write, sql, args, Some(&E::DEF.names)).await?;
            return row.as_ref().map_or_else(|| Err(self.not_found()), read);
        }
        let work = Work::begin(&self.executor).await?;
        let row = work.executor().fetch_optional(Access::Write, sql, args, Some(&E::DEF.names)).await?;
        let row = row.as_ref().map_or_else(|| Err(self.not_found()), read)?;
        work.publish(drafts([Change::Restored(&row)]))?;
        work.commit().await?;
        Ok(row)
    }

    /// Why a row was not changed: somebody else changed it, or it is gone.
    async fn missing(&self, id: E::Id) -> Result<Error> {
        let exists = E::DEF.roles.version.is_some() && self.exists(id).await?;
        Ok(if exists { Error::Stale { entity: E::DEF.name } } else { self.not_found() })
    }
}

/// The row that is made of what a caller gave, if no rule is broken.
pub(super) fn made_one<E: Entity>(new: E::New) -> Result<E> {
    let mut checker = Checker::default();
    new.check(&mut checker);
    let entity = new.into_entity()?;
    entity.check_whole(&mut checker);
    checker.finish(E::New::NAME)?;
    Ok(entity)
}

/// The rows that are made of what a caller gave, if no rule is broken.
pub(super) fn made<E: Entity>(new: Vec<E::New>) -> Result<Vec<E>> {
    let mut checker = Checker::default();
    let entities: Result<Vec<E>> = new
        .into_iter()
        .enumerate()
        .map(|(index, new)| {
            checker.item(index, |checker| new.check(checker));
            let entity = new.into_entity()?;
            checker.item(index, |checker| entity.check_whole(checker));
            Ok(entity)
        })
        .collect();
    let entities = entities?;
    checker.finish(E::New::NAME)?;
    Ok(entities)
}

/// The statement that inserts a row.
pub(super) fn insertion<E: Entity>(row: &E, engine: Engine) -> (SqlText, Args) {
    (E::DEF.sql.insert.text(engine).into(), bound_row(row, engine))
}

/// The arguments of [`Statements::insert`](super::Statements::insert).
pub(super) fn bound_row<E: Entity>(row: &E, engine: Engine) -> Args {
    let mut args = Args::new(engine);
    E::bind(&mut Insert { rows: Inserted::One(row), args: &mut args });
    args
}

/// The arguments of [`insert::many`].
pub(super) fn bound<E: Entity>(rows: &[E], engine: Engine) -> Args {
    let mut args = Args::new(engine);
    match engine {
        Engine::Postgres => E::bind(&mut Insert { rows: Inserted::Arrays(rows), args: &mut args }),
        Engine::Sqlite => {
            for row in rows {
                E::bind(&mut Insert { rows: Inserted::One(row), args: &mut args });
            }
        }
    }
    args
}

pub(super) fn drafts<'a, E: Entity>(changes: impl IntoIterator<Item = Change<'a, E>>) -> Result<Vec<Draft>> {
    let mut drafts = Vec::new();
    for change in changes {
        emit::drafts(&change, &mut drafts)?;
    }
    Ok(drafts)
}

fn version_is<E: Entity>(entity: &E) -> Option<Node> {
    Some(equal(E::DEF.roles.version?, entity.version()?))
}
