//! What must be true of any bytes at all.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use shared::error::{DecodeCode, DecodeError};
use shared::event::{Delivered, EventSet, Headers, MAX_DEPTH, Publish, decode_event, parse};
use shared::prelude::*;

use crate::vocabulary::{FormEvent, FormFilled, FormLost, FormSent, InvoiceIssued, VitalsMeasured};

/// The first byte chooses the envelope and the version, the rest is the payload.
pub fn probe(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let version = Some(u32::from(choice >> 4)).filter(|version| *version < 8);
    decoding::<VitalsMeasured>(version, payload);
    decoding::<InvoiceIssued>(version, payload);
    decoding::<FormFilled>(version, payload);
    decoding::<FormSent>(version, payload);
    decoding::<FormLost>(version, payload);
    unwrapping(choice & 0xf, version, payload);
}

/// What is decoded is what serde_json decodes, and comes back when it is published. What is not says why, with nothing
/// of the payload in it.
fn decoding<E: Event + Publish + DeserializeOwned + PartialEq + Debug>(version: Option<u32>, payload: &[u8]) {
    match decode_event::<E>(version, payload) {
        Ok(event) => {
            let plain = serde_json::from_slice::<E>(payload).expect("serde_json decodes it too");
            assert_eq!(event, plain);
            match event.draft() {
                Ok(draft) => {
                    assert_eq!(decode_event::<E>(Some(E::VERSION), &draft.payload).expect("it comes back"), event)
                }
                Err(Error::Invalid(violations)) => assert!(event.validate().is_err_and(|again| again == violations)),
                Err(error) => panic!("{error}"),
            }
        }
        Err(Error::Decode(defect)) => {
            assert_eq!(defect.what, E::TYPE);
            says_nothing(&defect);
            if serde_json::from_slice::<E>(payload).is_ok() {
                use DecodeCode::{DuplicateKey, NewerVersion, NotUtf8, Nul, OlderVersion, TooDeep};
                let strict = [DuplicateKey, NewerVersion, NotUtf8, Nul, OlderVersion, TooDeep];
                assert!(strict.contains(&defect.code), "serde_json decodes it: {defect}");
            }
        }
        Err(error) => panic!("{error}"),
    }
}

/// A path is made of names that are declared, of numbers and of `*`.
fn says_nothing(defect: &DecodeError) {
    const NAMES: &[&str] = &[
        "patient_id",
        "at",
        "pulse",
        "change",
        "temperature",
        "note",
        "invoiceNumber",
        "lines",
        "rebates",
        "payment",
        "reference",
        "attachment",
        "amountCents",
        "text",
        "last_digits",
        "form_id",
        "signed",
        "rest",
        "event_type",
        "*",
    ];
    let known = |step: &str| NAMES.contains(&step) || step.parse::<usize>().is_ok();
    let depth = defect.path.split('/').skip(1).map(|step| assert!(known(step), "{defect}")).count();
    assert!(depth <= MAX_DEPTH, "{defect}");
    assert!(defect.to_string().is_ascii() && defect.to_string().len() < 60 + 16 * MAX_DEPTH, "{defect}");
}

/// The same with an envelope around it, or with none.
fn unwrapping(envelope: u8, version: Option<u32>, payload: &[u8]) {
    let text = String::from_utf8_lossy(payload).into_owned();
    let mut headers = Headers::new();
    match envelope {
        0 => headers.push("content-type", "application/cloudevents+json"),
        1 => {
            headers.push("ce-type", "form.filled");
            headers.push("ce-dataschema", version.map_or(text.clone(), |version| format!("form.filled/v{version}")));
        }
        2 => headers.push("content-type", text.clone()),
        3 => {
            for name in ["ce-type", "ce-id", "ce-specversion", "ce-time", "ce-key", "ce-sequence", "ce-source"] {
                headers.push(name, text.clone());
            }
        }
        4 => {
            for name in ["ce-type", "traceparent", "tracestate", "ce-correlationid", "ce-tenant", "x-correlation-id"] {
                headers.push(name, text.clone());
            }
        }
        _ => {}
    }
    let message =
        Delivered { subject: "form.filled".into(), headers, payload: payload.to_vec().into(), origin: "FORM:7".into() };
    let (incoming, result) = parse(&message);
    let metadata = &incoming.metadata;
    assert!(!metadata.event_id.is_empty() && metadata.subject == "form.filled");
    if let Err(defect) = result {
        assert!(defect.to_string().is_ascii(), "{defect}");
        return;
    }
    match FormEvent::decode_as(&metadata.event_type, metadata.version, &incoming.data) {
        Ok(event) => drop(event.validate()),
        Err(Error::Decode(defect)) => says_nothing(&defect),
        Err(error) => panic!("{error}"),
    }
}
