//! What is done, at random and without a look at what there is: any part of a sequence is a sequence.

use fastrand::Rng;

use super::entities::{Comparison, Kind, Table};
use super::value::{Record, Value};

#[derive(Debug, Clone)]
pub enum Operation {
    Create(Kind, Record),
    CreateMany(Kind, Vec<Record>),
    /// The number of the key.
    Upsert(Kind, Record, usize),
    UpsertMany(Kind, Vec<Record>, usize),
    Get(Kind, Value, Deleted),
    Find(Kind, Value, Deleted),
    GetMany(Kind, Vec<Value>, Deleted),
    Exists(Kind, Value, Deleted),
    Count(Kind, Deleted),
    FindBy(Kind, usize, Record),
    /// Of a row as it was read some time ago: how many rows were read since.
    Update(Kind, u32, Record, Deleted),
    UpdateWhere(Kind, Condition, Record, Deleted),
    Delete(Kind, u32),
    DeleteById(Kind, Value),
    DeleteWhere(Kind, Condition),
    Restore(Kind, Value),
    Read(Kind, Reading),
    LoadMany(Relation, Deleted),
    AfterCommit(u32),
    Transaction(Vec<Operation>, Ending),
}

/// Whether rows that are marked as deleted are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    Hidden,
    Shown,
}

/// How the closure of a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the first error, if there is one.
    AtFirstError,
    /// As if there had been none.
    InDenial,
    /// With an error of its own.
    InError,
}

#[derive(Debug, Clone, Copy)]
pub enum Relation {
    PlaceOfPlace,
    PlaceOfStay,
    PersonOfStay,
    PersonOfLine,
    StayOfTask,
}

