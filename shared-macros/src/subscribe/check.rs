//! From what was written to a model that can be expanded without failing.

use std::ops::RangeInclusive;

use syn::{GenericArgument, LitStr, PathArguments, ReturnType, Type};

use super::duration::{backoff, millis};
use super::input::{
    Backoff, BatchList, BatchOptions, Durable, Input, Options, RetryList, RetryOptions, Timeout, WORDS, Wait, Word,
};
use crate::attribute::{Count, Flag, Keys, Value, options, plain_name};
use crate::diagnostics::Errors;
use crate::handler::{Argument, Function, Target, kind, signature, takes_transaction, ungrouped};
use crate::subject::{Grammar, parse};

/// The checked model.
pub(crate) struct Model {
    pub(crate) target: Target,
    pub(crate) pattern: LitStr,
    pub(crate) event: Type,
    /// How many events a call takes, the wait in milliseconds, if it takes many.
    pub(crate) batch: Option<(u32, u64)>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Output,
    pub(crate) spec: Spec,
}

/// What the function returns.
pub(crate) enum Output {
    Unit,
    Type(Box<Type>),
    /// A type that cannot be named: `impl Trait` or `!`.
    Unnamed,
}

/// The options, complete. Durations are in milliseconds.
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) tries: u32,
    pub(crate) base: u64,
    pub(crate) cap: u64,
    pub(crate) concurrency: u32,
    pub(crate) spread: Spread,
    pub(crate) no_inbox: bool,
    pub(crate) skip_unknown: bool,
    pub(crate) timeout: u64,
}

/// How the replicas share the events.
pub(crate) enum Spread {
    ByOrder,
    Unordered,
    Partitions(Count),
}

/// As `shared::service::SubscriberSpec::new` has them.
pub(super) const DEFAULT_TRIES: u32 = 8;
pub(super) const DEFAULT_BACKOFF: (u64, u64) = (200, 60_000);
pub(super) const DEFAULT_CONCURRENCY: u32 = 16;
pub(super) const DEFAULT_TIMEOUT: u64 = 60_000;

const TRIES: RangeInclusive<u32> = 1..=1_000;
const CONCURRENCY: RangeInclusive<u32> = 1..=1_000;
pub(super) const DEFAULT_BATCH: (u32, u64) = (256, 0);
const BATCH: RangeInclusive<u32> = 2..=1_000;
const MAX_WAIT: u64 = 10_000;
const PARTITIONS: RangeInclusive<u32> = 2..=64;
const MAX_NAME: usize = 64;

pub(crate) fn check(input: Input, errors: &mut Errors) -> Option<Model> {
    let target = input.function.as_ref().and_then(Function::target);
    let pattern = input.pattern.filter(|text| match parse(&text.value(), Grammar::Pattern) {
        Ok(_) => true,
        Err(mistake) => {
            errors.report(text, mistake);
            false
        }
    });
    let mut options = input.options;
    let size = options.batch.take();
    let key = size.as_ref().map(Value::key);
    let size = batch(size, errors);
    let no_inbox = options.no_inbox.as_ref().map(Value::key);
    let spec = spec(options, input.function.as_ref(), errors);
    let Function { sig, .. } = input.function?;
    kind(&sig, &WORDS, errors);
    let (taken, arguments) = signature(&sig, &WORDS, errors)?;
    let of = batch_of(&taken).cloned();
    if let (Some(key), true) = (no_inbox, takes_transaction(&arguments)) {
        errors.report_at(key, "the effects of a transaction happen once because of the inbox\nhelp: remove `no_inbox`, or the argument `&mut Tx`");
    }
    match (&of, key) {
        (None, Some(key)) => {
            errors.report_at(key, "`batch` is for a subscriber that takes many events at once\nhelp: take a `Batch<…>` of the event, or remove this");
        }
        (Some(_), _) if !takes_transaction(&arguments) => {
            errors.report(&taken, "a batch is handled in one transaction, which this subscriber does not take\nhelp: add an argument `tx: &mut Tx`");
        }
        _ => {}
    }
    let batch = of.is_some().then_some(size?);
    let event = of.unwrap_or(taken);
    let output = output(&sig.output);
    Some(Model { target: target?, pattern: pattern?, event, batch, arguments, output, spec: spec? })
}

