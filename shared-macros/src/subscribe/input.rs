//! The attribute and the function's signature, as written. The body is not parsed.

use darling::FromMeta;
use proc_macro2::TokenStream;
use syn::{LitStr, Meta, MetaList, Path};

use crate::attribute::{Count, CratePath, Flag, Form, Keys, Value, crate_path, options, text};
use crate::diagnostics::Errors;
use crate::handler::{Function, Words, subject};

/// The raw model: nothing in it has been checked but the form of each value.
pub(crate) struct Input {
    pub(crate) pattern: Option<LitStr>,
    pub(crate) options: Options,
    pub(crate) krate: Path,
    pub(crate) function: Option<Function>,
}

/// The options of `#[subscribe("…", ..)]`.
#[derive(Default, FromMeta)]
pub(crate) struct Options {
    pub(crate) retry: Option<Value<RetryList>>,
    pub(crate) concurrency: Option<Value<Count>>,
    pub(crate) unordered: Option<Value<Flag>>,
    pub(crate) partitions: Option<Value<Count>>,
    pub(crate) batch: Option<Value<BatchList>>,
    pub(crate) no_inbox: Option<Value<Flag>>,
    pub(crate) on_unknown: Option<Value<Word>>,
    pub(crate) name: Option<Value<Durable>>,
    pub(crate) timeout: Option<Value<Timeout>>,
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

/// The options of `retry(..)`.
#[derive(Default, FromMeta)]
pub(crate) struct RetryOptions {
    pub(crate) max: Option<Value<Count>>,
    pub(crate) backoff: Option<Value<Backoff>>,
}

/// The options of `batch(..)`.
#[derive(Default, FromMeta)]
pub(crate) struct BatchOptions {
    pub(crate) max: Option<Value<Count>>,
    pub(crate) wait: Option<Value<Wait>>,
}

const KEYS: Keys<'_> = Keys::of(
    "subscribe",
    &["retry", "concurrency", "unordered", "partitions", "batch", "no_inbox", "on_unknown", "name", "timeout", "crate"],
);

pub(crate) const WORDS: Words = Words {
    it: "a subscriber",
    message: "event",
    example: "AppointmentScheduled",
    needs_subject: "`#[subscribe]` needs a subject pattern, for example `#[subscribe(\"appointment.*\")]`",
    subject_keys: &["pattern", "subject"],
    misplaced: "`#[subscribe]` belongs on a free async fn\nhelp: write `async fn remind(event: AppointmentScheduled) -> Result<()> { … }`",
};

impl Input {
    pub(crate) fn read(attribute: TokenStream, item: TokenStream, errors: &mut Errors) -> Self {
        let (pattern, entries) = subject(attribute, &WORDS, errors);
        let entries = KEYS.vet(entries, errors);
        let mut options: Options = options(&entries, errors);
        let krate = crate_path(options.krate.take(), errors);
        Self { pattern, options, krate, function: Function::read(item, &WORDS, errors) }
    }
}

/// `retry(..)`.
pub(crate) struct RetryList(pub(crate) MetaList);

impl Form for RetryList {
    const TAKES: &'static str = "a list, such as `retry(max = 8, backoff = \"200ms..1m\")`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok().cloned().map(Self)
    }
}

/// `batch(..)`.
pub(crate) struct BatchList(pub(crate) MetaList);

impl Form for BatchList {
    const TAKES: &'static str = "a list, such as `batch(max = 500, wait = \"50ms\")`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok().cloned().map(Self)
    }
}

macro_rules! text_form {
    ($(#[$doc:meta])* $name:ident: $takes:literal) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) LitStr);

        impl Form for $name {
            const TAKES: &'static str = $takes;

            fn read(meta: &Meta) -> Option<Self> {
                text(meta).map(Self)
            }
        }
    };
}

text_form! {
    /// `on_unknown`.
    Word: "`\"park\"` or `\"skip\"`"
}
text_form! {
    /// `name`.
    Durable: "a string literal such as `\"reminders-v2\"`"
}
text_form! {
    /// `timeout`.
    Timeout: "a duration such as `\"30s\"`"
}
text_form! {
    /// `backoff`.
    Backoff: "two durations such as `\"200ms..1m\"`"
}
text_form! {
    /// `wait`.
    Wait: "a duration such as `\"50ms\"`"
}
