//! For `#[derive(Query)]` and `#[respond]`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::{Message, same};
use crate::error::Result;
use crate::query::Query;
pub use crate::query::{Asked, Carrier};
use crate::service::{BoxFuture, FromDelivery, IntoReply, Parts, ResponderSpec, States};
use crate::validate::{Checker, Validate};

/// What is known of the query of a responder. See [`Asked::This`](crate::query::Asked::This) for a type that is none.
pub trait Queried {
    const SUBJECT: &'static str;
    const NAME: &'static str;
}

impl<Q: Query> Queried for Q {
    const SUBJECT: &'static str = Q::SUBJECT;
    const NAME: &'static str = Q::NAME;
}

/// Another argument of a responder.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a responder's argument",
    label = "is not an extractor",
    note = "after its query a responder may take `&mut Tx`, `&Db`, `&Bus`, `&Metadata` and `State<T>`, in any order",
    note = "the `T` of a `State<T>` is `Clone`, `Send` and `Sync`; an `Arc` is all of that",
    note = "for a type of your own, implement `shared::service::FromDelivery`"
)]
pub trait Argument<'a>: Sized {
    /// # Errors
    /// See [`FromDelivery::from_delivery`].
    fn take(parts: Parts<'a>) -> Result<Self>;

    /// # Errors
    /// See [`FromDelivery::check`].
    fn check(states: &States) -> Result<()>;
}

#[diagnostic::do_not_recommend]
impl<'a, T: FromDelivery<'a>> Argument<'a> for T {
    fn take(parts: Parts<'a>) -> Result<Self> {
        T::from_delivery(parts)
    }

    fn check(states: &States) -> Result<()> {
        <T as FromDelivery<'a>>::check(states)
    }
}

/// What a responder returns.
#[diagnostic::on_unimplemented(
    message = "a responder of this query cannot return `{Self}`",
    label = "is neither `{R}`, which the query is answered with, nor a `Result` of it",
    note = "return what `#[query(reply = …)]` says, or a `Result` of it whose error converts into `shared::Error`"
)]
pub trait Replied<R> {
    /// # Errors
    /// See [`IntoReply::into_reply`].
    fn replied(self) -> Result<R>;
}

#[diagnostic::do_not_recommend]
impl<R, T: IntoReply<R>> Replied<R> for T {
    fn replied(self) -> Result<R> {
        self.into_reply()
    }
}

/// What travels: a type with serde's traits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel in a request or its answer",
    label = "does not implement serde's traits",
    note = "derive both for it: `#[derive(Serialize, Deserialize)]`"
)]
pub trait Carried: Sized {
    const JSON: Carrier<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Carried for T {
    const JSON: Carrier<Self> = Carrier::JSON;
}

/// For a query whose declaration was refused.
pub struct Uncarried<T>(std::marker::PhantomData<T>);

impl<T> Uncarried<T> {
    pub const JSON: Carrier<T> = Carrier::REFUSED;
}

/// What a responder's call is.
pub type Replies<'a, R> = BoxFuture<'a, Result<R>>;

/// Checks that a responder is declared for the subject of its query.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_responder(declared: &str, name: &str, subject: &str) {
    // one that was refused has none
    if subject.is_empty() || same(declared, subject) {
        return;
    }
    let mut text = Message::new();
    text.push("`#[respond(");
    text.push_quoted(declared);
    text.push(")]` never receives ");
    text.push_code(name);
    text.push(", whose subject is ");
    text.push_quoted(subject);
    text.push("\nhelp: write `#[respond(");
    text.push_quoted(subject);
    text.push(")]`");
    text.fail()
}

/// The query of a responder whose declaration was refused.
#[derive(Debug)]
pub enum NoQuery {}

impl Validate for NoQuery {
    const NAME: &'static str = "";

    fn check(&self, _: &mut Checker) {}
}

impl Query for NoQuery {
    type Reply = ();
    const SUBJECT: &'static str = "";
    const QUESTION: Carrier<Self> = Carrier::REFUSED;
    const ANSWER: Carrier<()> = Carrier::REFUSED;
}

/// The options of a responder whose declaration was refused.
pub const NO_RESPONDER: ResponderSpec = ResponderSpec::new("", "");
