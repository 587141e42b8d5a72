//! Streams and consumers, made from the declarations.

mod change;
mod stream;

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, FromConsumer as _, ReplayPolicy, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{Context, ErrorCode};
use futures_util::StreamExt as _;

use self::change::Changes;
#[cfg(feature = "cli")]
pub(super) use self::stream::plan as plan_stream;
pub(super) use self::stream::{Limits, Stream, ensure as ensure_stream, name as stream_name};
#[cfg(feature = "cli")]
use super::super::TopologyChange;
use super::super::subscription::Route;
use super::super::topology::Refusal;
use super::unavailable;
use crate::error::{Error, Result};
use crate::service::span;

/// The durable consumer of a subscription on one stream, as it is declared.
fn consumer_config(domain: &str, route: &Route, ack_wait: Duration) -> pull::Config {
    pull::Config {
        durable_name: Some(route.consumer()),
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
    }
}

/// Makes the durable consumer of a subscription on one stream if it is missing, and changes one where that loses
/// nothing. One with another filter is refused: changing it would skip or repeat messages.
pub(super) async fn ensure_consumer(
    context: &Context,
    domain: &str,
    route: &Route,
    ack_wait: Duration,
) -> Result<Consumer<pull::Config>> {
    let mut wanted = consumer_config(domain, route, ack_wait);
    let failed = |_| {
        let stream = stream_name(domain);
        unavailable(format!("the consumer `{}` on the stream `{stream}` cannot be made", route.consumer()))
    };
    let Some(found) = find_consumer(context, domain, route).await? else {
        if let Some(start_sequence) = start(context, domain, route).await? {
            wanted.deliver_policy = DeliverPolicy::ByStartSequence { start_sequence };
        }
        return context.create_consumer_on_stream(wanted, stream_name(domain)).await.map_err(failed);
    };
    let (changes, merged) = compare(&stream_name(domain), wanted, &found.cached_info().config);
    changes.check()?;
    if changes.is_empty() {
        return Ok(found);
    }
    changes.report();
    // as the server has it but for what is declared
    let merged = pull::Config::try_from_consumer_config(merged)
        .map_err(|_| unavailable(format!("{} cannot be changed", what(&stream_name(domain), &route.consumer()))))?;
    context.create_consumer_on_stream(merged, stream_name(domain)).await.map_err(failed)
}

/// Where a new consumer of a subscription begins that was parted in another way before: where the others have handled
/// everything. What some of them have handled beyond that comes again, and the inbox knows it. `None` when there was no
/// other.
async fn start(context: &Context, domain: &str, route: &Route) -> Result<Option<u64>> {
    let unlisted = || unavailable(format!("the consumers of `{}` cannot be listed", route.durable));
    let stream = context.get_stream(stream_name(domain)).await.map_err(|_| unlisted())?;
    let mut lowest: Option<u64> = None;
    let mut consumers = stream.consumers();
    while let Some(info) = consumers.next().await {
        let info = info.map_err(|_| unlisted())?;
        if info.name != route.consumer() && is_part(&info.name, &route.durable) {
            let floor = info.ack_floor.stream_sequence;
            lowest = Some(lowest.map_or(floor, |lowest| lowest.min(floor)));
        }
    }
    Ok(lowest.map(|floor| floor + 1))
}

/// Whether a consumer is a subscription's: all of it, or a part.
fn is_part(consumer: &str, durable: &str) -> bool {
    let Some(rest) = consumer.strip_prefix(durable) else { return false };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let part = rest.strip_prefix('-').and_then(|part| part.split_once("of"));
    rest.is_empty() || part.is_some_and(|(index, of)| number(index) && number(of))
}

/// What [`ensure_consumer`] would do.
#[cfg(feature = "cli")]
pub(super) async fn plan_consumer(
    context: &Context,
    domain: &str,
    route: &Route,
    ack_wait: Duration,
) -> Result<Vec<TopologyChange>> {
    let wanted = consumer_config(domain, route, ack_wait);
    let changes = match find_consumer(context, domain, route).await? {
        None => Changes::of(what(&stream_name(domain), &route.consumer())).missing(),
        Some(found) => compare(&stream_name(domain), wanted, &found.cached_info().config).0,
    };
    Ok(changes.list)
}

fn what(stream: &str, durable: &str) -> String {
    format!("the consumer `{durable}` of the stream `{stream}`")
}

/// The consumer, if stream and consumer are there.
pub(super) async fn find_consumer(
    context: &Context,
    domain: &str,
    route: &Route,
) -> Result<Option<Consumer<pull::Config>>> {
    let found = context.get_consumer_from_stream::<pull::Config, _, _>(&route.consumer(), stream_name(domain)).await;
    match found {
        Ok(consumer) => Ok(Some(consumer)),
        Err(error) => match error.kind() {
            ConsumerErrorKind::JetStream(error)
                if matches!(error.error_code(), ErrorCode::CONSUMER_NOT_FOUND | ErrorCode::STREAM_NOT_FOUND) =>
            {
                Ok(None)
            }
            ConsumerErrorKind::TimedOut | ConsumerErrorKind::Request => {
                Err(Error::Timeout { what: "reading a consumer" })
            }
            ConsumerErrorKind::InvalidConsumerType => Err(Error::config(
                "NATS_URL",
                format!("{} exists on the server as one that pushes", what(&stream_name(domain), &route.consumer())),
                format!(
                    "delete it (`nats consumer rm {} {}`), or give the subscription another `name`",
                    stream_name(domain),
                    route.consumer()
                ),
            )),
            _ => Err(unavailable(format!("{} cannot be read", what(&stream_name(domain), &route.consumer())))),
        },
    }
}

