//! The macros of `shared`. Use them through that crate: it re-exports them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attribute;
mod diagnostics;
mod entity;
mod event;
mod handler;
mod json_schema;
mod migrations;
#[cfg(test)]
mod pretty;
mod query;
mod respond;
mod spans;
mod subject;
mod subscribe;
mod validate;
mod wire;

use proc_macro::TokenStream;

/// Makes an event of a struct, or a domain of an enum.
///
/// # On a struct: one event
///
/// ```
/// use shared::prelude::*;
///
/// /// An appointment was booked.
/// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
/// #[event(subject = "clinic.{clinic_id}.appointment.booked", key = appointment_id)]
/// pub struct AppointmentBooked {
///     pub clinic_id: u32,
///     pub appointment_id: Uuid,
///     #[validate(range(min = 5, max = 480))]
///     pub duration_minutes: u32,
///     #[validate(length(max = 500))]
///     pub reason: Option<Phi<String>>,
/// }
///
/// assert_eq!(AppointmentBooked::SUBJECT, "clinic.{clinic_id}.appointment.booked");
/// assert_eq!(AppointmentBooked::TYPE, "clinic.appointment.booked");
///
/// let event = AppointmentBooked { clinic_id: 7, appointment_id: id::new(), duration_minutes: 3, reason: None };
/// assert_eq!(event.subject(), "clinic.7.appointment.booked");
/// assert_eq!(
///     event.validate().unwrap_err().to_string(),
///     "`AppointmentBooked` is not valid: /duration_minutes must be 5 to 480 (range)"
/// );
/// ```
///
/// | `#[event(..)]` | value | meaning |
/// |---|---|---|
/// | `subject` | `"appointment.booked"` | where it is published; required. A slot `{field}` is filled with the field's value: a `Uuid`, an integer, a `bool`, an enum with `#[derive(EntityEnum)]`, a `Token`, or another type with `SubjectToken`. The first token has no slot: it is the domain |
/// | `key` | a field | the ordering key: events with the same key are handled in the order of their commits |
/// | `version` | a number from 1 | the version of the payload; 1 if not given |
/// | `upcast(from = …)` | an event | the next older version, see [Versions](#versions) |
/// | `type` | `"appointment.booked"` | the event type's name; the subject without its slots if not given |
/// | `crate` | a path | where `shared` is, if it was renamed: `crate = ::my_shared` |
///
/// Generated are the impls of `Validate`, of `Event` with its constants, and of `Publish`. `EventSet` follows from
/// `Event`.
///
/// # Versions
///
/// A field that is added with `#[serde(default)]` or as an `Option` needs no new version, and fields that a type does not
/// know are ignored. Any other change does: raise `version`, keep the type as it was under another name, and say how the
/// one becomes the other.
///
/// ```
/// use shared::prelude::*;
///
/// #[derive(Debug, Serialize, Deserialize, Event)]
/// #[event(subject = "appointment.booked")]
/// pub struct AppointmentBookedV1 {
///     pub appointment_id: Uuid,
///     pub minutes: u32,
/// }
///
/// #[derive(Debug, Serialize, Deserialize, Event)]
/// #[event(subject = "appointment.booked", version = 2, upcast(from = AppointmentBookedV1))]
/// pub struct AppointmentBooked {
///     pub appointment_id: Uuid,
///     #[validate(range(min = 300))]
///     pub seconds: u32,
/// }
///
/// impl From<AppointmentBookedV1> for AppointmentBooked {
///     fn from(older: AppointmentBookedV1) -> Self {
///         Self { appointment_id: older.appointment_id, seconds: older.minutes * 60 }
///     }
/// }
///
/// let payload = br#"{"appointment_id":"018f4e6c-0000-7000-8000-000000000000","minutes":30}"#;
/// let event = AppointmentBooked::decode_as("appointment.booked", Some(1), payload)?;
/// assert_eq!(event.seconds, 1_800);
/// # Ok::<(), Error>(())
/// ```
///
/// A message that states version 1 is read as `AppointmentBookedV1` and converted; one that states no version is taken as
/// the newest. The older type may have an `upcast` of its own, and so on; versions may be left out. Only what it becomes in
/// the end is validated. A version that is newer than the type, or none that it is made of, is not guessed at: the event
/// becomes a dead letter with the reason `newer_version` or `older_version`.
///
/// Nothing but the newest type is named by domains and subscribers. All versions have the same type name and the same
/// subject (slots may change their names): what is published elsewhere is another event.
///
/// # On an enum: a closed set of events
///
/// ```
/// # use shared::prelude::*;
/// # #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
/// # #[event(subject = "appointment.booked")]
/// # pub struct AppointmentBooked { pub appointment_id: Uuid }
/// # #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
/// # #[event(subject = "appointment.cancelled")]
/// # pub struct AppointmentCancelled { pub appointment_id: Uuid }
/// /// Everything that happens to an appointment.
/// #[derive(Debug, Clone, PartialEq, Event)]
/// #[event(domain = "appointment")]
/// pub enum AppointmentEvent {
///     Booked(AppointmentBooked),
///     Cancelled(AppointmentCancelled),
/// }
///
/// /// What a waiting list is interested in.
/// #[derive(Debug, Clone, PartialEq, Event)]
/// #[event(domain = "appointment", subset_of = AppointmentEvent)]
/// pub enum Ended {
///     Cancelled(AppointmentCancelled),
/// }
///
/// assert_eq!(AppointmentEvent::SUBJECTS, ["appointment.booked", "appointment.cancelled"]);
/// let payload = br#"{"appointment_id":"018f4e6c-0000-7000-8000-000000000000"}"#;
/// assert!(matches!(AppointmentEvent::decode("appointment.booked", payload), Ok(AppointmentEvent::Booked(_))));
/// ```
///
/// | `#[event(..)]` | value | meaning |
/// |---|---|---|
/// | `domain` | `"appointment"` | the first tokens of every member's subject; required |
/// | `subset_of` | an enum | the enum of the whole domain, so that a subscriber of this one is told which events its pattern delivers besides |
/// | `crate` | a path | as on a struct |
///
/// Each variant wraps one event. Generated are the impls of `Validate`, `EventSet` and `Publish`, and `From` for each
/// member (and from a subset into the whole). That every member is of the domain, and that no two have the same subject,
/// whatever its slots are called, or the same type name, is checked while the program is compiled.
///
/// # On a field: `#[validate(..)]`
///
/// See [`Validate`](macro@Validate). The rules are checked before an event is published and before it is handled.
///
/// # Limits
///
/// An event is a struct with named fields, which are the keys of its payload, and has no generics. It needs serde's
/// `Serialize` and `Deserialize`; an enum needs neither.
///
/// # Cost
///
/// At most 60 lines of generated code for an event, and for a domain 60 and 15 for each member.
#[proc_macro_derive(Event, attributes(event, validate))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    event::expand_event(input.into()).into()
}

