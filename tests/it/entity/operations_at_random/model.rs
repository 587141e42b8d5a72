//! What the library promises, on tables that are lists.

use shared::error::ErrorKind;

use super::entities::{Broken, Comparison, Emitted, Kind, OnDelete, Reference, Table, Unique, is_refused};
use super::operation::{Condition, Deleted, Ending, How, Operation, Reading, Relation};
use super::outcome::{Answer, Expected, Failure};
use super::value::{Record, Value};

/// Whoever acts during an operation.
pub fn actor(operation: i64) -> Option<&'static str> {
    [None, Some("ann"), Some("bob"), Some("ann"), Some("cy")][usize::try_from(operation % 5).unwrap()]
}

#[derive(Default)]
pub struct Model {
    store: Store,
    /// How many transactions there are around what is done.
    depth: usize,
    operation: i64,
    made: usize,
    /// Ids that there have been, and rows as they were returned, for each kind.
    known: [Vec<Value>; KINDS],
    read: [Vec<Record>; KINDS],
}

const KINDS: usize = 6;

/// What a rollback undoes.
#[derive(Clone, Default)]
struct Store {
    tables: [Vec<Record>; KINDS],
    events: Vec<Emitted>,
    hooks: Vec<u32>,
    /// Whether the transaction can only be rolled back.
    has_failed: bool,
}

/// Why nothing came of it, and whether that is the end of the transaction that it was in.
struct Refusal {
    failures: Vec<Failure>,
    fails: bool,
}

impl Refusal {
    /// Before anything was tried.
    fn early(failure: Failure) -> Self {
        Self { failures: vec![failure], fails: false }
    }

    fn usage() -> Self {
        Self::early(Failure::new(ErrorKind::Usage, ""))
    }

    fn of_statement(failures: Vec<Failure>) -> Self {
        Self { failures, fails: true }
    }
}

type Result<T> = std::result::Result<T, Refusal>;

fn index(kind: Kind) -> usize {
    match kind {
        Kind::Place | Kind::CarelessPlace => 0,
        Kind::Person => 1,
        Kind::Stay => 2,
        Kind::Task => 3,
        Kind::Line => 4,
    }
}

fn is_soft(table: &Table) -> bool {
    table.sets.contains(&"deleted_at")
}

fn is_there(row: &Record) -> bool {
    row.get("deleted_at").is_none_or(|at| *at == Value::Null)
}

fn is_shown(row: &Record, deleted: Deleted) -> bool {
    deleted == Deleted::Shown || is_there(row)
}

fn invalid(of: String, rules: Vec<(String, &str)>) -> Failure {
    let rules = rules.into_iter().map(|(path, rule)| (path, rule.to_owned())).collect();
    Failure { rules, ..Failure::new(ErrorKind::Invalid, of) }
}

fn valid(of: String, broken: Vec<(String, &'static str)>) -> Result<()> {
    if broken.is_empty() { Ok(()) } else { Err(Refusal::early(invalid(of, broken))) }
}

fn paths(broken: impl IntoIterator<Item = Broken>) -> Vec<(String, &'static str)> {
    broken.into_iter().map(|(path, rule)| (path.to_owned(), rule)).collect()
}

/// The values of a key, if they can be in the way of others.
fn in_key<'a>(row: &'a Record, unique: &Unique) -> Option<Vec<&'a Value>> {
    let is_in = is_there(row) && unique.only.is_none_or(|state| row["state"] == Value::Text(state.to_owned()));
    let values: Vec<&Value> = unique.fields.iter().map(|field| &row[field]).collect();
    (is_in && !values.contains(&&Value::Null)).then_some(values)
}

impl Model {
    /// All rows, by their ids.
    pub fn rows(&self, kind: Kind) -> Vec<Record> {
        let mut rows = self.store.tables[index(kind)].clone();
        by_id(kind, &mut rows);
        rows
    }

    /// All events.
    pub fn events(&self) -> Vec<String> {
        let mut events: Vec<_> = self.store.events.iter().map(|(subject, what)| format!("{subject} {what}")).collect();
        events.sort();
        events
    }

