//! Subscriptions over models of a database, a broker and a table of claims, in simulated time: the dispatcher, the
//! handling of messages, the keeper of claims and the pulling of messages are those of a service, see
//! [`Store`](super::store::Store), [`Upstream`](crate::bus::nats::Upstream) and
//! [`ClaimTable`](super::claims::table::ClaimTable). What a run looks like is its seed's, see [`plan`]; what must hold
//! is in [`world`] and [`scenario`]; what is found if it does not, in [`bugs`].

mod broker;
mod bugs;
mod claims;
mod database;
mod handler;
mod plan;
mod process;
mod scenario;
mod world;

use std::time::Duration;

pub(super) use self::bugs::{Bug, planted};
use crate::simulation::{Promise, Simulation};

/// In simulated time.
const LIMIT: Duration = Duration::from_secs(900);

fn simulation(test: &'static str) -> Simulation {
    Simulation::new(module_path!(), test, LIMIT)
}

#[test]
fn every_event_has_its_effects_once_and_in_order() {
    simulation("every_event_has_its_effects_once_and_in_order").holds(async |sim| scenario::run(sim, None).await);
}

#[test]
fn a_seed_gives_the_same_run_again() {
    simulation("a_seed_gives_the_same_run_again").repeats(async |sim| scenario::run(sim, None).await);
}

/// Each test plants a bug and proves that it is found for breaking a promise.
macro_rules! caught {
    ($($test:ident: $bug:ident breaks $promise:ident,)*) => {
        $(
            #[test]
            fn $test() {
                let scenario = async |sim| scenario::run(sim, Some(Bug::$bug)).await;
                simulation(stringify!($test)).catches(Promise::$promise, scenario);
            }
        )*
    };
}

caught! {
    a_note_outside_of_the_transaction_is_caught: NotedOutside breaks G3,
    an_early_acknowledgement_is_caught: AckedEarly breaks G3,
    an_acknowledgement_after_an_error_is_caught: AckedOnError breaks G3,
    a_commit_in_doubt_taken_for_success_is_caught: DoubtIsSuccess breaks G3,
    an_inbox_that_forgets_is_caught: InboxBlind breaks G3,
    a_missing_heartbeat_is_caught: HeartbeatMissing breaks G3,
    a_dead_letter_without_a_note_is_caught: LetterWithoutNote breaks G3,
    a_replay_that_counts_too_early_is_caught: LetterTakenOutside breaks G3,
    giving_back_instead_of_waiting_is_caught: GivenBackOnError breaks G4,
    a_forgotten_lane_is_caught: LaneForgotten breaks G4,
    a_fence_that_is_not_checked_is_caught: FenceUnchecked breaks G4,
    taking_over_too_early_is_caught: NotWaited breaks G4,
    one_message_that_blocks_all_is_caught: PoisonBlocks breaks G5,
    tries_that_count_in_an_outage_are_caught: OutageCounts breaks G5,
    trying_for_ever_is_caught: NeverParked breaks G6,
    a_turn_that_nobody_lets_go_is_caught: NeverLetsGo breaks G6,
    who_pulls_no_more_is_caught: StoppedPulling breaks G6,
    a_transaction_left_open_is_caught: TransactionLeaked breaks G7,
    giving_nothing_back_is_caught: NothingGivenBack breaks G8,
    a_stop_without_a_deadline_is_caught: DeadlineIgnored breaks G8,
    fetching_too_much_is_caught: FetchedTooMuch breaks G9,
    too_many_tasks_are_caught: TooManyTasks breaks G9,
    trying_without_a_pause_is_caught: NoPause breaks G9,
}
