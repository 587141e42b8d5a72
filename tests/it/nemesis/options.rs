//! What the command line says.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) span: Duration,
    pub(crate) seed: u64,
    /// How long each writer rests after a transaction.
    pub(crate) pause: Duration,
}

impl Options {
    /// `None` when the arguments are a filter of tests that leaves this one out.
    ///
    /// # Panics
    /// When a value cannot be read.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options =
            Self { span: Duration::from_secs(75), seed: fastrand::u64(..), pause: Duration::from_millis(150) };
        let number = |name: &str, text: Option<String>| -> f64 {
            let read = text.as_deref().and_then(|text| text.parse().ok());
            read.unwrap_or_else(|| panic!("{name} needs a number, not {text:?}"))
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--minutes" => options.span = Duration::from_secs_f64(60.0 * number("--minutes", arguments.next())),
                "--pause" => options.pause = Duration::from_secs_f64(number("--pause", arguments.next()) / 1_000.0),
                "--seed" => {
                    let text = arguments.next();
                    let read = text.as_deref().and_then(|text| text.parse().ok());
                    options.seed = read.unwrap_or_else(|| panic!("--seed needs a whole number, not {text:?}"));
                }
                "--list" => return None,
                // those of the usual harness mean nothing here, and a filter is a part of a test's name
                flag if flag.starts_with("--") => {}
                filter if "nemesis".contains(filter) || filter.parse::<u32>().is_ok() => {}
                _ => return None,
            }
        }
        Some(options)
    }
}
