//! Questions that a service answers, and what they are answered with.
//!
//! An event says what happened, to whoever cares, and is kept. A query asks one service for something and waits: nothing of it
//! is kept, and when nobody answers, it fails. `#[derive(Query)]` makes one of a struct, `#[respond]` answers it, and
//! [`Bus::request`](crate::Bus::request) asks.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{DecodeError, Error, Result};
use crate::event::decode_json;
use crate::validate::Validate;

/// A question to a service, with the type of its answer. Derive it; by hand it is this:
///
/// ```
/// use shared::prelude::*;
/// use shared::query::Carrier;
/// use shared::validate::Checker;
///
/// #[derive(Serialize, Deserialize)]
/// struct CountBeds {
///     ward: u32,
/// }
///
/// impl Validate for CountBeds {
///     const NAME: &'static str = "CountBeds";
///
///     fn check(&self, _: &mut Checker) {}
/// }
///
/// impl Query for CountBeds {
///     type Reply = u32;
///     const SUBJECT: &'static str = "ward.beds.count";
///     const QUESTION: Carrier<Self> = Carrier::JSON;
///     const ANSWER: Carrier<u32> = Carrier::JSON;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query",
    label = "is not a query",
    note = "add `#[derive(Serialize, Deserialize, Query)]` and `#[query(subject = \"…\", reply = …)]` to it"
)]
pub trait Query: Validate + Sized + Send + Sync + 'static {
    /// What it is answered with.
    type Reply: Send + Sync + 'static;
    /// The subject that it is asked on, below [`PREFIX`].
    const SUBJECT: &'static str;
    /// How it is written and read: [`Carrier::JSON`].
    const QUESTION: Carrier<Self>;
    /// How its answer is written and read: [`Carrier::JSON`].
    const ANSWER: Carrier<Self::Reply>;
}

/// What a responder of `#[respond]` may take, first. The derive implements it; for a query that is written by hand it is one
/// line, `impl Asked for … { type This = Self; }`.
///
/// It does not follow from [`Query`], so that of a type which is no query the compiler has one thing to say.
#[diagnostic::on_unimplemented(
    message = "a responder takes exactly one query, first, but `{Self}` is not a query",
    label = "is not a query",
    note = "derive it: `#[derive(Serialize, Deserialize, Query)]` with `#[query(subject = \"…\", reply = …)]`"
)]
pub trait Asked {
    /// The type itself.
    type This: Query;
}

/// What comes before a query's subject on NATS: `rpc.appointment.get`. On `appointment.get` itself the stream of the domain
/// would take the request for an event, keep it, and answer it.
pub const PREFIX: &str = "rpc";

/// How a question or an answer is written and read.
///
/// These are functions, and serde's traits no bounds of [`Query`], so that a type without them is reported where it is
/// declared and nowhere else.
#[derive(Debug)]
pub struct Carrier<T> {
    encode: fn(&T) -> serde_json::Result<Vec<u8>>,
    decode: Decode<T>,
}

/// Decodes a payload; the subject and the names of fields are for its error.
type Decode<T> = fn(&'static str, &'static [&'static str], &[u8]) -> Result<T, DecodeError>;

impl<T: Serialize + DeserializeOwned> Carrier<T> {
    /// JSON, by serde. A key that is there twice in one object is refused.
    pub const JSON: Self = Self {
        encode: |value| serde_json::to_vec(value),
        decode: |what, fields, payload| decode_json(what, fields, true, payload),
    };
}

impl<T> Carrier<T> {
    /// For a type whose declaration was refused.
    pub(crate) const REFUSED: Self = Self {
        encode: |_| Ok(Vec::new()),
        decode: |what, _, _| decode_json::<NoValue>(what, &[], true, b"null").map(|none| match none {}),
    };

    pub(crate) fn encode(&self, name: &str, value: &T) -> Result<Vec<u8>> {
        (self.encode)(value)
            .map_err(|_| Error::Usage(format!("`{name}` cannot be encoded as JSON; check its `Serialize`").into()))
    }

    /// `what` is the subject; only names among `fields`, or that serde hands out itself, get into an error.
    pub(crate) fn decode(
        &self,
        what: &'static str,
        fields: &'static [&'static str],
        payload: &[u8],
    ) -> Result<T, DecodeError> {
        (self.decode)(what, fields, payload)
    }
}

/// No JSON is one.
#[derive(serde::Deserialize)]
enum NoValue {}