/// Makes `#[validate(..)]` rules of a struct's fields, for types that events and entities are made of.
///
/// Events and entities derive their own `Validate`; this is for the types inside them.
///
/// ```
/// use shared::prelude::*;
///
/// #[derive(Debug, Serialize, Deserialize, JsonSchema, Validate)]
/// pub struct Line {
///     #[validate(length(min = 1, max = 80))]
///     pub text: String,
///     #[validate(range(min = 1))]
///     pub amount_cents: i64,
/// }
///
/// #[derive(Debug, Serialize, Deserialize, Event)]
/// #[event(subject = "invoice.issued")]
/// #[validate(custom = is_due_after_it_was_issued)]
/// pub struct InvoiceIssued {
///     #[validate(nested, length(min = 1))]
///     pub lines: Vec<Line>,
///     #[validate(email)]
///     pub recipient: Option<Phi<String>>,
///     #[validate(pattern = "^INV-[0-9]{6}$", custom = has_check_digit)]
///     pub number: String,
///     #[validate(one_of("card", "transfer"))]
///     pub paid_by: String,
///     #[validate(each(length(max = 20), pattern = "^[a-z-]+$"))]
///     pub tags: Vec<String>,
///     pub issued_on: NaiveDate,
///     pub due_on: NaiveDate,
/// }
///
/// fn has_check_digit(number: &str) -> Result<(), &'static str> {
///     if number.ends_with('0') { Err("a number with a check digit") } else { Ok(()) }
/// }
///
/// fn is_due_after_it_was_issued(invoice: &InvoiceIssued) -> Result<(), &'static str> {
///     if invoice.issued_on < invoice.due_on { Ok(()) } else { Err("an invoice that is due after it was issued") }
/// }
///
/// let invoice = InvoiceIssued {
///     lines: vec![Line { text: String::from("consultation"), amount_cents: 0 }],
///     recipient: None,
///     number: String::from("INV-000010"),
///     paid_by: String::from("cash"),
///     tags: vec![String::from("urgent"), String::from("Ward 7")],
///     issued_on: NaiveDate::MIN,
///     due_on: NaiveDate::MIN,
/// };
/// assert_eq!(
///     invoice.validate().unwrap_err().to_string(),
///     "`InvoiceIssued` is not valid: /lines/0/amount_cents must be at least 1 (range); \
///      /number must be a number with a check digit (custom); \
///      /paid_by must be one of \"card\", \"transfer\" (one_of); \
///      /tags/1 must be text that matches ^[a-z-]+$ (pattern); \
///      / must be an invoice that is due after it was issued (custom)"
/// );
/// ```
///
/// # Rules of a field
///
/// | rule | works on | holds when |
/// |---|---|---|
/// | `range(min = …, max = …)` | numbers, `DateTime<Utc>`, `NaiveDate`, `NaiveTime`, `TimeDelta`, `Duration` | the value lies between the bounds, both included; either may be left out. Bounds are expressions of the field's type; `NaN` never lies between any |
/// | `length(min = …, max = …)` | texts, lists, sets, maps | it has so many characters (Unicode scalar values) or items; either bound may be left out. Bounds are constants |
/// | `length(equal = …)` | the same | it has exactly so many |
/// | `length(bytes, …)` | `String` | it has so many bytes in UTF-8 |
/// | `email` | `String` | it is an e-mail address, by the HTML standard's definition |
/// | `url` | `String` | it is an absolute URL, by the WHATWG's definition, of any scheme |
/// | `pattern = "…"` | `String` | the regular expression matches somewhere in it; may be given several times |
/// | `one_of("a", "b")` | `String` | it is one of these |
/// | `one_of(1, 2)` | integers | it is one of these |
/// | `past`, `future` | `DateTime<Utc>`, `NaiveDate` | it is before or after `time::now()`, which a test's clock moves; a date before or after today in UTC, so that today is neither |
/// | `custom = path` | any type `T` | the function, a `fn(&T) -> Result<(), &'static str>`, says `Ok`; the text is what would be right, and never the value. For a `String` it may take `&str`, for a `Vec<T>` `&[T]`. May be given several times |
/// | `nested` | types with rules, and lists, sets and maps of them | their own rules hold |
/// | `each(…)` | lists, sets, maps, arrays | the rules inside hold for every item, of a map for every value |
///
/// All but `custom` look through `Option` (what is absent is valid), `Phi` and `Box`.
///
/// # Rules of the struct
///
/// `#[validate(custom = path)]` on the struct is for what several fields decide together. The function takes the struct
/// and is called with the other rules, whether they hold or not. On the struct itself, `#[validate(crate = path)]` says
/// where `shared` is, if it was renamed.
///
/// # What is said
///
/// Every broken rule is a violation: a path, the rule's name and what it allows, but never the value. The path is a JSON
/// pointer over the names that serde gives the fields (`rename`, `rename_all`, `flatten`). It has the index of an item of
/// a list, and `*` for what a map has below a key and for a member of a set, because those may be a patient's.
///
/// Regular expressions, and the order of bounds that are numbers, are checked while the program is compiled. The rules
/// themselves are in the constant `Validate::RULES`, for JSON Schema.
///
/// # Cost
///
/// As long as nothing is broken, nothing is allocated (but by `url`). A bound or a choice takes some ten instructions, a
/// regular expression or an e-mail address some hundreds.
#[proc_macro_derive(Validate, attributes(validate))]
pub fn derive_validate(input: TokenStream) -> TokenStream {
    validate::expand_validate(input.into()).into()
}