    /// Mostly of a row that is there, else of one that was, or of none.
    fn any(&self, kind: Kind, number: u32) -> Value {
        let (known, rows) = (&self.known[index(kind)], &self.store.tables[index(kind)]);
        let place = number as usize / 16;
        match number % 16 {
            0..12 if !rows.is_empty() => rows[place % rows.len()][Table::of(kind).id].clone(),
            0..15 if !known.is_empty() => known[place % known.len()].clone(),
            _ => match kind {
                Kind::Place | Kind::CarelessPlace => Value::Text("nowhere".into()),
                Kind::Person | Kind::Stay => Value::Made(usize::MAX),
                Kind::Task | Kind::Line => Value::Number(-1),
            },
        }
    }

    /// Does it, and says what should come of it; and what it was about.
    pub fn run(&mut self, operation: &Operation) -> (Operation, Expected) {
        self.operation += 1;
        if let Operation::Transaction(operations, ending) = operation {
            return self.transaction(operations, *ending);
        }
        let operation = operation.resolved(&|kind, number| self.any(kind, number));
        let before = self.store.clone();
        let made = self.made;
        let expected = match self.answer(&operation) {
            Ok(answer) => {
                self.remember(&operation, &answer);
                Expected::Answer(answer)
            }
            Err(Refusal { failures, fails }) => {
                self.store = before;
                self.made = made;
                self.store.has_failed |= fails && self.depth > 0;
                Expected::Failure(failures)
            }
        };
        (operation, expected)
    }

    fn transaction(&mut self, operations: &[Operation], ending: Ending) -> (Operation, Expected) {
        let usage = || vec![Failure::new(ErrorKind::Usage, "")];
        if self.store.has_failed {
            let none = Expected::Transaction(Vec::new(), Err(usage()), Vec::new());
            return (Operation::Transaction(Vec::new(), ending), none);
        }
        let before = self.store.clone();
        self.depth += 1;
        let (mut done, mut each) = (Vec::new(), Vec::new());
        for operation in operations {
            let (operation, expected) = self.run(operation);
            let has_failed = expected.failures().is_some();
            done.push(operation);
            each.push(expected);
            if has_failed && ending == Ending::AtFirstError {
                break;
            }
        }
        self.depth -= 1;
        let end = match (ending, each.last().and_then(Expected::failures)) {
            (Ending::AtFirstError, Some(failures)) => Err(failures.clone()),
            (Ending::InError, _) => Err(vec![Failure::new(ErrorKind::Other, "")]),
            _ if self.store.has_failed => Err(usage()),
            _ => Ok(()),
        };
        let mut hooks = Vec::new();
        if end.is_err() {
            self.store = before;
        } else if self.depth == 0 {
            hooks = std::mem::take(&mut self.store.hooks);
        }
        (Operation::Transaction(done, ending), Expected::Transaction(each, end, hooks))
    }

    fn remember(&mut self, operation: &Operation, answer: &Answer) {
        use Operation::{Create, CreateMany, Find, FindBy, Get, GetMany, Restore, Update, Upsert, UpsertMany};
        let (Create(kind, ..)
        | CreateMany(kind, ..)
        | Upsert(kind, ..)
        | UpsertMany(kind, ..)
        | Get(kind, ..)
        | Find(kind, ..)
        | FindBy(kind, ..)
        | GetMany(kind, ..)
        | Restore(kind, ..)
        | Update(kind, ..)) = operation
        else {
            return;
        };
        let (id, list) = (Table::of(*kind).id, *kind as usize);
        let rows: Vec<&Record> = match answer {
            Answer::Row(row) | Answer::Maybe(Some(row)) => vec![row],
            Answer::Rows(rows) => rows.iter().collect(),
            Answer::Upserted(rows) => rows.iter().map(|(_, row)| row).collect(),
            _ => Vec::new(),
        };
        for row in rows {
            self.read[list].push(row.clone());
            let known = &mut self.known[index(*kind)];
            if !known.contains(&row[id]) {
                known.push(row[id].clone());
            }
        }
    }

