//! What happened: event types, sets of them, and how they travel.
//!
//! # Without macros
//!
//! All that `#[derive(Event)]` does can be done by hand. An event is [`Validate`], [`Event`] and [`Publish`]; the enum of
//! a domain is [`Validate`], [`EventSet`] and [`Publish`]. [`Handled`] lets `#[subscribe]` take them. (A subscriber by
//! hand: [`Subscribe`](crate::service::Subscribe).)
//!
//! ```
//! use shared::event::{Codec, Draft, EventInfo, EventSet, Handled, Publish, decode_event, draft_event, unknown_type};
//! use shared::prelude::*;
//! use shared::validate::{Checker, rules};
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! struct BedFreed {
//!     ward_id: u32,
//!     beds: u32,
//! }
//!
//! impl Validate for BedFreed {
//!     const NAME: &'static str = "BedFreed";
//!
//!     fn check(&self, checker: &mut Checker) {
//!         checker.field("beds", |checker| rules::range(checker, &self.beds, Some(1), None));
//!     }
//! }
//!
//! impl Event for BedFreed {
//!     const INFO: &'static EventInfo =
//!         &EventInfo::new("BedFreed", "ward.bed.freed", "ward.{ward_id}.bed.freed");
//!     const CODEC: Codec<Self> = Codec::JSON;
//!
//!     fn subject(&self) -> std::borrow::Cow<'static, str> {
//!         format!("ward.{}.bed.freed", self.ward_id).into()
//!     }
//!
//!     fn key(&self) -> Option<String> {
//!         Some(self.ward_id.to_string())
//!     }
//! }
//!
//! impl Publish for BedFreed {
//!     const PUBLISHES: &'static [&'static EventInfo] = &[Self::INFO];
//!
//!     fn draft(&self) -> Result<Draft> {
//!         draft_event(self)
//!     }
//! }
//!
//! #[derive(Debug)]
//! enum WardEvent {
//!     Freed(BedFreed),
//! }
//!
//! impl Validate for WardEvent {
//!     const NAME: &'static str = "WardEvent";
//!
//!     fn check(&self, checker: &mut Checker) {
//!         match self {
//!             Self::Freed(event) => event.check(checker),
//!         }
//!     }
//! }
//!
//! impl EventSet for WardEvent {
//!     const EVENTS: &'static [&'static EventInfo] = &[BedFreed::INFO];
//!     const SUBJECTS: &'static [&'static str] = &[BedFreed::SUBJECT];
//!     const DOMAIN: Option<&'static str> = Some("ward");
//!     const UNIVERSE: &'static [&'static EventInfo] = Self::EVENTS;
//!
//!     fn decode_as(event_type: &str, version: Option<u32>, payload: &[u8]) -> Result<Self> {
//!         match event_type {
//!             BedFreed::TYPE => decode_event(version, payload).map(Self::Freed),
//!             _ => Err(unknown_type().into()),
//!         }
//!     }
//! }
//!
//! impl Publish for WardEvent {
//!     const PUBLISHES: &'static [&'static EventInfo] = Self::EVENTS;
//!
//!     fn draft(&self) -> Result<Draft> {
//!         match self {
//!             Self::Freed(event) => event.draft(),
//!         }
//!     }
//! }
//!
//! impl Handled for WardEvent {
//!     type This = Self;
//! }
//!
//! #[subscribe("ward.>")]
//! async fn watch(event: WardEvent) {
//!     println!("{event:?}");
//! }
//!
//! let draft = WardEvent::Freed(BedFreed { ward_id: 7, beds: 2 }).draft()?;
//! assert_eq!((&*draft.subject, draft.key.as_deref()), ("ward.7.bed.freed", Some("7")));
//! # Ok::<(), Error>(())
//! ```
//!
//! An event without any type of its own is a [`Draft::raw`] when it is published, and a [`RawEvent`] when it comes in.

mod decode;
pub mod envelope;
mod fingerprint;
mod headers;
mod metadata;
mod raw;
mod schema;
pub mod subject;

use std::borrow::Cow;
use std::panic::Location;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::decode::{MAX_DEPTH, decode_event, unknown_type};
pub(crate) use self::decode::{decode_json, decode_older};
#[cfg(feature = "nats")]
pub(crate) use self::envelope::percent_decode;
pub use self::envelope::{Delivered, Incoming, MAX_HEADERS_BYTES, Outgoing, Shape, Shapes, parse};
pub(crate) use self::envelope::{is_binary, ordering_key};
pub(crate) use self::fingerprint::Fingerprint;
pub use self::headers::Headers;
pub use self::metadata::Metadata;
pub use self::raw::RawEvent;
pub use self::schema::{EventSchema, FieldSchema, FieldType};
use self::subject::TokenForm;
use crate::error::{Error, Result};
use crate::validate::Validate;

/// What is known about an event type without having one.
///
/// ```
/// use shared::event::EventInfo;
///
/// const OPENED: EventInfo =
///     EventInfo::new("ClinicOpened", "clinic.opened", "clinic.{clinic_id}.opened").with_version(2);
/// assert_eq!(OPENED.upcast.map(|older| older.version), None);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EventInfo {
    /// The Rust type's name.
    pub name: &'static str,
    /// The event type's name, as the `ce-type` header says it.
    pub event_type: &'static str,
    /// The declared subject, slots included.
    pub subject: &'static str,
    /// The version of the payload's schema.
    pub version: u32,
    /// The names of the payload's fields, where serde does not hand them out (`#[serde(flatten)]`).
    pub fields: &'static [&'static str],
    /// What the payload looks like.
    pub schema: &'static EventSchema,
    /// What the tokens of the subject's slots look like, from left to right.
    pub slots: &'static [TokenForm],
    /// The next older version that is understood as well, and through it the ones before.
    pub upcast: Option<&'static EventInfo>,
    /// Whether a payload of this version or an older one decodes.
    pub decodes: Option<Decodes>,
    /// Where it is declared.
    pub file: &'static str,
    /// Where it is declared.
    pub line: u32,
}

