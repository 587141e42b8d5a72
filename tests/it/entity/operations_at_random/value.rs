//! Values and rows as the model has them: without ids and times that every run makes anew.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use shared::Phi;
use shared::entity::Json;
use uuid::Uuid;

use super::entities::{Kind, PersonId, State};

#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Value {
    Null,
    Bool(bool),
    Number(i64),
    Real(f64),
    Text(String),
    Day(NaiveDate),
    At(DateTime<Utc>),
    List(Vec<i64>),
    /// An id that the library made: the how manieth.
    Made(usize),
    /// A time that the library set: the operation that was running.
    During(i64),
    /// One of the ids that a table has had; resolved before anything is done with it.
    Any(Kind, u32),
}

impl Value {
    /// As rows are sorted: NULL is greater than anything.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            (a, b) => a.partial_cmp(b).expect("values of one column"),
        }
    }
}

/// A row, or some of its fields.
pub type Record = BTreeMap<&'static str, Value>;

/// The ids that the library has made, in their order.
#[derive(Debug, Default)]
pub struct Ids {
    made: Vec<Uuid>,
    numbers: HashMap<Uuid, usize>,
}

impl Ids {
    /// An id, which gets the next number if it is new.
    pub fn learn(&mut self, id: Uuid) {
        if !self.numbers.contains_key(&id) {
            self.numbers.insert(id, self.made.len());
            self.made.push(id);
        }
    }

    fn show(&self, id: Uuid) -> Value {
        // a stranger is greater than all ids that were made
        Value::Made(self.numbers.get(&id).copied().unwrap_or(usize::MAX))
    }

    fn make(&self, value: &Value) -> Uuid {
        match value {
            Value::Made(number) => self.made.get(*number).copied().unwrap_or(Uuid::max()),
            other => panic!("not an id: {other:?}"),
        }
    }
}

/// What a column holds, to and fro.
pub trait Cell: Sized {
    fn show(&self, ids: &Ids) -> Value;
    fn make(value: &Value, ids: &Ids) -> Self;

    /// The id, if the library makes it.
    fn made(&self) -> Option<Uuid> {
        None
    }
}

macro_rules! cells {
    ($($ty:ty, $variant:ident($inner:ident), show $show:expr, make $make:expr;)*) => {$(
        impl Cell for $ty {
            fn show(&self, _: &Ids) -> Value {
                let show: fn(&Self) -> _ = $show;
                Value::$variant(show(self))
            }

            fn make(value: &Value, _: &Ids) -> Self {
                let Value::$variant($inner) = value else { panic!("not a {}: {value:?}", stringify!($ty)) };
                $make
            }
        }
    )*};
}

cells! {
    bool, Bool(it), show |it| *it, make *it;
    i64, Number(it), show |it| *it, make *it;
    i32, Number(it), show |it| i64::from(*it), make i32::try_from(*it).unwrap();
    f64, Real(it), show |it| *it, make *it;
    String, Text(it), show |it| it.clone(), make it.clone();
    Phi<String>, Text(it), show |it| it.expose().clone(), make Phi::new(it.clone());
    NaiveDate, Day(it), show |it| *it, make *it;
    DateTime<Utc>, At(it), show |it| *it, make *it;
    Json<Vec<i64>>, List(it), show |it| it.0.clone(), make Json(it.clone());
    State, Text(it), show |it| it.as_str().to_owned(),
        make if it == State::Open.as_str() { State::Open } else { State::Closed };
}

impl Cell for Uuid {
    fn show(&self, ids: &Ids) -> Value {
        ids.show(*self)
    }

    fn make(value: &Value, ids: &Ids) -> Self {
        ids.make(value)
    }

    fn made(&self) -> Option<Uuid> {
        Some(*self)
    }
}

impl Cell for PersonId {
    fn show(&self, ids: &Ids) -> Value {
        ids.show(self.0)
    }

    fn make(value: &Value, ids: &Ids) -> Self {
        Self(ids.make(value))
    }

    fn made(&self) -> Option<Uuid> {
        Some(self.0)
    }
}

impl<T: Cell> Cell for Option<T> {
    fn show(&self, ids: &Ids) -> Value {
        self.as_ref().map_or(Value::Null, |value| value.show(ids))
    }

    fn make(value: &Value, ids: &Ids) -> Self {
        (*value != Value::Null).then(|| T::make(value, ids))
    }
}
