//! Typed ids and other newtypes: what the inner type can, the newtype can.

use std::borrow::Cow;
use std::fmt;

use super::def::ColumnType;
use super::id::{EntityId, MadeId};
use super::value::{Comparable, EntityValue, Searchable};
use crate::db::{Args, Row};
use crate::error::Result;
use crate::event::subject::{OrderingKey, SubjectToken};

/// A struct around one value: what `#[derive(EntityValue)]` implements.
///
/// Everything else follows: the newtype is stored as the inner type, and it is an id, an ordering key or a
/// subject token if the inner type is.
pub trait Newtype: Clone + fmt::Debug + Send + Sync + 'static {
    /// What it is around.
    type Inner: EntityValue;

    /// Puts the inner value in.
    fn wrap(inner: Self::Inner) -> Self;

    /// The inner value.
    fn inner(&self) -> &Self::Inner;

    /// Takes the inner value out.
    fn into_inner(self) -> Self::Inner;
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> EntityValue for N {
    const TYPE: ColumnType = N::Inner::TYPE;
    const NULLABLE: bool = N::Inner::NULLABLE;
    const PROTECTED: bool = N::Inner::PROTECTED;
    const ALLOWED: &'static [&'static str] = N::Inner::ALLOWED;

    fn bind_option(value: Option<&Self>, args: &mut Args) {
        N::Inner::bind_option(value.map(N::inner), args);
    }

    fn bind_array<'a>(values: impl Iterator<Item = Option<&'a Self>>, args: &mut Args) {
        N::Inner::bind_array(values.map(|value| value.map(N::inner)), args);
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>> {
        Ok(N::Inner::read_option(row, index)?.map(N::wrap))
    }

    fn stored(self) -> Self {
        N::wrap(self.into_inner().stored())
    }

    fn is_null(&self) -> bool {
        self.inner().is_null()
    }
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> Comparable for N where N::Inner: Comparable {}

#[diagnostic::do_not_recommend]
impl<N: Newtype> Searchable for N where N::Inner: Searchable {}

#[diagnostic::do_not_recommend]
impl<N: Newtype + Eq + std::hash::Hash> EntityId for N where N::Inner: EntityId {}

#[diagnostic::do_not_recommend]
impl<N: Newtype + Eq + std::hash::Hash> MadeId for N
where
    N::Inner: MadeId,
{
    fn make() -> Self {
        N::wrap(N::Inner::make())
    }
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> OrderingKey for N
where
    N::Inner: OrderingKey,
{
    fn key(&self) -> String {
        self.inner().key()
    }
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> SubjectToken for N
where
    N::Inner: SubjectToken,
{
    fn token(&self) -> Cow<'static, str> {
        self.inner().token()
    }
}
