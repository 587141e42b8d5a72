//! Asking, and the form in which answers travel.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Bus, Transport};
use crate::context::Context;
use crate::error::{DecodeError, Error, ErrorKind, RemoteError, RemoteViolation, Result};
use crate::event::{Draft, Headers, Outgoing, Shape};
use crate::query::Query;

/// How long an answer is waited for, unless the asker says otherwise or has less time itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the asker waits, in milliseconds: not until when, since clocks differ.
pub(crate) const TIMEOUT_HEADER: &str = "request-timeout-ms";

/// What an error's answer holds besides the headers of the NATS service API, percent-encoded JSON.
#[cfg_attr(not(feature = "nats"), allow(dead_code))] // in-process nothing is written
pub(crate) const ERROR_HEADER: &str = "Shared-Error";

/// The longest text of a remote error that is taken.
const MAX_MESSAGE: usize = 1_000;

/// A request on its way: a CloudEvent in binary mode, though none that anybody keeps.
pub(super) struct Asking {
    pub(super) subject: &'static str,
    pub(super) headers: Headers,
    pub(super) payload: Bytes,
    pub(super) timeout: Duration,
}

/// What a responder answers.
pub(crate) type Answer = std::result::Result<Bytes, Failure>;

/// An error as it travels: what it is, in words without values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) violations: Vec<RemoteViolation>,
}

impl Failure {
    /// What the asker may know of an error. That of a service's own code may quote anything, and stays in its log.
    pub(crate) fn of(error: &Error) -> Self {
        let message = match error {
            Error::Other { .. } | Error::Config(_) => "the responder failed; its log says why".to_owned(),
            error => error.to_string(),
        };
        let violations = match error {
            Error::Invalid(violations) => violations.iter().map(RemoteViolation::from).collect(),
            Error::Decode(DecodeError { path, code, .. }) => vec![RemoteViolation {
                path: path.clone(),
                rule: code.as_str().to_owned(),
                expected: error.to_string(),
            }],
            Error::Remote(remote) => remote.violations.clone(),
            _ => Vec::new(),
        };
        Self { status: error.http_status(), kind: error.kind().as_str().to_owned(), message, violations }
    }

    fn into_error(self, subject: &'static str) -> Error {
        // nothing from outside is trusted: no control characters, and no more than somebody reads
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect::<String>();
        let violations = self.violations.iter().take(100).map(|violation| RemoteViolation {
            path: clean(&violation.path),
            rule: clean(&violation.rule),
            expected: clean(&violation.expected),
        });
        Error::Remote(RemoteError {
            subject,
            status: self.status,
            kind: ErrorKind::parse(&self.kind).unwrap_or(ErrorKind::Other),
            message: clean(&self.message.replace('\n', " ")),
            violations: violations.collect(),
        })
    }
}

impl Bus {
    /// Asks the service that answers this query, and waits for its answer.
    ///
    /// The question is validated here and there. Correlation, actor, tenant and trace travel along, and so does how long
    /// this waits: 10 seconds, or what is left of the time of the request that is being answered here. Nothing is kept and
    /// nothing is tried again.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// use shared::prelude::*;
    ///
    /// /// How many beds are free in a ward?
    /// #[derive(Debug, Serialize, Deserialize, Query)]
    /// #[query(subject = "ward.beds.count", reply = u32)]
    /// pub struct CountBeds {
    ///     pub ward: u32,
    /// }
    ///
    /// #[respond("ward.beds.count")]
    /// async fn count(query: CountBeds) -> Result<u32> {
    ///     if query.ward == 7 { Ok(12) } else { Err(Error::NotFound { entity: "Ward" }) }
    /// }
    ///
    /// # #[cfg(feature = "sqlite")] {
    /// let wards = Service::new("wards").respond(responders![count]);
    /// let service = shared::testing::TestService::start([wards]).await?;
    /// assert_eq!(service.bus().request(&CountBeds { ward: 7 }).await?, 12);
    /// let error = service.bus().request(&CountBeds { ward: 8 }).await.unwrap_err();
    /// assert_eq!(error.kind(), shared::ErrorKind::NotFound);
    /// # }
    /// # Ok::<(), Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`]: the question breaks its rules, and was not sent. [`Error::NoResponders`]: nobody answers this query.
    /// [`Error::Timeout`]: no answer came in time; whether it was worked on is not known. [`Error::Remote`]: what went wrong at
    /// the responder, with its kind, as [`kind`](Error::kind) says it. [`Error::Decode`]: the answer is none.
    pub async fn request<Q: Query>(&self, query: &Q) -> Result<Q::Reply> {
        self.request_within(PATIENCE, query).await
    }

    /// The same with another patience.
    ///
    /// # Errors
    /// See [`request`](Self::request).
    pub async fn request_within<Q: Query>(&self, patience: Duration, query: &Q) -> Result<Q::Reply> {
        query.validate()?;
        let payload = Q::QUESTION.encode(Q::NAME, query)?;
        let answer = self.ask(self.asking(Q::SUBJECT, payload.into(), patience)?).await?;
        match answer {
            Ok(reply) => Ok(Q::ANSWER.decode(Q::SUBJECT, &[], &reply)?),
            Err(failure) => Err(failure.into_error(Q::SUBJECT)),
        }
    }

    fn asking(&self, subject: &'static str, payload: Bytes, patience: Duration) -> Result<Asking> {
        let context = Context::current();
        let left = context.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map_or(patience, |left| left.min(patience));
        if timeout.is_zero() {
            return Err(TOO_LATE);
        }
        let draft = Draft { subject: subject.into(), event_type: subject.into(), version: 1, key: None, payload };
        let Outgoing { mut headers, payload, .. } =
            draft.seal(&context, &self.source, Shape::Binary, self.max_payload)?;
        headers.push(TIMEOUT_HEADER, timeout.as_millis().max(1).to_string());
        Ok(Asking { subject, headers, payload, timeout })
    }

    async fn ask(&self, asking: Asking) -> Result<Answer> {
        let (subject, timeout) = (asking.subject, asking.timeout);
        let answer = async {
            match &self.transport {
                Transport::Local(bus) => bus.ask(asking).await,
                #[cfg(feature = "nats")]
                Transport::Nats(bus) => bus.ask(asking).await,
            }
        };
        match tokio::time::timeout(timeout, answer).await {
            Err(_) => Err(TOO_LATE),
            Ok(None) => Err(Error::NoResponders { subject }),
            Ok(Some(answer)) => answer,
        }
    }
}

const TOO_LATE: Error = Error::Timeout { what: "the answer to a request" };
