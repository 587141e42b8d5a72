//! Checks of a table: what the types and the rules of its columns allow, as far as SQL can say it with the same meaning
//! on both engines.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde_json::Value;

use super::ddl::cut;
use super::def::{ColumnDef, ColumnType, EntityDef, without_schema};
use super::literal::Literal;
use crate::db::Engine;
use crate::validate::{Allowed, Limit, Rule, Unit};

impl EntityDef {
    /// The checks: name of the constraint, column, condition.
    #[must_use]
    pub fn checks(&self, engine: Engine) -> Vec<(String, &'static str, String)> {
        let of_type = self
            .columns
            .iter()
            .filter_map(|column| Some((name(self.table, column, None), column.name, of_type(column, engine)?)));
        let of_rules = self.columns.iter().flat_map(|column| {
            column.rules.iter().filter_map(move |rule| {
                let sql = of_rule(column, rule, engine)?;
                Some((name(self.table, column, Some(rule.name())), column.name, sql))
            })
        });
        of_type.chain(of_rules).collect()
    }
}

fn name(table: &str, column: &ColumnDef, rule: Option<&str>) -> String {
    let suffix = rule.map_or_else(|| "_check".to_owned(), |rule| format!("_{rule}_check"));
    cut(format!("{}_{}", without_schema(table), column.name), &suffix)
}

/// Whether a constraint is a check of a column.
pub(crate) fn is_check_of(constraint: &str, table: &str, column: &ColumnDef) -> bool {
    let rules = ["range", "length", "one_of"].into_iter().map(Some);
    rules.chain([None]).any(|rule| constraint == name(table, column, rule))
}

fn of_type(column: &ColumnDef, engine: Engine) -> Option<String> {
    match column.shape.allowed {
        [] if engine == Engine::Sqlite && column.shape.ty == ColumnType::Boolean => {
            Some(format!("\"{}\" IN (0, 1)", column.name))
        }
        [] => None,
        texts => Some(one_of(column, texts.iter().map(|text| Literal::Text((*text).to_owned())), engine)),
    }
}

fn one_of(column: &ColumnDef, values: impl Iterator<Item = Literal>, engine: Engine) -> String {
    let values: Vec<String> = values.map(|value| value.sql(engine)).collect();
    format!("\"{}\" IN ({})", column.name, values.join(", "))
}

fn of_rule(column: &ColumnDef, rule: &Rule, engine: Engine) -> Option<String> {
    let (name, ty) = (column.name, column.shape.ty);
    match rule {
        Rule::Range { min, max } => {
            let written = |limit: &Option<Limit>| match limit {
                Some(limit) => bound(&limit.value(), ty).map(Some),
                None => Some(None),
            };
            between(&format!("\"{name}\""), written(min)?, written(max)?)
        }
        Rule::Length { unit, min, max } => {
            let measured = match (unit, ty) {
                (Unit::Characters, ColumnType::Text) => format!("length(\"{name}\")"),
                (Unit::Bytes, ColumnType::Text) | (Unit::Items, ColumnType::Bytes) => {
                    format!("octet_length(\"{name}\")")
                }
                _ => return None,
            };
            between(&measured, min.map(|min| min.to_string()), max.map(|max| max.to_string()))
        }
        Rule::OneOf(allowed) => {
            let literals: Option<Vec<Literal>> = allowed
                .iter()
                .map(|allowed| match (allowed, ty) {
                    (Allowed::Text(text), ColumnType::Text) => Some(Literal::Text((*text).to_owned())),
                    (Allowed::Integer(number), ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt) => {
                        i64::try_from(*number).ok().map(Literal::Integer)
                    }
                    _ => None,
                })
                .collect();
            Some(one_of(column, literals?.into_iter(), engine))
        }
        _ => None,
    }
}

fn between(what: &str, min: Option<String>, max: Option<String>) -> Option<String> {
    match (min, max) {
        (Some(min), Some(max)) => Some(format!("{what} BETWEEN {min} AND {max}")),
        (Some(min), None) => Some(format!("{what} >= {min}")),
        (None, Some(max)) => Some(format!("{what} <= {max}")),
        (None, None) => None,
    }
}

/// A bound in SQL, written as the column's values are.
fn bound(limit: &Value, ty: ColumnType) -> Option<String> {
    let text = match (limit, ty) {
        (Value::Number(number), ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt) => {
            return number.as_i64().map(|number| number.to_string());
        }
        (Value::Number(number), ColumnType::Double) => return number.as_f64().map(|number| format!("{number:?}")),
        (Value::String(text), ColumnType::Timestamp) => {
            let time = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
            time.to_rfc3339_opts(SecondsFormat::Micros, false)
        }
        (Value::String(text), ColumnType::Date) => text.parse::<NaiveDate>().ok()?.to_string(),
        (Value::String(text), ColumnType::Time) => text.parse::<NaiveTime>().ok()?.format("%H:%M:%S%.6f").to_string(),
        _ => return None,
    };
    Some(format!("'{text}'"))
}