    fn read(&self, kind: Kind, back: u32) -> Option<Record> {
        let read = &self.read[kind as usize];
        (!read.is_empty()).then(|| read[read.len() - 1 - back as usize % read.len()].clone())
    }

    /// A statement is run.
    fn statement(&self) -> Result<()> {
        if self.store.has_failed { Err(Refusal::usage()) } else { Ok(()) }
    }

    /// The library says who writes.
    fn is_somebody(&self, table: &Table) -> Result<()> {
        let must_be = table.name == "Task";
        if must_be && actor(self.operation).is_none() { Err(Refusal::usage()) } else { Ok(()) }
    }

    fn shown(&self, kind: Kind, deleted: Deleted) -> impl Iterator<Item = &Record> {
        self.store.tables[index(kind)].iter().filter(move |row| is_shown(row, deleted))
    }

    fn found(&self, kind: Kind, id: &Value, deleted: Deleted) -> Option<&Record> {
        self.shown(kind, deleted).find(|row| row[Table::of(kind).id] == *id)
    }

    fn not_found(kind: Kind) -> Refusal {
        Refusal::early(Failure::new(ErrorKind::NotFound, Table::of(kind).name))
    }

    fn missing(&self, kind: Kind, id: &Value, deleted: Deleted) -> Refusal {
        let table = Table::of(kind);
        if table.sets.contains(&"version") && self.found(kind, id, deleted).is_some() {
            return Refusal::early(Failure::new(ErrorKind::Stale, table.name));
        }
        Self::not_found(kind)
    }

    fn answer(&mut self, operation: &Operation) -> Result<Answer> {
        match operation {
            Operation::Create(kind, new) => {
                let mut rows = self.made(*kind, std::slice::from_ref(new), false)?;
                self.statement()?;
                self.insert(*kind, &mut rows)?;
                Ok(Answer::Row(rows.remove(0)))
            }
            Operation::CreateMany(kind, new) => {
                let mut rows = self.made(*kind, new, true)?;
                if !rows.is_empty() {
                    self.statement()?;
                }
                self.insert(*kind, &mut rows)?;
                Ok(Answer::Rows(rows))
            }
            Operation::Upsert(kind, new, key) => {
                let row = self.made(*kind, std::slice::from_ref(new), false)?.remove(0);
                self.statement()?;
                let mut checks = Vec::new();
                let upserted = self.upsert(*kind, row, *key, &mut checks)?;
                self.refer(*kind, &checks)?;
                self.emit_upserted(*kind, std::slice::from_ref(&upserted))?;
                Ok(Answer::Upserted(vec![(upserted.0.is_none(), upserted.1)]))
            }
            Operation::UpsertMany(kind, new, key) => self.upsert_many(*kind, new, *key),
            Operation::Get(kind, id, deleted) => {
                self.statement()?;
                self.found(*kind, id, *deleted).cloned().map(Answer::Row).ok_or_else(|| Self::not_found(*kind))
            }
            Operation::Find(kind, id, deleted) => {
                self.statement()?;
                Ok(Answer::Maybe(self.found(*kind, id, *deleted).cloned()))
            }
            Operation::GetMany(kind, ids, deleted) => {
                if !ids.is_empty() {
                    self.statement()?;
                }
                let mut rows: Vec<Record> = Vec::new();
                for row in ids.iter().filter_map(|id| self.found(*kind, id, *deleted)) {
                    if !rows.contains(row) {
                        rows.push(row.clone());
                    }
                }
                Ok(Answer::Rows(rows))
            }
            Operation::Exists(kind, id, deleted) => {
                self.statement()?;
                Ok(Answer::Truth(self.found(*kind, id, *deleted).is_some()))
            }
            Operation::Count(kind, deleted) => {
                self.statement()?;
                Ok(Answer::Number(self.shown(*kind, *deleted).count() as u64))
            }
            Operation::FindBy(kind, key, record) => self.find_by(*kind, *key, record),
            Operation::Update(kind, back, patch, deleted) => self.update(*kind, *back, patch, *deleted),
            Operation::UpdateWhere(kind, condition, patch, deleted) => {
                self.update_where(*kind, condition, patch, *deleted)
            }
            Operation::Delete(kind, back) => {
                let Some(read) = self.read(*kind, *back) else { return Ok(Answer::Nothing) };
                let id = &read[Table::of(*kind).id];
                let is_same =
                    |row: &&Record| row.get("version").is_none_or(|version| Some(version) == read.get("version"));
                self.delete_one(*kind, id, is_same)?.ok_or_else(|| self.missing(*kind, id, Deleted::Hidden))
            }
            Operation::DeleteById(kind, id) => {
                self.delete_one(*kind, id, |_| true)?.ok_or_else(|| Self::not_found(*kind))
            }
            Operation::DeleteWhere(kind, condition) => {
                let ids: Vec<Value> = self
                    .shown(*kind, Deleted::Hidden)
                    .filter(|row| holds(condition, row))
                    .map(|row| row[Table::of(*kind).id].clone())
                    .collect();
                self.delete(*kind, &ids)?;
                Ok(Answer::Number(ids.len() as u64))
            }
            Operation::Restore(kind, id) => self.restore(*kind, id),
            Operation::Read(kind, reading) => self.query(*kind, reading),
            Operation::LoadMany(relation, deleted) => self.load_many(*relation, *deleted),
            Operation::AfterCommit(number) => {
                self.store.hooks.push(*number);
                Ok(Answer::Nothing)
            }
            Operation::Transaction(..) => unreachable!("it is run by `transaction`"),
        }
    }

