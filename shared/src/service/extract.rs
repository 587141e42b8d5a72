//! A subscriber's arguments besides the event.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

use crate::bus::Bus;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::event::Metadata;
use crate::event::subject::TokenForm;

/// What a handler may take its arguments from, for one event.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The database.
    pub db: &'a Db,
    /// The bus.
    pub bus: &'a Bus,
    /// Everything about the event but its payload.
    pub metadata: &'a Metadata,
    /// The pattern of the subscription.
    pub pattern: &'a str,
    /// What was given to `Service::state`.
    pub states: &'a States,
}

/// One call of a handler: the open transaction, if it takes one, and the rest.
pub struct Call<'a> {
    pub(crate) tx: Option<&'a mut Tx>,
    pub(crate) parts: Parts<'a>,
}

impl<'a> Call<'a> {
    /// Takes it apart, so that the transaction and the rest can be borrowed side by side.
    #[must_use]
    pub fn split(self) -> (Option<&'a mut Tx>, Parts<'a>) {
        (self.tx, self.parts)
    }
}

/// The open transaction of a call. Generated code uses it for an argument of the form `&mut Tx`.
///
/// # Errors
/// [`Error::Usage`] when the call has none, which generated code rules out.
pub fn transaction(tx: Option<&mut Tx>) -> Result<&mut Tx> {
    tx.ok_or(Error::Usage("this call has no transaction".into()))
}

/// A type that a subscriber can take as an argument. Implement it for your own.
///
/// ```
/// use shared::service::{FromDelivery, Parts};
///
/// /// On whose behalf the event was published.
/// struct Tenant(Option<String>);
///
/// impl<'a> FromDelivery<'a> for Tenant {
///     fn from_delivery(parts: Parts<'a>) -> shared::Result<Self> {
///         Ok(Self(parts.metadata.tenant.as_ref().map(ToString::to_string)))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a subscriber's argument",
    label = "is not an extractor",
    note = "after the event a subscriber may take `&mut Tx`, `&Db`, `&Bus`, `&Metadata`, `Captures<T>` and `State<T>`, in any order",
    note = "for a type of your own, implement `shared::service::FromDelivery`"
)]
pub trait FromDelivery<'a>: Sized {
    /// What it reads from the tokens that stand for the `*` of the subscriber's pattern: compared with the pattern and
    /// the event while the subscriber is compiled. It is for arguments that are made of [`Captures`](super::Captures);
    /// the others do not care.
    const CAPTURES: Option<&'static [TokenForm]> = None;
    /// Whether it is of one event: then no subscriber that takes a [`Batch`](super::Batch) can take it, which is found out
    /// while the subscriber is compiled.
    const OF_ONE_EVENT: bool = true;

    /// Makes the argument.
    ///
    /// # Errors
    /// Whatever keeps it from being made; the event is then retried as after an error of the handler.
    fn from_delivery(parts: Parts<'a>) -> Result<Self>;

    /// Checks at start-up that the argument can be made.
    ///
    /// # Errors
    /// [`Error::Config`], saying what to add to the service.
    fn check(states: &States) -> Result<()> {
        let _ = states;
        Ok(())
    }
}

impl<'a> FromDelivery<'a> for &'a Metadata {
    fn from_delivery(parts: Parts<'a>) -> Result<Self> {
        Ok(parts.metadata)
    }
}

impl<'a> FromDelivery<'a> for &'a Db {
    const OF_ONE_EVENT: bool = false;

    fn from_delivery(parts: Parts<'a>) -> Result<Self> {
        Ok(parts.db)
    }
}

impl<'a> FromDelivery<'a> for &'a Bus {
    const OF_ONE_EVENT: bool = false;

    fn from_delivery(parts: Parts<'a>) -> Result<Self> {
        Ok(parts.bus)
    }
}

impl FromDelivery<'_> for Metadata {
    fn from_delivery(parts: Parts<'_>) -> Result<Self> {
        Ok(parts.metadata.clone())
    }
}

impl FromDelivery<'_> for Db {
    const OF_ONE_EVENT: bool = false;

    fn from_delivery(parts: Parts<'_>) -> Result<Self> {
        Ok(parts.db.clone())
    }
}

impl FromDelivery<'_> for Bus {
    const OF_ONE_EVENT: bool = false;

    fn from_delivery(parts: Parts<'_>) -> Result<Self> {
        Ok(parts.bus.clone())
    }
}

/// Something the service was given with `Service::state`: a client, a cache, settings. Cloned for each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromDelivery<'_> for State<T> {
    const OF_ONE_EVENT: bool = false;

    fn from_delivery(parts: Parts<'_>) -> Result<Self> {
        parts.states.get::<T>().cloned().map(State).ok_or_else(missing::<T>)
    }

    fn check(states: &States) -> Result<()> {
        states.get::<T>().map(|_| ()).ok_or_else(missing::<T>)
    }
}

fn missing<T>() -> Error {
    let name = type_name::<T>();
    Error::config(
        "Service::state",
        format!("a subscriber takes `State<{name}>`, but the service was not given one"),
        format!("add `.state(..)` with a `{name}` to the service"),
    )
}

/// What was given to `Service::state`, by type.
#[derive(Clone, Default)]
pub struct States(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "States({})", self.0.len())
    }
}

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, state: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(state));
    }

    /// The state of a type, if the service was given one.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>()).and_then(|state| state.downcast_ref())
    }
}
