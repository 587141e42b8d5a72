//! What the macros do, done by hand: equal in all that can be seen of it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use shared::event::{
    Codec, Draft, EventInfo, EventSchema, EventSet, FieldSchema, FieldType, Handled, Outgoing, Publish, decode_event,
    draft_event, unknown_type,
};
use shared::prelude::*;
use shared::service::{
    BoxFuture, Call, FromDelivery, Outcome, States, Subscribe, Subscriber, SubscriberSpec, transaction,
};
use shared::testing::TestService;
use shared::validate::{Checker, Violations, rules};

type Seen = Arc<Mutex<Vec<String>>>;

mod derived {
    use super::{Seen, *};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
    #[event(subject = "ward.{ward_id}.bed.freed")]
    pub(super) struct BedFreedV1 {
        pub(super) ward_id: u32,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
    #[event(subject = "ward.{ward_id}.bed.freed", key = ward_id, version = 2, upcast(from = BedFreedV1))]
    pub(super) struct BedFreed {
        pub(super) ward_id: u32,
        #[validate(range(min = 1, max = 99))]
        pub(super) beds: u32,
    }

    impl From<BedFreedV1> for BedFreed {
        fn from(older: BedFreedV1) -> Self {
            Self { ward_id: older.ward_id, beds: 1 }
        }
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
    #[event(subject = "ward.closed", key = ward_id)]
    pub(super) struct WardClosed {
        pub(super) ward_id: u32,
    }

    #[derive(Debug, Clone, PartialEq, Event)]
    #[event(domain = "ward")]
    pub(super) enum WardEvent {
        Freed(BedFreed),
        Closed(WardClosed),
    }

    /// A ward without beds is closed.
    #[subscribe("ward.>")]
    pub(super) async fn watch(event: WardEvent, _tx: &mut Tx, State(seen): State<Seen>) -> Result<Option<WardClosed>> {
        seen.lock().unwrap().push(format!("{event:?}"));
        Ok(match event {
            WardEvent::Freed(BedFreed { ward_id, beds: 99 }) => Some(WardClosed { ward_id }),
            _ => None,
        })
    }
}

mod by_hand {
    use super::{Seen, *};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct BedFreedV1 {
        pub(super) ward_id: u32,
    }

    impl Validate for BedFreedV1 {
        const NAME: &'static str = "BedFreedV1";

        fn check(&self, _: &mut Checker) {}
    }

    impl Event for BedFreedV1 {
        const INFO: &'static EventInfo = &EventInfo::new("BedFreedV1", "ward.bed.freed", "ward.{ward_id}.bed.freed");
        const CODEC: Codec<Self> = Codec::CLOSED_JSON;

        fn subject(&self) -> Cow<'static, str> {
            format!("ward.{}.bed.freed", self.ward_id).into()
        }
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct BedFreed {
        pub(super) ward_id: u32,
        pub(super) beds: u32,
    }

    impl Validate for BedFreed {
        const NAME: &'static str = "BedFreed";

        fn check(&self, checker: &mut Checker) {
            checker.field("beds", |checker| rules::range(checker, &self.beds, Some(1), Some(99)));
        }
    }

    const SCHEMA: &EventSchema = &EventSchema::new(&[
        FieldSchema::new("ward_id", FieldType::of::<u32>()),
        FieldSchema::new("beds", FieldType::of::<u32>()),
    ])
    .key("ward_id");

    impl Event for BedFreed {
        const INFO: &'static EventInfo = &EventInfo::new("BedFreed", "ward.bed.freed", "ward.{ward_id}.bed.freed")
            .with_version(2)
            .with_schema(SCHEMA)
            .with_upcast(BedFreedV1::INFO);
        const CODEC: Codec<Self> = Codec::CLOSED_JSON.upcasting::<BedFreedV1>();

        fn subject(&self) -> Cow<'static, str> {
            format!("ward.{}.bed.freed", self.ward_id).into()
        }

        fn key(&self) -> Option<String> {
            Some(self.ward_id.to_string())
        }
    }

    impl Publish for BedFreed {
        const PUBLISHES: &'static [&'static EventInfo] = &[Self::INFO];

        fn draft(&self) -> Result<Draft> {
            draft_event(self)
        }
    }

    impl From<BedFreedV1> for BedFreed {
        fn from(older: BedFreedV1) -> Self {
            Self { ward_id: older.ward_id, beds: 1 }
        }
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct WardClosed {
        pub(super) ward_id: u32,
    }

    impl Validate for WardClosed {
        const NAME: &'static str = "WardClosed";

        fn check(&self, _: &mut Checker) {}
    }

    impl Event for WardClosed {
        const INFO: &'static EventInfo = &EventInfo::new("WardClosed", "ward.closed", "ward.closed");
        const CODEC: Codec<Self> = Codec::JSON;