/// Says what a type looks like in JSON: for types of yours in events.
///
/// ```
/// # use shared::prelude::*;
/// #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
/// #[serde(rename_all = "camelCase")]
/// pub struct Address {
///     #[validate(length(max = 100))]
///     pub street: Phi<String>,
///     pub post_code: String,
/// }
/// ```
///
/// It reads `#[serde(..)]` and `#[schemars(..)]` as the derive of the crate `schemars` does, which does the work and need
/// not be among the dependencies. `#[validate(..)]` it leaves alone: rules are part of an event's schema where a field
/// with `#[validate(nested)]` asks for them. Where `shared` was renamed, `#[schemars(crate = "renamed::schemars")]` says so.
#[proc_macro_derive(JsonSchema, attributes(schemars, serde, validate))]
pub fn derive_json_schema(input: TokenStream) -> TokenStream {
    json_schema::expand_json_schema(input.into()).into()
}

/// Makes a subscriber of an async function: whenever an event is published on a subject that the pattern covers, the
/// function is called with it.
///
/// ```
/// use shared::prelude::*;
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "appointment.fulfilled", key = appointment_id)]
/// # pub struct AppointmentFulfilled { pub appointment_id: Uuid }
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "appointment.cancelled", key = appointment_id)]
/// # pub struct AppointmentCancelled { pub appointment_id: Uuid }
/// # #[derive(Debug, Clone, Event)]
/// # #[event(domain = "appointment")]
/// # pub enum AppointmentEvent { Fulfilled(AppointmentFulfilled), Cancelled(AppointmentCancelled) }
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "invoice.issued", key = appointment_id)]
/// # pub struct InvoiceIssued { pub appointment_id: Uuid, pub cents: i64 }
/// # #[derive(Clone)]
/// # pub struct Prices { pub consultation: i64 }
///
/// /// Issues an invoice. What is returned is published in the transaction of the handler.
/// #[subscribe("appointment.fulfilled")]
/// async fn bill(event: AppointmentFulfilled, _tx: &mut Tx, State(prices): State<Prices>) -> Result<InvoiceIssued> {
///     Ok(InvoiceIssued { appointment_id: event.appointment_id, cents: prices.consultation })
/// }
///
/// /// Follows all that happens to appointments.
/// #[subscribe("appointment.*", retry(max = 8, backoff = "200ms..1m"), concurrency = 32)]
/// async fn follow(event: AppointmentEvent, meta: &Metadata) {
///     shared::tracing::info!(attempt = meta.attempt, kind = ?std::mem::discriminant(&event), "seen");
/// }
///
/// fn billing() -> Service {
///     Service::new("billing").subscribe(shared::subscribers![bill, follow]).state(Prices { consultation: 9_000 })
/// }
/// ```
///
/// # The pattern
///
/// The tokens of a subject, with `*` for any one token and `>`, at the end, for one or more. It is proven against the
/// event's type while the program is compiled: a pattern that can never match (also one with a literal token which the
/// slot at its place never is, such as `clinic.seven.opened` where the slot is a number), a wildcard over a single event, and a
/// wildcard that delivers an event of the domain which the type does not have are errors.
///
/// What stands for each `*` can be taken as an argument, without looking into the event: `Captures<Uuid>` for one,
/// `Captures<(Uuid, Token)>` for two. As many types as there are `*`, and none that the event's slot never
/// is, or it does not compile.
///
/// ```
/// use shared::prelude::*;
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "clinic.{clinic_id}.opened")]
/// # pub struct ClinicOpened { pub clinic_id: Uuid }
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "clinic.{clinic_id}.closed")]
/// # pub struct ClinicClosed { pub clinic_id: Uuid }
/// # #[derive(Debug, Clone, Event)]
/// # #[event(domain = "clinic")]
/// # pub enum ClinicEvent { Opened(ClinicOpened), Closed(ClinicClosed) }
/// #[subscribe("clinic.*.>")]
/// async fn follow(event: ClinicEvent, Captures(clinic_id): Captures<Uuid>) {
///     shared::tracing::info!(%clinic_id, "seen");
/// }
/// ```
///
/// # The function
///
/// It stays what it is, callable from a test. Beside it, a hidden type of the same name is generated, which
/// `subscribers![..]` registers it by.
///
/// - The first argument is the event: a type with `#[derive(Event)]`, by value; or a `Batch` of it.
/// - The others, in any order, are taken from the delivery: `&mut Tx`, `&Db`, `&Bus`, `&Metadata`, `State<T>`,
///   `Captures<T>`, and whatever implements `shared::service::FromDelivery`.
/// - It returns `()`, an event, `Option` or `Vec` of events, or a `Result` of these. Returned events are published in
///   the handler's transaction.
///
/// With `&mut Tx` its effects in the database happen once for each event. Without it, the handler may be called again
/// for an event that it has handled.
///
/// # Options
///
/// | option | value | meaning |
/// |---|---|---|
/// | `retry(max = …)` | 1 to 1000; 8 if not given | the number of tries, the first one included; then the event becomes a dead letter |
/// | `retry(backoff = …)` | `"200ms..1m"`, also the default | the first pause and the longest; pauses double, with jitter |
/// | `concurrency` | 1 to 1000; 16 if not given | how many events are handled at once, each of another ordering key |
/// | `unordered` | | all replicas of the service handle the events at once, in no order; see below |
/// | `partitions` | 2 to 64 | the events are parted by their keys, and the replicas share the parts; see below |
/// | `batch(max = …)` | 2 to 1000; 256 if not given | the most events of one call; for a subscriber that takes a `Batch` |
/// | `batch(wait = …)` | `"50ms"`, at most `"10s"`; none if not given | how long the first event of a batch waits for others |
/// | `no_inbox` | | nothing is noted of the events that were handled; for a subscriber without `&mut Tx` that returns no events; see below |
/// | `timeout` | `"60s"`, also the default | the longest time of one try |
/// | `on_unknown` | `"park"` (the default) or `"skip"` | whether an event type that the handler's type does not know becomes a dead letter or is dropped; with `"skip"` a wildcard may deliver more than the type knows |
/// | `name` | `"reminders-v2"` | the durable name of the subscription; the function's name if not given |
/// | `crate` | a path | where `shared` is, if it was renamed |
///
/// # Errors
///
/// After an error the event is tried again, as `retry` says, and at last becomes a dead letter; at once, if the error is
/// [`Error::permanent`](../shared/enum.Error.html#method.permanent) or the event is not valid. While it waits, the events of
/// its key wait too. A transaction that lost against another one is run again at once, some times, before that counts as a
/// try. While the database is away, or what the handler calls
/// [`Error::unavailable`](../shared/enum.Error.html#method.unavailable), the subscription is paused: one event is tried now
/// and then, no tries are used up, and all go on when one succeeds.
///
/// # Many at once
///
/// A subscriber that takes a `Batch` gets many events in one call, in one transaction:
///
/// ```
/// use shared::prelude::*;
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "vitals.measured", key = patient_id)]
/// # pub struct VitalsMeasured { pub patient_id: Uuid, pub pulse: i32 }
/// # #[derive(Debug, Clone, PartialEq, Entity)]
/// # #[entity(table = "vitals")]
/// # pub struct Vitals { #[entity(id)] pub id: Uuid, pub patient_id: Uuid, pub pulse: i32 }
/// #[subscribe("vitals.measured", batch(max = 500))]
/// async fn store(events: Batch<VitalsMeasured>, tx: &mut Tx) -> Result<()> {
///     let rows = events.into_iter().map(|event| NewVitals { patient_id: event.patient_id, pulse: event.pulse });
///     tx.repo::<Vitals>().create_many(rows.collect()).await?;
///     Ok(())
/// }
/// ```
///
/// Each event is in it once, and those of a key are in their order. After an error it is tried again in halves, until the
/// event that fails is alone; only that one is retried, and parked. Arguments that are of one event (`&Metadata`,
/// `Captures<T>`) do not compile; `with_metadata()` of the batch has what is known of each. `concurrency` is the number of
/// batches at once.
///
/// Any other subscriber with `&mut Tx` is called once for each event. When many wait and its calls are quick, some of
/// them share a transaction, one after another: a commit costs more than they do. If one fails, all of them are undone and
/// run again, each in a transaction of its own. So a call may be made again for an event through no fault of its own; what
/// it does outside of the database is done again, as after any error.
///
/// # Without the inbox
///
/// A subscriber without `&mut Tx` may be called again for an event that it has handled, which happens seldom: each event
/// that was handled is noted in the inbox, and what it returns is published in the same transaction. With `no_inbox` the
/// database is asked nothing and told nothing of an event that was handled, which is many times as fast; the handler is
/// called again whenever the broker delivers an event again, so it cannot return events: they would be published again. For
/// handlers whose effects may happen twice: a cache that is filled, a screen that is kept up to date.
///
/// ```
/// use shared::prelude::*;
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "vitals.measured", key = patient_id)]
/// # pub struct VitalsMeasured { pub patient_id: Uuid, pub pulse: i32 }
/// # #[derive(Clone)]
/// # pub struct Monitor;
/// # impl Monitor { fn show(&self, _patient_id: Uuid, _pulse: i32) {} }
/// #[subscribe("vitals.measured", no_inbox)]
/// async fn show(event: VitalsMeasured, State(monitor): State<Monitor>) {
///     monitor.show(event.patient_id, event.pulse);
/// }
/// ```
///
/// Errors, retries and dead letters are as with the inbox.
///
/// # Replicas
///
/// Events with the same ordering key are handled in the order of their commits, however many processes run the service.
/// For this a subscription is active in one of them at a time. The others stand by: they take over at once from one that
/// ends, within seconds from one that dies, and after some ten seconds from one that hangs. Whoever takes over begins
/// with what the other one has left, and what the other one still tries to commit fails.
///
/// - With `partitions = 4`, each key belongs to one of four parts, and each part is active in one process at a time: up
///   to four processes share the work. Every part reads the whole subject and drops what belongs to the others, so take
///   few. The number may be changed later: nothing is handled twice for it.
/// - With `unordered`, all processes are active, and the events of a key are handled side by side and in any order.
/// - A subscription none of whose events has a key is active in all processes without being asked.
///
/// Without NATS there is one process, and all this changes nothing. On a SQLite file nobody takes over from a process
/// that hangs: it may hang while it holds the database itself.
///
/// # Limits
///
/// A free async function without generics, whose future is `Send`. No module or type beside it may have its name.
///
/// # Cost
///
/// At most 60 lines of generated code. The body is not parsed.
#[proc_macro_attribute]
pub fn subscribe(attribute: TokenStream, item: TokenStream) -> TokenStream {
    subscribe::expand_subscribe(attribute.into(), item.into()).into()
}