/// Decodes a payload of a version and forgets it.
pub type Decodes = fn(Option<u32>, &[u8]) -> Result<()>;

const UNDESCRIBED: &EventSchema = &EventSchema::new(&[]);

impl EventInfo {
    /// Of version 1, declared where this is called: the Rust type's name, the event type's name and the subject.
    #[must_use]
    #[track_caller]
    pub const fn new(name: &'static str, event_type: &'static str, subject: &'static str) -> Self {
        let place = Location::caller();
        Self {
            name,
            event_type,
            subject,
            version: 1,
            fields: &[],
            schema: UNDESCRIBED,
            slots: &[],
            upcast: None,
            decodes: None,
            file: place.file(),
            line: place.line(),
        }
    }

    /// With another version of the payload's schema.
    #[must_use]
    pub const fn with_version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// With the names of the payload's fields, which errors of decoding may repeat. Needed only where serde does not hand
    /// them out: with `#[serde(flatten)]`.
    #[must_use]
    pub const fn with_fields(self, fields: &'static [&'static str]) -> Self {
        Self { fields, ..self }
    }

    /// With what the payload looks like.
    #[must_use]
    pub const fn with_schema(self, schema: &'static EventSchema) -> Self {
        Self { schema, ..self }
    }

    /// With what the tokens of the subject's slots look like, from left to right.
    #[must_use]
    pub const fn with_slots(self, slots: &'static [TokenForm]) -> Self {
        Self { slots, ..self }
    }

    /// With the next older version, whose payloads [`Codec::upcasting`] converts.
    #[must_use]
    pub const fn with_upcast(self, older: &'static EventInfo) -> Self {
        Self { upcast: Some(older), ..self }
    }

    /// With the function that decodes its payloads, [`decodes`]: released payloads are tried with it.
    #[must_use]
    pub const fn decoded_by(self, decodes: Decodes) -> Self {
        Self { decodes: Some(decodes), ..self }
    }

    /// Declared elsewhere than where [`new`](Self::new) was called.
    #[must_use]
    pub const fn declared_at(self, file: &'static str, line: u32) -> Self {
        Self { file, line, ..self }
    }
}

