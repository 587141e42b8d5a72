//! Inserting or updating, whichever it takes.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::Entity;
use super::def::without_schema;
use super::emit::{self, Change, Kind};
use super::insert;
use super::key::UniqueKey;
use super::repo::Repo;
use super::work::Work;
use super::write::{bound, bound_row, drafts, made, made_one};
use crate::db::{Engine, SqlText};
use crate::error::{Error, Result};

/// What [`Repo::upsert`] did, and the row as it then is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upserted<E> {
    /// There was no such row.
    Inserted(E),
    /// There was one.
    Updated(E),
}

impl<E> Upserted<E> {
    /// The row.
    #[must_use]
    pub fn into_inner(self) -> E {
        match self {
            Self::Inserted(row) | Self::Updated(row) => row,
        }
    }

    /// Whether there was no such row.
    #[must_use]
    pub fn is_inserted(&self) -> bool {
        matches!(self, Self::Inserted(_))
    }
}

/// How often somebody else may delete the row that is in the way before we give up.
const TRIES: usize = 5;

impl<E: Entity> Repo<E> {
    /// Inserts a row, or, if there is one with the same unique key, updates it with what `new` says: atomic on both
    /// engines, whoever else does the same.
    ///
    /// An update keeps id, `created_at` and `created_by`, counts up the version without checking it, and sets
    /// `updated_at` and `updated_by`. A row that is marked as deleted has no key that is in the way.
    ///
    /// ```
    /// # use shared::prelude::*;
    /// #[derive(Debug, Entity)]
    /// #[entity(table = "practitioners", unique(npi))]
    /// struct Practitioner {
    ///     #[entity(id)]
    ///     id: Uuid,
    ///     npi: String,
    ///     name: String,
    /// }
    ///
    /// async fn import(db: &Db, found: NewPractitioner) -> Result<Practitioner> {
    ///     let upserted = db.repo::<Practitioner>().upsert(found, Practitioner::UNIQUE_NPI).await?;
    ///     Ok(upserted.into_inner())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`create`](Self::create); [`Error::Unique`] when another key than this one is taken, or the id of a row that
    /// is marked as deleted; [`Error::Busy`] when others delete and insert the row again and again.
    pub async fn upsert(&self, new: E::New, on: UniqueKey<E>) -> Result<Upserted<E>> {
        let entity = made_one::<E>(new)?;
        if !emits::<E>() && tells::<E>() {
            return self.upsert_row(&entity, on).await;
        }
        let work = Work::begin(&self.executor).await?;
        let repo = self.on(work.executor());
        let (upserted, before) = repo.upsert_exactly(&entity, on).await?;
        work.publish(drafts([change(&upserted, before.as_ref())]))?;
        work.commit().await?;
        Ok(upserted)
    }

    /// Upserts rows, all or none, as [`upsert`](Self::upsert) does; they come back in no particular order.
    ///
    /// # Errors
    /// As [`upsert`](Self::upsert), with paths of [`Error::Invalid`] that start with the row; [`Error::Usage`] when two of
    /// the rows have the same key.
    pub async fn upsert_many(&self, new: Vec<E::New>, on: UniqueKey<E>) -> Result<Vec<Upserted<E>>> {
        let entities = made::<E>(new)?;
        let work = Work::begin(&self.executor).await?;
        // rows may be written already
        let (upserted, befores) = work.all_or_none(self.on(work.executor()).upsert_all(&entities, on).await)?;
        if emits::<E>() {
            let before = |index: usize| befores.get(index).and_then(Option::as_ref);
            work.publish(drafts(upserted.iter().enumerate().map(|(index, row)| change(row, before(index)))))?;
        }
        work.commit().await?;
        Ok(upserted)
    }

    async fn upsert_all(&self, entities: &[E], on: UniqueKey<E>) -> Result<(Vec<Upserted<E>>, Vec<Option<E>>)> {
        let mut upserted = Vec::with_capacity(entities.len());
        let mut befores = Vec::new();
        if tells::<E>() && !emit::compares::<E>() {
            for chunk in entities.chunks(insert::rows_per_statement(E::DEF, self.executor.engine())) {
                upserted.extend(self.upsert_chunk(chunk, on).await?);
            }
        } else {
            for entity in entities {
                let (row, before) = self.upsert_exactly(entity, on).await?;
                upserted.push(row);
                befores.push(before);
            }
        }
        let mut seen = HashSet::with_capacity(upserted.len());
        if !upserted.iter().all(|row| seen.insert(row_of(row).id())) {
            return Err(twice(on));
        }
        Ok((upserted, befores))
    }

    async fn upsert_row(&self, entity: &E, on: UniqueKey<E>) -> Result<Upserted<E>> {
        let engine = self.executor.engine();
        let upsert = || {
            let sql = format!("{} {}", E::DEF.sql.insert.text(engine), or_update(on, engine));
            (SqlText::built(sql), bound_row(entity, engine))
        };
        let (sql, args) = upsert();
        let written = self.written(sql, args).await;
        let row = self.explained(written, upsert).await?.into_iter().next();
        let row = row.ok_or_else(|| self.taken(on))?;
        Ok(told(row, |row| row.id() == entity.id()))
    }

    async fn upsert_chunk(&self, chunk: &[E], on: UniqueKey<E>) -> Result<Vec<Upserted<E>>> {
        let engine = self.executor.engine();
        let tail = format!(" {}", or_update(on, engine));
        let upsert = || (insert::many_and(E::DEF, engine, chunk.len(), &tail), bound(chunk, engine));
        let (sql, args) = upsert();
        let rows = self.written(sql, args).await;
        let rows = self.explained(rows, upsert).await.map_err(|error| match &error {
            // `cardinality_violation`: the statement would change a row twice
            Error::Database(inner) if inner.code.as_deref() == Some("21000") => twice(on),
            _ => error,
        })?;
        if rows.len() < chunk.len() {
            return Err(self.taken(on));
        }
        let made: HashSet<&E::Id> = chunk.iter().map(Entity::id).collect();
        Ok(rows.into_iter().map(|row| told(row, |row| made.contains(row.id()))).collect())
    }

