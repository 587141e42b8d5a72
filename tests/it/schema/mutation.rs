//! Small changes of JSON.

use fastrand::Rng;
use serde_json::{Value, json};

/// A value with one to three parts of it changed.
pub fn mutated(value: &Value, rng: &mut Rng) -> Value {
    let mut value = value.clone();
    for _ in 0..rng.usize(1..=3) {
        let at = rng.usize(..nodes(&value));
        mutate(nth(&mut value, at).expect("there are so many"), rng);
    }
    // a payload is an object
    if value.is_object() { value } else { json!({}) }
}

fn parts(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(object) => object.values().collect(),
        Value::Array(list) => list.iter().collect(),
        _ => Vec::new(),
    }
}

fn nodes(value: &Value) -> usize {
    1 + parts(value).into_iter().map(nodes).sum::<usize>()
}

/// The nth part of a value, itself being the first.
fn nth(value: &mut Value, at: usize) -> Option<&mut Value> {
    if at == 0 {
        return Some(value);
    }
    let mut left = at - 1;
    let parts: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Object(object) => Box::new(object.values_mut()),
        Value::Array(list) => Box::new(list.iter_mut()),
        _ => return None,
    };
    for part in parts {
        let size = nodes(part);
        if left < size {
            return nth(part, left);
        }
        left -= size;
    }
    None
}

fn mutate(node: &mut Value, rng: &mut Rng) {
    match node {
        Value::Object(object) if !rng.u8(..).is_multiple_of(8) => {
            let keys: Vec<String> = object.keys().cloned().collect();
            match rng.u8(..4) {
                0 => {
                    object.insert(text(rng), any(rng));
                }
                1 if !keys.is_empty() => {
                    let value = object.remove(&keys[rng.usize(..keys.len())]);
                    object.insert(text(rng), value.expect("the key is there"));
                }
                _ if !keys.is_empty() => {
                    object.remove(&keys[rng.usize(..keys.len())]);
                }
                _ => {}
            }
        }
        Value::Array(list) if !rng.u8(..).is_multiple_of(8) => match rng.u8(..3) {
            0 => list.push(any(rng)),
            1 if !list.is_empty() => list.push(list[rng.usize(..list.len())].clone()),
            _ => drop(list.pop()),
        },
        Value::Number(number) if rng.bool() => {
            *node = match number.as_i64() {
                Some(number) => (number + rng.i64(-20..=20)).into(),
                None => (number.as_f64().unwrap_or_default() - rng.f64() * 4.0 - 0.1).into(),
            };
        }
        Value::String(old) if rng.bool() => match rng.u8(..3) {
            0 => old.push_str(&text(rng)),
            1 => drop(old.pop()),
            _ => *old = text(rng),
        },
        _ => {
            let other = any(rng);
            // serde reads a struct from a list of its fields' values too
            *node = if node.is_object() && other.is_array() { Value::Null } else { other };
        }
    }
}

/// Names that mean something somewhere, and others.
fn text(rng: &mut Rng) -> String {
    const TEXTS: [&str; 27] = [
        "",
        "a",
        "A",
        "B",
        "b",
        "x",
        "ab",
        "abcde",
        "ä",
        "ÄÖ",
        "<",
        "a.b",
        "7",
        "300",
        "-1",
        "yes",
        "NO",
        "nobody",
        "Nobody",
        "type",
        "note",
        "label",
        "id",
        "until",
        "floor",
        "t",
        "018f4e6c-0000-7000-8000-000000000001",
    ];
    TEXTS[rng.usize(..TEXTS.len())].to_owned()
}

/// Numbers stay in the range of every type of at least 16 bits.
fn any(rng: &mut Rng) -> Value {
    match rng.u8(..9) {
        0 => Value::Null,
        1 => rng.bool().into(),
        2 => rng.i16(..).into(),
        3 => rng.i8(-10..=10).into(),
        4 => (f64::from(rng.i8(..)) + 0.5).into(),
        5 => text(rng).into(),
        6 => json!([]),
        7 => json!({}),
        _ => json!({ text(rng): [any(rng)] }),
    }
}
