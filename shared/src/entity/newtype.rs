//! Typed ids and other newtypes: what the inner type can, the newtype can.

use std::borrow::Cow;

use super::id::{EntityId, MadeId};
use super::value::{Comparable, Document, EntityValue, Searchable};
use crate::event::subject::{FromToken, OrderingKey, SubjectToken, TokenForm};

/// A struct around one value: what `#[derive(EntityValue)]` implements along with [`EntityValue`].
///
/// It is an id, an ordering key or a subject token if the inner type is.
pub trait Newtype: EntityValue {
    /// What it is around.
    type Inner;

    /// Puts the inner value in.
    fn wrap(inner: Self::Inner) -> Self;

    /// The inner value.
    fn inner(&self) -> &Self::Inner;

    /// Takes the inner value out.
    fn into_inner(self) -> Self::Inner;
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> Comparable for N where N::Inner: Comparable {}

#[diagnostic::do_not_recommend]
impl<N: Newtype> Searchable for N where N::Inner: Searchable {}

#[diagnostic::do_not_recommend]
impl<N: Newtype> Document for N where N::Inner: Document {}

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
    const FORM: TokenForm = N::Inner::FORM;

    fn token(&self) -> Cow<'static, str> {
        self.inner().token()
    }
}

#[diagnostic::do_not_recommend]
impl<N: Newtype> FromToken for N
where
    N::Inner: FromToken,
{
    const FORM: TokenForm = N::Inner::FORM;

    fn from_token(token: &str) -> Option<Self> {
        N::Inner::from_token(token).map(N::wrap)
    }
}