/// Makes a query of a struct: a question to a service, which is answered with a value.
///
/// ```
/// use shared::prelude::*;
///
/// /// Which slots of a doctor are free?
/// #[derive(Debug, Serialize, Deserialize, Query)]
/// #[query(subject = "schedule.slots", reply = Vec<DateTime<Utc>>)]
/// pub struct FreeSlots {
///     pub doctor_id: Uuid,
///     #[validate(range(min = 1, max = 100))]
///     pub limit: u32,
/// }
///
/// async fn ask(bus: &Bus, doctor_id: Uuid) -> Result<Vec<DateTime<Utc>>> {
///     bus.request(&FreeSlots { doctor_id, limit: 10 }).await
/// }
/// ```
///
/// | key | |
/// |---|---|
/// | `subject = "…"` | where it is asked: concrete, without slots and wildcards; on NATS below `rpc.` |
/// | `reply = Type` | what it is answered with: a type with serde's traits |
/// | `crate = path` | where the crate `shared` is, if it was renamed |
///
/// It implements `Query` and `Validate`, for `#[validate(..)]` on its fields: the rules run before a question is sent, and again
/// before it is answered. The struct has named fields and no generics, and derives `Serialize` and `Deserialize`. Field names
/// are serde's. What is added to it later needs `#[serde(default)]`, so that older askers are understood.
#[proc_macro_derive(Query, attributes(query, validate))]
pub fn derive_query(input: TokenStream) -> TokenStream {
    query::expand_query(input.into()).into()
}

