//! Whatever comes in: an error that says what and where, and that repeats nothing of it.

use std::error::Error as _;

use shared::error::{DecodeCode, DecodeError};
use shared::event::{MAX_DEPTH, decode_event};
use shared::prelude::*;

use crate::vocabulary::{FormFilled, INVOICE, InvoiceIssued, VITALS, VitalsMeasured};

fn refused<E: Event>(payload: impl AsRef<[u8]>) -> DecodeError {
    let payload = payload.as_ref();
    let Err(error) = decode_event::<E>(None, payload) else {
        panic!("it was decoded: {}", String::from_utf8_lossy(payload));
    };
    let cause = error.source().map(|source| format!("{source:?} {source}")).unwrap_or_default();
    for said in [format!("{error:?}"), error.to_string(), error.report().to_string(), cause] {
        assert!(!said.contains("sentinel"), "{said}");
    }
    let Error::Decode(defect) = error else { panic!("{error:?}") };
    assert_eq!(defect.what, E::TYPE);
    defect
}

/// A payload with one thing exchanged for another.
fn changed(payload: &str, from: &str, to: &str) -> String {
    assert_eq!(payload.matches(from).count(), 1, "`{from}` is once in {payload}");
    payload.replacen(from, to, 1)
}

#[track_caller]
fn vitals(from: &str, to: &str, path: &str, code: DecodeCode) {
    let defect = refused::<VitalsMeasured>(changed(VITALS, from, to));
    assert_eq!((defect.path.as_str(), defect.code), (path, code), "{from} -> {to}");
}

#[track_caller]
fn invoice(from: &str, to: &str, path: &str, code: DecodeCode) {
    let defect = refused::<InvoiceIssued>(changed(INVOICE, from, to));
    assert_eq!((defect.path.as_str(), defect.code), (path, code), "{from} -> {to}");
}

#[test]
fn good_payloads_are_decoded() {
    decode_event::<VitalsMeasured>(None, VITALS.as_bytes()).expect("it is in order");
    decode_event::<InvoiceIssued>(None, INVOICE.as_bytes()).expect("it is in order");
}

