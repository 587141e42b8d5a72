//! Ids.

use uuid::Uuid;

/// A new UUIDv7 (RFC 9562): unique, and sorted by the time it was made, which keeps indexes dense.
///
/// ```
/// let (a, b) = (shared::id::new(), shared::id::new());
/// assert!(a < b);
/// ```
#[must_use]
pub fn new() -> Uuid {
    Uuid::now_v7()
}
