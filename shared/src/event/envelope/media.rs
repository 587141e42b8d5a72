//! Media types, as far as they decide how a message is read.

/// What a `content-type` or a `datacontenttype` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// JSON, said or implied.
    Json,
    /// A CloudEvent as one JSON object.
    Structured,
    /// Many CloudEvents in one message.
    Batch,
    /// What is not read here.
    Other,
}

impl Media {
    pub(super) fn of(text: Option<&str>) -> Self {
        let text = match text {
            // nearly always, and needs no copy
            None | Some("application/json") => return Self::Json,
            Some(text) => text,
        };
        let text = text.to_ascii_lowercase();
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        if !parts.all(is_utf8) {
            return Self::Other;
        }
        match essence {
            "" => Self::Json,
            "application/cloudevents+json" => Self::Structured,
            _ if essence.starts_with("application/cloudevents-batch") => Self::Batch,
            _ if essence.starts_with("application/cloudevents") => Self::Other,
            _ => match essence.split_once('/') {
                Some((_, subtype)) if subtype == "json" || subtype.ends_with("+json") => Self::Json,
                _ => Self::Other,
            },
        }
    }
}

/// Whether a parameter leaves the text UTF-8: any but a `charset` of another name does.
fn is_utf8(parameter: &str) -> bool {
    let charset = parameter.strip_prefix("charset").map(str::trim_start).and_then(|rest| rest.strip_prefix('='));
    charset.is_none_or(|name| matches!(name.trim().trim_matches('"'), "utf-8" | "utf8" | "us-ascii"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_told_apart() {
        let cases = [
            (None, Media::Json),
            (Some(""), Media::Json),
            (Some("application/json"), Media::Json),
            (Some("Application/JSON; Charset=\"UTF-8\""), Media::Json),
            (Some("text/json"), Media::Json),
            (Some("application/fhir+json;fhirVersion=4.0"), Media::Json),
            (Some("application/json; charset=latin1"), Media::Other),
            (Some("application/jsonl"), Media::Other),
            (Some("text/plain"), Media::Other),
            (Some("nonsense"), Media::Other),
            (Some("application/cloudevents+json; charset=UTF-8"), Media::Structured),
            (Some("APPLICATION/CLOUDEVENTS+JSON"), Media::Structured),
            (Some("application/cloudevents+avro"), Media::Other),
            (Some("application/cloudevents"), Media::Other),
            (Some("application/cloudevents-batch+json"), Media::Batch),
        ];
        for (text, media) in cases {
            assert_eq!(Media::of(text), media, "{text:?}");
        }
    }
}
