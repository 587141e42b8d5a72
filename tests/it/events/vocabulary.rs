//! Events with a bit of everything in them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};
use shared::prelude::*;

/// Texts, numbers and ids: nothing that a payload could hide something in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "vitals.measured", key = patient_id)]
pub(crate) struct VitalsMeasured {
    pub(crate) patient_id: Uuid,
    pub(crate) at: DateTime<Utc>,
    #[validate(range(min = 20, max = 300))]
    pub(crate) pulse: u16,
    pub(crate) change: i8,
    pub(crate) temperature: Option<f64>,
    pub(crate) note: Option<Phi<String>>,
}

pub(crate) const VITALS: &str = r#"{"patient_id":"018f4e6c-0000-7000-8000-000000000000","at":"2025-01-02T03:04:05Z","pulse":61,"change":-2,"temperature":36.6,"note":"sentinel"}"#;

/// With structs, lists, maps, enums and whatever JSON it may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "invoice.issued")]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvoiceIssued {
    pub(crate) invoice_number: u32,
    #[validate(nested)]
    pub(crate) lines: Vec<Line>,
    pub(crate) rebates: BTreeMap<String, Line>,
    pub(crate) payment: Payment,
    pub(crate) reference: Reference,
    pub(crate) attachment: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    #[serde(rename = "amountCents")]
    #[validate(range(min = 1))]
    pub(crate) amount_cents: u32,
    pub(crate) text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Payment {
    Cash,
    Card { last_digits: u16 },
    Split(Vec<Payment>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Reference {
    Number(u32),
    Text(String),
}

pub(crate) const INVOICE: &str = r#"{"invoiceNumber":7,"lines":[{"amountCents":900,"text":"sentinel"}],"rebates":{"sentinel":{"amountCents":5}},"payment":{"card":{"last_digits":42}},"reference":"sentinel","attachment":{"sentinel":["sentinel"]}}"#;

/// Keeps the fields that it does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "form.filled", key = form_id)]
pub(crate) struct FormFilled {
    pub(crate) form_id: u32,
    pub(crate) signed: bool,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// Keeps them as other maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "form.sent")]
pub(crate) struct FormSent {
    pub(crate) form_id: u32,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, Value>,
}

/// Keeps those that are texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "form.lost")]
pub(crate) struct FormLost {
    pub(crate) form_id: u32,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, String>,
}

/// All that happens to forms.
#[derive(Debug, Clone, PartialEq, Event)]
#[event(domain = "form")]
pub(crate) enum FormEvent {
    Filled(FormFilled),
    Sent(FormSent),
    Lost(FormLost),
}