    /// The rows that are made of what a caller gave, still without ids that are made.
    fn made(&self, kind: Kind, new: &[Record], are_many: bool) -> Result<Vec<Record>> {
        let table = Table::of(kind);
        let (mut broken, mut rows) = (Vec::new(), Vec::new());
        for (number, new) in new.iter().enumerate() {
            self.is_somebody(table)?;
            let mut row = new.clone();
            if !table.is_given {
                row.insert(table.id, Value::Null);
            }
            for set in table.sets {
                let value = match *set {
                    "version" => Value::Number(1),
                    "created_at" | "updated_at" => Value::During(self.operation),
                    "created_by" | "updated_by" => self.who(),
                    _ => Value::Null,
                };
                row.insert(set, value);
            }
            let at = if are_many { format!("/{number}") } else { String::new() };
            let rules = (table.rules)(new).into_iter().chain((table.whole)(&row));
            broken.extend(rules.map(|(path, rule)| (format!("{at}{path}"), rule)));
            rows.push(row);
        }
        valid(format!("New{}", table.name), broken)?;
        Ok(rows)
    }

    fn who(&self) -> Value {
        actor(self.operation).map_or(Value::Null, |actor| Value::Text(actor.to_owned()))
    }

    fn number(&mut self, kind: Kind, row: &mut Record) {
        let table = Table::of(kind);
        if !table.is_given {
            row.insert(table.id, Value::Made(self.made));
            self.made += 1;
        }
    }

    /// One statement.
    fn insert(&mut self, kind: Kind, rows: &mut [Record]) -> Result<()> {
        let table = Table::of(kind);
        for row in rows.iter_mut() {
            self.number(kind, row);
            self.check(kind, std::slice::from_ref(row))?;
            let failures = self.taken(kind, row, true);
            if !failures.is_empty() {
                return Err(Refusal::of_statement(failures));
            }
            self.store.tables[index(kind)].push(row.clone());
        }
        self.refer(kind, rows)?;
        for row in rows.iter() {
            self.emit(table.created.map(|event| event(row)))?;
        }
        Ok(())
    }

    fn check(&self, kind: Kind, rows: &[Record]) -> Result<()> {
        let table = Table::of(kind);
        let fields = rows.iter().flat_map(|row| (table.checked)(row));
        let failures: Vec<_> =
            fields.map(|field| Failure::new(ErrorKind::Check, table.name).with_fields(&[field])).collect();
        if failures.is_empty() { Ok(()) } else { Err(Refusal::of_statement(failures)) }
    }