#[test]
fn values_of_other_types_are_named_by_their_field() {
    use DecodeCode::{MissingField, UnknownField, WrongType};
    vitals(":61", r#":"sentinel""#, "/pulse", WrongType);
    vitals(":61", ":61.5", "/pulse", WrongType);
    vitals(":61", ":null", "/pulse", WrongType);
    vitals("36.6", "true", "/temperature", WrongType);
    vitals("2025-01-02", "sentinel", "/at", WrongType);
    vitals("018f4e6c", "sentinel", "/patient_id", WrongType);
    vitals(r#""sentinel""#, r#"{"sentinel":1}"#, "/note", WrongType);
    vitals(r#""pulse":61,"#, "", "/pulse", MissingField);
    invoice(r#""amountCents":900,"#, "", "/lines/0/amountCents", MissingField);
    invoice("900", r#""sentinel""#, "/lines/0/amountCents", WrongType);
    invoice(r#""text":"sentinel""#, r#""sentinel":1"#, "/lines/0", UnknownField);
    invoice(r#"[{"amountCents":900,"text":"sentinel"}]"#, r#""sentinel""#, "/lines", WrongType);
    invoice("42", r#""sentinel""#, "/payment/last_digits", WrongType);
    invoice(r#"{"card":{"last_digits":42}}"#, r#"{"sentinel":1}"#, "/payment", WrongType);
    invoice(r#"{"card":{"last_digits":42}}"#, r#"{"split":["cash","sentinel"]}"#, "/payment/1", WrongType);
    invoice(r#":"sentinel","attachment""#, r#":["sentinel"],"attachment""#, "/reference", WrongType);
    for whole in ["[]", "null", "7", r#""sentinel""#] {
        let defect = refused::<VitalsMeasured>(whole);
        assert_eq!((defect.path.as_str(), defect.code.as_str().len() > 1), ("", true), "{whole}");
    }
}

#[test]
fn keys_of_the_payloads_own_are_not_repeated() {
    invoice(r#"{"amountCents":5}"#, r#""sentinel""#, "/rebates/*", DecodeCode::WrongType);
    invoice(":5}", ":-5}", "/rebates/*/amountCents", DecodeCode::NumberOutOfRange);
    let defect = refused::<FormFilled>(r#"{"form_id":1,"signed":"sentinel","sentinel":2}"#);
    assert_eq!((defect.path.as_str(), defect.code), ("/signed", DecodeCode::WrongType));
    let defect = refused::<FormFilled>(r#"{"form_id":1,"signed":true,"sentinel":1e999}"#);
    assert_eq!((defect.path.as_str(), defect.code), ("/*", DecodeCode::NumberOutOfRange));
    let defect = refused::<FormFilled>(r#"{"form_id":1e999,"signed":true,"sentinel":1}"#);
    assert_eq!((defect.path.as_str(), defect.code), ("/form_id", DecodeCode::NumberOutOfRange));
}

#[test]
fn numbers_that_do_not_fit() {
    use DecodeCode::NumberOutOfRange;
    for number in ["65536", "-1", "4294967296", "18446744073709551616", "-9223372036854775809", "1e400", "1e19"] {
        vitals(":61", &format!(":{number}"), "/pulse", NumberOutOfRange);
    }
    vitals("-2", "128", "/change", NumberOutOfRange);
    vitals("36.6", "-1e999", "/temperature", NumberOutOfRange);
    invoice("42", "70000", "/payment/last_digits", NumberOutOfRange);
}

#[test]
fn keys_that_are_there_twice() {
    use DecodeCode::DuplicateKey;
    vitals(r#""change":-2"#, r#""change":-2,"pulse":62"#, "/pulse", DuplicateKey);
    vitals(r#""change":-2"#, r#""change":-2,"p\u0075lse":62"#, "/pulse", DuplicateKey);
    invoice(r#""amountCents":900"#, r#""amountCents":900,"amountCents":1"#, "/lines/0/amountCents", DuplicateKey);
    invoice(r#"{"amountCents":5}"#, r#"{"amountCents":5},"sentinel":{"amountCents":6}"#, "/rebates/*", DuplicateKey);
    invoice(r#":["sentinel"]"#, r#":1,"sentinel":2"#, "/attachment/*", DuplicateKey);
    invoice(r#":["sentinel"]"#, r#":[{"a":1,"b":2,"\u0061":3}]"#, "/attachment/*/0/*", DuplicateKey);
    let defect = refused::<FormFilled>(r#"{"form_id":1,"signed":true,"sentinel":1,"sentinel":2}"#);
    assert_eq!((defect.path.as_str(), defect.code), ("/*", DuplicateKey));
    let defect = refused::<FormFilled>(r#"{"form_id":1,"signed":true,"form_id":1}"#);
    assert_eq!((defect.path.as_str(), defect.code), ("/form_id", DuplicateKey));
    // what nobody reads may be there as often as it likes
    let ignored = changed(VITALS, r#""change":-2"#, r#""change":-2,"x":1,"x":{"y":1,"y":2}"#);
    decode_event::<VitalsMeasured>(None, ignored.as_bytes()).expect("it is ignored");
    let ignored = changed(INVOICE, r#""invoiceNumber":7"#, r#""invoiceNumber":7,"x":1,"x":{"y":1,"y":2}"#);
    decode_event::<InvoiceIssued>(None, ignored.as_bytes()).expect("it is ignored");
}

fn nested(depth: usize) -> String {
    format!("{}{}", r#"[{"sentinel":"#.repeat(depth / 2), "}]".repeat(depth / 2)).replace(":}", ":1}")
}

#[test]
fn payloads_that_are_too_deep() {
    for depth in [MAX_DEPTH, 200, 100_000] {
        // once where it is ignored, and once where it is kept
        let ignored = changed(VITALS, r#""change":-2"#, &format!(r#""change":-2,"x":{}"#, nested(depth)));
        let defect = refused::<VitalsMeasured>(ignored);
        assert_eq!((defect.path.as_str(), defect.code), ("", DecodeCode::TooDeep));
        let kept = changed(INVOICE, r#"["sentinel"]"#, &nested(depth));
        assert_eq!(refused::<InvoiceIssued>(kept).code, DecodeCode::TooDeep);
    }
    let unclosed = "[".repeat(100_000);
    assert_eq!(refused::<VitalsMeasured>(&unclosed).code, DecodeCode::TooDeep);
    let just_as_deep = changed(INVOICE, r#"["sentinel"]"#, &nested(MAX_DEPTH - 2));
    decode_event::<InvoiceIssued>(None, just_as_deep.as_bytes()).expect("it is not too deep");
    let brackets_in_texts = changed(VITALS, "sentinel", &"[{".repeat(100));
    decode_event::<VitalsMeasured>(None, brackets_in_texts.as_bytes()).expect("these are no brackets");
}

#[test]
fn what_is_no_json() {
    use DecodeCode::{Syntax, Truncated};
    for token in ["NaN", "Infinity", "-Infinity", "01", ".5", "+1", "'sentinel'", "undefined"] {
        vitals(":61", &format!(":{token}"), "/pulse", Syntax);
    }
    vitals(":61", ":0x1", "", Syntax);
    vitals(":61", ":61,", "", Syntax);
    vitals(":61,", ":61", "", Syntax);
    vitals("\"sentinel\"", "\"sentinel\n\"", "/note", Syntax);
    vitals("sentinel", r"sentinel\q", "/note", Syntax);
    for surrogates in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud83d sentinel"] {
        vitals("sentinel", surrogates, "/note", Syntax);
    }
    let whole = |payload: &str, code| {
        let defect = refused::<VitalsMeasured>(payload);
        assert_eq!((defect.path.as_str(), defect.code), ("", code), "{payload}");
    };
    whole(&format!("\u{feff}{VITALS}"), Syntax);
    whole(&format!("{VITALS} sentinel"), Syntax);
    whole(&format!("{VITALS}{VITALS}"), Syntax);
    whole("sentinel", Syntax);
    whole("", Truncated);
    whole("{", Truncated);
    for end in 1..VITALS.len() {
        let code = refused::<VitalsMeasured>(&VITALS[..end]).code;
        assert_eq!(code, Truncated, "{end}");
    }
}

#[test]
fn what_is_no_utf_8() {
    // in a value, in a key, in what is ignored, and outside of texts
    for at in [r#""sentinel""#, r#""note""#, r#""change":-2,"#] {
        let mut payload = Vec::from(VITALS);
        let place = VITALS.find(at).expect("it is there") + 1;
        for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
            payload.splice(place..place, bad.iter().copied());
            assert_eq!(refused::<VitalsMeasured>(&payload).code, DecodeCode::NotUtf8);
        }
    }
    let ignored = changed(VITALS, r#""change":-2"#, r#""change":-2,"x":"?""#);
    let mut payload = ignored.into_bytes();
    let place = payload.iter().position(|byte| *byte == b'?').expect("it is there");
    payload[place] = 0xff;
    assert_eq!(refused::<VitalsMeasured>(&payload).code, DecodeCode::NotUtf8);
}

#[test]
fn texts_with_nul() {
    vitals("sentinel", r"sentinel\u0000", "/note", DecodeCode::Nul);
    invoice(r#""text":"sentinel""#, r#""text":"\u0000""#, "/lines/0/text", DecodeCode::Nul);
    invoice(r#":["sentinel"]"#, r#":["\u0000"]"#, "/attachment/*/0", DecodeCode::Nul);
    invoice(r#""attachment":{"sentinel""#, r#""attachment":{"\u0000sentinel""#, "/attachment", DecodeCode::Nul);
    // not unescaped, it is no JSON either
    vitals("sentinel", "\0", "/note", DecodeCode::Syntax);
    // a text about it is a text like any other
    let described = changed(VITALS, "sentinel", r"\\u0000 \u0001");
    decode_event::<VitalsMeasured>(None, described.as_bytes()).expect("there is none in it");
    let ignored = changed(VITALS, r#""change":-2"#, r#""change":-2,"x":"\u0000""#);
    decode_event::<VitalsMeasured>(None, ignored.as_bytes()).expect("it is ignored");
}

/// Any single byte of a payload may be anything.
#[test]
fn no_byte_makes_it_panic_or_leak() {
    for payload in [VITALS, INVOICE] {
        for at in 0..payload.len() {
            for byte in [0, b'"', b'\\', b'{', b'}', b'[', b']', b':', b',', b'0', b'-', b'e', b' ', b'u', 0x80, 0xff] {
                let mut payload = Vec::from(payload);
                payload[at] = byte;
                for error in [
                    decode_event::<VitalsMeasured>(None, &payload).err(),
                    decode_event::<InvoiceIssued>(None, &payload).err(),
                ] {
                    let said = error.map(|error| format!("{error:?} {error}")).unwrap_or_default();
                    assert!(!said.contains("sentinel"), "{said}");
                }
            }
        }
    }
}
