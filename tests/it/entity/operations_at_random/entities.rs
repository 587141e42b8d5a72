//! Five tables that differ in whatever an entity can say, and what the model must know of them.

use chrono::{DateTime, NaiveDate, Utc};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use shared::entity::{Column, Comparable, Filter, Json, Order, UniqueKey};
use shared::{Entity, EntityEnum, EntityValue, Event, Phi};
use uuid::Uuid;

use super::value::{Cell, Ids, Record, Value};
use crate::vocabulary::at;

/// Which entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Kind {
    Place,
    CarelessPlace,
    Person,
    Stay,
    Task,
    Line,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
pub struct PersonId(pub Uuid);

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
pub enum State {
    Open,
    Closed,
}

/// A given text for an id, no version, a reference to itself.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "places")]
pub struct Place {
    #[entity(id, given)]
    #[validate(length(min = 1))]
    pub code: String,
    #[entity(references(Place), index)]
    pub part_of: Option<String>,
    #[entity(unique, rename = "full_name")]
    pub name: Option<String>,
    #[validate(range(min = 0, max = 9))]
    pub beds: i32,
}

/// The same table by a program that knows none of the rules.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "places")]
pub struct CarelessPlace {
    #[entity(id, given)]
    pub code: String,
    #[entity(references(Place))]
    pub part_of: Option<String>,
    #[entity(unique, rename = "full_name")]
    pub name: Option<String>,
    pub beds: i32,
}

/// A made id of a type of its own, a version, deleted for good; its events look at what changed, and may be refused.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(
    table = "people",
    emits(created = PersonCame, updated(PersonRenamed, when = renamed), deleted = PersonWent)
)]
pub struct Person {
    #[entity(id)]
    pub id: PersonId,
    #[entity(unique)]
    pub mrn: Phi<String>,
    pub name: Option<String>,
    pub born: Option<NaiveDate>,
    #[entity(version)]
    pub version: i64,
}

/// Whatever the library can set, a soft delete, and keys of which one is partial.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(
    table = "stays",
    unique(place, day),
    unique(bed, where(state = State::Open)),
    index(person, day(desc))
)]
pub struct Stay {
    #[entity(id)]
    pub id: Uuid,
    #[entity(references(Place, on_delete = restrict))]
    pub place: String,
    #[entity(references(Person, on_delete = set_null))]
    pub person: Option<PersonId>,
    pub day: NaiveDate,
    pub bed: Option<i64>,
    pub state: State,
    #[validate(length(max = 4))]
    pub note: Option<Phi<String>>,
    #[entity(version)]
    pub version: i64,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
    #[entity(created_by)]
    pub created_by: Option<String>,
    #[entity(updated_at)]
    pub updated_at: DateTime<Utc>,
    #[entity(updated_by)]
    pub updated_by: Option<String>,
    #[entity(deleted_at)]
    pub deleted_at: Option<DateTime<Utc>>,
}

/// A given number for an id, a soft delete without a version, an author that must be there, a rule about two fields, and
/// an event for everything.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(
    table = "tasks",
    unique(slot, where(state = State::Open)),
    emits(created = TaskMade, updated = TaskChanged, deleted = TaskDropped, restored = TaskMade)
)]
#[validate(custom = ends_after_it_starts)]
pub struct Task {
    #[entity(id, given)]
    pub id: i64,
    #[entity(references(Stay))]
    pub stay: Option<Uuid>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    #[entity(unique)]
    pub title: String,
    pub slot: Option<i64>,
    pub state: State,
    #[entity(updated_by)]
    pub updated_by: String,
    #[entity(deleted_at)]
    pub deleted_at: Option<DateTime<Utc>>,
}

/// A given number for an id and a version; it goes with the person.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "lines", unique(person, position))]
pub struct Line {
    #[entity(id, given)]
    pub id: i64,
    #[entity(references(Person, on_delete = cascade))]
    pub person: PersonId,
    pub position: i32,
    pub level: f64,
    pub done: bool,
    pub data: Json<Vec<i64>>,
    #[entity(version)]
    pub version: i64,
}

fn renamed(before: &Person, after: &Person) -> bool {
    before.name != after.name
}

fn ends_after_it_starts(task: &Task) -> Result<(), &'static str> {
    if task.starts_at < task.ends_at { Ok(()) } else { Err("something that ends after it starts") }
}

macro_rules! events {
    ($($name:ident $subject:literal of $entity:ident, $($rule:ident($max:literal))?, |$row:ident| $what:expr;)*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
        #[event(subject = $subject, key = what)]
        pub struct $name {
            $(#[validate($rule(max = $max))])?
            what: String,
        }

        impl From<&$entity> for $name {
            fn from($row: &$entity) -> Self {
                Self { what: $what }
            }
        }
    )*};
}

