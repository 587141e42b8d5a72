//! The same operations on a database.

use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use shared::entity::{Entity as _, Filter, Page, PageOf, Query, Upserted};
use shared::time::Clock;
use shared::{Context, Db, Error, Repo, Result, Tx};

use super::entities::{CarelessPlace, Kind, Line, Modelled, Person, Place, Stay, Table, Task};
use super::model::actor;
use super::operation::{Condition, Deleted, Ending, How, Operation, Reading, Relation};
use super::outcome::{Answer, Failure, Outcome};
use super::value::{Cell as _, Ids, Record, Value};

/// Says it for the type of a kind.
macro_rules! of_kind {
    ($kind:expr, $entity:ident => $what:expr) => {
        match $kind {
            Kind::Place => {
                type $entity = Place;
                $what
            }
            Kind::CarelessPlace => {
                type $entity = CarelessPlace;
                $what
            }
            Kind::Person => {
                type $entity = Person;
                $what
            }
            Kind::Stay => {
                type $entity = Stay;
                $what
            }
            Kind::Task => {
                type $entity = Task;
                $what
            }
            Kind::Line => {
                type $entity = Line;
                $what
            }
        }
    };
}

pub struct Engine {
    db: Db,
    clock: Clock,
    start: DateTime<Utc>,
    operation: i64,
    ids: Ids,
    /// Rows as they were returned, for each kind.
    read: [Vec<Box<dyn Any>>; 6],
    hooks: Arc<Mutex<Vec<u32>>>,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl Engine {
    pub fn new(db: Db) -> Self {
        let clock = Clock::new();
        let start = clock.now();
        Self { db, clock, start, operation: 0, ids: Ids::default(), read: Default::default(), hooks: Arc::default() }
    }

    pub async fn run(&mut self, operation: &Operation) -> Outcome {
        self.run_in(None, operation).await.0
    }

    /// All rows, by their ids.
    pub async fn rows(&mut self, kind: Kind) -> Vec<Record> {
        of_kind!(kind, E => {
            let rows = self.db.repo::<E>().with_deleted().query().unlimited().all().await.unwrap();
            self.by_id(rows)
        })
    }

    /// All events.
    pub async fn events(&self) -> Vec<String> {
        let entries: Vec<_> = self.db.outbox().entries().try_collect().await.unwrap();
        let says = |key: Option<String>| key.expect("these events have keys");
        let mut events: Vec<_> =
            entries.into_iter().map(|entry| format!("{} {}", entry.subject, says(entry.key))).collect();
        events.sort();
        events
    }

    /// In a time of its own, and as somebody. The error is what a `?` behind it would return.
    fn run_in<'a>(
        &'a mut self,
        tx: Option<&'a mut Tx>,
        operation: &'a Operation,
    ) -> Boxed<'a, (Outcome, Option<Error>)> {
        self.operation += 1;
        self.clock.advance(TimeDelta::days(1));
        let context = Context::new().with_clock(self.clock.clone());
        let context = match actor(self.operation) {
            Some(actor) => context.actor(actor),
            None => context,
        };
        Box::pin(context.scope(async move {
            if let Operation::Transaction(operations, ending) = operation {
                return self.transaction(tx, operations, *ending).await;
            }
            match self.answer(tx, operation).await {
                Ok(answer) => (Ok(answer), None),
                Err(error) => (Err(Failure::from(&error)), Some(error)),
            }
        }))
    }

    async fn transaction(
        &mut self,
        tx: Option<&mut Tx>,
        operations: &[Operation],
        ending: Ending,
    ) -> (Outcome, Option<Error>) {
        let mut each = Vec::new();
        let ended = match tx {
            None => {
                let db = self.db.clone();
                db.transaction(async |tx| self.each(tx, operations, ending, &mut each).await).await
            }
            Some(tx) => tx.transaction(async |tx| self.each(tx, operations, ending, &mut each).await).await,
        };
        let hooks = std::mem::take(&mut *self.hooks.lock().unwrap());
        let end = ended.as_ref().copied().map_err(Failure::from);
        (Ok(Answer::Transaction(each, end, hooks)), ended.err())
    }

    async fn each(
        &mut self,
        tx: &mut Tx,
        operations: &[Operation],
        ending: Ending,
        each: &mut Vec<Outcome>,
    ) -> Result<()> {
        for operation in operations {
            let (outcome, error) = self.run_in(Some(tx), operation).await;
            each.push(outcome);
            if let (Ending::AtFirstError, Some(error)) = (ending, error) {
                return Err(error);
            }
        }
        if ending == Ending::InError { Err(Error::other("the closure's own")) } else { Ok(()) }
    }

    async fn answer(&mut self, tx: Option<&mut Tx>, operation: &Operation) -> Result<Answer> {
        match operation {
            Operation::AfterCommit(number) => {
                let (hooks, number) = (Arc::clone(&self.hooks), *number);
                tx.expect("it is said in a transaction").after_commit(move || hooks.lock().unwrap().push(number));
                Ok(Answer::Nothing)
            }
            Operation::LoadMany(relation, deleted) => self.load_many(tx, *relation, *deleted).await,
            Operation::Create(kind, _)
            | Operation::CreateMany(kind, _)
            | Operation::Upsert(kind, ..)
            | Operation::UpsertMany(kind, ..)
            | Operation::Get(kind, ..)
            | Operation::Find(kind, ..)
            | Operation::GetMany(kind, ..)
            | Operation::Exists(kind, ..)
            | Operation::Count(kind, _)
            | Operation::FindBy(kind, ..)
            | Operation::Update(kind, ..)
            | Operation::UpdateWhere(kind, ..)
            | Operation::Delete(kind, _)
            | Operation::DeleteById(kind, _)
            | Operation::DeleteWhere(kind, _)
            | Operation::Restore(kind, _)
            | Operation::Read(kind, _) => {
                of_kind!(kind, E => {
                    let repo = self.repo::<E>(tx.as_deref());
                    self.on(&repo, operation).await
                })
            }
            Operation::Transaction(..) => unreachable!("it is run by `transaction`"),
        }
    }

    fn repo<E: Modelled>(&self, tx: Option<&Tx>) -> Repo<E> {
        tx.map_or_else(|| self.db.repo(), Tx::repo)
    }

    async fn on<E: Modelled>(&mut self, repo: &Repo<E>, operation: &Operation) -> Result<Answer> {
        let shown = |deleted: Deleted| match deleted {
            Deleted::Shown => repo.clone().with_deleted(),
            Deleted::Hidden => repo.clone(),
        };
        match operation {
            Operation::Create(_, new) => {
                let row = repo.create(E::new_from(new, &self.ids)).await?;
                Ok(Answer::Row(self.learn([row]).remove(0)))
            }
            Operation::CreateMany(_, new) => {
                let new = new.iter().map(|new| E::new_from(new, &self.ids)).collect();
                let rows = repo.create_many(new).await?;
                Ok(Answer::Rows(self.learn(rows)))
            }
            Operation::Upsert(_, new, key) => {
                let upserted = repo.upsert(E::new_from(new, &self.ids), E::key(*key)).await?;
                Ok(self.upserted(vec![upserted]))
            }
            Operation::UpsertMany(_, new, key) => {
                let new = new.iter().map(|new| E::new_from(new, &self.ids)).collect();
                let upserted = repo.upsert_many(new, E::key(*key)).await?;
                Ok(self.upserted(upserted))
            }
            Operation::Get(_, id, deleted) => {
                let row = shown(*deleted).get(E::Id::make(id, &self.ids)).await?;
                Ok(Answer::Row(self.learn([row]).remove(0)))
            }
            Operation::Find(_, id, deleted) => {
                let row = shown(*deleted).find(E::Id::make(id, &self.ids)).await?;
                Ok(Answer::Maybe(self.learn(row).pop()))
            }
            Operation::GetMany(_, ids, deleted) => {
                let ids: Vec<E::Id> = ids.iter().map(|id| E::Id::make(id, &self.ids)).collect();
                let rows = shown(*deleted).get_many(&ids).await?;
                Ok(Answer::Rows(self.learn(rows)))
            }
            Operation::Exists(_, id, deleted) => {
                shown(*deleted).exists(E::Id::make(id, &self.ids)).await.map(Answer::Truth)
            }
            Operation::Count(_, deleted) => shown(*deleted).count().await.map(Answer::Number),
            Operation::FindBy(_, key, record) => {
                let unique = Table::of(E::KIND).uniques.get(*key);
                if unique.is_some_and(|unique| unique.fields.iter().any(|field| record[field] == Value::Null)) {
                    return Ok(Answer::Nothing);
                }
                let row = repo.find_by(E::by(*key, record, &self.ids)).await?;
                Ok(Answer::Maybe(self.learn(row).pop()))
            }
            Operation::Update(_, back, patch, deleted) => {
                let Some(read) = self.read::<E>(*back) else { return Ok(Answer::Nothing) };
                let row = shown(*deleted).update(&read, E::patch_from(patch, &self.ids)).await?;
                Ok(Answer::Row(self.learn([row]).remove(0)))
            }
            Operation::UpdateWhere(_, condition, patch, deleted) => {
                let patch = E::patch_from(patch, &self.ids);
                shown(*deleted).update_where(self.filter(condition), patch).await.map(Answer::Number)
            }
            Operation::Delete(_, back) => {
                let Some(read) = self.read::<E>(*back) else { return Ok(Answer::Nothing) };
                repo.delete(&read).await.map(|()| Answer::Nothing)
            }
            Operation::DeleteById(_, id) => {
                repo.delete_by_id(E::Id::make(id, &self.ids)).await.map(|()| Answer::Nothing)
            }
            Operation::DeleteWhere(_, condition) => repo.delete_where(self.filter(condition)).await.map(Answer::Number),
            Operation::Restore(_, id) => {
                let row = repo.restore(E::Id::make(id, &self.ids)).await?;
                Ok(Answer::Row(self.learn([row]).remove(0)))
            }
            Operation::Read(_, reading) => self.query(repo, reading).await,
            other => unreachable!("{other:?} is about no kind"),
        }
    }

    /// Remembers rows that were returned.
    fn learn<E: Modelled>(&mut self, rows: impl IntoIterator<Item = E>) -> Vec<Record> {
        let mut records = Vec::new();
        for row in rows {
            if let Some(id) = row.id().made() {
                self.ids.learn(id);
            }
            records.push(self.show(&row));
            self.read[E::KIND as usize].push(Box::new(row));
        }
        records
    }

    fn show<E: Modelled>(&self, row: &E) -> Record {
        let mut record = row.record(&self.ids);
        for set in ["created_at", "updated_at", "deleted_at"] {
            if let Some(Value::At(at)) = record.get(set) {
                let during = (*at - self.start).num_days();
                record.insert(set, Value::During(during));
            }
        }
        record
    }

    fn read<E: Modelled>(&self, back: u32) -> Option<E> {
        let read = &self.read[E::KIND as usize];
        let row = (!read.is_empty()).then(|| &read[read.len() - 1 - back as usize % read.len()])?;
        row.downcast_ref().cloned()
    }

    /// They come in no particular order.
    fn upserted<E: Modelled>(&mut self, mut rows: Vec<Upserted<E>>) -> Answer {
        let of = |row: &Upserted<E>| row.clone().into_inner().id().made();
        rows.sort_by_key(of);
        let mut upserted = Vec::new();
        for row in rows.iter().cloned() {
            if let Some(id) = of(&row) {
                self.ids.learn(id);
            }
            let is_inserted = row.is_inserted();
            upserted.push((is_inserted, self.show(&row.clone().into_inner()), row.into_inner()));
        }
        let id = Table::of(E::KIND).id;
        upserted.sort_by(|(_, a, _), (_, b, _)| a[id].order(&b[id]));
        let mut answer = Vec::new();
        for (is_inserted, record, row) in upserted {
            self.read[E::KIND as usize].push(Box::new(row));
            answer.push((is_inserted, record));
        }
        Answer::Upserted(answer)
    }

    fn by_id<E: Modelled>(&self, rows: Vec<E>) -> Vec<Record> {
        let id = Table::of(E::KIND).id;
        let mut rows: Vec<Record> = rows.iter().map(|row| self.show(row)).collect();
        rows.sort_by(|a, b| a[id].order(&b[id]));
        rows
    }

    fn filter<E: Modelled>(&self, condition: &Condition) -> Filter<E> {
        match condition {
            Condition::All => Filter::all_rows(),
            Condition::Compare(field, comparison, value) => E::compare(field, *comparison, value, &self.ids),
            Condition::Within(field, values) => E::within(field, values, &self.ids),
            Condition::And(a, b) => self.filter::<E>(a) & self.filter(b),
            Condition::Or(a, b) => self.filter::<E>(a) | self.filter(b),
            Condition::Not(a) => !self.filter::<E>(a),
        }
    }

    async fn query<E: Modelled>(&self, repo: &Repo<E>, reading: &Reading) -> Result<Answer> {
        let mut query = repo.query().filter(self.filter(&reading.condition));
        if reading.deleted == Deleted::Shown {
            query = query.with_deleted();
        }
        for (field, descending) in &reading.orders {
            query = query.order_by(E::order(field, *descending));
        }
        let rows = |rows: Vec<E>| match reading.orders.is_empty() {
            true => self.by_id(rows),
            false => rows.iter().map(|row| self.show(row)).collect(),
        };
        Ok(match reading.how {
            How::All => Answer::Rows(rows(query.all().await?)),
            How::Limit(limit) => Answer::Rows(rows(query.limit(limit).all().await?)),
            How::First => Answer::Maybe(query.first().await?.map(|row| self.show(&row))),
            How::Count => Answer::Number(query.count().await?),
            How::Exists => Answer::Truth(query.exists().await?),
            How::Stream => Answer::Rows(rows(query.stream().try_collect().await?)),
            How::Locked => Answer::Rows(rows(query.lock_for_update().all().await?)),
            How::Pages(limit) => {
                let (read, total) = pages(query, limit).await?;
                Answer::Pages(read.iter().map(|row| self.show(row)).collect(), total)
            }
            How::PagesFromTheEnd(limit) => {
                let (mut read, total) = pages_from_the_end(query, limit).await?;
                read.reverse();
                Answer::Pages(read.iter().map(|row| self.show(row)).collect(), total)
            }
        })
    }

    async fn load_many(&mut self, tx: Option<&mut Tx>, relation: Relation, deleted: Deleted) -> Result<Answer> {
        macro_rules! load {
            ($of:ident, $column:ident, $to:ident) => {{
                let rows = self.repo::<$of>(tx.as_deref()).query().unlimited().all().await?;
                let mut repo = self.repo::<$to>(tx.as_deref());
                if deleted == Deleted::Shown {
                    repo = repo.with_deleted();
                }
                let found = repo.load_many(&rows, $of::$column).await?;
                assert!(found.iter().all(|(id, row)| id == row.id()), "each is under its id");
                self.by_id(found.into_values().collect())
            }};
        }
        Ok(Answer::Rows(match relation {
            Relation::PlaceOfPlace => load!(Place, PART_OF, Place),
            Relation::PlaceOfStay => load!(Stay, PLACE, Place),
            Relation::PersonOfStay => load!(Stay, PERSON, Person),
            Relation::PersonOfLine => load!(Line, PERSON, Person),
            Relation::StayOfTask => load!(Task, STAY, Stay),
        }))
    }
}

/// From the first page to the last.
async fn pages<E: Modelled>(query: Query<E>, limit: usize) -> Result<(Vec<E>, u64)> {
    let (mut read, mut page) = (Vec::new(), Page::first(limit));
    loop {
        let (PageOf { items, next, .. }, total) = query.clone().page_with_total(page).await?;
        assert!(items.len() == limit || next.is_none(), "a page that is not full is the last");
        read.extend(items);
        let Some(next) = next else { return Ok((read, total)) };
        page = Page::after(next, limit);
    }
}

/// From the last page to the first.
async fn pages_from_the_end<E: Modelled>(query: Query<E>, limit: usize) -> Result<(Vec<E>, u64)> {
    let (mut read, mut page) = (Vec::new(), Page::last(limit));
    loop {
        let (PageOf { items, previous, .. }, total) = query.clone().page_with_total(page).await?;
        read.extend(items.into_iter().rev());
        let Some(previous) = previous else { return Ok((read, total)) };
        page = Page::before(previous, limit);
    }
}