#[derive(Debug, Clone)]
pub enum Condition {
    All,
    Compare(&'static str, Comparison, Value),
    Within(&'static str, Vec<Value>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

#[derive(Debug, Clone)]
pub struct Reading {
    pub condition: Condition,
    /// The field, and whether the greatest comes first.
    pub orders: Vec<(&'static str, bool)>,
    pub deleted: Deleted,
    pub how: How,
}

#[derive(Debug, Clone, Copy)]
pub enum How {
    All,
    Limit(usize),
    First,
    Count,
    Exists,
    Stream,
    /// Of so many rows each.
    Pages(usize),
    PagesFromTheEnd(usize),
    Locked,
}

const KINDS: [Kind; 6] = [Kind::Place, Kind::CarelessPlace, Kind::Person, Kind::Stay, Kind::Task, Kind::Line];

fn kind(rng: &mut Rng) -> Kind {
    KINDS[[0, 0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5][rng.usize(..12)]]
}

impl Deleted {
    fn random(rng: &mut Rng) -> Self {
        if rng.u8(..4) == 0 { Self::Shown } else { Self::Hidden }
    }
}

fn whole(rng: &mut Rng, kind: Kind) -> Record {
    Table::of(kind).fields.iter().map(|field| (field.name, (field.random)(rng))).collect()
}

fn patch(rng: &mut Rng, kind: Kind) -> Record {
    let fields: Vec<_> = Table::of(kind).fields.iter().filter(|field| field.can_change).collect();
    let mut patch = Record::new();
    for _ in 0..[0, 1, 1, 1, 2, 3][rng.usize(..6)] {
        let field = fields[rng.usize(..fields.len())];
        patch.insert(field.name, (field.random)(rng));
    }
    patch
}

fn id(rng: &mut Rng, kind: Kind) -> Value {
    Value::Any(kind, rng.u32(..))
}

fn key(rng: &mut Rng, kind: Kind) -> usize {
    let table = Table::of(kind);
    rng.usize(..table.uniques.len() + usize::from(table.is_given))
}

/// The last one more often than not, else one of those before.
fn lately(rng: &mut Rng) -> u32 {
    if rng.bool() { 0 } else { rng.u32(0..8) }
}

impl Condition {
    fn random(rng: &mut Rng, kind: Kind, depth: u8) -> Self {
        let branch = if depth == 0 { u8::MAX } else { rng.u8(..6) };
        let mut inner = || Box::new(Self::random(rng, kind, depth.saturating_sub(1)));
        match branch {
            0 => Self::And(inner(), inner()),
            1 => Self::Or(inner(), inner()),
            2 => Self::Not(inner()),
            _ => Self::leaf(rng, kind),
        }
    }

    fn leaf(rng: &mut Rng, kind: Kind) -> Self {
        let table = Table::of(kind);
        let fields: Vec<_> = table.fields.iter().filter(|field| field.is_compared).collect();
        if rng.u8(..8) == 0 {
            return Self::Compare(table.id, Comparison::Eq, id(rng, kind));
        }
        let field = fields[rng.usize(..fields.len())];
        match rng.u8(..9) {
            0 => Self::All,
            1 => Self::Within(field.name, (0..rng.usize(..3)).map(|_| (field.random)(rng)).collect()),
            _ => {
                use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
                Self::Compare(field.name, [Eq, Eq, Ne, Lt, Le, Gt, Ge][rng.usize(..7)], (field.random)(rng))
            }
        }
    }
}

impl Reading {
    fn random(rng: &mut Rng, kind: Kind) -> Self {
        let table = Table::of(kind);
        let fields: Vec<_> =
            table.fields.iter().filter(|field| field.is_compared).map(|field| field.name).chain([table.id]).collect();
        let orders: Vec<_> = (0..rng.usize(..3)).map(|_| (fields[rng.usize(..fields.len())], rng.bool())).collect();
        let how = match rng.u8(..10) {
            0 | 1 => How::All,
            2 if !orders.is_empty() => How::Limit(rng.usize(..4)),
            3 if !orders.is_empty() => How::First,
            4 => How::Count,
            5 => How::Exists,
            6 => How::Stream,
            7 => How::PagesFromTheEnd(rng.usize(1..5)),
            8 => How::Locked,
            _ => How::Pages(rng.usize(1..5)),
        };
        Self { condition: Condition::random(rng, kind, 2), orders, deleted: Deleted::random(rng), how }
    }
}

impl Operation {
    pub fn creation(rng: &mut Rng, kind: Kind) -> Self {
        Self::Create(kind, whole(rng, kind))
    }

    /// `depth` is how many transactions there are around it.
    pub fn random(rng: &mut Rng, depth: usize) -> Self {
        let kind = kind(rng);
        match rng.u8(..100) {
            0..14 => Self::creation(rng, kind),
            14..18 => Self::CreateMany(kind, (0..rng.usize(..4)).map(|_| whole(rng, kind)).collect()),
            18..25 => Self::Upsert(kind, whole(rng, kind), key(rng, kind)),
            25..29 => Self::UpsertMany(kind, (0..rng.usize(..4)).map(|_| whole(rng, kind)).collect(), key(rng, kind)),
            29..32 => Self::Get(kind, id(rng, kind), Deleted::random(rng)),
            32..34 => Self::Find(kind, id(rng, kind), Deleted::random(rng)),
            34..36 => Self::GetMany(kind, (0..rng.usize(..5)).map(|_| id(rng, kind)).collect(), Deleted::random(rng)),
            36..38 => Self::Exists(kind, id(rng, kind), Deleted::random(rng)),
            38 => Self::Count(kind, Deleted::random(rng)),
            39..41 => Self::FindBy(kind, key(rng, kind), whole(rng, kind)),
            41..54 => Self::Update(kind, lately(rng), patch(rng, kind), Deleted::random(rng)),
            54..59 => Self::UpdateWhere(kind, Condition::random(rng, kind, 1), patch(rng, kind), Deleted::random(rng)),
            59..64 => Self::Delete(kind, lately(rng)),
            64..67 => Self::DeleteById(kind, id(rng, kind)),
            67..70 => Self::DeleteWhere(kind, Condition::random(rng, kind, 2)),
            70..75 => {
                let kind = [Kind::Stay, Kind::Task, kind][rng.usize(..3)];
                Self::Restore(kind, id(rng, kind))
            }
            75..85 => Self::Read(kind, Reading::random(rng, kind)),
            85..88 => {
                use Relation::{PersonOfLine, PersonOfStay, PlaceOfPlace, PlaceOfStay, StayOfTask};
                let relation = [PlaceOfPlace, PlaceOfStay, PersonOfStay, PersonOfLine, StayOfTask][rng.usize(..5)];
                Self::LoadMany(relation, Deleted::random(rng))
            }
            88..90 if depth > 0 => Self::AfterCommit(rng.u32(..)),
            _ if depth < 3 => {
                let operations = (0..rng.usize(1..7)).map(|_| Self::random(rng, depth + 1)).collect();
                use Ending::{AtFirstError, InDenial, InError};
                Self::Transaction(operations, [AtFirstError, InDenial, InDenial, InError][rng.usize(..4)])
            }
            _ => Self::creation(rng, kind),
        }
    }

    /// How many operations it is.
    pub fn steps(&self) -> usize {
        match self {
            Self::Transaction(operations, _) => 1 + operations.iter().map(Self::steps).sum::<usize>(),
            _ => 1,
        }
    }

    /// The same with ids in place of references to any of them.
    pub fn resolved(&self, any: &dyn Fn(Kind, u32) -> Value) -> Self {
        let value = |value: &Value| match value {
            Value::Any(kind, number) => any(*kind, *number),
            other => other.clone(),
        };
        let values = |list: &[Value]| -> Vec<Value> { list.iter().map(value).collect() };
        let record = |record: &Record| -> Record { record.iter().map(|(name, it)| (*name, value(it))).collect() };
        let records = |list: &[Record]| -> Vec<Record> { list.iter().map(record).collect() };
        match self {
            Self::Create(kind, it) => Self::Create(*kind, record(it)),
            Self::CreateMany(kind, list) => Self::CreateMany(*kind, records(list)),
            Self::Upsert(kind, it, key) => Self::Upsert(*kind, record(it), *key),
            Self::UpsertMany(kind, list, key) => Self::UpsertMany(*kind, records(list), *key),
            Self::Get(kind, id, deleted) => Self::Get(*kind, value(id), *deleted),
            Self::Find(kind, id, deleted) => Self::Find(*kind, value(id), *deleted),
            Self::GetMany(kind, ids, deleted) => Self::GetMany(*kind, values(ids), *deleted),
            Self::Exists(kind, id, deleted) => Self::Exists(*kind, value(id), *deleted),
            Self::FindBy(kind, key, it) => Self::FindBy(*kind, *key, record(it)),
            Self::Update(kind, back, it, deleted) => Self::Update(*kind, *back, record(it), *deleted),
            Self::UpdateWhere(kind, condition, it, deleted) => {
                Self::UpdateWhere(*kind, condition.resolved(&value), record(it), *deleted)
            }
            Self::DeleteById(kind, id) => Self::DeleteById(*kind, value(id)),
            Self::DeleteWhere(kind, condition) => Self::DeleteWhere(*kind, condition.resolved(&value)),
            Self::Restore(kind, id) => Self::Restore(*kind, value(id)),
            Self::Read(kind, reading) => {
                Self::Read(*kind, Reading { condition: reading.condition.resolved(&value), ..reading.clone() })
            }
            Self::Count(..) | Self::Delete(..) | Self::LoadMany(..) | Self::AfterCommit(_) => self.clone(),
            // one after the other, as they come
            Self::Transaction(..) => self.clone(),
        }
    }
}

impl Condition {
    fn resolved(&self, value: &dyn Fn(&Value) -> Value) -> Self {
        let inner = |condition: &Self| Box::new(condition.resolved(value));
        match self {
            Self::All => Self::All,
            Self::Compare(field, comparison, it) => Self::Compare(field, *comparison, value(it)),
            Self::Within(field, list) => Self::Within(field, list.iter().map(value).collect()),
            Self::And(a, b) => Self::And(inner(a), inner(b)),
            Self::Or(a, b) => Self::Or(inner(a), inner(b)),
            Self::Not(a) => Self::Not(inner(a)),
        }
    }
}
