//! Rows, filters and orders at random, each as the library has it and as Rust would write it.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use fastrand::Rng;
use rust_decimal::Decimal;
use shared::entity::{Column, Comparable, Filter, IntoValue, Order, Query};
use shared::{Entity, EntityEnum, Phi, Repo};
use uuid::Uuid;

use crate::vocabulary::at;

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
pub enum Kind {
    Pulse,
    Oxygen,
    Lactate,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "readings")]
pub struct Reading {
    #[entity(id)]
    pub id: Uuid,
    pub number: i32,
    pub some_number: Option<i64>,
    pub text: String,
    pub some_text: Option<Phi<String>>,
    pub level: f64,
    pub some_price: Option<Decimal>,
    pub urgent: bool,
    pub kind: Kind,
    pub taken_at: DateTime<Utc>,
    pub some_day: Option<NaiveDate>,
    pub device: Uuid,
    pub signature: Option<Vec<u8>>,
    #[entity(deleted_at)]
    pub deleted_at: Option<DateTime<Utc>>,
}

const TEXTS: [&str; 9] = ["", "a", "A", "ab", "b%", "a_b", "ä", "Ä", "\u{1f9ec}"];
const KINDS: [Kind; 3] = [Kind::Pulse, Kind::Oxygen, Kind::Lactate];
const LEVELS: [f64; 6] = [f64::NEG_INFINITY, -0.5, 0.0, 0.1, 1e300, f64::INFINITY];

fn number(rng: &mut Rng) -> i32 {
    [i32::MIN, -1, 0, 1, 2, i32::MAX][rng.usize(..6)]
}

fn big(rng: &mut Rng) -> i64 {
    [i64::MIN, -1, 0, 1, i64::MAX][rng.usize(..5)]
}

fn text(rng: &mut Rng) -> String {
    TEXTS[rng.usize(..TEXTS.len())].to_owned()
}

fn level(rng: &mut Rng) -> f64 {
    LEVELS[rng.usize(..LEVELS.len())]
}

fn price(rng: &mut Rng) -> Decimal {
    let mantissa = [-100, -10, -9, 0, 9, 10, 95, 100][rng.usize(..8)];
    [Decimal::new(mantissa, 1), Decimal::new(mantissa, 28), Decimal::MAX, Decimal::MIN]
        [[0, 0, 0, 1, 1, 2, 3][rng.usize(..7)]]
}

fn instant(rng: &mut Rng) -> DateTime<Utc> {
    let base = [at("1969-12-31T23:59:59.999999Z"), at("2026-11-23T08:00:00Z")][rng.usize(..2)];
    base + TimeDelta::microseconds(rng.i64(0..3))
}

fn day(rng: &mut Rng) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 2, rng.u32(26..=28)).unwrap()
}

fn device(rng: &mut Rng) -> Uuid {
    Uuid::from_u128(u128::MAX - rng.u128(..3))
}

fn bytes(rng: &mut Rng) -> Vec<u8> {
    (0..rng.usize(..3)).map(|_| [0, 255][rng.usize(..2)]).collect()
}

fn some<T>(rng: &mut Rng, value: fn(&mut Rng) -> T) -> Option<T> {
    (rng.u8(..3) > 0).then(|| value(rng))
}

pub fn readings(rng: &mut Rng, rows: usize) -> Vec<NewReading> {
    (0..rows)
        .map(|_| NewReading {
            number: number(rng),
            some_number: some(rng, big),
            text: text(rng),
            some_text: some(rng, text).map(Phi::new),
            level: level(rng),
            some_price: some(rng, price),
            urgent: rng.bool(),
            kind: KINDS[rng.usize(..3)],
            taken_at: instant(rng),
            some_day: some(rng, day),
            device: device(rng),
            signature: some(rng, bytes),
        })
        .collect()
}

type Predicate = Box<dyn Fn(&Reading) -> bool + Send + Sync>;
type Compare = fn(&Reading, &Reading) -> Ordering;

/// A condition, twice.
struct Condition {
    filter: Filter<Reading>,
    holds: Predicate,
}

impl Condition {
    fn new(filter: Filter<Reading>, holds: impl Fn(&Reading) -> bool + Send + Sync + 'static) -> Self {
        Self { filter, holds: Box::new(holds) }
    }
}

