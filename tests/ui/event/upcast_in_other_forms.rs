// mistakes: 4
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "a.b", version = 2, upcast = "AV1")]
struct A {}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "b.c", version = 2, upcast())]
struct B {}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "c.d", version = 2, upcast(form = CV1))]
struct C {}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "d.e", version = 2, upcast(from = 1))]
struct D {}

fn main() {}
