//! What is to be measured, and how often.

pub const HELP: &str = "\
Measures how events are delivered: through the outbox of a Postgres with fsync on and a NATS JetStream with file
storage, both private servers of this program, next to the same by hand and to ruststream. All ways to do a thing are
measured in turn, in rounds, so that whatever else happens on the machine happens to all of them.

Usage: cargo run --release --manifest-path tests/peers/Cargo.toml -- delivery [OPTIONS] [WHAT]...

What, everything but `outage` without it:
  transaction   a transaction with one row and one event
  relay         events that wait in the outbox, published
  syncing       the same with a JetStream that has `sync_interval: always`
  inbox         consume with an inbox and one row written for each event
  publish       publish without a database
  consume       consume without a database
  latency       from the commit to the end of the handler, with 1 and 8 writers and at 100 events/s
  outage        the memory that is held while the broker is away and writers go on

Options:
  --rounds N            how often each way is measured [default: 7]
  --events N            events in each round [default: those of the thing measured]
  --instructions        count instructions with callgrind, too, which takes minutes
  --outage-minutes N    how long the broker is away [default: 10]
  -h, --help            print this

Columns: the median over the rounds, its middle half, and the median of the ratios within a round; then what this
process has computed for each event, which says more than the time where others use the machine as well, and the
allocations. What is counted of a run begins after the first twentieth of its events.
";

/// What can be measured.
const WORDS: [&str; 8] = ["transaction", "relay", "syncing", "inbox", "publish", "consume", "latency", "outage"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    chosen: Vec<String>,
    pub rounds: usize,
    pub events: Option<usize>,
    pub instructions: bool,
    pub outage_minutes: u64,
}

impl Options {
    /// `None` when the help is asked for.
    ///
    /// # Errors
    /// What is wrong with the arguments.
    pub fn read(arguments: &[String]) -> Result<Option<Self>, String> {
        let mut options = Self { chosen: Vec::new(), rounds: 7, events: None, instructions: false, outage_minutes: 10 };
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            match argument {
                "-h" | "--help" => return Ok(None),
                "--instructions" => options.instructions = true,
                "--rounds" => options.rounds = number(argument, arguments.next())?,
                "--events" => options.events = Some(number(argument, arguments.next())?),
                "--outage-minutes" => options.outage_minutes = number(argument, arguments.next())? as u64,
                word if WORDS.contains(&word) => options.chosen.push(word.to_owned()),
                other => return Err(format!("unknown argument `{other}`; there are {}", WORDS.join(", "))),
            }
        }
        Ok(Some(options))
    }

    /// Whether this is to be measured.
    pub fn wants(&self, word: &str) -> bool {
        if self.chosen.is_empty() { word != "outage" } else { self.chosen.iter().any(|chosen| chosen == word) }
    }
}

fn number(option: &str, value: Option<&str>) -> Result<usize, String> {
    let number = value.and_then(|value| value.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{option}` takes a number from 1 on"))
}