    /// The keys of a row that others have.
    fn taken(&self, kind: Kind, row: &Record, is_new: bool) -> Vec<Failure> {
        let table = Table::of(kind);
        let rows = &self.store.tables[index(kind)];
        let unique = |fields: &[&str]| Failure::new(ErrorKind::Unique, table.name).with_fields(fields);
        let mut failures = Vec::new();
        if is_new && rows.iter().any(|other| other[table.id] == row[table.id]) {
            failures.push(unique(&[table.id]));
        }
        for key in table.uniques {
            let Some(values) = in_key(row, key) else { continue };
            let is_taken = |other: &Record| {
                (is_new || other[table.id] != row[table.id]) && in_key(other, key).as_ref() == Some(&values)
            };
            if rows.iter().any(is_taken) {
                failures.push(unique(key.fields));
            }
        }
        failures
    }

    /// What rows refer to is there.
    fn refer(&self, kind: Kind, rows: &[Record]) -> Result<()> {
        let table = Table::of(kind);
        let mut failures = Vec::new();
        for Reference { field, to, .. } in table.references {
            let is_broken =
                |row: &Record| row[field] != Value::Null && self.found(*to, &row[field], Deleted::Shown).is_none();
            if rows.iter().any(is_broken) {
                failures.push(Failure::new(ErrorKind::ForeignKey, table.name).with_fields(&[field]));
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(Refusal::of_statement(failures)) }
    }

    fn emit(&mut self, event: Option<Emitted>) -> Result<()> {
        let Some(event) = event else { return Ok(()) };
        if is_refused(&event) {
            let failure = invalid("PersonRenamed".into(), vec![("/what".to_owned(), "length")]);
            return Err(Refusal::of_statement(vec![failure]));
        }
        self.store.events.push(event);
        Ok(())
    }

    fn emit_upserted(&mut self, kind: Kind, rows: &[(Option<Record>, Record)]) -> Result<()> {
        let table = Table::of(kind);
        for (before, row) in rows {
            self.emit(match before {
                None => table.created.map(|event| event(row)),
                Some(before) => table.updated.and_then(|event| event(before, row)),
            })?;
        }
        Ok(())
    }

    /// The row before, if there was one, and as it is; what it refers to is still to be checked.
    fn upsert(
        &mut self,
        kind: Kind,
        mut new: Record,
        key: usize,
        checks: &mut Vec<Record>,
    ) -> Result<(Option<Record>, Record)> {
        let table = Table::of(kind);
        self.check(kind, std::slice::from_ref(&new))?;
        let rows = &self.store.tables[index(kind)];
        let position = match table.uniques.get(key) {
            Some(unique) => in_key(&new, unique)
                .and_then(|values| rows.iter().position(|row| in_key(row, unique).as_ref() == Some(&values))),
            None => rows.iter().position(|row| row[table.id] == new[table.id]),
        };
        let Some(position) = position else {
            self.number(kind, &mut new);
            let failures = self.taken(kind, &new, true);
            if !failures.is_empty() {
                return Err(Refusal::of_statement(failures));
            }
            self.store.tables[index(kind)].push(new.clone());
            checks.push(new.clone());
            return Ok((None, new));
        };
        let before = rows[position].clone();
        if !is_there(&before) {
            let failure = Failure::new(ErrorKind::Unique, table.name).with_fields(&[table.id]);
            return Err(Refusal::of_statement(vec![failure]));
        }
        let set = table.fields.iter().filter(|field| field.name != table.id);
        let patch: Record = set.map(|field| (field.name, new[field.name].clone())).collect();
        let after = self.patched(kind, &before, &patch);
        self.store.tables[index(kind)][position] = after.clone();
        let failures = self.taken(kind, &after, false);
        if !failures.is_empty() {
            return Err(Refusal::of_statement(failures));
        }
        checks.push(after.clone());
        Ok((Some(before), after))
    }

    fn upsert_many(&mut self, kind: Kind, new: &[Record], key: usize) -> Result<Answer> {
        let table = Table::of(kind);
        let new = self.made(kind, new, true)?;
        if new.is_empty() {
            return Ok(Answer::Upserted(Vec::new()));
        }
        self.statement()?;
        // where it must be known what each row was before, each is a statement
        let is_one_statement = matches!(kind, Kind::Stay | Kind::Line);
        let mut checks = Vec::new();
        let mut upserted: Vec<(Option<Record>, Record)> = Vec::new();
        let of = |row: &Record| match table.uniques.get(key) {
            Some(unique) => in_key(row, unique).map(|values| values.into_iter().cloned().collect()),
            None => Some(vec![row[table.id].clone()]),
        };
        let keys: Vec<Vec<Value>> = new.iter().filter_map(of).collect();
        let is_twice = keys.iter().enumerate().any(|(place, key)| keys[..place].contains(key));
        let mut end = Ok(());
        for row in new {
            match self.upsert(kind, row, key, &mut checks) {
                Ok(row) => {
                    upserted.push(row);
                    if !is_one_statement {
                        end = self.refer(kind, &std::mem::take(&mut checks));
                    }
                }
                Err(refusal) => end = Err(refusal),
            }
            if end.is_err() {
                break;
            }
        }
        if end.is_ok() {
            end = self.refer(kind, &checks);
        }
        if is_twice {
            // Postgres may see that first, and SQLite what would come of it
            let mut failures = vec![Failure::new(ErrorKind::Usage, "")];
            failures.extend(end.err().into_iter().flat_map(|refusal| refusal.failures));
            return Err(Refusal::of_statement(failures));
        }
        end?;
        self.emit_upserted(kind, &upserted)?;
        let mut upserted: Vec<_> = upserted.into_iter().map(|(before, row)| (before.is_none(), row)).collect();
        upserted.sort_by(|(_, a), (_, b)| a[table.id].order(&b[table.id]));
        Ok(Answer::Upserted(upserted))
    }

    /// The row with a patch in place, and whatever the library sets.
    fn patched(&self, kind: Kind, row: &Record, patch: &Record) -> Record {
        let mut row = row.clone();
        row.extend(patch.clone());
        for set in Table::of(kind).sets {
            let value = match (*set, &row[set]) {
                ("version", Value::Number(version)) => Value::Number(version + 1),
                ("updated_at", _) => Value::During(self.operation),
                ("updated_by", _) => self.who(),
                _ => continue,
            };
            row.insert(set, value);
        }
        row
    }

    /// One statement: the rows as they were, and as they are.
    fn change(&mut self, kind: Kind, ids: &[Value], patch: &Record) -> Result<Vec<(Record, Record)>> {
        let table = Table::of(kind);
        let mut changed = Vec::new();
        for position in 0..self.store.tables[index(kind)].len() {
            let row = &self.store.tables[index(kind)][position];
            if ids.contains(&row[table.id]) {
                let (before, after) = (row.clone(), self.patched(kind, row, patch));
                self.store.tables[index(kind)][position] = after.clone();
                changed.push((before, after));
            }
        }
        let after: Vec<Record> = changed.iter().map(|(_, after)| after.clone()).collect();
        let mut failures = self.check(kind, &after).err().map(|refusal| refusal.failures).unwrap_or_default();
        failures.extend(after.iter().flat_map(|row| self.taken(kind, row, false)));
        if !failures.is_empty() {
            return Err(Refusal::of_statement(failures));
        }
        self.refer(kind, &after)?;
        Ok(changed)
    }

    fn update(&mut self, kind: Kind, back: u32, patch: &Record, deleted: Deleted) -> Result<Answer> {
        let table = Table::of(kind);
        let Some(read) = self.read(kind, back) else { return Ok(Answer::Nothing) };
        let mut whole = read.clone();
        whole.extend(patch.clone());
        let broken = (table.rules)(patch).into_iter().chain((table.whole)(&whole));
        valid(format!("{}Patch", table.name), paths(broken))?;
        if !patch.is_empty() {
            self.is_somebody(table)?;
        }
        self.statement()?;
        let id = &read[table.id];
        let is_same = |row: &&Record| row.get("version") == read.get("version");
        let Some(row) = self.found(kind, id, deleted).filter(is_same).cloned() else {
            return Err(self.missing(kind, id, deleted));
        };
        if patch.is_empty() {
            return Ok(Answer::Row(row));
        }
        let (_, after) = self.change(kind, std::slice::from_ref(id), patch)?.remove(0);
        self.emit(table.updated.and_then(|event| event(&read, &after)))?;
        Ok(Answer::Row(after))
    }

    fn update_where(&mut self, kind: Kind, condition: &Condition, patch: &Record, deleted: Deleted) -> Result<Answer> {
        let table = Table::of(kind);
        valid(format!("{}Patch", table.name), paths((table.rules)(patch)))?;
        if !patch.is_empty() {
            self.is_somebody(table)?;
        }
        self.statement()?;
        let ids: Vec<Value> =
            self.shown(kind, deleted).filter(|row| holds(condition, row)).map(|row| row[table.id].clone()).collect();
        if !patch.is_empty() {
            for (before, after) in self.change(kind, &ids, patch)? {
                self.emit(table.updated.and_then(|event| event(&before, &after)))?;
            }
        }
        Ok(Answer::Number(ids.len() as u64))
    }

    fn delete_one(&mut self, kind: Kind, id: &Value, is_it: impl Fn(&&Record) -> bool) -> Result<Option<Answer>> {
        let id: Vec<Value> =
            self.found(kind, id, Deleted::Hidden).filter(is_it).map(|_| id.clone()).into_iter().collect();
        self.delete(kind, &id)?;
        Ok((!id.is_empty()).then_some(Answer::Nothing))
    }

    /// One statement: the rows with these ids, which are there.
    fn delete(&mut self, kind: Kind, ids: &[Value]) -> Result<()> {
        let table = Table::of(kind);
        if is_soft(table) {
            self.is_somebody(table)?;
        }
        self.statement()?;
        let is_one = |row: &Record| ids.contains(&row[table.id]);
        let mut events = Vec::new();
        if is_soft(table) {
            let mark: Record = [("deleted_at", Value::During(self.operation))].into();
            let changed = self.change(kind, ids, &mark)?;
            events.extend(changed.iter().filter_map(|(_, after)| table.deleted.map(|event| event(after))));
        } else {
            let rows = &mut self.store.tables[index(kind)];
            events
                .extend(rows.iter().filter(|row| is_one(row)).filter_map(|row| table.deleted.map(|event| event(row))));
            rows.retain(|row| !is_one(row));
            self.leave(kind, ids)?;
        }
        for event in events {
            self.emit(Some(event))?;
        }
        Ok(())
    }

    /// What becomes of rows that refer to those that are gone.
    fn leave(&mut self, kind: Kind, ids: &[Value]) -> Result<()> {
        let mut failures = Vec::new();
        for referring in [Kind::Place, Kind::Stay, Kind::Task, Kind::Line] {
            let table = Table::of(referring);
            for Reference { field, to, on_delete } in table.references {
                let refers = |row: &Record| ids.contains(&row[field]);
                if index(*to) != index(kind) {
                    continue;
                }
                match on_delete {
                    OnDelete::Cascade => self.store.tables[index(referring)].retain(|row| !refers(row)),
                    OnDelete::SetNull => {
                        for row in self.store.tables[index(referring)].iter_mut().filter(|row| refers(row)) {
                            row.insert(field, Value::Null);
                        }
                    }
                    OnDelete::Refuse if self.store.tables[index(referring)].iter().any(refers) => {
                        // two entities have this table: then it is the one whose repository it is
                        let of = if table.table == Table::of(kind).table { kind } else { referring };
                        failures.push(Failure::new(ErrorKind::ForeignKey, Table::of(of).name).with_fields(&[field]));
                    }
                    OnDelete::Refuse => {}
                }
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(Refusal::of_statement(failures)) }
    }

    fn restore(&mut self, kind: Kind, id: &Value) -> Result<Answer> {
        let table = Table::of(kind);
        if !is_soft(table) {
            return Err(Refusal::usage());
        }
        self.is_somebody(table)?;
        self.statement()?;
        if self.found(kind, id, Deleted::Shown).is_none_or(is_there) {
            return Err(Self::not_found(kind));
        }
        let mark: Record = [("deleted_at", Value::Null)].into();
        let (_, after) = self.change(kind, std::slice::from_ref(id), &mark)?.remove(0);
        self.emit(table.restored.map(|event| event(&after)))?;
        Ok(Answer::Row(after))
    }

    fn find_by(&self, kind: Kind, key: usize, record: &Record) -> Result<Answer> {
        let table = Table::of(kind);
        let Some(unique) = table.uniques.get(key) else {
            self.statement()?;
            return Ok(Answer::Maybe(self.found(kind, &record[table.id], Deleted::Hidden).cloned()));
        };
        if unique.fields.iter().any(|field| record[field] == Value::Null) {
            return Ok(Answer::Nothing);
        }
        self.statement()?;
        let values: Vec<&Value> = unique.fields.iter().map(|field| &record[field]).collect();
        let row = self.shown(kind, Deleted::Hidden).find(|row| in_key(row, unique).as_ref() == Some(&values));
        Ok(Answer::Maybe(row.cloned()))
    }

    fn query(&self, kind: Kind, reading: &Reading) -> Result<Answer> {
        if matches!(reading.how, How::Locked) && self.depth == 0 {
            return Err(Refusal::usage());
        }
        self.statement()?;
        let id = Table::of(kind).id;
        let mut rows: Vec<Record> =
            self.shown(kind, reading.deleted).filter(|row| holds(&reading.condition, row)).cloned().collect();
        rows.sort_by(|a, b| {
            let by = |(field, descending): &(&str, bool)| {
                let ordering = a[field].order(&b[field]);
                if *descending { ordering.reverse() } else { ordering }
            };
            reading.orders.iter().map(by).find(|it| it.is_ne()).unwrap_or_else(|| a[id].order(&b[id]))
        });
        let total = rows.len() as u64;
        Ok(match reading.how {
            How::All | How::Stream | How::Locked => Answer::Rows(rows),
            How::Limit(limit) => Answer::Rows(rows.into_iter().take(limit).collect()),
            How::First => Answer::Maybe(rows.into_iter().next()),
            How::Count => Answer::Number(total),
            How::Exists => Answer::Truth(total > 0),
            How::Pages(_) | How::PagesFromTheEnd(_) => Answer::Pages(rows, total),
        })
    }

    fn load_many(&self, relation: Relation, deleted: Deleted) -> Result<Answer> {
        self.statement()?;
        let (of, field, to) = match relation {
            Relation::PlaceOfPlace => (Kind::Place, "part_of", Kind::Place),
            Relation::PlaceOfStay => (Kind::Stay, "place", Kind::Place),
            Relation::PersonOfStay => (Kind::Stay, "person", Kind::Person),
            Relation::PersonOfLine => (Kind::Line, "person", Kind::Person),
            Relation::StayOfTask => (Kind::Task, "stay", Kind::Stay),
        };
        let mut rows: Vec<Record> = Vec::new();
        for row in self.shown(of, Deleted::Hidden).filter_map(|row| self.found(to, &row[field], deleted)) {
            if !rows.contains(row) {
                rows.push(row.clone());
            }
        }
        by_id(to, &mut rows);
        Ok(Answer::Rows(rows))
    }
}

fn by_id(kind: Kind, rows: &mut [Record]) {
    let id = Table::of(kind).id;
    rows.sort_by(|a, b| a[id].order(&b[id]));
}

fn holds(condition: &Condition, row: &Record) -> bool {
    match condition {
        Condition::All => true,
        Condition::Compare(field, comparison, value) => {
            let found = &row[field];
            let is_known = *found != Value::Null && *value != Value::Null;
            match comparison {
                Comparison::Eq => found == value,
                Comparison::Ne => found != value,
                Comparison::Lt => is_known && found < value,
                Comparison::Le => is_known && found <= value,
                Comparison::Gt => is_known && found > value,
                Comparison::Ge => is_known && found >= value,
            }
        }
        Condition::Within(field, values) => row[field] != Value::Null && values.contains(&row[field]),
        Condition::And(a, b) => holds(a, row) && holds(b, row),
        Condition::Or(a, b) => holds(a, row) || holds(b, row),
        Condition::Not(a) => !holds(a, row),
    }
}