/// Something that happened, as one type: one subject, one payload. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "is not an event",
    note = "add `#[derive(Serialize, Deserialize, Event)]` and `#[event(subject = \"…\")]` to it"
)]
pub trait Event: Validate + Sized + Send + Sync + 'static {
    /// All that is declared of it.
    const INFO: &'static EventInfo;
    /// The declared subject, slots included.
    const SUBJECT: &'static str = Self::INFO.subject;
    /// The event type's name: the subject's literal tokens unless declared otherwise.
    const TYPE: &'static str = Self::INFO.event_type;
    /// The version of the payload's schema, from 1.
    const VERSION: u32 = Self::INFO.version;
    /// What the payload looks like.
    const SCHEMA: &'static EventSchema = Self::INFO.schema;
    /// How it is written and read: [`Codec::JSON`].
    const CODEC: Codec<Self>;

    /// The concrete subject of this event.
    fn subject(&self) -> Cow<'static, str> {
        Cow::Borrowed(Self::SUBJECT)
    }

    /// The ordering key: events with the same key are handled in commit order.
    fn key(&self) -> Option<String> {
        None
    }
}

/// How an event is written and read, its older versions included.
///
/// These are functions, and serde's traits no supertraits of [`Event`], so that an event without them is reported where
/// it is declared and nowhere else.
#[derive(Debug)]
pub struct Codec<E> {
    pub(crate) encode: fn(&E) -> serde_json::Result<Vec<u8>>,
    pub(crate) decode: fn(&'static EventInfo, &[u8]) -> Result<E>,
    pub(crate) older: Option<Older<E>>,
}

/// Decodes a payload of an older version.
type Older<E> = fn(u32, &[u8]) -> Result<E>;

impl<E: Serialize + DeserializeOwned> Codec<E> {
    /// JSON, by serde. A payload with a key twice in one object is refused.
    pub const JSON: Self = Self {
        encode: |event| serde_json::to_vec(event),
        decode: |info, payload| Ok(decode_json(info.event_type, info.fields, true, payload)?),
        older: None,
    };

    /// The same for less, for a type that keeps nothing under keys that it does not know: no map, no
    /// `serde_json::Value`, nothing that is flattened. Serde itself refuses its fields when they are there twice, so
    /// nobody has to look for that.
    pub const CLOSED_JSON: Self =
        Self { decode: |info, payload| Ok(decode_json(info.event_type, info.fields, false, payload)?), ..Self::JSON };
}

impl<E> Codec<E> {
    /// Reads payloads of an older version too: as the type of that version, which is then converted. That type may be
    /// made of a still older one in the same way.
    #[must_use]
    pub const fn upcasting<Old>(self) -> Self
    where
        E: From<Old>,
        Old: Event,
    {
        Self {
            encode: self.encode,
            decode: self.decode,
            older: Some(|version, payload| decode_older::<Old>(version, payload).map(E::from)),
        }
    }
}

/// One event type or a closed set of them: what a subscriber takes. Derived by structs and by domain enums.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an event nor the enum of a domain",
    label = "is not an event",
    note = "derive `Event` for it, with `#[event(subject = \"…\")]` or, for an enum, `#[event(domain = \"…\")]`"
)]
pub trait EventSet: Validate + Send + Sync + Sized + 'static {
    /// The members.
    const EVENTS: &'static [&'static EventInfo];
    /// The members' declared subjects.
    const SUBJECTS: &'static [&'static str];
    /// The domain whose events these all are, for an enum; a single event type has none.
    const DOMAIN: Option<&'static str>;
    /// All events of the domain, as far as the type knows them: the members themselves, or for a
    /// `subset_of` enum those of the whole.
    const UNIVERSE: &'static [&'static EventInfo];
    /// The name of the type that has all of [`UNIVERSE`](Self::UNIVERSE): the type's own, or that of the whole of
    /// which it is a subset.
    const WHOLE: &'static str = <Self as Validate>::NAME;

    /// Decodes a payload as the member with this type name.
    ///
    /// # Errors
    /// [`Error::Decode`]: no member has that name, the payload does not fit, or it was written by a newer
    /// version of the type.
    fn decode_as(event_type: &str, version: Option<u32>, payload: &[u8]) -> Result<Self>;

    /// Decodes a payload of the current version as the member with this type name.
    ///
    /// # Errors
    /// See [`decode_as`](Self::decode_as).
    fn decode(event_type: &str, payload: &[u8]) -> Result<Self> {
        Self::decode_as(event_type, None, payload)
    }
}

