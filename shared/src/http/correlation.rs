//! The correlation id of a request: taken from its header or minted.

use std::task;

use axum::http::{HeaderName, HeaderValue, Request, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument;

use crate::context::Context;

/// The header that carries the correlation id, in and out.
pub const CORRELATION_HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// Runs each request inside a [`Context`]: with the correlation id of its `x-correlation-id` header, or a new
/// one when there is none or it is no id, and as part of its W3C trace (`traceparent`). What handlers publish
/// inherits both; the answer carries the id.
#[derive(Debug, Clone, Copy, Default)]
pub struct CorrelationLayer;

impl<S> Layer<S> for CorrelationLayer {
    type Service = Correlated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Correlated { inner }
    }
}

/// The service that [`CorrelationLayer`] makes.
#[derive(Debug, Clone)]
pub struct Correlated<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Correlated<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let mut context = Context::new();
        if let Some(id) = header(CORRELATION_HEADER.as_str()) {
            context = context.correlation(id);
        }
        if let Some(parent) = header("traceparent") {
            context = context.trace_parent(parent, header("tracestate"));
        }
        let id = context.correlation_id().clone();
        // the path may contain ids of patients, so only the method is logged
        let span = tracing::info_span!("request", method = %request.method(), correlation_id = %id);
        let answer = context.scope(self.inner.call(request)).instrument(span);
        async move {
            let mut response = answer.await?;
            if let Ok(value) = HeaderValue::from_str(id.as_str()) {
                response.headers_mut().insert(CORRELATION_HEADER, value);
            }
            Ok(response)
        }
        .boxed()
    }
}
