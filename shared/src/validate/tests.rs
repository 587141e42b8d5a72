//! The rules through the derive, as users meet them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use shared_macros::Validate;

use super::*;
use crate::phi::Phi;

/// Everything said about a value: path, rule, what is expected.
fn said(value: &impl Validate) -> Vec<String> {
    match value.validate() {
        Ok(()) => Vec::new(),
        Err(violations) => violations.iter().map(|v| format!("{} {}: {}", v.path, v.rule, v.expected)).collect(),
    }
}

fn rules_of<T: Validate>(field: &str) -> String {
    let rules: Vec<&FieldRules> = T::RULES.iter().filter(|rules| rules.field == field).collect();
    assert_eq!(rules.len(), 1, "{field}");
    format!("{:?}", rules[0].rules)
}

const EPOCH: NaiveDate = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap();
const LONGEST: usize = 20;

#[derive(Validate)]
#[validate(crate = crate, custom = ends_after_it_starts)]
struct Everything {
    #[validate(range(min = 5, max = 480))]
    minutes: u32,
    #[validate(range(min = -1.5, max = 0.1))]
    ratio: f32,
    #[validate(range(min = EPOCH))]
    born: Option<Phi<NaiveDate>>,
    #[validate(range(max = Duration::from_secs(90)))]
    pause: Duration,
    #[validate(range(max = TimeDelta::days(1), min = TimeDelta::zero()))]
    lasts: TimeDelta,
    #[validate(length(min = 1, max = LONGEST))]
    name: Phi<String>,
    #[validate(length(bytes, max = 4))]
    short: String,
    #[validate(length(equal = 2))]
    pair: Vec<u8>,
    #[validate(one_of("phone", "video"))]
    by: String,
    #[validate(one_of(-1, 1))]
    sign: Option<i8>,
    #[validate(url)]
    site: Option<String>,
    #[validate(each(length(max = 3), pattern = "^[a-z]*$"))]
    tags: Vec<String>,
    #[validate(each(each(range(max = 9))))]
    scores: BTreeMap<String, Option<BTreeSet<u8>>>,
    #[validate(nested, each(custom = is_leaf))]
    children: Vec<Node>,
    starts_at: DateTime<Utc>,
    #[validate(future)]
    ends_at: DateTime<Utc>,
}

#[derive(Validate)]
#[validate(crate = crate)]
struct Node {
    #[validate(email)]
    email: String,
    #[validate(nested)]
    below: Option<Box<Node>>,
}

fn ends_after_it_starts(all: &Everything) -> Result<(), &'static str> {
    if all.starts_at < all.ends_at { Ok(()) } else { Err("something that ends after it starts") }
}

fn is_leaf(node: &Node) -> Result<(), &'static str> {
    if node.below.is_none() { Ok(()) } else { Err("a leaf") }
}

fn good() -> Everything {
    Everything {
        minutes: 5,
        ratio: 0.1,
        born: Some(EPOCH.into()),
        pause: Duration::from_secs(90),
        lasts: TimeDelta::days(1),
        name: "ä".repeat(LONGEST).as_str().into(),
        short: "äö".into(),
        pair: vec![1, 2],
        by: "video".into(),
        sign: Some(-1),
        site: Some("https://example.org".into()),
        tags: vec!["abc".into(), String::new()],
        scores: [("Ada".into(), Some([9].into())), ("Bob".into(), None)].into(),
        children: vec![Node { email: "ada@example.org".into(), below: None }],
        starts_at: crate::time::now(),
        ends_at: crate::time::now() + TimeDelta::hours(1),
    }
}

#[test]
fn a_path_has_the_names_of_the_payload() {
    #[derive(serde::Deserialize, Validate)]
    #[serde(rename_all = "camelCase")]
    #[validate(crate = crate)]
    struct Booking {
        #[validate(range(min = 5))]
        duration_minutes: u32,
        #[serde(rename = "a/b~c")]
        #[validate(email)]
        renamed: String,
        #[serde(flatten)]
        #[validate(nested, custom = never)]
        flattened: Inside,
        #[validate(each(email))]
        r#type: Option<Vec<String>>,
    }
    #[derive(serde::Deserialize, Validate)]
    #[validate(crate = crate)]
    struct Inside {
        #[validate(length(min = 1))]
        note: String,
    }
    fn never(_: &Inside) -> Result<(), &'static str> {
        Err("something else")
    }
    let booking: Booking =
        serde_json::from_str(r#"{"durationMinutes": 4, "a/b~c": "", "note": "", "type": ["a@b", ""]}"#).unwrap();
    let paths: Vec<String> = booking.validate().unwrap_err().iter().map(|violation| violation.path.clone()).collect();
    assert_eq!(paths, ["/durationMinutes", "/a~1b~0c", "/note", "", "/type/1"]);
}