#[diagnostic::do_not_recommend]
impl<E: Event> EventSet for E {
    const EVENTS: &'static [&'static EventInfo] = &[E::INFO];
    const SUBJECTS: &'static [&'static str] = &[E::SUBJECT];
    const DOMAIN: Option<&'static str> = None;
    const UNIVERSE: &'static [&'static EventInfo] = &[E::INFO];

    fn decode_as(event_type: &str, version: Option<u32>, payload: &[u8]) -> Result<Self> {
        if event_type == E::TYPE { decode_event(version, payload) } else { Err(unknown_type().into()) }
    }
}

/// Decodes a payload as `E` and forgets it, see [`EventInfo::decoded_by`].
///
/// # Errors
/// See [`decode_event`].
pub fn decodes<E: Event>(version: Option<u32>, payload: &[u8]) -> Result<()> {
    decode_event::<E>(version, payload).map(drop)
}

/// What a subscriber of `#[subscribe]` may take, first. The derive implements it; for an event or a domain's enum that is
/// written by hand it is one line, `impl Handled for … { type This = Self; }`.
///
/// It does not follow from [`EventSet`], so that of a type which is no event the compiler has one thing to say.
#[diagnostic::on_unimplemented(
    message = "a subscriber takes exactly one event, first, but `{Self}` is not an event",
    label = "is not an event",
    note = "take a type with `#[derive(Event)]`: one event, or the enum of a domain"
)]
pub trait Handled {
    /// The type itself.
    type This: EventSet;
}

/// Something that can be published: an event, a domain's enum, or a reference to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published: it is not an event",
    label = "is not an event",
    note = "derive `Event` for it; for an event without a type there is `Draft::raw`"
)]
pub trait Publish {
    /// The event types that it may be.
    const PUBLISHES: &'static [&'static EventInfo] = &[];

    /// Validates and encodes it.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation; [`Error::Usage`] when serde cannot encode it or its subject is none.
    fn draft(&self) -> Result<Draft>;
}

impl<P: Publish + ?Sized> Publish for &P {
    const PUBLISHES: &'static [&'static EventInfo] = P::PUBLISHES;

    fn draft(&self) -> Result<Draft> {
        (**self).draft()
    }
}

/// An encoded event before it gets its id and its context.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// The concrete subject.
    pub subject: Cow<'static, str>,
    /// The event type's name.
    pub event_type: Cow<'static, str>,
    /// The version of the payload's schema.
    pub version: u32,
    /// The ordering key.
    pub key: Option<String>,
    /// The payload: JSON.
    pub payload: Bytes,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft")
            .field("subject", &self.subject)
            .field("event_type", &self.event_type)
            .field("version", &self.version)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// Validates and encodes one event.
///
/// # Errors
/// See [`Publish::draft`].
pub fn draft_event<E: Event>(event: &E) -> Result<Draft> {
    event.validate()?;
    let payload = (E::CODEC.encode)(event).map_err(|_| {
        Error::Usage(format!("`{}` cannot be encoded as JSON; check its `Serialize`", E::INFO.name).into())
    })?;
    Ok(Draft {
        subject: event.subject(),
        event_type: Cow::Borrowed(E::TYPE),
        version: E::VERSION,
        key: event.key(),
        payload: payload.into(),
    })
}

/// FNV-1a, 64 bit: the same in every process and version, unlike the standard library's hasher.
pub(crate) fn key_hash(key: &str) -> i64 {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash.cast_signed()
}
