//! Errors as RFC 9457 problem+json.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::validate::Violation;

/// A problem (RFC 9457, section 3). It says what is wrong and where, never a value.
#[derive(Debug, Serialize)]
#[must_use]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The class of the error, a short stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The fields that together must be unique.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
    /// Every broken rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    /// To be quoted when asking for help.
    correlation_id: String,
}

impl Problem {
    /// A problem with this status and title. The answer carries the correlation id of the request.
    pub fn new(status: StatusCode, title: impl Into<String>) -> Self {
        Self {
            // RFC 9457, 4.2.1: with `about:blank` the problem is what the status says
            kind: "about:blank",
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            code: None,
            fields: Vec::new(),
            violations: Vec::new(),
            correlation_id: Context::current().correlation_id().to_string(),
        }
    }

    /// What to do about it. Never put a value of the request or of a row here.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A problem that is what its status says.
    pub(super) fn of_status(status: StatusCode) -> Self {
        Self::new(status, status.canonical_reason().unwrap_or("Error"))
    }

    fn of(error: &Error) -> Self {
        let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut problem = Self::of_status(status);
        problem.code = Some(error.kind().as_str());
        match error {
            Error::Unique { fields, .. } | Error::ForeignKey { fields, .. } => problem.fields.clone_from(fields),
            Error::Invalid(violations) => problem.violations = violations.iter().cloned().collect(),
            Error::Decode(decode) if !status.is_server_error() => {
                problem.violations = vec![Violation {
                    path: decode.path.clone(),
                    rule: decode.code.as_str(),
                    expected: decode.to_string(),
                }];
            }
            _ => {}
        }
        // what went wrong inside is for the log, not for the caller
        if status.is_server_error() {
            tracing::error!(error = error.report(), "a request failed");
            problem
        } else {
            problem.detail(error.to_string())
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::of(&self).into_response()
    }
}
