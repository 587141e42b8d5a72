//! Events without a Rust type, on their way out and in.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::decode::decode_raw;
use super::{Draft, EventInfo, EventSet, Handled, Publish};
use crate::error::Result;
use crate::validate::{Checker, Validate};

impl Draft {
    /// An event that has no Rust type. Its subject is checked when it is published.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use shared::event::Draft;
    ///
    /// let bus = shared::Bus::local();
    /// let data = serde_json::json!({ "ward": 7, "beds": 12 });
    /// bus.publish(Draft::raw("ward.counted", "ward.counted", &data).with_key("7").with_version(2)).await?;
    /// # Ok::<(), shared::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn raw(subject: &str, event_type: &str, data: &Value) -> Self {
        Self {
            subject: Cow::Owned(subject.to_owned()),
            event_type: Cow::Owned(event_type.to_owned()),
            version: 1,
            key: None,
            payload: data.to_string().into(),
        }
    }

    /// With an ordering key.
    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// With another version of the payload's schema than 1.
    #[must_use]
    pub fn with_version(self, version: u32) -> Self {
        Self { version, ..self }
    }
}

/// What is encoded already is published as it is.
impl Publish for Draft {
    fn draft(&self) -> Result<Draft> {
        Ok(self.clone())
    }
}

/// An event without a Rust type, as a subscriber gets it: of whatever type the pattern delivers, as the JSON that it is.
/// The pattern must name its domain, the first token.
///
/// ```
/// use shared::event::{Draft, RawEvent};
/// use shared::prelude::*;
///
/// /// Copies what happens to appointments to where auditors look.
/// #[subscribe("appointment.>", concurrency = 4)]
/// async fn copy(event: RawEvent, _tx: &mut Tx, meta: &Metadata) -> Result<Draft> {
///     let data = serde_json::json!({ "type": event.event_type, "id": meta.event_id });
///     Ok(Draft::raw("audit.copied", "audit.copied", &data))
/// }
/// ```
#[derive(Clone, PartialEq)]
pub struct RawEvent {
    /// The event type's name.
    pub event_type: String,
    /// The version of the payload's schema, if the message states one.
    pub version: Option<u32>,
    /// The payload.
    pub data: Value,
}

impl fmt::Debug for RawEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawEvent")
            .field("event_type", &self.event_type)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Validate for RawEvent {
    const NAME: &'static str = "RawEvent";

    fn check(&self, _: &mut Checker) {}
}

/// It has no members that could be listed.
impl EventSet for RawEvent {
    const EVENTS: &'static [&'static EventInfo] = &[];
    const SUBJECTS: &'static [&'static str] = &[];
    const DOMAIN: Option<&'static str> = None;
    const UNIVERSE: &'static [&'static EventInfo] = &[];

    fn decode_as(event_type: &str, version: Option<u32>, payload: &[u8]) -> Result<Self> {
        Ok(Self { event_type: event_type.to_owned(), version, data: decode_raw(payload)? })
    }
}

impl Handled for RawEvent {
    type This = Self;
}