/// A query, twice.
pub struct Case {
    filters: Vec<Condition>,
    orders: Vec<(Order<Reading>, Compare)>,
    with_deleted: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filters: Vec<_> = self.filters.iter().map(|condition| &condition.filter).collect();
        let orders: Vec<_> = self.orders.iter().map(|(order, _)| order).collect();
        write!(f, "filters {filters:?}, orders {orders:?}, with_deleted {}", self.with_deleted)
    }
}

impl Case {
    pub fn random(rng: &mut Rng) -> Self {
        Self {
            filters: (0..rng.usize(..3)).map(|_| condition(rng, 3)).collect(),
            orders: (0..rng.usize(..4)).map(|_| order(rng)).collect(),
            with_deleted: rng.bool(),
        }
    }

    pub fn is_ordered(&self) -> bool {
        !self.orders.is_empty()
    }

    pub fn query(&self, repo: &Repo<Reading>) -> Query<Reading> {
        let mut query = repo.query();
        if self.with_deleted {
            query = query.with_deleted();
        }
        query = self.filters.iter().fold(query, |query, condition| query.filter(condition.filter.clone()));
        self.orders.iter().fold(query, |query, (order, _)| query.order_by(*order))
    }

    pub fn expected(&self, rows: &[Reading]) -> Vec<Reading> {
        let is_found = |row: &Reading| {
            (self.with_deleted || row.deleted_at.is_none())
                && self.filters.iter().all(|condition| (condition.holds)(row))
        };
        let mut found: Vec<Reading> = rows.iter().filter(|row| is_found(row)).cloned().collect();
        found.sort_by(|a, b| {
            let by = |(_, compare): &(_, Compare)| compare(a, b);
            let decided = self.orders.iter().map(by).find(|ordering| ordering.is_ne());
            decided.unwrap_or_else(|| a.id.cmp(&b.id))
        });
        found
    }

    /// Rows that may come in any order, in one that can be compared.
    pub fn sorted(&self, mut rows: Vec<Reading>) -> Vec<Reading> {
        if !self.is_ordered() {
            rows.sort_by_key(|row| row.id);
        }
        rows
    }
}

fn condition(rng: &mut Rng, depth: u8) -> Condition {
    match (depth, rng.u8(..10)) {
        (1.., 0..=1) => {
            let Condition { filter, holds } = condition(rng, depth - 1);
            Condition::new(!filter, move |row| !holds(row))
        }
        (1.., 2..=4) => {
            let (a, b) = (condition(rng, depth - 1), condition(rng, depth - 1));
            Condition::new(a.filter & b.filter, move |row| (a.holds)(row) && (b.holds)(row))
        }
        (1.., 5..=7) => {
            let (a, b) = (condition(rng, depth - 1), condition(rng, depth - 1));
            Condition::new(a.filter | b.filter, move |row| (a.holds)(row) || (b.holds)(row))
        }
        _ => leaf(rng),
    }
}

fn leaf(rng: &mut Rng) -> Condition {
    match rng.u8(..17) {
        0 => compared(rng, Reading::NUMBER, number, |row| Some(row.number)),
        1 => nullable(rng, Reading::SOME_NUMBER, big, |row| row.some_number),
        2 => compared(rng, Reading::TEXT, text, |row| Some(row.text.clone())),
        3 => compared(rng, Reading::SOME_TEXT, text, |row| row.some_text.clone().map(Phi::into_inner)),
        4 => compared(rng, Reading::LEVEL, level, |row| Some(row.level)),
        5 => compared(rng, Reading::URGENT, Rng::bool, |row| Some(row.urgent)),
        6 => compared(rng, Reading::TAKEN_AT, instant, |row| Some(row.taken_at)),
        7 => nullable(rng, Reading::SOME_DAY, day, |row| row.some_day),
        8 => compared(rng, Reading::DEVICE, device, |row| Some(row.device)),
        9 => nullable(rng, Reading::SIGNATURE, bytes, |row| row.signature.clone()),
        10 => {
            let kind = KINDS[rng.usize(..3)];
            // an enum is compared as its text
            Condition::new(Reading::KIND.gt(kind), move |row| row.kind.as_str() > kind.as_str())
        }
        11..=12 => searched(rng, Reading::TEXT, |row| Some(&row.text)),
        13..=14 => searched(rng, Reading::SOME_TEXT, |row| row.some_text.as_ref().map(Phi::expose)),
        15 => nullable(rng, Reading::SOME_PRICE, price, |row| row.some_price),
        _ => Condition::new(Filter::all_rows(), |_| true),
    }
}

