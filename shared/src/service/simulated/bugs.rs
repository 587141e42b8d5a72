//! Bugs that are planted to see that they are found: in the models, where what a service does is seen there, and in its
//! code where it is not.

use std::cell::Cell;

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The note of the inbox is written outside of the transaction.
    NotedOutside,
    /// A message is acknowledged before its transaction commits.
    AckedEarly,
    /// A message whose handler failed is acknowledged.
    AckedOnError,
    /// A commit whose outcome is not known is taken for one that has happened.
    DoubtIsSuccess,
    /// A known id is handled again.
    InboxBlind,
    /// Nobody tells the server that a slow handler is at work.
    HeartbeatMissing,
    /// A message whose handler failed is given back, and the next one of its key goes on.
    GivenBackOnError,
    /// A lane is forgotten while its head waits for its retry.
    LaneForgotten,
    /// Transactions do not look whether somebody else has taken over.
    FenceUnchecked,
    /// Who takes over does not wait for what is outstanding.
    NotWaited,
    /// While one message waits for its retry, nothing is begun.
    PoisonBlocks,
    /// A dead letter is written without the note in the inbox.
    LetterWithoutNote,
    /// A dead letter counts as replayed before it is.
    LetterTakenOutside,
    /// What cannot be handled is tried for ever.
    NeverParked,
    /// A try counts that failed because the database is away.
    OutageCounts,
    /// Who is asked for a turn that has not begun keeps it, and does not work.
    NeverLetsGo,
    /// A consumer that was deleted is not made again.
    StoppedPulling,
    /// A transaction whose future was dropped stays open.
    TransactionLeaked,
    /// At a stop nothing is given back.
    NothingGivenBack,
    /// A stop waits for its handlers for as long as they take.
    DeadlineIgnored,
    /// More is fetched than there is room for.
    FetchedTooMuch,
    /// More handlers run than were asked for.
    TooManyTasks,
    /// While the database is away, everything is tried again and again.
    NoPause,
}

thread_local! {
    /// A run has one thread.
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// From here on this thread's runs have a bug, or none.
pub(super) fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this run has a bug.
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}