#[test]
fn what_is_right_passes() {
    assert_eq!(said(&good()), Vec::<String>::new());
}

#[test]
fn every_violation_is_reported_with_its_path() {
    let now = crate::time::now();
    let bottom = Node { email: "@".into(), below: None };
    let bad = Everything {
        minutes: 481,
        ratio: f32::NAN,
        born: Some(EPOCH.pred_opt().unwrap().into()),
        pause: Duration::from_nanos(90_000_000_001),
        lasts: TimeDelta::nanoseconds(-1),
        name: String::new().into(),
        short: "äöx".into(),
        pair: vec![1],
        by: "Video".into(),
        sign: Some(0),
        site: Some("example.org".into()),
        tags: vec!["a".into(), "ABCD".into()],
        scores: [("Ada".into(), Some([9, 10].into()))].into(),
        children: vec![Node { email: "ada@example.org".into(), below: Some(Box::new(bottom)) }],
        starts_at: now,
        ends_at: now,
    };
    assert_eq!(
        said(&bad),
        [
            "/minutes range: 5 to 480",
            "/ratio range: -1.5 to 0.1",
            "/born range: at least 1900-01-01",
            "/pause range: at most PT90S",
            "/lasts range: P0D to PT86400S",
            "/name length: 1 to 20 characters",
            "/short length: at most 4 bytes",
            "/pair length: exactly 2 items",
            "/by one_of: one of \"phone\", \"video\"",
            "/sign one_of: one of -1, 1",
            "/site url: an absolute URL",
            "/tags/1 length: at most 3 characters",
            "/tags/1 pattern: text that matches ^[a-z]*$",
            "/scores/*/* range: at most 9",
            "/children/0/below/email email: an e-mail address",
            "/children/0 custom: a leaf",
            "/ends_at future: in the future",
            " custom: something that ends after it starts",
        ]
    );
}

#[test]
fn the_table_says_what_is_checked() {
    for (field, expected) in [
        ("minutes", "[Range { min: Some(Number(5)), max: Some(Number(480)) }]"),
        ("ratio", "[Range { min: Some(Number(-1.5)), max: Some(Number(0.1)) }]"),
        ("born", "[Range { min: Some(String(\"1900-01-01\")), max: None }]"),
        ("pause", "[Range { min: None, max: Some(String(\"PT90S\")) }]"),
        ("lasts", "[Range { min: Some(String(\"P0D\")), max: Some(String(\"PT86400S\")) }]"),
        ("name", "[Length { unit: Characters, min: Some(1), max: Some(20) }]"),
        ("short", "[Length { unit: Bytes, min: None, max: Some(4) }]"),
        ("pair", "[Length { unit: Items, min: Some(2), max: Some(2) }]"),
        ("by", "[OneOf([Text(\"phone\"), Text(\"video\")])]"),
        ("sign", "[OneOf([Integer(-1), Integer(1)])]"),
        ("site", "[Url]"),
        ("tags", "[Each([Length { unit: Characters, min: None, max: Some(3) }, Pattern(\"^[a-z]*$\")])]"),
        ("scores", "[Each([Each([Range { min: None, max: Some(Number(9)) }])])]"),
        ("children", "[Nested(NestedRules(\"Node\")), Each([Custom(\"is_leaf\")])]"),
        ("ends_at", "[Future]"),
        ("", "[Custom(\"ends_after_it_starts\")]"),
    ] {
        assert_eq!(rules_of::<Everything>(field), expected);
    }
    assert_eq!(Everything::RULES.len(), 16, "fields without rules are left out");
}

#[test]
fn the_table_of_a_type_that_contains_itself_ends() {
    let Rule::Nested(below) = Node::RULES[1].rules[0] else { panic!("`below` is nested") };
    assert_eq!((below.of(), below.rules().len()), ("Node", 2));
    assert_eq!(Value::from(Allowed::Integer(-3)), json!(-3));
}