/// Makes a responder of an async function: it answers a query.
///
/// ```
/// use shared::prelude::*;
/// # #[derive(Debug, Serialize, Deserialize, Query)]
/// # #[query(subject = "schedule.slots", reply = Vec<DateTime<Utc>>)]
/// # pub struct FreeSlots { pub doctor_id: Uuid }
/// # #[derive(Debug, Clone, PartialEq, Entity)]
/// # #[entity(table = "slots")]
/// # pub struct Slot { #[entity(id)] pub id: Uuid, pub doctor_id: Uuid, pub starts_at: DateTime<Utc> }
///
/// /// The free slots of a doctor.
/// #[respond("schedule.slots", concurrency = 16, timeout = "2s")]
/// async fn slots(query: FreeSlots, db: &Db) -> Result<Vec<DateTime<Utc>>> {
///     db.repo::<Slot>().query().filter(Slot::DOCTOR_ID.eq(query.doctor_id)).values(Slot::STARTS_AT).all().await
/// }
///
/// fn schedule() -> Service {
///     Service::new("schedule").entities(entities![Slot]).respond(responders![slots])
/// }
/// ```
///
/// The subject is that of the query, which the compiler checks. The function stays what it is, and is registered by a type of
/// the same name.
///
/// # Arguments
///
/// The query comes first; then, in any order, `&Db`, `&Bus`, `&Metadata` (whose `event_id` is the request's own), `State<T>`,
/// whatever implements `FromDelivery`, and `&mut Tx`: the transaction commits before the answer goes out, and rolls back when
/// there is an error. A request may be worked on although its asker has stopped waiting, and an asker may ask again: what changes
/// something needs a key by which it is known again.
///
/// # Answers
///
/// It returns the query's `reply`, or a `Result` of it. The asker gets an error as `Error::Remote`, with its kind, its message
/// (no error of this library has values in it) and the violations; errors of the service's own code (`Error::other`) and panics
/// are answered as internal errors, and their texts stay in the log.
///
/// | option | default | |
/// |---|---|---|
/// | `concurrency = 16` | 32 | how many requests are answered at once; eight times as many wait, further ones are answered as busy |
/// | `timeout = "2s"` | 10s | the longest time of one answer; an asker who waits less has it cancelled earlier |
/// | `crate = path` | `::shared` | where the crate `shared` is, if it was renamed |
///
/// # On NATS
///
/// The service is one of the NATS service API: `nats service ls`, `info` and `stats` show it, and any client can ask
/// (`nats request rpc.schedule.slots '{"doctor_id": "…"}'`). Several processes share the requests. At shutdown what has come is
/// answered.
#[proc_macro_attribute]
pub fn respond(attribute: TokenStream, item: TokenStream) -> TokenStream {
    respond::expand_respond(attribute.into(), item.into()).into()
}