/// `C` is the column's type, `T` what is in it when it is not NULL.
fn compared<C, T>(
    rng: &mut Rng,
    column: Column<Reading, C>,
    value: fn(&mut Rng) -> T,
    get: fn(&Reading) -> Option<T>,
) -> Condition
where
    C: Comparable,
    T: IntoValue<C> + PartialOrd + Clone + Send + Sync + 'static,
{
    let (a, b) = (value(rng), value(rng));
    let (low, high) = (a.clone(), b.clone());
    macro_rules! is {
        ($filter:expr, |$found:ident| $holds:expr) => {
            Condition::new($filter, move |row| get(row).is_some_and(|$found| $holds))
        };
    }
    match rng.u8(..9) {
        0 => is!(column.eq(a), |found| found == low),
        1 => Condition::new(column.ne(a), move |row| get(row) != Some(low.clone())),
        2 => is!(column.lt(a), |found| found < low),
        3 => is!(column.le(a), |found| found <= low),
        4 => is!(column.gt(a), |found| found > low),
        5 => is!(column.ge(a), |found| found >= low),
        6 => is!(column.between(a, b), |found| low <= found && found <= high),
        7 => is!(column.in_([a, b]), |found| found == low || found == high),
        _ => {
            Condition::new(column.not_in([a, b]), move |row| get(row).is_none_or(|found| found != low && found != high))
        }
    }
}

fn nullable<T>(
    rng: &mut Rng,
    column: Column<Reading, Option<T>>,
    value: fn(&mut Rng) -> T,
    get: fn(&Reading) -> Option<T>,
) -> Condition
where
    T: Comparable + PartialOrd,
{
    match rng.u8(..6) {
        0 => Condition::new(column.is_null(), move |row| get(row).is_none()),
        1 => Condition::new(column.is_not_null(), move |row| get(row).is_some()),
        2 => Condition::new(column.eq(None), move |row| get(row).is_none()),
        _ => compared(rng, column, value, get),
    }
}

fn searched<C: shared::entity::Searchable>(
    rng: &mut Rng,
    column: Column<Reading, C>,
    get: fn(&Reading) -> Option<&String>,
) -> Condition {
    let part = text(rng);
    macro_rules! is {
        ($filter:expr, |$found:ident| $holds:expr) => {{
            let filter = $filter;
            Condition::new(filter, move |row| get(row).is_some_and(|$found| $holds))
        }};
    }
    match rng.u8(..6) {
        0 => is!(column.starts_with(&part), |found| found.starts_with(&part)),
        1 => is!(column.ends_with(&part), |found| found.ends_with(&part)),
        2 => is!(column.contains(&part), |found| found.contains(&part)),
        3 => is!(column.like("a_%"), |found| found.starts_with('a') && found.chars().count() >= 2),
        4 => is!(column.ignore_ascii_case().eq(&part), |found| found.eq_ignore_ascii_case(&part)),
        _ => is!(column.ignore_ascii_case().contains(&part), |found| {
            found.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
        }),
    }
}

/// NULL is greater than anything.
fn last<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => a.partial_cmp(&b).expect("no value is NaN"),
    }
}

fn order(rng: &mut Rng) -> (Order<Reading>, Compare) {
    macro_rules! by {
        ($column:ident, |$row:ident| $value:expr) => {
            match rng.bool() {
                false => (Reading::$column.asc(), |a, b| {
                    last(
                        {
                            let $row = a;
                            $value
                        },
                        {
                            let $row = b;
                            $value
                        },
                    )
                }),
                true => (Reading::$column.desc(), |a, b| {
                    last(
                        {
                            let $row = b;
                            $value
                        },
                        {
                            let $row = a;
                            $value
                        },
                    )
                }),
            }
        };
    }
    match rng.u8(..13) {
        0 => by!(ID, |row| Some(row.id)),
        1 => by!(NUMBER, |row| Some(row.number)),
        2 => by!(SOME_NUMBER, |row| row.some_number),
        3 => by!(TEXT, |row| Some(&row.text)),
        4 => by!(SOME_TEXT, |row| row.some_text.as_ref()),
        5 => by!(LEVEL, |row| Some(row.level)),
        6 => by!(URGENT, |row| Some(row.urgent)),
        7 => by!(KIND, |row| Some(row.kind.as_str())),
        8 => by!(TAKEN_AT, |row| Some(row.taken_at)),
        9 => by!(SOME_DAY, |row| row.some_day),
        10 => by!(DEVICE, |row| Some(row.device)),
        11 => by!(SOME_PRICE, |row| row.some_price),
        _ => by!(SIGNATURE, |row| row.signature.as_ref()),
    }
}