/// The event of a `Batch<…>`, which is known by its name.
fn batch_of(taken: &Type) -> Option<&Type> {
    let Type::Path(path) = taken else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Batch")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => match arguments.args.first()? {
            GenericArgument::Type(event) => Some(ungrouped(event)),
            _ => None,
        },
        _ => None,
    }
}

/// The most events of a batch, and how long it waits for them, in milliseconds.
fn batch(given: Option<Value<BatchList>>, errors: &mut Errors) -> Option<(u32, u64)> {
    let Some(list) = given else { return Some(DEFAULT_BATCH) };
    let BatchList(list) = list.take(errors)?;
    let entries = Keys::of("batch", &["max", "wait"]).in_list(list.tokens, errors);
    let given: BatchOptions = options(&entries, errors);
    let max = count(given.max, DEFAULT_BATCH.0, &BATCH, "`max` is the most events that one call takes", errors);
    let wait = match given.wait {
        None => Some(DEFAULT_BATCH.1),
        Some(value) => {
            let Wait(text) = value.take(errors)?;
            let wait = millis(&text.value()).filter(|wait| *wait <= MAX_WAIT);
            if wait.is_none() {
                errors.report(
                    &text,
                    "`wait` is how long the first event waits for others, such as `\"50ms\"`, at most `\"10s\"`",
                );
            }
            wait
        }
    };
    Some((max?, wait?))
}

fn output(output: &ReturnType) -> Output {
    match output {
        ReturnType::Default => Output::Unit,
        ReturnType::Type(_, ty) => match ungrouped(ty) {
            Type::ImplTrait(_) | Type::Never(_) => Output::Unnamed,
            ty => Output::Type(Box::new(ty.clone())),
        },
    }
}

fn spec(options: Options, function: Option<&Function>, errors: &mut Errors) -> Option<Spec> {
    let (tries, pauses) = match options.retry {
        Some(list) => retry(list, errors),
        None => (Some(DEFAULT_TRIES), Some(DEFAULT_BACKOFF)),
    };
    let concurrency = count(
        options.concurrency,
        DEFAULT_CONCURRENCY,
        &CONCURRENCY,
        "`concurrency` is how many events are handled at once",
        errors,
    );
    let spread = spread(options.unordered, options.partitions, errors);
    let no_inbox = match options.no_inbox {
        Some(value) => value.take(errors).map(|_| true),
        None => Some(false),
    };
    let timeout = timeout(options.timeout, errors);
    let skip_unknown = on_unknown(options.on_unknown, errors);
    let name = name(options.name, function, errors);
    let (base, cap) = pauses?;
    Some(Spec {
        name: name?,
        tries: tries?,
        base,
        cap,
        concurrency: concurrency?,
        spread: spread?,
        no_inbox: no_inbox?,
        skip_unknown: skip_unknown?,
        timeout: timeout?,
    })
}

fn spread(unordered: Option<Value<Flag>>, partitions: Option<Value<Count>>, errors: &mut Errors) -> Option<Spread> {
    let unordered = match unordered {
        Some(value) => Some(value.take(errors)?),
        None => None,
    };
    let Some(partitions) = partitions else {
        return Some(if unordered.is_some() { Spread::Unordered } else { Spread::ByOrder });
    };
    if unordered.is_some() {
        errors.report_at(
            partitions.key(),
            "`partitions` keeps the order of each key, and `unordered` keeps none; remove one of them",
        );
        return None;
    }
    let partitions = partitions.take(errors)?;
    if PARTITIONS.contains(&partitions.value) {
        return Some(Spread::Partitions(partitions));
    }
    let (from, to) = (PARTITIONS.start(), PARTITIONS.end());
    errors.report_at(
        partitions.span,
        format!("`partitions` is how many replicas can share the events, by their keys, from {from} to {to}"),
    );
    None
}