/// Makes an entity of a struct: a table, and what `Repo` needs to read and write it.
///
/// ```
/// # use shared::prelude::*;
/// # #[derive(Debug, Clone, PartialEq, Entity)]
/// # #[entity(table = "patients")]
/// # pub struct Patient { #[entity(id)] pub id: Uuid }
/// # #[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
/// # pub enum Status { Booked }
/// #[derive(Debug, Clone, PartialEq, Entity)]
/// #[entity(table = "appointments", unique(doctor_id, starts_at), index(patient_id, starts_at))]
/// pub struct Appointment {
///     #[entity(id)]                  pub id: Uuid,
///     #[entity(references(Patient))] pub patient_id: Uuid,
///     pub doctor_id: Uuid,
///     pub starts_at: DateTime<Utc>,
///     #[validate(range(min = 5, max = 480))]
///     pub duration_minutes: i32,
///     pub status: Status,
///     pub notes: Option<Phi<String>>,
///     #[entity(version)]             pub version: i64,
///     #[entity(created_at)]          pub created_at: DateTime<Utc>,
/// }
/// ```
///
/// # What is made of it
///
/// - `NewAppointment`: a struct of the fields that a caller supplies, with their visibility, `Debug`, `Clone` and
///   `Validate`.
/// - `AppointmentPatch`: `AppointmentPatch::new().status(Status::Cancelled).notes(None)`, one method per field that
///   can change.
/// - `Appointment::STARTS_AT` and so on: one typed column per field.
/// - `Appointment::by_doctor_id_and_starts_at(..)`: one filter per unique key, for `Repo::find_by`.
/// - `Appointment::UNIQUE_DOCTOR_ID_AND_STARTS_AT`: the key itself, for `Repo::upsert`; of an id that the caller gives,
///   `UNIQUE_ID`.
/// - The impl of `Entity`, with table, columns and every statement as constants.
///
/// # On the struct: `#[entity(..)]`
///
/// | key | meaning |
/// |---|---|
/// | `table = "…"` | the table, `"appointments"`, or with its schema `"clinic.appointments"`; required. See below |
/// | `unique(a, b)` | these fields together are unique; with a `deleted_at`, among the rows that are not deleted |
/// | `index(a, b(desc))` | an index on these fields |
/// | `unique(a, where(status = Status::Booked))`, `index(…, where(…))` | of some rows: conditions are `field = CONSTANT`, `field != CONSTANT`, `field is null` and `field is not null`, with commas between them |
/// | `unchecked` | the rules of the fields are no checks of the table |
/// | `emits(created = Event)` | events that its writes publish; see below |
/// | `crate = path` | where `shared` is, if it was renamed |
///
/// # On a field: `#[entity(..)]`
///
/// | key | type | meaning |
/// |---|---|---|
/// | `id` | `Uuid` or a newtype of it | the id, made by the library (UUIDv7) |
/// | `id, given` | also `i32`, `i64`, `String`, `Token` | the id, supplied by the caller |
/// | `version` | `i64` | counts the updates; a lost race is `Error::Stale` |
/// | `created_at`, `updated_at` | `DateTime<Utc>` | set by the library |
/// | `created_by`, `updated_by` | `String`, `Uuid`, newtypes of them, or an `Option` of these | set by the library from the context's actor; without one, `None` or `Error::Usage` |
/// | `deleted_at` | `Option<DateTime<Utc>>` | rows are marked instead of deleted, and no longer found |
/// | `references(Entity)` | that of the entity's id | a foreign key; the other row cannot be deleted. `Error::ForeignKey` names this entity and the field |
/// | `references(Entity, on_delete = …)` | | `restrict` (at once), `cascade`, or `set_null`; not where the deletion or the change would have to emit something |
/// | `unique`, `index` | | this field alone |
/// | `flatten(street: String, city: String)` | a struct of these fields | a value of several columns, `address_street` and so on, with a constant for each: `ADDRESS_STREET`. `New…` and `…Patch` take the whole value |
/// | `rename = "…"` | | the column's name, if it is not the field's |
/// | `skip` | `Default` | not stored |
///
/// # Types of fields
///
/// `Uuid`, `DateTime<Utc>`, `NaiveDate`, `NaiveTime`, `i16`, `i32`, `i64`, `f64`, `bool`, `String`, `Token`, `Vec<u8>`,
/// `Decimal` (feature `decimal`), enums with [`EntityEnum`](macro@EntityEnum), newtypes with
/// [`EntityValue`](macro@EntityValue), `Option` and `Phi` of these, lists of most of them, and `Json<T>` of whatever has
/// serde's traits. What they are in each engine is in the table of the trait
/// [`EntityValue`](../shared/entity/trait.EntityValue.html).
///
/// # Schemas
///
/// `table = "appointments"` is found on Postgres by the search path. `table = "clinic.appointments"` is the table
/// `appointments` of the schema `clinic`, whatever the search path is; where tables are created, missing schemas are, too.
/// SQLite has no schemas. There `clinic.appointments`, with the dot, is the name of the table, so that in SQL of your own
/// it stands in quotes: `SELECT … FROM "clinic.appointments"`. `billing.appointments` and `appointments` are other tables
/// on both engines, each with keys and indexes of its own, and references may go from any of them to any other. (Where a
/// search path makes `appointments` and `clinic.appointments` one table, both as entities are an error.)
///
/// ```
/// # use shared::prelude::*;
/// #[derive(Debug, Clone, Entity)]
/// #[entity(table = "clinic.patients", unique(mrn))]
/// pub struct Patient {
///     #[entity(id)]                  pub id: Uuid,
///     pub mrn: Phi<String>,
/// }
///
/// #[derive(Debug, Clone, Entity)]
/// #[entity(table = "billing.invoices")]
/// pub struct Invoice {
///     #[entity(id)]                  pub id: Uuid,
///     #[entity(references(Patient))] pub patient_id: Uuid,
/// }
/// ```
///
/// Names are written as they are here, in quotes: words of SQL are fine, and Postgres keeps capital letters. To SQLite
/// `Rooms` and `rooms` are one table, which is an error, too. It is found where tables are created or compared.
///
/// # Events: `emits(..)`
///
/// What happens to a row is published in the transaction that does it: both are there, or neither. `create` on a `Db`
/// has a transaction of its own; `create_many`, `update_where` and `delete_where` publish an event for each row, and
/// hold all of the rows and events in memory until then: change very many in parts.
///
/// ```
/// # use shared::prelude::*;
/// #[derive(Debug, Clone, PartialEq, Entity)]
/// #[entity(table = "visits", emits(
///     created = VisitPlanned,
///     updated(VisitMoved, when = Visit::moved),
///     deleted = VisitCancelled,
/// ))]
/// pub struct Visit {
///     #[entity(id)]      pub id: Uuid,
///     pub starts_at: DateTime<Utc>,
///     #[entity(version)] pub version: i64,
/// }
///
/// impl Visit {
///     fn moved(before: &Self, after: &Self) -> bool {
///         before.starts_at != after.starts_at
///     }
/// }
///
/// #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// #[event(subject = "visit.planned", key = visit_id)]
/// pub struct VisitPlanned { pub visit_id: Uuid }
///
/// impl From<&Visit> for VisitPlanned {
///     fn from(visit: &Visit) -> Self {
///         Self { visit_id: visit.id }
///     }
/// }
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "visit.moved", key = visit_id)]
/// # pub struct VisitMoved { pub visit_id: Uuid }
/// # impl From<&Visit> for VisitMoved { fn from(visit: &Visit) -> Self { Self { visit_id: visit.id } } }
/// # #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// # #[event(subject = "visit.cancelled", key = visit_id)]
/// # pub struct VisitCancelled { pub visit_id: Uuid }
/// # impl From<&Visit> for VisitCancelled { fn from(visit: &Visit) -> Self { Self { visit_id: visit.id } } }
/// ```
///
/// | key | on | a condition, `when = …`, is |
/// |---|---|---|
/// | `created` | a new row | `fn(&Visit) -> bool` |
/// | `updated` | a patch that sets something | `fn(before: &Visit, after: &Visit) -> bool` |
/// | `deleted` | a deletion, of any kind; of the row as it was, or with its mark | `fn(&Visit) -> bool` |
/// | `restored` | `Repo::restore` | `fn(&Visit) -> bool` |
///
/// The event is an event's type or the enum of a domain, with `impl From<&Visit>`. Each key may be there more than once.
/// What has no key emits nothing, and neither does what is written past the repository. An event that is refused (a
/// rule of its own, its size) keeps the row from being written.
///
/// # Rules: `#[validate(..)]`
///
/// On a field, as [`Validate`](macro@Validate) has them: they are checked before every insert, and for what a patch sets
/// before every update. On the struct, `#[validate(custom = path)]` takes a `fn(&Appointment) -> Result<(), &'static str>`
/// for what several fields decide together: it sees the entity as it will be stored, before an insert and before
/// `Repo::update`, there with the patch in place of what was read before. `update_where` reads no rows, so it cannot ask.
///
/// `range`, `length` and `one_of` are also checks of the table, where SQL can say them with the same meaning on both
/// engines: `{table}_{column}_range_check` and so on. Who writes past the library is held to them, too; `Error::Check`
/// names the field. Write `unchecked` for a table that must take what breaks them.
///
/// # Limits
///
/// Structs with named fields, without generics. No field may be called `new`.
#[proc_macro_derive(Entity, attributes(entity, validate))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    entity::expand_entity(input.into()).into()
}

