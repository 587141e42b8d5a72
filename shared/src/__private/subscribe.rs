//! For `#[subscribe]`.

use std::time::Duration;

use super::event::{Set, refused};
use crate::db::Tx;
use crate::error::Result;
use crate::event::subject::TokenForm;
use crate::event::{Draft, EventInfo, EventSet};
use crate::service::{BatchSize, BoxFuture, FromDelivery, Outcome, Parts, Retry, States, SubscriberSpec, transaction};
use crate::validate::{Checker, Validate};

/// What is known of the event of a subscriber. See [`Handled::This`](crate::event::Handled::This) for a type that is none.
pub trait Gated {
    /// [`Open`], for every event.
    type Gate;
    const SET: Set;
}

impl<S: EventSet> Gated for S {
    type Gate = Open;
    const SET: Set = Set::of::<S>();
}

/// The gate behind which the other arguments and the returned type are judged. Of a subscriber whose event is none
/// it is not known, every trait behind it is then ambiguous for having two impls, and the compiler keeps quiet about
/// that, having already reported the event.
#[derive(Debug)]
pub enum Open {}

/// What the gate might be as well.
#[derive(Debug)]
pub enum Closed {}

/// Another argument of a subscriber.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a subscriber's argument",
    label = "is not an extractor",
    note = "after its one event a subscriber may take `&mut Tx`, `&Db`, `&Bus`, `&Metadata`, `Captures<T>` and `State<T>`, in any order",
    note = "the `T` of a `State<T>` is `Clone`, `Send` and `Sync`; an `Arc` is all of that",
    note = "the `T` of a `Captures<T>` is a `Uuid`, an integer, a `bool`, an enum with `#[derive(EntityEnum)]`, a `Token` or a `String`, or a tuple of these",
    note = "for a type of your own, implement `shared::service::FromDelivery`"
)]
pub trait Extractor<'a, Gate>: Sized {
    const CAPTURES: Option<&'static [TokenForm]>;
    const OF_ONE_EVENT: bool;

    /// # Errors
    /// See [`FromDelivery::from_delivery`].
    fn extract(parts: Parts<'a>) -> Result<Self>;

    /// # Errors
    /// See [`FromDelivery::check`].
    fn check(states: &States) -> Result<()>;
}

#[diagnostic::do_not_recommend]
impl<'a, T: FromDelivery<'a>> Extractor<'a, Open> for T {
    const CAPTURES: Option<&'static [TokenForm]> = T::CAPTURES;
    const OF_ONE_EVENT: bool = T::OF_ONE_EVENT;

    fn extract(parts: Parts<'a>) -> Result<Self> {
        T::from_delivery(parts)
    }

    fn check(states: &States) -> Result<()> {
        <T as FromDelivery<'a>>::check(states)
    }
}

#[diagnostic::do_not_recommend]
impl<'a, T> Extractor<'a, Closed> for T {
    const CAPTURES: Option<&'static [TokenForm]> = None;
    const OF_ONE_EVENT: bool = false;

    fn extract(_: Parts<'a>) -> Result<Self> {
        refused()
    }

    fn check(_: &States) -> Result<()> {
        refused()
    }
}

/// What a subscriber may borrow mutably.
#[diagnostic::on_unimplemented(
    message = "`&mut {Self}` cannot be a subscriber's argument",
    label = "is not the transaction",
    note = "the only mutable argument is the transaction, `&mut Tx`; what is shared between calls goes into `State<T>`"
)]
pub trait Mutable<Gate>: Sized {
    /// # Errors
    /// See [`transaction`].
    fn borrow(tx: Option<&mut Tx>) -> Result<&mut Self>;
}

#[diagnostic::do_not_recommend]
impl Mutable<Open> for Tx {
    fn borrow(tx: Option<&mut Tx>) -> Result<&mut Self> {
        transaction(tx)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Mutable<Closed> for T {
    fn borrow(_: Option<&mut Tx>) -> Result<&mut Self> {
        refused()
    }
}

/// What a subscriber returns.
#[diagnostic::on_unimplemented(
    message = "a subscriber cannot return `{Self}`",
    label = "is neither `()`, nor an event, nor a `Result` of these",
    note = "expected `()`, an event, `Option` or `Vec` of events, or a `Result` of these whose error converts into `shared::Error`"
)]
pub trait Returned<Gate> {
    const PUBLISHES: &'static [&'static EventInfo] = &[];

    /// # Errors
    /// See [`Outcome::into_drafts`].
    fn into_drafts(self) -> Result<Vec<Draft>>;
}

#[diagnostic::do_not_recommend]
impl<T: Outcome> Returned<Open> for T {
    const PUBLISHES: &'static [&'static EventInfo] = T::PUBLISHES;

    fn into_drafts(self) -> Result<Vec<Draft>> {
        Outcome::into_drafts(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Returned<Closed> for T {
    fn into_drafts(self) -> Result<Vec<Draft>> {
        refused()
    }
}

/// What a subscriber's call is.
pub type Drafts<'a> = BoxFuture<'a, Result<Vec<Draft>>>;

/// The event of a subscriber whose declaration was refused.
#[derive(Debug)]
pub enum NoEvent {}

impl Validate for NoEvent {
    const NAME: &'static str = "";

    fn check(&self, _: &mut Checker) {}
}

impl EventSet for NoEvent {
    const EVENTS: &'static [&'static EventInfo] = &[];
    const SUBJECTS: &'static [&'static str] = &[];
    const DOMAIN: Option<&'static str> = None;
    const UNIVERSE: &'static [&'static EventInfo] = &[];

    fn decode_as(_: &str, _: Option<u32>, _: &[u8]) -> Result<Self> {
        refused()
    }
}

/// The options of a subscriber whose declaration was refused.
pub const NO_SPEC: SubscriberSpec = SubscriberSpec::new("", "");

/// The retries of a subscriber, pauses in milliseconds.
#[must_use]
pub const fn retry(max: u32, base: u64, cap: u64) -> Retry {
    Retry { max, base: Duration::from_millis(base), cap: Duration::from_millis(cap) }
}

/// How many events a call takes, the wait in milliseconds.
#[must_use]
pub const fn batch(max: usize, wait: u64) -> BatchSize {
    BatchSize { max, wait: Duration::from_millis(wait) }
}

/// Checks that an argument beside a batch is none of one event.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_beside_batch(of_one_event: bool) {
    assert!(
        !of_one_event,
        "this argument is of one event, and a batch has many\nhelp: remove it; `with_metadata()` of the batch has what is \
         known of each event"
    );
}

/// Proves that a subscriber whose events are not noted returns no events: they would be published again, under other ids.
///
/// # Panics
/// Otherwise: that ends the compilation.
#[track_caller]
pub const fn check_unnoted(publishes: &[&EventInfo]) {
    assert!(
        publishes.is_empty(),
        "what this subscriber returns would be published again each time that its event comes again\nhelp: remove \
         `no_inbox`, or return nothing"
    );
}
