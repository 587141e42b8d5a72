//! Requests over core NATS, answered as the NATS service API has it: the `nats` command line sees who answers.

use std::collections::HashMap;

use async_nats::service::{self, ServiceExt as _};
use async_nats::{Client, HeaderMap, RequestErrorKind};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};

use super::super::request::{Answer, Asking, ERROR_HEADER, Failure};
use super::super::responding::{Endpoint, Reply, Request, Requests, Served};
use super::super::unavailable;
use crate::context::Id;
use crate::error::{Error, Result};
use crate::event::envelope::percent;
use crate::event::{Delivered, Headers};
use crate::query::PREFIX;

/// Asks, and waits for the answer; `None` when nobody answers this subject.
pub(super) async fn ask(client: &Client, asking: Asking) -> Option<Result<Answer>> {
    let mut headers = HeaderMap::new();
    for (name, value) in asking.headers.iter() {
        headers.insert(name, value);
    }
    let request = async_nats::Request::new().headers(headers).payload(asking.payload).timeout(Some(asking.timeout));
    match client.send_request(format!("{PREFIX}.{}", asking.subject), request).await {
        Ok(message) => Some(Ok(read(message.headers.as_ref(), message.payload))),
        Err(error) => match error.kind() {
            RequestErrorKind::NoResponders => None,
            RequestErrorKind::TimedOut => Some(Err(Error::Timeout { what: "the answer to a request" })),
            kind => Some(Err(unavailable(format!("the NATS server did not take a request: {kind}")))),
        },
    }
}

/// The answer in a message. What another library answers as an error has no more than a number that can be trusted.
fn read(headers: Option<&HeaderMap>, payload: Bytes) -> Answer {
    let header = |name| headers.and_then(|headers| headers.get(name)).map(|value| value.as_str());
    let Some(code) = header(service::NATS_SERVICE_ERROR_CODE) else { return Ok(payload) };
    let said = header(ERROR_HEADER).and_then(percent::decode);
    if let Some(failure) = said.and_then(|json| serde_json::from_str(&json).ok()) {
        return Err(failure);
    }
    let status = code.parse().unwrap_or(500);
    let message = format!("it was answered with the error code {status}");
    Err(Failure { status, kind: "other".into(), message, violations: Vec::new() })
}

/// Answers a request.
pub(crate) async fn answer(request: &service::Request, answer: Answer) {
    let sent = match answer {
        Ok(payload) => request.respond(Ok(payload)).await,
        Err(failure) => {
            let mut headers = HeaderMap::new();
            if let Ok(json) = serde_json::to_string(&failure) {
                headers.insert(ERROR_HEADER, percent::encode(&json));
            }
            // a header has one line
            let status: String = failure.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let error = service::error::Error { status, code: usize::from(failure.status) };
            request.respond_with_headers(Err(error), headers).await
        }
    };
    if sent.is_err() {
        tracing::debug!("an answer could not be sent; the asker runs into its timeout");
    }
}

/// The requests of one endpoint. The service is there as long as one of its endpoints is.
pub(crate) struct EndpointRequests {
    endpoint: service::endpoint::Endpoint,
    _service: std::sync::Arc<Announced>,
}

/// The service as others see it, until it is dropped.
struct Announced(Option<service::Service>);

impl Drop for Announced {
    fn drop(&mut self) {
        // it has nothing to wait for: it tells its tasks
        let _stopped = self.0.take().map(|service| service.stop().now_or_never());
    }
}

/// Announces a service and opens its endpoints, in their order.
pub(super) async fn serve(client: &Client, served: &Served<'_>) -> Result<Vec<Requests>> {
    let name: String =
        served.name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let announce =
        |version: &str| client.service_builder().description(served.docs).start(name.clone(), version.to_owned());
    let announced = match announce(served.version).await {
        Ok(announced) => announced,
        // the API knows semantic versions only
        Err(_) => {
            announce("0.0.0").await.map_err(|_| unavailable(format!("the service `{name}` cannot be announced")))?
        }
    };
    let mut endpoints = Vec::with_capacity(served.endpoints.len());
    for Endpoint { name, subject, docs } in &served.endpoints {
        let metadata = HashMap::from([("description".to_owned(), (*docs).to_owned())]);
        let endpoint =
            announced.endpoint_builder().name(*name).metadata(metadata).add(format!("{PREFIX}.{subject}")).await;
        endpoints.push(endpoint.map_err(|_| unavailable(format!("requests on `{subject}` cannot be subscribed to")))?);
    }
    let service = std::sync::Arc::new(Announced(Some(announced)));
    let requests = endpoints.into_iter().map(|endpoint| {
        Requests::Nats(Box::new(EndpointRequests { endpoint, _service: std::sync::Arc::clone(&service) }))
    });
    Ok(requests.collect())
}

impl EndpointRequests {
    pub(crate) async fn next(&mut self) -> Option<Request> {
        let request = self.endpoint.next().await?;
        let message = &request.message;
        let headers: Headers = message
            .headers
            .iter()
            .flat_map(|headers| headers.iter())
            .flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.as_str().to_owned())))
            .collect();
        let subject = message.subject.as_str();
        let message = Delivered {
            subject: subject.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('.')).unwrap_or(subject).to_owned(),
            headers,
            payload: message.payload.clone(),
            origin: Id::mint().to_string(),
        };
        Some(Request { message, reply: Reply::Nats(Box::new(request)) })
    }

    pub(crate) async fn stop(&mut self) {
        // without a connection nothing comes any more either
        let _unsubscribed = self.endpoint.stop().await;
    }
}