events! {
    PersonCame "person.came" of Person, , |row| what(row.mrn.expose(), row.version);
    // "odd" and a version of one digit is all that it takes
    PersonRenamed "person.renamed" of Person, length(5), |row| what(row.name.as_deref().unwrap_or("-"), row.version);
    PersonWent "person.went" of Person, , |row| what(row.mrn.expose(), row.version);
    TaskMade "task.made" of Task, , |row| what(&row.title, row.id);
    TaskChanged "task.changed" of Task, , |row| what(&row.title, row.id);
    TaskDropped "task.dropped" of Task, , |row| what(&row.title, row.id);
}

fn what(text: &str, number: i64) -> String {
    format!("{text}/{number}")
}

/// What a caller supplies.
pub struct Field {
    pub name: &'static str,
    pub random: fn(&mut Rng) -> Value,
    pub can_change: bool,
    /// Whether filters and orders know it.
    pub is_compared: bool,
}

pub struct Unique {
    pub fields: &'static [&'static str],
    /// Only among rows that are in this state.
    pub only: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum OnDelete {
    Refuse,
    Cascade,
    SetNull,
}

pub struct Reference {
    pub field: &'static str,
    pub to: Kind,
    pub on_delete: OnDelete,
}

/// The path and the rule.
pub type Broken = (&'static str, &'static str);

/// What the model knows of an entity.
pub struct Table {
    pub name: &'static str,
    pub table: &'static str,
    pub id: &'static str,
    pub is_given: bool,
    pub fields: &'static [Field],
    /// What the library sets.
    pub sets: &'static [&'static str],
    /// Beside its id.
    pub uniques: &'static [Unique],
    pub references: &'static [Reference],
    /// The rules of fields that are there.
    pub rules: fn(&Record) -> Vec<Broken>,
    /// The rules of a whole row.
    pub whole: fn(&Record) -> Vec<Broken>,
    /// The fields that the table refuses although the program has no rule about them.
    pub checked: fn(&Record) -> Vec<&'static str>,
    pub created: Option<fn(&Record) -> Emitted>,
    pub updated: Option<fn(&Record, &Record) -> Option<Emitted>>,
    pub deleted: Option<fn(&Record) -> Emitted>,
    pub restored: Option<fn(&Record) -> Emitted>,
}

impl Table {
    pub fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::Place => &PLACES,
            Kind::CarelessPlace => &CARELESS_PLACES,
            Kind::Person => &PEOPLE,
            Kind::Stay => &STAYS,
            Kind::Task => &TASKS,
            Kind::Line => &LINES,
        }
    }
}

/// An event by its subject and what it says.
pub type Emitted = (&'static str, String);

/// What can be refused of an event.
pub fn is_refused((subject, what): &Emitted) -> bool {
    *subject == "person.renamed" && what.chars().count() > 5
}

fn text(record: &Record, field: &str) -> String {
    match record.get(field) {
        Some(Value::Text(text)) => text.clone(),
        _ => "-".to_owned(),
    }
}

fn number(record: &Record, field: &str) -> i64 {
    match record.get(field) {
        Some(Value::Number(number)) => *number,
        other => panic!("not a number: {other:?}"),
    }
}

fn one_of<T: Clone>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.usize(..values.len())].clone()
}

fn some(rng: &mut Rng, value: fn(&mut Rng) -> Value) -> Value {
    if rng.u8(..4) == 0 { Value::Null } else { value(rng) }
}

fn seldom(rng: &mut Rng, value: fn(&mut Rng) -> Value) -> Value {
    if rng.bool() { Value::Null } else { value(rng) }
}

fn name(rng: &mut Rng) -> Value {
    Value::Text(one_of(rng, &["", "A", "a", "é", "odd", "it's", "b", "c"]).to_owned())
}

fn small(rng: &mut Rng) -> Value {
    Value::Number(rng.i64(0..6))
}

fn state(rng: &mut Rng) -> Value {
    Value::Text(one_of(rng, &["open", "open", "closed"]).to_owned())
}

fn instant(rng: &mut Rng) -> Value {
    Value::At(at("2026-11-23T08:00:00.000001Z") + chrono::TimeDelta::microseconds(rng.i64(0..4)))
}

macro_rules! fields {
    ($($name:ident $can_change:literal $is_compared:literal $random:expr),* $(,)?) => {
        &[$(Field { name: stringify!($name), random: $random, can_change: $can_change, is_compared: $is_compared }),*]
    };
}

