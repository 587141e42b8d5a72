//! What a handler may take.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::{StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::bus::Bus;
use crate::db::Db;
use crate::entity::{Entity, Repo};
use crate::error::Error;
use crate::service::Running;
use crate::validate::Validate;

/// Database and bus as a router's state. A state of your own works as well, if it implements
/// `FromRef<YourState> for Db` (and for `Bus`).
#[derive(Debug, Clone)]
pub struct Handles {
    /// The database.
    pub db: Db,
    /// The bus.
    pub bus: Bus,
}

impl Handles {
    /// The handles of services that run, publishing under a service's name.
    #[must_use]
    pub fn of(running: &Running, service: &str) -> Self {
        Self { db: running.db().with_source(service), bus: running.bus().with_source(service) }
    }
}

impl FromRef<Handles> for Db {
    fn from_ref(handles: &Handles) -> Self {
        handles.db.clone()
    }
}

impl FromRef<Handles> for Bus {
    fn from_ref(handles: &Handles) -> Self {
        handles.bus.clone()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Db
where
    Self: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::from_ref(state))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Bus
where
    Self: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::from_ref(state))
    }
}

impl<S: Send + Sync, E: Entity> FromRequestParts<S> for Repo<E>
where
    Db: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Db::from_ref(state).repo())
    }
}

/// A JSON body that was decoded and validated. A bad one is answered with 422 (400 when it is no JSON, 413 when
/// it is too large, 415 when it does not say that it is JSON) as problem+json, naming paths and rules, never
/// values.
///
/// ```
/// use shared::prelude::*;
/// use shared::http::Valid;
///
/// #[derive(Deserialize, Validate)]
/// struct Booking {
///     #[validate(range(min = 5, max = 480))]
///     minutes: u32,
/// }
///
/// async fn book(Valid(booking): Valid<Booking>) -> String {
///     format!("{} minutes", booking.minutes)
/// }
/// # let _ = book;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Valid<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Validate> FromRequest<S> for Valid<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(|essence| essence.trim().to_ascii_lowercase())
            .is_some_and(|essence| essence == "application/json" || essence.ends_with("+json"));
        if !json {
            let problem = Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            let detail = "the body must be JSON; send the header `content-type: application/json`";
            return Err(problem.detail(detail).into_response());
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Problem::of_status(rejection.status()).into_response())?;
        let value: T = crate::event::decode_json(T::NAME, T::FIELDS, true, &body)
            .map_err(|error| Error::Decode(error).into_response())?;
        value.validate().map_err(|violations| Error::Invalid(violations).into_response())?;
        Ok(Self(value))
    }
}
