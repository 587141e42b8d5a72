//! What stands in an event's subject for the wildcards of the pattern.

use std::borrow::Cow;

use super::extract::{FromDelivery, Parts};
use crate::error::{DecodeCode, DecodeError, Error, Result};
use crate::event::subject::{Captured, FromToken, TokenForm, captured, wildcards};

/// The tokens of the event's subject that stand for the `*` of the subscriber's pattern, from left to right: one type
/// for one `*`, a tuple for several.
///
/// ```
/// use shared::prelude::*;
///
/// #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// #[event(subject = "clinic.{clinic_id}.room.{room}.cleaned")]
/// pub struct RoomCleaned {
///     pub clinic_id: Uuid,
///     pub room: Token,
/// }
///
/// #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// #[event(subject = "clinic.{clinic_id}.room.{room}.closed")]
/// pub struct RoomClosed {
///     pub clinic_id: Uuid,
///     pub room: Token,
///     pub until: DateTime<Utc>,
/// }
///
/// #[derive(Debug, Clone, Event)]
/// #[event(domain = "clinic")]
/// pub enum ClinicEvent {
///     RoomCleaned(RoomCleaned),
///     RoomClosed(RoomClosed),
/// }
///
/// /// Knows the room without looking into each kind of event.
/// #[subscribe("clinic.*.room.*.>")]
/// async fn follow(event: ClinicEvent, Captures((clinic_id, room)): Captures<(Uuid, Token)>) {
///     shared::tracing::info!(%clinic_id, %room, "seen");
/// }
/// ```
///
/// A pattern with another number of `*` does not compile, and neither do types that the event's slots never have. An
/// event whose tokens are not of these types becomes a dead
/// letter at once, with [`DecodeCode::Subject`] and the token's number as the reason. What a `>` stands for is not
/// captured; it is in [`Metadata::subject`](crate::Metadata::subject).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Captures<T>(pub T);

/// What can be read from captured tokens: a type with [`FromToken`] from one, a tuple of up to eight of these from as
/// many. Implement it for a struct of your own to give the tokens names.
///
/// ```
/// use shared::event::subject::{Captured, TokenForm};
/// use shared::prelude::*;
/// use shared::service::FromCaptures;
///
/// pub struct Place {
///     clinic_id: Uuid,
///     room: Token,
/// }
///
/// impl FromCaptures for Place {
///     const FORMS: &'static [TokenForm] = &[TokenForm::Uuid, TokenForm::Any];
///
///     fn from_captures(tokens: &mut Captured<'_>) -> Option<Self> {
///         Some(Self { clinic_id: tokens.parse()?, room: tokens.parse()? })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be captured from a subject",
    label = "is not read from tokens",
    note = "capture a `Uuid`, an integer, a `bool`, an enum with `#[derive(EntityEnum)]`, a `Token` or a `String`, or a tuple of these"
)]
pub trait FromCaptures: Sized {
    /// What the tokens look like that it takes, from left to right. The subscriber's pattern must have as many `*`.
    const FORMS: &'static [TokenForm];

    /// Reads the tokens from left to right; `None` when one of them, the last one taken, does not fit.
    fn from_captures(tokens: &mut Captured<'_>) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: FromToken> FromCaptures for T {
    const FORMS: &'static [TokenForm] = &[T::FORM];

    fn from_captures(tokens: &mut Captured<'_>) -> Option<Self> {
        tokens.parse()
    }
}

macro_rules! tuples {
    ($($($t:ident)*;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($t: FromToken),*> FromCaptures for ($($t,)*) {
            const FORMS: &'static [TokenForm] = &[$($t::FORM),*];

            fn from_captures(tokens: &mut Captured<'_>) -> Option<Self> {
                Some(($(tokens.parse::<$t>()?,)*))
            }
        }
    )*};
}
tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

impl<'a, T: FromCaptures> FromDelivery<'a> for Captures<T> {
    const CAPTURES: Option<&'static [TokenForm]> = Some(T::FORMS);

    fn from_delivery(parts: Parts<'a>) -> Result<Self> {
        let Parts { pattern, metadata, .. } = parts;
        let (given, wanted) = (wildcards(pattern), T::FORMS.len());
        if given != wanted {
            return Err(Error::Usage(
                format!("`Captures` takes {wanted} tokens, but the pattern \"{pattern}\" has {given} `*`").into(),
            ));
        }
        let unfit =
            |path| DecodeError { what: Cow::Owned(metadata.event_type.clone()), path, code: DecodeCode::Subject };
        // a dead letter may be replayed to a subscriber whose pattern has changed since
        let mut tokens = captured(pattern, &metadata.subject).ok_or_else(|| unfit(String::new()))?;
        let captures = T::from_captures(&mut tokens);
        Ok(Self(captures.ok_or_else(|| unfit(format!("subject token {}", tokens.position())))?))
    }
}
