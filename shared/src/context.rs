//! What is carried along implicitly: correlation, causation, actor, tenant, trace.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::time::Instant;

use crate::time::Clock;

tokio::task_local! {
    static CURRENT: Context;
}

/// Who and what the current work belongs to.
///
/// A subscriber runs inside the context of the event it handles, an HTTP handler behind
/// `CorrelationLayer` (feature `axum`) inside that of its request; what they publish inherits it. Nobody
/// passes ids by hand.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use shared::Context;
///
/// let context = Context::new().actor("dr-grey");
/// let id = context.correlation_id().clone();
/// context.scope(async move {
///     assert_eq!(Context::current().correlation_id(), &id);
/// }).await;
/// # })
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    correlation_id: Id,
    causation_id: Option<Id>,
    actor: Option<Id>,
    tenant: Option<Id>,
    trace: Option<Trace>,
    clock: Option<Clock>,
    deadline: Option<Instant>,
}

impl Context {
    /// A context with a correlation id of its own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            correlation_id: Id::mint(),
            causation_id: None,
            actor: None,
            tenant: None,
            trace: None,
            clock: None,
            deadline: None,
        }
    }

    /// The context in which an event is handled.
    pub(crate) fn of_event(
        correlation_id: Id,
        causation_id: Option<Id>,
        (actor, tenant): (Option<Id>, Option<Id>),
        trace: Option<Trace>,
    ) -> Self {
        Self { correlation_id, causation_id, actor, tenant, trace, clock: None, deadline: None }
    }

    /// The context of the current task, or a new one when there is none.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Self>) -> R) -> R {
        // the closure runs in exactly one of the two arms
        let mut f = Some(f);
        let inside = CURRENT.try_with(|context| f.take().map(|f| f(Some(context))));
        match (inside, f) {
            (Ok(Some(result)), _) => result,
            (_, Some(f)) => f(None),
            (_, None) => unreachable!("`try_with` either runs its closure and returns its result, or does not run it"),
        }
    }

    /// Runs a future inside this context. A task spawned from it does not inherit it: wrap its future too.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Runs a function inside this context.
    pub(crate) fn run<R>(self, f: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, f)
    }

    /// The id that all work caused by one request or one first event shares.
    #[must_use]
    pub fn correlation_id(&self) -> &Id {
        &self.correlation_id
    }

    /// The id of the event that is being handled.
    #[must_use]
    pub fn causation_id(&self) -> Option<&Id> {
        self.causation_id.as_ref()
    }

    /// Who asked for it: an opaque id of a person or system, never a name.
    #[must_use]
    pub fn actor_id(&self) -> Option<&Id> {
        self.actor.as_ref()
    }

    /// On whose behalf: an opaque id of an organization.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&Id> {
        self.tenant.as_ref()
    }

    /// The W3C trace this work is part of.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    pub(crate) fn clock(&self) -> Option<&Clock> {
        self.clock.as_ref()
    }

    /// Sets the correlation id. One that is not an [`Id`] is replaced by a new one, never echoed.
    #[must_use]
    pub fn correlation(mut self, id: &str) -> Self {
        self.correlation_id = Id::parse(id).unwrap_or_else(Id::mint);
        self
    }

    /// Sets the id of the event that caused this work; one that is not an [`Id`] is dropped.
    #[must_use]
    pub fn causation(mut self, id: &str) -> Self {
        self.causation_id = Id::parse(id);
        self
    }

    /// Sets who asked for it: an opaque id, never a name. One that is not an [`Id`] is dropped.
    #[must_use]
    pub fn actor(mut self, id: &str) -> Self {
        self.actor = Id::parse(id);
        self
    }

    /// Sets on whose behalf. One that is not an [`Id`] is dropped.
    #[must_use]
    pub fn tenant(mut self, id: &str) -> Self {
        self.tenant = Id::parse(id);
        self
    }

    /// Continues a W3C trace (`traceparent`, `tracestate`); malformed headers are dropped.
    #[must_use]
    pub fn trace_parent(mut self, traceparent: &str, tracestate: Option<&str>) -> Self {
        self.trace = Trace::parse(traceparent, tracestate);
        self
    }

    /// Until when whoever asked for this work waits for it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets until when somebody waits for this work: what it asks of others has no more time.
    pub(crate) fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Runs this context on a clock that a test can move; see [`crate::time::now`].
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

/// An opaque id as it travels in a header: 1 to 128 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id(Arc<str>);

impl Id {
    /// A new id, a UUIDv7.
    #[must_use]
    pub fn mint() -> Self {
        Self(crate::id::new().to_string().into())
    }

    /// Takes an id from outside, if it is one: 1 to 128 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_one(text).then(|| Self(text.into()))
    }

    pub(crate) fn is_one(text: &str) -> bool {
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A position in a W3C trace (<https://www.w3.org/TR/trace-context/>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    state: Option<String>,
}

impl Trace {
    /// Reads `traceparent` and `tracestate`; `None` when the former is malformed or all zero.
    #[must_use]
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        if !hex(version, 2) || version == "ff" || !hex(trace_id, 32) || !hex(span_id, 16) || !hex(flags, 2) {
            return None;
        }
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let trace = Self {
            trace_id: u128::from_str_radix(trace_id, 16).ok()?,
            span_id: u64::from_str_radix(span_id, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
            state: tracestate
                .filter(|state| state.len() <= 512 && state.bytes().all(|b| (b' '..=b'~').contains(&b)))
                .map(str::to_owned),
        };
        (trace.trace_id != 0 && trace.span_id != 0).then_some(trace)
    }

    /// A child position: the same trace with a span id of its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: fastrand::u64(1..), ..self.clone() }
    }

    /// The `tracestate` header.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl fmt::Display for Trace {
    /// The `traceparent` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_from_outside_are_parsed_not_trusted() {
        assert!(Id::parse("abc-123").is_some());
        for bad in ["", "a b", "a\r\nNats-Msg-Id: x", "ä", &"x".repeat(129)] {
            assert!(Id::parse(bad).is_none(), "{bad:?}");
        }
        let replaced = Context::new().correlation("a\nb");
        assert_ne!(replaced.correlation_id().as_str(), "a\nb");
    }

    #[test]
    fn traces_round_trip_and_reject_nonsense() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = Trace::parse(text, Some("k=v")).unwrap();
        assert_eq!(trace.to_string(), text);
        assert_eq!(trace.state(), Some("k=v"));
        let child = trace.child();
        assert_ne!(child.to_string(), text);
        assert_eq!(&child.to_string()[..36], &text[..36]);
        for bad in [
            "",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        ] {
            assert!(Trace::parse(bad, None).is_none(), "{bad}");
        }
    }
}
