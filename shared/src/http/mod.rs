//! HTTP with axum: handles as extractors, errors as problem+json, correlation per request.
//!
//! ```
//! use axum::{Router, routing::get};
//! use shared::http::{CorrelationLayer, Handles};
//!
//! async fn alive(db: shared::Db) -> shared::Result<&'static str> {
//!     db.ping().await?;
//!     Ok("alive")
//! }
//!
//! fn app(handles: Handles) -> Router {
//!     Router::new().route("/alive", get(alive)).layer(CorrelationLayer).with_state(handles)
//! }
//! ```

mod correlation;
mod extract;
mod problem;

pub use self::correlation::{CORRELATION_HEADER, Correlated, CorrelationLayer};
pub use self::extract::{Handles, Valid};
pub use self::problem::Problem;
