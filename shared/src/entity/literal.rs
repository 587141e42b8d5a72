//! Constants in declarations: `where(status = Status::Booked)`.

use super::newtype::Newtype;
use super::value::EntityValue;
use crate::db::Engine;
use crate::event::subject::Token;

/// A constant in the text of a statement. It comes from a declaration, never from a value at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Literal {
    /// No value.
    Null,
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
}

impl Literal {
    /// The constant in SQL.
    #[must_use]
    pub fn sql(&self, engine: Engine) -> String {
        match (self, engine) {
            (Self::Null, _) => "NULL".into(),
            (Self::Text(text), _) => format!("'{}'", text.replace('\'', "''")),
            (Self::Integer(number), _) => number.to_string(),
            (Self::Boolean(value), Engine::Postgres) => value.to_string(),
            (Self::Boolean(value), Engine::Sqlite) => u8::from(*value).to_string(),
        }
    }
}

/// Types whose values may be constants in the declaration of a key or an index.
#[diagnostic::on_unimplemented(
    message = "a column of `{Self}` cannot be compared in `where(..)`",
    label = "has no constants in SQL",
    note = "in `where(..)` there are integers, `bool`, texts, enums with `EntityEnum`, and `Option` and newtypes of them; `is null` and `is not null` work on every optional column"
)]
pub trait Constant: EntityValue {
    /// The value as a constant.
    fn literal(&self) -> Literal;
}

impl Constant for i16 {
    fn literal(&self) -> Literal {
        Literal::Integer(i64::from(*self))
    }
}

impl Constant for i32 {
    fn literal(&self) -> Literal {
        Literal::Integer(i64::from(*self))
    }
}

impl Constant for i64 {
    fn literal(&self) -> Literal {
        Literal::Integer(*self)
    }
}

impl Constant for bool {
    fn literal(&self) -> Literal {
        Literal::Boolean(*self)
    }
}

impl Constant for String {
    fn literal(&self) -> Literal {
        Literal::Text(self.clone())
    }
}

impl Constant for Token {
    fn literal(&self) -> Literal {
        Literal::Text(self.as_str().to_owned())
    }
}

impl<T: Constant> Constant for Option<T> {
    fn literal(&self) -> Literal {
        self.as_ref().map_or(Literal::Null, T::literal)
    }
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> Constant for N
where
    N::Inner: Constant,
{
    fn literal(&self) -> Literal {
        self.inner().literal()
    }
}
