//! Who answers: what `#[respond]` generates, and what the runtime calls.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::extract::{Call, States};
use super::subscriber::BoxFuture;
use crate::error::{Error, Result};
use crate::query::Query;
use crate::validate::Validate;

/// A responder as its declaration says.
#[derive(Debug, Clone, Copy)]
pub struct ResponderSpec {
    /// The function's name.
    pub name: &'static str,
    /// The subject of the query that it answers.
    pub subject: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// Where it is declared.
    pub file: &'static str,
    /// Where it is declared.
    pub line: u32,
    /// Whether it takes the transaction, which is committed before the answer goes out.
    pub transactional: bool,
    /// How many requests are answered at once. Eight times as many may wait; the next ones are answered as busy.
    pub concurrency: usize,
    /// The longest time one answer may take.
    pub timeout: Duration,
}

impl ResponderSpec {
    /// A responder without a transaction, with the defaults of `#[respond]`: 32 requests at once, 10 seconds each.
    ///
    /// ```
    /// use shared::service::ResponderSpec;
    ///
    /// const SPEC: ResponderSpec = ResponderSpec::new("get", "appointment.get").concurrency(8);
    /// assert_eq!(SPEC.timeout.as_secs(), 10);
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn new(name: &'static str, subject: &'static str) -> Self {
        let place = Location::caller();
        Self {
            name,
            subject,
            docs: "",
            file: place.file(),
            line: place.line(),
            transactional: false,
            concurrency: 32,
            timeout: Duration::from_secs(10),
        }
    }

    /// With this documentation.
    #[must_use]
    pub const fn docs(self, docs: &'static str) -> Self {
        Self { docs, ..self }
    }

    /// Takes the transaction, which is committed before the answer goes out.
    #[must_use]
    pub const fn transactional(self) -> Self {
        Self { transactional: true, ..self }
    }

    /// Answers so many requests at once.
    #[must_use]
    pub const fn concurrency(self, concurrency: usize) -> Self {
        Self { concurrency, ..self }
    }

    /// With this longest time of one answer.
    #[must_use]
    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Declared elsewhere than where [`new`](Self::new) was called.
    #[must_use]
    pub const fn declared_at(self, file: &'static str, line: u32) -> Self {
        Self { file, line, ..self }
    }
}

/// A function that answers one query. `#[respond]` implements it, and so can you:
///
/// ```
/// use shared::prelude::*;
/// use shared::service::{BoxFuture, Call, Respond, ResponderSpec, States};
///
/// /// How many beds are free in a ward?
/// #[derive(Serialize, Deserialize, Query)]
/// #[query(subject = "ward.beds.count", reply = u32)]
/// pub struct CountBeds {
///     pub ward: u32,
/// }
///
/// struct Count;
///
/// impl Respond for Count {
///     type Query = CountBeds;
///     const SPEC: ResponderSpec = ResponderSpec::new("count", CountBeds::SUBJECT);
///
///     fn check(_: &States) -> Result<()> {
///         Ok(())
///     }
///
///     fn call<'a>(query: CountBeds, _: Call<'a>) -> BoxFuture<'a, Result<u32>> {
///         Box::pin(async move { Ok(query.ward) })
///     }
/// }
///
/// let service = Service::new("wards").respond(responders![Count]);
/// # drop(service);
/// ```
pub trait Respond: Send + Sync + 'static {
    /// What it answers.
    type Query: Query;
    /// What its declaration says.
    const SPEC: ResponderSpec;

    /// Checks at start-up that its arguments can be made.
    ///
    /// # Errors
    /// [`Error::Config`], saying what to add to the service.
    fn check(states: &States) -> Result<()>;

    /// Calls it.
    fn call<'a>(query: Self::Query, call: Call<'a>) -> BoxFuture<'a, Result<<Self::Query as Query>::Reply>>;
}

/// A responder of any kind, as a service keeps it. Made by `responders![..]`.
#[derive(Clone)]
pub struct Responder {
    pub(crate) spec: ResponderSpec,
    pub(crate) check: fn(&States) -> Result<()>,
    pub(crate) handler: Arc<dyn Answers>,
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").field("name", &self.spec.name).field("subject", &self.spec.subject).finish()
    }
}

impl Responder {
    /// The responder that `#[respond]` made of a function.
    #[must_use]
    pub fn of<R: Respond>() -> Self {
        Self { spec: R::SPEC, check: R::check, handler: Arc::new(Typed::<R>(std::marker::PhantomData)) }
    }

    /// What its declaration says.
    #[must_use]
    pub fn spec(&self) -> &ResponderSpec {
        &self.spec
    }
}

/// Decodes and validates before anything is opened.
pub(crate) trait Answers: Send + Sync {
    fn prepare(&self, payload: &[u8]) -> Result<Box<dyn Question>>;
}

/// A decoded, valid query that waits for its answer.
pub(crate) trait Question: Send {
    fn answer<'a>(self: Box<Self>, call: Call<'a>) -> BoxFuture<'a, Result<Bytes>>;
}

struct Typed<R>(std::marker::PhantomData<fn() -> R>);

struct TypedQuery<R: Respond>(R::Query);

impl<R: Respond> Answers for Typed<R> {
    fn prepare(&self, payload: &[u8]) -> Result<Box<dyn Question>> {
        let (subject, fields) = (<R::Query as Query>::SUBJECT, <R::Query as Validate>::FIELDS);
        let query = <R::Query as Query>::QUESTION.decode(subject, fields, payload)?;
        query.validate()?;
        Ok(Box::new(TypedQuery::<R>(query)))
    }
}

impl<R: Respond> Question for TypedQuery<R> {
    fn answer<'a>(self: Box<Self>, call: Call<'a>) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(async move {
            let reply = R::call(self.0, call).await?;
            <R::Query as Query>::ANSWER.encode("the reply", &reply).map(Bytes::from)
        })
    }
}

/// What a responder may return: the query's reply, or a `Result` of it.
pub trait IntoReply<R> {
    /// The reply.
    ///
    /// # Errors
    /// The responder's own.
    fn into_reply(self) -> Result<R>;
}

#[diagnostic::do_not_recommend]
impl<R> IntoReply<R> for R {
    fn into_reply(self) -> Result<R> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<R, E: Into<Error>> IntoReply<R> for std::result::Result<R, E> {
    fn into_reply(self) -> Result<R> {
        self.map_err(Into::into)
    }
}