const NO_RULES: fn(&Record) -> Vec<Broken> = |_| Vec::new();

const PLACE: Table = Table {
    name: "Place",
    table: "places",
    id: "code",
    is_given: true,
    fields: fields![
        code false true |rng| Value::Text(one_of(rng, &["", "a", "b", "c", "d", "e", "f", "g", "h", "i"]).to_owned()),
        part_of true true |rng| seldom(rng, |rng| Value::Any(Kind::Place, rng.u32(..))),
        name true true |rng| some(rng, name),
        beds true true |rng| Value::Number(one_of(rng, &[0, 1, 2, 3, 4, 5, 9, 9, 9, 10, -1])),
    ],
    sets: &[],
    uniques: &[Unique { fields: &["name"], only: None }],
    references: &[Reference { field: "part_of", to: Kind::Place, on_delete: OnDelete::Refuse }],
    rules: |record| {
        let code = (record.get("code") == Some(&Value::Text(String::new()))).then_some(("/code", "length"));
        let beds = wrong_beds(record).map(|_| ("/beds", "range"));
        code.into_iter().chain(beds).collect()
    },
    whole: NO_RULES,
    checked: |_| Vec::new(),
    created: None,
    updated: None,
    deleted: None,
    restored: None,
};

static PLACES: Table = PLACE;

static CARELESS_PLACES: Table = Table {
    name: "CarelessPlace",
    rules: NO_RULES,
    checked: |record| {
        let code = (record.get("code") == Some(&Value::Text(String::new()))).then_some("code");
        code.into_iter().chain(wrong_beds(record)).collect()
    },
    ..PLACE
};

fn wrong_beds(record: &Record) -> Option<&'static str> {
    matches!(record.get("beds"), Some(Value::Number(beds)) if !(0..=9).contains(beds)).then_some("beds")
}

static PEOPLE: Table = Table {
    name: "Person",
    table: "people",
    id: "id",
    is_given: false,
    fields: fields![
        mrn true true |rng| Value::Text(one_of(rng, &["1", "2", "3", "4", "5", "6", "7", "8"]).to_owned()),
        name true true |rng| some(rng, name),
        born true true |rng| some(rng, day),
    ],
    sets: &["version"],
    uniques: &[Unique { fields: &["mrn"], only: None }],
    references: &[],
    rules: NO_RULES,
    whole: NO_RULES,
    checked: |_| Vec::new(),
    created: Some(|row| ("person.came", what(&text(row, "mrn"), number(row, "version")))),
    updated: Some(|before, after| {
        let is_renamed = before["name"] != after["name"];
        is_renamed.then(|| ("person.renamed", what(&text(after, "name"), number(after, "version"))))
    }),
    deleted: Some(|row| ("person.went", what(&text(row, "mrn"), number(row, "version")))),
    restored: None,
};

fn day(rng: &mut Rng) -> Value {
    Value::Day(NaiveDate::from_ymd_opt(2026, 2, rng.u32(26..=28)).unwrap())
}

static STAYS: Table = Table {
    name: "Stay",
    table: "stays",
    id: "id",
    is_given: false,
    fields: fields![
        place true true |rng| Value::Any(Kind::Place, rng.u32(..)),
        person true true |rng| some(rng, |rng| Value::Any(Kind::Person, rng.u32(..))),
        day true true day,
        bed true true |rng| some(rng, small),
        state true true state,
        note true true |rng| some(rng, |rng| Value::Text(one_of(rng, &["x", "äöüß", "12345"]).to_owned())),
    ],
    sets: &["version", "created_at", "created_by", "updated_at", "updated_by", "deleted_at"],
    uniques: &[Unique { fields: &["place", "day"], only: None }, Unique { fields: &["bed"], only: Some("open") }],
    references: &[
        Reference { field: "place", to: Kind::Place, on_delete: OnDelete::Refuse },
        Reference { field: "person", to: Kind::Person, on_delete: OnDelete::SetNull },
    ],
    rules: |record| {
        let is_long = matches!(record.get("note"), Some(Value::Text(note)) if note.chars().count() > 4);
        is_long.then_some(("/note", "length")).into_iter().collect()
    },
    whole: NO_RULES,
    checked: |_| Vec::new(),
    created: None,
    updated: None,
    deleted: None,
    restored: None,
};

fn of_task(row: &Record) -> String {
    what(&text(row, "title"), number(row, "id"))
}

