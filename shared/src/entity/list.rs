//! `Vec<T>`: a list of simple values in one column.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::def::ColumnType;
use super::json::Json;
use super::newtype::Newtype;
use super::value::{Document, EntityValue};
use crate::db::dialect::unreadable;
use crate::db::{Args, Row};
use crate::error::Result;
use crate::event::subject::Token;

/// Types of which a `Vec` can be a column: it is stored as a JSON array. (`Vec<u8>` is bytes.)
#[diagnostic::on_unimplemented(
    message = "a `Vec<{Self}>` has no column type",
    label = "cannot be stored in a list",
    note = "lists are of `Uuid`, `i16`, `i32`, `i64`, `bool`, `f64`, `String`, `Token`, times and dates, of enums with `EntityEnum` and of newtypes of these; anything else with serde's traits can be stored as `Json<Vec<…>>`"
)]
pub trait Item: EntityValue {
    /// The value in JSON; an error says why there is none.
    ///
    /// # Errors
    /// What one of the engines could not give back.
    fn to_json(&self) -> std::result::Result<Value, &'static str>;

    /// The value of an item, if it is one.
    fn from_json(value: Value) -> Option<Self>;
}

macro_rules! items {
    ($($rust:ty),*) => {$(
        impl Item for $rust {
            fn to_json(&self) -> std::result::Result<Value, &'static str> {
                serde_json::to_value(self).map_err(|_| "an item of a list cannot be encoded")
            }

            fn from_json(value: Value) -> Option<Self> {
                serde_json::from_value(value).ok()
            }
        }
    )*};
}
items!(Uuid, i16, i32, i64, bool, String, Token, DateTime<Utc>, NaiveDate, NaiveTime);

impl Item for f64 {
    fn to_json(&self) -> std::result::Result<Value, &'static str> {
        serde_json::Number::from_f64(*self)
            .map(Value::Number)
            .ok_or("a number in a list is `NaN` or infinite, which JSON cannot say")
    }

    fn from_json(value: Value) -> Option<Self> {
        value.as_f64()
    }
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> Item for N
where
    N::Inner: Item,
{
    fn to_json(&self) -> std::result::Result<Value, &'static str> {
        self.inner().to_json()
    }

    fn from_json(value: Value) -> Option<Self> {
        N::Inner::from_json(value).map(N::wrap)
    }
}

fn encoded<T: Item>(items: &[T], args: &mut Args) -> Json<Vec<Value>> {
    let items: std::result::Result<Vec<Value>, _> = items.iter().map(|item| item.clone().stored().to_json()).collect();
    Json(items.unwrap_or_else(|why| {
        args.fail(why);
        Vec::new()
    }))
}

impl<T: Item> EntityValue for Vec<T> {
    const TYPE: ColumnType = ColumnType::Json;
    const PROTECTED: bool = T::PROTECTED;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        let value = value.map(|items| encoded(items, args));
        Json::bind_option(value.as_ref(), args);
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        let values: Vec<_> = values.map(|value| value.map(|items| encoded(items, args))).collect();
        Json::bind_array(values.iter().map(Option::as_ref), args);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        let Some(Json(items)) = <Json<Vec<Value>>>::read_option(row, index)? else { return Ok(None) };
        let items: Option<Self> = items.into_iter().map(T::from_json).collect();
        items.map(Some).ok_or_else(|| unreadable(index))
    }

    fn stored(self) -> Self {
        self.into_iter().map(T::stored).collect()
    }
}
impl<T: Item> Document for Vec<T> {}
