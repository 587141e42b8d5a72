//! What a seed decides before the run begins.

use std::time::Duration;

use crate::service::subscriber::{BatchSize, Retry, Spread};
use crate::simulation::Sim;

/// An event and what its handler makes of it.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) key: Option<u8>,
    pub(super) at: Duration,
    /// Whether the relay publishes it a second time.
    pub(super) twice: bool,
    pub(super) course: Course,
}

/// What becomes of a handler's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    Well {
        millis: u64,
    },
    /// Takes longer than the server waits.
    Slow {
        millis: u64,
    },
    /// Fails so many times.
    Fails {
        times: u32,
    },
    Panics {
        times: u32,
    },
    /// Takes longer than it may, so many times.
    Hangs {
        times: u32,
    },
    /// What it needs is away until then.
    Missing {
        until: Duration,
    },
    /// Fails for ever.
    Hopeless,
    /// Says that trying again is pointless.
    Poison,
    /// Cannot be read.
    Malformed,
}

impl Course {
    /// Whether it is parked at once.
    pub(super) fn is_permanent(self) -> bool {
        matches!(self, Self::Poison | Self::Malformed)
    }

    /// Whether it neither fails nor takes long.
    pub(super) fn is_well(self) -> bool {
        matches!(self, Self::Well { .. })
    }
}

/// What happens to a process or a server; to a process midway through a statement, as far as there is one soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Crash {
        process: usize,
        midway: bool,
        back: Duration,
    },
    Freeze {
        process: usize,
        midway: bool,
        lasts: Duration,
    },
    Stop {
        process: usize,
        back: Duration,
    },
    /// Its connection to the broker breaks.
    Cut {
        process: usize,
        lasts: Duration,
    },
    /// The database is away.
    Down {
        lasts: Duration,
    },
    /// The database does not answer.
    Hung {
        lasts: Duration,
    },
    /// The consumers are deleted on the server.
    Deleted,
}

#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Whether nothing goes wrong but what handlers do, which is quick, and there is room for everything.
    pub(super) calm: bool,
    pub(super) spread: Spread,
    pub(super) processes: usize,
    pub(super) transactional: bool,
    pub(super) batch: Option<BatchSize>,
    pub(super) concurrency: usize,
    pub(super) capacity: usize,
    pub(super) ack_wait: Duration,
    pub(super) retry: Retry,
    pub(super) timeout: Duration,
    pub(super) grace: Duration,
    /// Whether the server can begin a consumer anew.
    pub(super) resets: bool,
    /// How many statements of a hundred fail.
    pub(super) failing: u32,
    /// How many commits of a hundred end in doubt.
    pub(super) doubtful: u32,
    /// How many acknowledgements of a hundred are lost.
    pub(super) losing: u32,
    pub(super) events: Vec<Planned>,
    pub(super) faults: Vec<(Duration, Fault)>,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Plan {
    pub(super) fn draw(sim: &Sim) -> Self {
        let calm = sim.chance(30);
        let processes = if calm || sim.chance(55) { 1 } else { *sim.pick(&[2, 2, 3]) };
        let spread =
            *sim.pick(&[Spread::ByOrder, Spread::ByOrder, Spread::ByOrder, Spread::Unordered, Spread::Partitions(2)]);
        let transactional = sim.chance(85);
        let wait = millis(*sim.pick(&[0, 0, 100]));
        let batch = (transactional && sim.chance(20)).then(|| BatchSize { max: *sim.pick(&[2, 4, 8]), wait });
        let ack_wait = Duration::from_secs(*sim.pick(&[2, 3, 5]));
        let retry = Retry { max: *sim.pick(&[2, 3, 4]), base: millis(*sim.pick(&[50, 500])), cap: millis(2_000) };
        let count = sim.among(3..=12);
        let keys = sim.among(1..=4);
        let span = *sim.pick(&[0, 200, 4_000]);
        let mut at: Vec<u64> = (0..count).map(|_| sim.among(0..=span)).collect();
        at.sort_unstable();
        let events = at.into_iter().map(|at| Planned {
            key: (!sim.chance(15)).then(|| u8::try_from(sim.among(1..=keys)).unwrap_or_default()),
            at: millis(at),
            twice: sim.chance(8),
            course: Self::course(sim, calm, ack_wait, retry.max),
        });
        let events: Vec<Planned> = events.collect();
        Self {
            calm,
            spread,
            processes,
            transactional,
            batch,
            concurrency: *sim.pick(&[1, 2, 4, 8]),
            capacity: if calm { 64 } else { *sim.pick(&[3, 6, 16]) },
            ack_wait,
            retry,
            timeout: Duration::from_secs(14),
            grace: Duration::from_secs(*sim.pick(&[1, 3, 30])),
            resets: sim.chance(60),
            failing: if calm { 0 } else { *sim.pick(&[0, 2, 8]) },
            doubtful: if calm { 0 } else { *sim.pick(&[0, 5, 20]) },
            losing: if calm { 0 } else { *sim.pick(&[0, 0, 10]) },
            events,
            faults: if calm { Vec::new() } else { Self::faults(sim, processes) },
        }
    }

    fn course(sim: &Sim, calm: bool, ack_wait: Duration, most: u32) -> Course {
        let slow = u64::try_from(ack_wait.as_millis()).unwrap_or_default();
        match sim.among(0..=99) {
            0..=7 => Course::Fails { times: u32::try_from(sim.among(1..=3)).unwrap_or_default() },
            8..=9 => Course::Panics { times: u32::try_from(sim.among(1..=2)).unwrap_or_default() },
            10..=13 => Course::Poison,
            14..=16 => Course::Malformed,
            17..=19 => Course::Hopeless,
            20..=24 if !calm => Course::Slow { millis: sim.among(slow..=slow * 5 / 2) },
            25 if !calm => Course::Hangs { times: most.min(1) },
            26..=27 if !calm => Course::Missing { until: millis(sim.among(1_000..=6_000)) },
            _ => Course::Well { millis: *sim.pick(&[0, 0, 1, 20]) },
        }
    }

    fn faults(sim: &Sim, processes: usize) -> Vec<(Duration, Fault)> {
        let mut faults: Vec<(Duration, Fault)> = (0..sim.among(0..=3))
            .map(|_| {
                let process = usize::try_from(sim.among(0..=processes as u64 - 1)).unwrap_or_default();
                let midway = sim.chance(70);
                let fault = match sim.among(0..=15) {
                    0..=2 => Fault::Crash { process, midway, back: millis(sim.among(0..=6_000)) },
                    3..=5 => Fault::Freeze { process, midway, lasts: millis(sim.among(500..=20_000)) },
                    6..=8 => Fault::Stop { process, back: millis(sim.among(0..=6_000)) },
                    9..=11 => Fault::Cut { process, lasts: millis(sim.among(100..=12_000)) },
                    12..=13 => Fault::Down { lasts: millis(sim.among(500..=12_000)) },
                    14 => Fault::Hung { lasts: millis(sim.among(500..=9_000)) },
                    _ => Fault::Deleted,
                };
                (millis(sim.among(0..=8_000)), fault)
            })
            .collect();
        faults.sort_by_key(|(at, _)| *at);
        faults
    }

    /// In how many parts the subscription runs.
    pub(super) fn parts(&self) -> u32 {
        match self.spread {
            Spread::Partitions(of) => of,
            _ => 1,
        }
    }
}