static TASKS: Table = Table {
    name: "Task",
    table: "tasks",
    id: "id",
    is_given: true,
    fields: fields![
        id false true small,
        stay true true |rng| seldom(rng, |rng| Value::Any(Kind::Stay, rng.u32(..))),
        starts_at true true instant,
        ends_at true true |rng| match instant(rng) {
            Value::At(at) => Value::At(at + chrono::TimeDelta::microseconds(2)),
            other => other,
        },
        title true true name,
        slot true true |rng| some(rng, small),
        state true true state,
    ],
    sets: &["updated_by", "deleted_at"],
    uniques: &[Unique { fields: &["slot"], only: Some("open") }, Unique { fields: &["title"], only: None }],
    references: &[Reference { field: "stay", to: Kind::Stay, on_delete: OnDelete::Refuse }],
    rules: NO_RULES,
    whole: |row| if row["starts_at"] < row["ends_at"] { Vec::new() } else { vec![("", "custom")] },
    checked: |_| Vec::new(),
    created: Some(|row| ("task.made", of_task(row))),
    updated: Some(|_, row| Some(("task.changed", of_task(row)))),
    deleted: Some(|row| ("task.dropped", of_task(row))),
    restored: Some(|row| ("task.made", of_task(row))),
};

static LINES: Table = Table {
    name: "Line",
    table: "lines",
    id: "id",
    is_given: true,
    fields: fields![
        id false true small,
        person true true |rng| Value::Any(Kind::Person, rng.u32(..)),
        position true true small,
        level true true |rng| Value::Real(one_of(rng, &[-0.5, 0.1, 1e300])),
        done true true |rng| Value::Bool(rng.bool()),
        data true false |rng| Value::List((0..rng.i64(..3)).collect()),
    ],
    sets: &["version"],
    uniques: &[Unique { fields: &["person", "position"], only: None }],
    references: &[Reference { field: "person", to: Kind::Person, on_delete: OnDelete::Cascade }],
    rules: NO_RULES,
    whole: NO_RULES,
    checked: |_| Vec::new(),
    created: None,
    updated: None,
    deleted: None,
    restored: None,
};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// An entity as the model's operations need it.
pub trait Modelled: shared::entity::Entity<Id: Cell> + Clone {
    const KIND: Kind;
    fn record(&self, ids: &Ids) -> Record;
    fn new_from(record: &Record, ids: &Ids) -> Self::New;
    fn patch_from(record: &Record, ids: &Ids) -> Self::Patch;
    fn compare(field: &str, comparison: Comparison, value: &Value, ids: &Ids) -> Filter<Self>;
    fn within(field: &str, values: &[Value], ids: &Ids) -> Filter<Self>;
    fn order(field: &str, descending: bool) -> Order<Self>;
    /// The key in its place among [`Table::uniques`]; that of a given id comes after them.
    fn key(number: usize) -> UniqueKey<Self>;
    fn by(number: usize, record: &Record, ids: &Ids) -> Filter<Self>;
}

fn compare<E, T: Comparable, R>(column: Column<E, T, R>, comparison: Comparison, value: T) -> Filter<E> {
    match comparison {
        Comparison::Eq => column.eq(value),
        Comparison::Ne => column.ne(value),
        Comparison::Lt => column.lt(value),
        Comparison::Le => column.le(value),
        Comparison::Gt => column.gt(value),
        Comparison::Ge => column.ge(value),
    }
}

