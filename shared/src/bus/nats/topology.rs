//! Streams and consumers, made from the declarations.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, consumer::Consumer};

use super::super::subscription::Route;
use super::unavailable;
use crate::error::{Error, Result};

/// The stream of a domain: upper case, since stream names are a namespace of their own.
pub(super) fn stream_name(domain: &str) -> String {
    domain
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

fn stream_config(domain: &str) -> stream::Config {
    stream::Config {
        name: stream_name(domain),
        subjects: vec![domain.to_owned(), format!("{domain}.>")],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        // nothing is dropped unless an operator sets limits on the server
        discard: DiscardPolicy::New,
        duplicate_window: Duration::from_secs(120),
        description: Some(format!("events of the domain `{domain}`")),
        ..stream::Config::default()
    }
}

/// Makes the stream of a domain if it is missing. An existing one is used as it is, if it takes the domain's
/// subjects.
pub(super) async fn ensure_stream(context: &Context, domain: &str) -> Result<()> {
    let wanted = stream_config(domain);
    let found = context.get_or_create_stream(wanted.clone()).await.map_err(|error| {
        use async_nats::jetstream::context::CreateStreamErrorKind as Kind;
        match error.kind() {
            Kind::TimedOut => Error::Timeout { what: "making a stream" },
            Kind::JetStream(error) if error.error_code() == async_nats::jetstream::ErrorCode::STREAM_SUBJECT_OVERLAP => Error::config(
                "NATS_URL",
                format!("a stream of another name already takes the subjects of the domain `{domain}`"),
                format!("delete that stream or its overlapping subjects; this library keeps `{domain}.>` in the stream `{}`", wanted.name),
            ),
            _ => unavailable(format!("the stream `{}` cannot be made", wanted.name)),
        }
    })?;
    let subjects = &found.cached_info().config.subjects;
    let missing = wanted
        .subjects
        .iter()
        .find(|subject| !subjects.iter().any(|have| crate::event::subject::covers(have, subject) || have == *subject));
    match missing {
        None => Ok(()),
        Some(subject) => Err(Error::config(
            "NATS_URL",
            format!("the stream `{}` exists on the server but does not take `{subject}`", wanted.name),
            format!(
                "add the subject to the stream: `nats stream edit {} --subjects {}`",
                wanted.name,
                wanted.subjects.join(",")
            ),
        )),
    }
}

/// Makes the durable consumer of a subscription on one stream if it is missing. One with another filter is
/// refused: changing it would skip or repeat messages.
pub(super) async fn ensure_consumer(
    context: &Context,
    domain: &str,
    route: &Route,
    ack_wait: Duration,
) -> Result<Consumer<pull::Config>> {
    let stream_name = stream_name(domain);
    let stream = context
        .get_stream(&stream_name)
        .await
        .map_err(|_| unavailable(format!("the stream `{stream_name}` cannot be read")))?;
    let wanted = pull::Config {
        durable_name: Some(route.durable.clone()),
        description: Some(format!("subscription `{}`", route.durable)),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        replay_policy: ReplayPolicy::Instant,
        ack_wait,
        // attempts are counted by this library, which parks a message when they are used up; a limit here
        // would drop it silently
        max_deliver: -1,
        filter_subject: filter(domain, route.pattern),
        max_ack_pending: i64::try_from(route.capacity).unwrap_or(1_024),
        ..pull::Config::default()
    };
    if let Ok(existing) = stream.get_consumer::<pull::Config>(&route.durable).await {
        let config = &existing.cached_info().config;
        if config.filter_subject != wanted.filter_subject {
            return Err(Error::config(
                "NATS_URL",
                format!(
                    "the consumer `{}` exists with the subject `{}`, but the subscription now takes `{}`",
                    route.durable, config.filter_subject, wanted.filter_subject
                ),
                format!(
                    "give the subscription another `name`, or delete the consumer (`nats consumer rm {stream_name} {}`) to take the stream from its start",
                    route.durable
                ),
            ));
        }
        if config.ack_wait == wanted.ack_wait && config.max_ack_pending == wanted.max_ack_pending {
            return Ok(existing);
        }
    }
    stream.create_consumer(wanted).await.map_err(|_| {
        unavailable(format!("the consumer `{}` on the stream `{stream_name}` cannot be made", route.durable))
    })
}

/// The pattern within one domain: a wildcard in its first place is narrowed to the domain.
fn filter(domain: &str, pattern: &str) -> String {
    match pattern.split_once('.') {
        Some((_, rest)) => format!("{domain}.{rest}"),
        None if pattern == ">" => format!("{domain}.>"),
        None => domain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_narrowed_to_its_domain() {
        for (domain, pattern, expected) in [
            ("appointment", "appointment.*", "appointment.*"),
            ("appointment", "*.scheduled", "appointment.scheduled"),
            ("appointment", ">", "appointment.>"),
            ("tick", "*", "tick"),
        ] {
            assert_eq!(filter(domain, pattern), expected);
        }
    }

    #[test]
    fn stream_names_have_no_forbidden_characters() {
        assert_eq!(stream_name("appointment"), "APPOINTMENT");
        assert_eq!(stream_name("lab/x"), "LAB_X");
    }
}