/// Stores an enum without fields as text, with a check constraint on its names.
///
/// A variant is stored in `snake_case`, or as `#[entity(rename = "…")]` says. `as_str()` is that text. The enum can be
/// an ordering key, and a slot of a subject as long as its texts are of letters, digits, `_` and `-`. No entity needs to
/// have it: this is also the derive of an enum that only events have.
///
/// ```
/// # use shared::prelude::*;
/// #[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
/// pub enum Status {
///     Booked,
///     Cancelled,
///     #[entity(rename = "noshow")]
///     NoShow,
/// }
/// ```
#[proc_macro_derive(EntityEnum, attributes(entity))]
pub fn derive_entity_enum(input: TokenStream) -> TokenStream {
    entity::expand_entity_enum(input.into()).into()
}

/// Stores a struct around one value as that value: typed ids, and texts that are not just any text.
///
/// Converts from and into the inner value. It is an id, an ordering key or a slot of a subject if the inner value is.
///
/// ```
/// # use shared::prelude::*;
/// #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
/// pub struct PatientId(Uuid);
/// ```
#[proc_macro_derive(EntityValue, attributes(entity))]
pub fn derive_entity_value(input: TokenStream) -> TokenStream {
    entity::expand_entity_value(input.into()).into()
}

/// Reads some of an entity's columns into a struct: `query.select::<Slot>()`.
///
/// ```
/// # use shared::prelude::*;
/// # #[derive(Debug, Entity)]
/// # #[entity(table = "appointments")]
/// # struct Appointment { #[entity(id)] id: Uuid, starts_at: DateTime<Utc>, notes: Option<Phi<String>> }
/// #[derive(Debug, Projection)]
/// #[projection(of = Appointment)]
/// pub struct Slot {
///     id: Uuid,
///     #[projection(column = starts_at)]
///     from: DateTime<Utc>,
/// }
/// ```
///
/// A field has the name of one of the entity's, or says which one it is, and its type: both are checked while the
/// program is compiled, and only these columns are read from the database. A private field of the entity can be read
/// where its constant (`Appointment::NOTES`) can be named.
///
/// | key | on | meaning |
/// |---|---|---|
/// | `of = Entity` | the struct | whose columns the fields are; required |
/// | `column = field` | a field | the entity's field, if it has another name |
/// | `crate = path` | the struct | where `shared` is, if it was renamed |
#[proc_macro_derive(Projection, attributes(projection))]
pub fn derive_projection(input: TokenStream) -> TokenStream {
    entity::expand_projection(input.into()).into()
}

/// The migrations of a folder, put into the program: `migrations!("migrations")`, relative to the package's
/// `Cargo.toml`.
///
/// A file is called `0001_rooms.sql`: its number gives the order. `0001_rooms.postgres.sql` and
/// `0001_rooms.sqlite.sql` are for one engine each; a number has one file for both engines, or one for each. Files in
/// other folders and with other endings are left out.
///
/// ```
/// # fn service() -> shared::Service {
/// shared::Service::new("scheduling").migrations(shared::migrations!("../shared/tests/migrations"))
/// # }
/// # assert_eq!(service().name(), "scheduling");
/// ```
///
/// A change of a file is noticed by cargo; a new file only with a `build.rs` that prints
/// `cargo:rerun-if-changed=migrations`. [`assert_schema!`](../shared/macro.assert_schema.html) fails when the program has
/// been built without one of the folder's files.
#[proc_macro]
pub fn migrations(input: TokenStream) -> TokenStream {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    migrations::expand(input.into(), std::path::Path::new(&root)).into()
}