        fn key(&self) -> Option<String> {
            Some(self.ward_id.to_string())
        }
    }

    impl Publish for WardClosed {
        const PUBLISHES: &'static [&'static EventInfo] = &[Self::INFO];

        fn draft(&self) -> Result<Draft> {
            draft_event(self)
        }
    }

    #[derive(Debug, Clone, PartialEq)]
    pub(super) enum WardEvent {
        Freed(BedFreed),
        Closed(WardClosed),
    }

    impl Validate for WardEvent {
        const NAME: &'static str = "WardEvent";

        fn check(&self, checker: &mut Checker) {
            match self {
                Self::Freed(event) => event.check(checker),
                Self::Closed(event) => event.check(checker),
            }
        }
    }

    impl EventSet for WardEvent {
        const EVENTS: &'static [&'static EventInfo] = &[BedFreed::INFO, WardClosed::INFO];
        const SUBJECTS: &'static [&'static str] = &[BedFreed::SUBJECT, WardClosed::SUBJECT];
        const DOMAIN: Option<&'static str> = Some("ward");
        const UNIVERSE: &'static [&'static EventInfo] = Self::EVENTS;

        fn decode_as(event_type: &str, version: Option<u32>, payload: &[u8]) -> Result<Self> {
            match event_type {
                BedFreed::TYPE => decode_event(version, payload).map(Self::Freed),
                WardClosed::TYPE => decode_event(version, payload).map(Self::Closed),
                _ => Err(unknown_type().into()),
            }
        }
    }

    impl Publish for WardEvent {
        const PUBLISHES: &'static [&'static EventInfo] = Self::EVENTS;

        fn draft(&self) -> Result<Draft> {
            match self {
                Self::Freed(event) => event.draft(),
                Self::Closed(event) => event.draft(),
            }
        }
    }

    impl Handled for WardEvent {
        type This = Self;
    }

    /// A ward without beds is closed.
    async fn handle(event: WardEvent, _tx: &mut Tx, State(seen): State<Seen>) -> Result<Option<WardClosed>> {
        seen.lock().unwrap().push(format!("{event:?}"));
        Ok(match event {
            WardEvent::Freed(BedFreed { ward_id, beds: 99 }) => Some(WardClosed { ward_id }),
            _ => None,
        })
    }

    pub(super) struct Watch;

    impl Subscribe for Watch {
        type Event = WardEvent;
        const SPEC: SubscriberSpec = SubscriberSpec::new("watch", "ward.>").transactional();

        fn check(states: &States) -> Result<()> {
            <State<Seen> as FromDelivery>::check(states)
        }

        fn call<'a>(event: WardEvent, call: Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>> {
            let (tx, parts) = call.split();
            Box::pin(async move { handle(event, transaction(tx)?, State::from_delivery(parts)?).await.into_drafts() })
        }
    }

    /// The macro takes what is written by hand.
    #[subscribe("ward.>", name = "watch")]
    pub(super) async fn watch(event: WardEvent, tx: &mut Tx, seen: State<Seen>) -> Result<Option<WardClosed>> {
        handle(event, tx, seen).await
    }
}

type Sealed = (String, Option<String>, Vec<(String, String)>, Vec<u8>);

/// What travels: all of it but ids and times.
fn sealed(event: &impl Publish) -> Sealed {
    let sealed = |draft: Draft| {
        let shape = shared::event::Shape::default();
        draft.seal(&Context::new().correlation("c"), "ward", shape, 1_000).expect("it can be published")
    };
    let Outgoing { subject, key, headers, payload, .. } = sealed(event.draft().expect("it is valid"));
    let lasting = |(name, _): &(&str, &str)| !matches!(*name, "ce-id" | "ce-time" | "Nats-Msg-Id");
    let headers = headers.iter().filter(lasting).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (subject, key, headers, payload.to_vec())
}

#[test]
fn the_same_is_published() {
    let (derived, by_hand) = (derived::BedFreed { ward_id: 7, beds: 3 }, by_hand::BedFreed { ward_id: 7, beds: 3 });
    assert_eq!(sealed(&derived), sealed(&by_hand));
    assert_eq!(sealed(&derived::WardEvent::Freed(derived)), sealed(&by_hand::WardEvent::Freed(by_hand)));
    let (derived, by_hand) = (derived::WardClosed { ward_id: 7 }, by_hand::WardClosed { ward_id: 7 });
    assert_eq!(sealed(&derived), sealed(&by_hand));

    let violations = |draft: Result<Draft>| match draft {
        Err(Error::Invalid(violations)) => violations,
        other => panic!("it was expected to be invalid: {other:?}"),
    };
    let derived = derived::BedFreed { ward_id: 7, beds: 100 }.draft();
    let by_hand = by_hand::BedFreed { ward_id: 7, beds: 100 }.draft();
    let (derived, by_hand): (Violations, Violations) = (violations(derived), violations(by_hand));
    assert_eq!(derived, by_hand);
}

