//! Bugs that a relay could have. They are planted between the relay and the models, which then take from it, or tell it,
//! what they would if it were written that way: the code that is shipped has nothing of them.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// Notes an event as published when it was sent.
    TrustsSending,
    /// Looks for what is above the last position that it has read.
    SkipsGaps,
    /// Looks for what is above it and for the gaps that it has seen, and never from the start.
    NeverLooksBack,
    /// Reads what is not committed.
    ReadsUncommitted,
    /// Sends the next event of a key before the one before is acknowledged.
    Overtakes,
    /// Never compares the broker with what it has acknowledged.
    NoLedger,
    /// Takes an acknowledgement for what it seems to be, over whatever connection, in whatever place.
    BelievesEverything,
    /// Goes on when another process has its lease.
    TrustsItself,
    /// Gives an event that it sends again a new id.
    NewIds,
    /// Forgets an event that could not be published.
    DropsFailed,
    /// Waits for an acknowledgement for ever.
    WaitsForEver,
    /// Has no window.
    ReadsEverything,
}