macro_rules! modelled {
    (
        $entity:ident, $new:ident, $patch:ident, id $id:ident $id_column:ident $($given:literal)?;
        $($field:ident $column:ident),*;
        $($plain:ident),*; $($set:ident),*;
        $($number:literal => $key:ident $by:ident($($part:ident),*)),*;
    ) => {
        impl Modelled for $entity {
            const KIND: Kind = Kind::$entity;

            fn record(&self, ids: &Ids) -> Record {
                [
                    (stringify!($id), self.$id.show(ids)),
                    $((stringify!($field), self.$field.show(ids)),)*
                    $((stringify!($plain), self.$plain.show(ids)),)*
                    $((stringify!($set), self.$set.show(ids)),)*
                ]
                .into()
            }

            fn new_from(record: &Record, ids: &Ids) -> $new {
                $new {
                    $($field: Cell::make(&record[stringify!($field)], ids),)*
                    $($plain: Cell::make(&record[stringify!($plain)], ids),)*
                    $($id: { let _ = $given; Cell::make(&record[stringify!($id)], ids) },)?
                }
            }

            fn patch_from(record: &Record, ids: &Ids) -> $patch {
                let mut patch = $patch::new();
                $(if let Some(value) = record.get(stringify!($field)) {
                    patch = patch.$field(same(|row: &$entity| &row.$field, Cell::make(value, ids)));
                })*
                $(if let Some(value) = record.get(stringify!($plain)) {
                    patch = patch.$plain(same(|row: &$entity| &row.$plain, Cell::make(value, ids)));
                })*
                patch
            }

            fn compare(field: &str, comparison: Comparison, value: &Value, ids: &Ids) -> Filter<Self> {
                match field {
                    stringify!($id) => compare(Self::$id_column, comparison, Cell::make(value, ids)),
                    $(stringify!($field) => compare(Self::$column, comparison, Cell::make(value, ids)),)*
                    other => panic!("no column `{other}`"),
                }
            }

            fn within(field: &str, values: &[Value], ids: &Ids) -> Filter<Self> {
                match field {
                    stringify!($id) => within(Self::$id_column, values, ids),
                    $(stringify!($field) => within(Self::$column, values, ids),)*
                    other => panic!("no column `{other}`"),
                }
            }

            fn order(field: &str, descending: bool) -> Order<Self> {
                match field {
                    stringify!($id) => order(Self::$id_column, descending),
                    $(stringify!($field) => order(Self::$column, descending),)*
                    other => panic!("no column `{other}`"),
                }
            }

            fn key(number: usize) -> UniqueKey<Self> {
                match number {
                    $($number => Self::$key,)*
                    other => panic!("no key {other}"),
                }
            }

            fn by(number: usize, record: &Record, ids: &Ids) -> Filter<Self> {
                match number {
                    $($number => Self::$by(
                        $(same(|row: &$entity| &row.$part, Cell::make(&record[stringify!($part)], ids))),*
                    ),)*
                    other => panic!("no key {other}"),
                }
            }
        }
    };
}

/// The value, which is of the type of the field.
fn same<E, T>(_: fn(&E) -> &T, value: T) -> T {
    value
}

fn within<E, T: Comparable + Cell, R>(column: Column<E, T, R>, values: &[Value], ids: &Ids) -> Filter<E> {
    column.in_(values.iter().map(|value| T::make(value, ids)))
}

fn order<E, T: Comparable, R>(column: Column<E, T, R>, descending: bool) -> Order<E> {
    if descending { column.desc() } else { column.asc() }
}

impl Place {
    fn by_code(code: String) -> Filter<Self> {
        Self::CODE.eq(code)
    }
}

impl CarelessPlace {
    fn by_code(code: String) -> Filter<Self> {
        Self::CODE.eq(code)
    }
}

impl Task {
    fn by_id(id: i64) -> Filter<Self> {
        Self::ID.eq(id)
    }
}

impl Line {
    fn by_id(id: i64) -> Filter<Self> {
        Self::ID.eq(id)
    }
}

modelled! {
    Place, NewPlace, PlacePatch, id code CODE true;
    part_of PART_OF, name NAME, beds BEDS; ; ;
    0 => UNIQUE_NAME by_name(name), 1 => UNIQUE_CODE by_code(code);
}

modelled! {
    CarelessPlace, NewCarelessPlace, CarelessPlacePatch, id code CODE true;
    part_of PART_OF, name NAME, beds BEDS; ; ;
    0 => UNIQUE_NAME by_name(name), 1 => UNIQUE_CODE by_code(code);
}

modelled! {
    Person, NewPerson, PersonPatch, id id ID;
    mrn MRN, name NAME, born BORN; ; version;
    0 => UNIQUE_MRN by_mrn(mrn);
}

modelled! {
    Stay, NewStay, StayPatch, id id ID;
    place PLACE, person PERSON, day DAY, bed BED, state STATE, note NOTE; ;
    version, created_at, created_by, updated_at, updated_by, deleted_at;
    0 => UNIQUE_PLACE_AND_DAY by_place_and_day(place, day), 1 => UNIQUE_BED by_bed(bed);
}

modelled! {
    Task, NewTask, TaskPatch, id id ID true;
    stay STAY, starts_at STARTS_AT, ends_at ENDS_AT, title TITLE, slot SLOT, state STATE; ;
    updated_by, deleted_at;
    0 => UNIQUE_SLOT by_slot(slot), 1 => UNIQUE_TITLE by_title(title), 2 => UNIQUE_ID by_id(id);
}

modelled! {
    Line, NewLine, LinePatch, id id ID true;
    person PERSON, position POSITION, level LEVEL, done DONE; data; version;
    0 => UNIQUE_PERSON_AND_POSITION by_person_and_position(person, position), 1 => UNIQUE_ID by_id(id);
}