/// How the server's consumer differs from what is declared, and what it becomes if the changes are made.
fn compare(
    stream: &str,
    declared: pull::Config,
    server: &async_nats::jetstream::consumer::Config,
) -> (Changes, async_nats::jetstream::consumer::Config) {
    let durable = declared.durable_name.clone().unwrap_or_default();
    let mut changes = Changes::of(what(stream, &durable));
    let mut merged = server.clone();
    if server.filter_subject != declared.filter_subject || !server.filter_subjects.is_empty() {
        let has = if server.filter_subjects.is_empty() {
            server.filter_subject.clone()
        } else {
            server.filter_subjects.join(",")
        };
        changes.refused(
            "subject",
            format!("`{}`", declared.filter_subject),
            format!("`{has}`"),
            by_hand(stream, &durable, "changing it would skip or repeat events"),
        );
    }
    if server.ack_policy != declared.ack_policy {
        changes.refused(
            "ack policy",
            "explicit",
            format!("{:?}", server.ack_policy).to_lowercase(),
            by_hand(stream, &durable, "events would count as handled that are not"),
        );
    }
    if server.ack_wait != declared.ack_wait {
        merged.ack_wait = declared.ack_wait;
        changes.safe("ack_wait", span(declared.ack_wait), span(server.ack_wait));
    }
    if server.max_ack_pending != declared.max_ack_pending {
        merged.max_ack_pending = declared.max_ack_pending;
        changes.safe("max_ack_pending", declared.max_ack_pending.to_string(), server.max_ack_pending.to_string());
    }
    if server.max_deliver > 0 {
        merged.max_deliver = -1;
        changes.safe("max_deliver", "unlimited", server.max_deliver.to_string());
    }
    if !server.backoff.is_empty() {
        merged.backoff = Vec::new();
        changes.safe("backoff", "none", "several pauses");
    }
    if server.headers_only {
        merged.headers_only = false;
        changes.safe("headers_only", "false", "true");
    }
    if !server.inactive_threshold.is_zero() {
        merged.inactive_threshold = Duration::ZERO;
        changes.safe("inactive_threshold", "none", span(server.inactive_threshold));
    }
    (changes, merged)
}

fn by_hand(stream: &str, durable: &str, why: &str) -> Refusal {
    Refusal {
        variable: "NATS_URL",
        why: why.into(),
        help: format!(
            "give the subscription another `name`, or delete the consumer (`nats consumer rm {stream} {durable}`) to take the stream from its start"
        ),
    }
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

    fn declared() -> pull::Config {
        let route = Route {
            durable: "one_keep".into(),
            pattern: "note.taken",
            domains: vec!["note".into()],
            capacity: 64,
            ordered: true,
            part: None,
        };
        consumer_config("note", &route, Duration::from_secs(10))
    }

    fn server(change: impl FnOnce(&mut pull::Config)) -> async_nats::jetstream::consumer::Config {
        use async_nats::jetstream::consumer::IntoConsumerConfig as _;
        let mut config = declared();
        change(&mut config);
        config.into_consumer_config()
    }

    #[test]
    fn what_would_lose_events_is_put_right() {
        let found = server(|config| {
            config.max_deliver = 5;
            config.headers_only = true;
            config.inactive_threshold = Duration::from_secs(60);
        });
        let (changes, merged) = compare("NOTE", declared(), &found);
        assert!(changes.check().is_ok());
        let settings: Vec<&str> = changes.list.iter().map(|change| change.setting.as_str()).collect();
        assert_eq!(settings, ["max_deliver", "headers_only", "inactive_threshold"]);
        assert_eq!((merged.max_deliver, merged.headers_only, merged.inactive_threshold), (-1, false, Duration::ZERO));
        assert!(compare("NOTE", declared(), &server(|_| {})).0.is_empty());
    }

    #[test]
    fn parts_are_told_from_other_subscriptions() {
        for (consumer, expected) in [
            ("clinic_remind", true),
            ("clinic_remind-0of4", true),
            ("clinic_remind-11of16", true),
            ("clinic_remind-v2", false),
            ("clinic_remind-of4", false),
            ("clinic_reminder", false),
            ("clinic", false),
        ] {
            assert_eq!(is_part(consumer, "clinic_remind"), expected, "{consumer}");
        }
    }

    #[test]
    fn another_subject_is_refused_with_both_named() {
        let (changes, _) = compare("NOTE", declared(), &server(|config| config.filter_subject = "note.*".into()));
        let text = changes.check().unwrap_err().to_string();
        for part in ["`one_keep`", "`note.*`", "`note.taken`", "help: ", "nats consumer rm NOTE one_keep"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