    /// In a transaction: looks for the row and locks it, so that it is known what it was before.
    async fn upsert_exactly(&self, entity: &E, on: UniqueKey<E>) -> Result<(Upserted<E>, Option<E>)> {
        let engine = self.executor.engine();
        for _ in 0..TRIES {
            let before = match on.like(entity) {
                Some(filter) => self.locked(filter).await?.into_iter().next(),
                None => None,
            };
            let insert = E::DEF.sql.insert.text(engine);
            let upsert = || {
                let sql = match before {
                    Some(_) => format!("{insert} {}", or_update(on, engine)),
                    None => format!("{insert} {} DO NOTHING RETURNING {}", conflict(on, engine), E::DEF.sql.columns),
                };
                (SqlText::built(sql), bound_row(entity, engine))
            };
            let (sql, args) = upsert();
            let written = self.written(sql, args).await;
            let row = self.explained(written, upsert).await?.into_iter().next();
            match (row, before) {
                (Some(row), Some(before)) if row.id() == before.id() => {
                    return Ok((Upserted::Updated(row), Some(before)));
                }
                // the key is one of some rows, and `entity` is none of them
                (Some(row), _) => return Ok((Upserted::Inserted(row), None)),
                // marked as deleted, it is not found, and yet its id is in the way
                (None, _) if on.def().is_none() && E::DEF.roles.deleted_at.is_some() => return Err(self.taken(on)),
                (None, _) => {}
            }
        }
        Err(Error::Busy { what: "the row" })
    }

    /// As if the database had said so: a transaction can only be rolled back.
    fn taken(&self, on: UniqueKey<E>) -> Error {
        self.executor.fail();
        Error::Unique { entity: E::DEF.name.into(), fields: on.fields() }
    }
}

/// Whether a row says itself whether it was inserted: by the id that was made for it, or by its version.
fn tells<E: Entity>() -> bool {
    !E::DEF.roles.is_given || E::DEF.roles.version.is_some()
}

fn told<E: Entity>(row: E, has_made_id: impl Fn(&E) -> bool) -> Upserted<E> {
    let inserted = if E::DEF.roles.is_given { row.version() == Some(1) } else { has_made_id(&row) };
    if inserted { Upserted::Inserted(row) } else { Upserted::Updated(row) }
}

fn emits<E: Entity>() -> bool {
    emit::any_on::<E>(Kind::Created) || emit::any_on::<E>(Kind::Updated)
}

fn row_of<E>(upserted: &Upserted<E>) -> &E {
    match upserted {
        Upserted::Inserted(row) | Upserted::Updated(row) => row,
    }
}

fn change<'a, E>(upserted: &'a Upserted<E>, before: Option<&'a E>) -> Change<'a, E> {
    match upserted {
        Upserted::Inserted(row) => Change::Created(row),
        Upserted::Updated(row) => Change::Updated(before, row),
    }
}

fn twice<E: Entity>(on: UniqueKey<E>) -> Error {
    let fields = on.fields().join("`, `");
    Error::Usage(
        format!("two of the `{}` rows have the same `{fields}`\nhelp: upsert each row once", E::DEF.name).into(),
    )
}

/// `ON CONFLICT (…) WHERE …`: which key is in the way.
fn conflict<E: Entity>(on: UniqueKey<E>, engine: Engine) -> String {
    let columns: Vec<String> = on.columns().iter().map(|column| format!("\"{column}\"")).collect();
    let predicate = on.def().and_then(|key| E::DEF.predicate(key, engine));
    let predicate = predicate.map(|predicate| format!(" WHERE {predicate}")).unwrap_or_default();
    format!("ON CONFLICT ({}){predicate}", columns.join(", "))
}

/// `ON CONFLICT … DO UPDATE SET … RETURNING …`
fn or_update<E: Entity>(on: UniqueKey<E>, engine: Engine) -> String {
    let (def, key) = (E::DEF, on.columns());
    // the row that is there goes by the name of its table, on Postgres without the schema
    let row = if engine == Engine::Postgres { without_schema(def.table) } else { def.table };
    let roles = &def.roles;
    let kept = [Some(roles.id), roles.version, roles.created_at, roles.created_by, roles.deleted_at];
    let set = def.columns.iter().map(|column| column.name);
    let set = set.filter(|name| !key.contains(name) && !kept.contains(&Some(*name)));
    let mut sql = format!("{} DO UPDATE SET ", conflict(on, engine));
    let mut comma = "";
    // writing to a string cannot fail
    for name in set {
        let _infallible = write!(sql, "{comma}\"{name}\" = excluded.\"{name}\"");
        comma = ", ";
    }
    if let Some(version) = roles.version {
        let _infallible = write!(sql, "{comma}\"{version}\" = \"{row}\".\"{version}\" + 1");
        comma = ", ";
    }
    if let ("", Some(name)) = (comma, key.first()) {
        // there is nothing but the key: the row is returned as it is
        let _infallible = write!(sql, "\"{name}\" = excluded.\"{name}\"");
    }
    if let (None, Some(deleted_at)) = (on.def(), roles.deleted_at) {
        let _infallible = write!(sql, " WHERE \"{row}\".\"{deleted_at}\" IS NULL");
    }
    let _infallible = write!(sql, " RETURNING {}", def.sql.columns);
    sql
}