#[test]
fn the_same_is_described() {
    let of = |schema: &EventSchema| {
        let fields: Vec<_> = schema.fields.iter().map(|field| (field.name, field.rust())).collect();
        (schema.key, fields)
    };
    assert_eq!(of(derived::BedFreed::SCHEMA), of(by_hand::BedFreed::SCHEMA));
}

#[test]
fn the_same_is_understood() {
    let of = |info: &EventInfo| (info.name, info.event_type, info.subject, info.version, info.fields);
    let chain =
        |info: &'static EventInfo| std::iter::successors(Some(info), |info| info.upcast).map(of).collect::<Vec<_>>();
    assert_eq!(derived::WardEvent::SUBJECTS, by_hand::WardEvent::SUBJECTS);
    for (derived, by_hand) in derived::WardEvent::EVENTS.iter().zip(by_hand::WardEvent::EVENTS) {
        assert_eq!(chain(derived), chain(by_hand));
    }
    for (event_type, version, payload) in [
        ("ward.bed.freed", Some(2), r#"{"ward_id":7,"beds":3,"more":[]}"#),
        ("ward.bed.freed", Some(1), r#"{"ward_id":7}"#),
        ("ward.bed.freed", None, r#"{"ward_id":7,"beds":3}"#),
        ("ward.bed.freed", None, r#"{"ward_id":7}"#),
        ("ward.bed.freed", Some(3), r#"{"ward_id":7,"beds":3}"#),
        ("ward.bed.freed", Some(1), r#"{"ward_id":"seven"}"#),
        ("ward.bed.freed", None, r#"{"ward_id":7,"beds":3,"beds":4}"#),
        ("ward.bed.freed", None, r#"{"ward_id":7,"beds":-1}"#),
        ("ward.closed", None, r#"{"ward_id":7}"#),
        ("ward.closed", Some(1), "closed"),
        ("ward.opened", Some(1), r#"{"ward_id":7}"#),
    ] {
        let derived = derived::WardEvent::decode_as(event_type, version, payload.as_bytes());
        let by_hand = by_hand::WardEvent::decode_as(event_type, version, payload.as_bytes());
        assert_eq!(format!("{derived:?}"), format!("{by_hand:?}"), "{event_type} {version:?} {payload}");
    }
}

/// Whatever the subscriber, the same events lead to the same calls, returned events and dead letters.
async fn handled(subscriber: Subscriber) -> (Vec<String>, Vec<derived::WardClosed>, Vec<String>) {
    let seen = Seen::default();
    let service = Service::new("wards").subscribe([subscriber]).state(Arc::clone(&seen));
    let service = TestService::start([service]).await.expect("it starts");
    for data in [
        serde_json::json!({ "ward_id": 7, "beds": 3 }),
        serde_json::json!({ "ward_id": 8, "beds": 99 }),
        serde_json::json!({ "ward_id": 9, "beds": 100 }),
        serde_json::json!({ "ward_id": 9 }),
    ] {
        service.publish(Draft::raw("ward.7.bed.freed", "ward.bed.freed", &data).with_version(2)).await.expect("sent");
    }
    let older = Draft::raw("ward.7.bed.freed", "ward.bed.freed", &serde_json::json!({ "ward_id": 7 }));
    service.publish(older).await.expect("it is sent");
    service.publish(Draft::raw("ward.lost", "ward.lost", &serde_json::json!({}))).await.expect("it is sent");
    service.settled().await.expect("it settles");
    let mut seen = seen.lock().unwrap().clone();
    let letters = service.dead_letters().await.expect("they can be read");
    let mut letters: Vec<String> = letters.into_iter().map(|letter| letter.report).collect();
    seen.sort();
    letters.sort();
    (seen, service.published::<derived::WardClosed>().await.expect("they can be read"), letters)
}

#[tokio::test]
async fn the_same_is_done() {
    let derived = handled(Subscriber::of::<derived::watch>()).await;
    assert_eq!(derived.0.len(), 4, "{derived:?}");
    assert_eq!(derived.1, [derived::WardClosed { ward_id: 8 }]);
    assert_eq!(derived.2.len(), 3, "{derived:?}");
    assert_eq!(derived, handled(Subscriber::of::<by_hand::Watch>()).await);
    assert_eq!(derived, handled(Subscriber::of::<by_hand::watch>()).await);
}

#[tokio::test]
async fn the_same_is_missed_at_the_start() {
    let mut said = Vec::new();
    for subscriber in [Subscriber::of::<derived::watch>(), Subscriber::of::<by_hand::Watch>()] {
        let started = TestService::start([Service::new("wards").subscribe([subscriber])]).await;
        let Err(error) = started else { panic!("it starts without its state") };
        said.push(error.to_string());
    }
    assert_eq!(said[0], said[1]);
}
