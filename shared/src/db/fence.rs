//! What keeps a process out that does not know yet that another one has taken over.

use std::sync::Arc;

use crate::error::Error;

/// What a transaction gets that is begun after the take-over.
const LOST: &str = "the subscription (another process has taken it over)";

/// The number of a claim's holder. Each take-over gives a higher one, so it tells the present holder from all before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) claim: Arc<str>,
    pub(crate) number: i64,
}

impl Fence {
    /// The script that begins a transaction of the holder's: one round trip, like `BEGIN` alone.
    ///
    /// The lock shows the successor which transactions to wait for or to end. The number is read after it: each
    /// statement has a snapshot of its own. When there is no such number, the division fails, and the transaction with it.
    #[cfg(feature = "postgres")]
    pub(super) fn begin(&self, begin: &str) -> String {
        let (class, object) = lock_of(&self.claim);
        let Self { claim, number } = self;
        format!(
            "{begin}; SELECT pg_advisory_xact_lock_shared({class}, {object}); \
             SELECT 1 / count(*) FROM shared_claims WHERE name = '{claim}' AND fence = {number}"
        )
    }

    /// Says the error of [`begin`](Self::begin) in these terms, if it is one.
    pub(crate) fn refused(error: Error) -> Error {
        match error {
            Error::Database(error) if error.code.as_deref() == Some("22012") => Error::Busy { what: LOST },
            error => error,
        }
    }
}

/// Whether a transaction was refused because somebody else has taken over.
pub(crate) fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Busy { what } if *what == LOST)
}

/// The lock that transactions of a claim's holders share: of two numbers, which no other lock of this library has.
#[cfg(feature = "postgres")]
pub(super) fn lock_of(claim: &str) -> (i32, i32) {
    let hash = crate::event::key_hash(claim).cast_unsigned();
    let half = |bits: u64| u32::try_from(bits & 0xffff_ffff).unwrap_or_default().cast_signed();
    (half(hash >> 32), half(hash))
}