fn retry(list: Value<RetryList>, errors: &mut Errors) -> (Option<u32>, Option<(u64, u64)>) {
    let Some(RetryList(list)) = list.take(errors) else { return (None, None) };
    let entries = Keys::of("retry", &["max", "backoff"]).in_list(list.tokens, errors);
    let given: RetryOptions = options(&entries, errors);
    let tries = count(given.max, DEFAULT_TRIES, &TRIES, "`max` is the number of tries, the first one included", errors);
    let pauses = match given.backoff {
        Some(value) => value.take(errors).and_then(|Backoff(text)| pauses(&text, errors)),
        None => Some(DEFAULT_BACKOFF),
    };
    (tries, pauses)
}

fn pauses(text: &LitStr, errors: &mut Errors) -> Option<(u64, u64)> {
    match backoff(&text.value()) {
        None => errors.report(
            text,
            "`backoff` is the first and the longest pause, such as `\"200ms..1m\"`\nhelp: the units are `ms`, `s`, `m` and `h`",
        ),
        Some((base, cap)) if base > cap => {
            errors.report(text, "the first pause of `backoff` is longer than the longest\nhelp: write the shorter one first, such as `\"200ms..1m\"`");
        }
        Some(pauses) => return Some(pauses),
    }
    None
}

fn count(
    given: Option<Value<Count>>,
    default: u32,
    allowed: &RangeInclusive<u32>,
    what: &str,
    errors: &mut Errors,
) -> Option<u32> {
    let Some(value) = given else { return Some(default) };
    let count = value.take(errors)?;
    if allowed.contains(&count.value) {
        return Some(count.value);
    }
    errors.report_at(count.span, format!("{what}, from {} to {}", allowed.start(), allowed.end()));
    None
}

fn timeout(given: Option<Value<Timeout>>, errors: &mut Errors) -> Option<u64> {
    let Some(value) = given else { return Some(DEFAULT_TIMEOUT) };
    let Timeout(text) = value.take(errors)?;
    let timeout = millis(&text.value());
    if timeout.is_none() {
        errors.report(
            &text,
            "`timeout` is the longest time of one try, such as `\"30s\"`\nhelp: the units are `ms`, `s`, `m` and `h`",
        );
    }
    timeout
}

fn on_unknown(given: Option<Value<Word>>, errors: &mut Errors) -> Option<bool> {
    let Some(value) = given else { return Some(false) };
    let Word(text) = value.take(errors)?;
    match text.value().as_str() {
        "park" => Some(false),
        "skip" => Some(true),
        _ => {
            errors.report(
                &text,
                "`on_unknown` is `\"park\"`, which makes unknown events dead letters, or `\"skip\"`, which drops them",
            );
            None
        }
    }
}

fn name(given: Option<Value<Durable>>, function: Option<&Function>, errors: &mut Errors) -> Option<String> {
    match given {
        Some(value) => {
            let Durable(text) = value.take(errors)?;
            let name = text.value();
            if !is_durable(&name) {
                errors.report(&text, format!("a durable name has 1 to {MAX_NAME} letters, digits, `-` or `_`"));
                return None;
            }
            Some(name)
        }
        None => {
            let ident = &function?.sig.ident;
            let name = plain_name(ident);
            if !is_durable(&name) {
                errors.report(
                    ident,
                    format!("this name cannot be the durable name of a subscription, which has at most {MAX_NAME} ASCII characters\nhelp: give it one: `name = \"…\"`"),
                );
                return None;
            }
            Some(name)
        }
    }
}

/// What every broker and file system takes as part of a name.
fn is_durable(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
