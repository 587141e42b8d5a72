//! The runtime crate may have another name.

extern crate shared as platform;

use platform::event::{Event as _, EventSet as _};
use platform::{Event, JsonSchema, Metadata, Query, State, Tx, Validate, respond, subscribe};
use serde::{Deserialize, Serialize};

// what `::shared` would mean if anything generated said it without a leading colon
mod shared {}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "order.{id}.placed", key = id, crate = ::platform)]
struct Placed {
    id: u64,
    #[validate(range(min = 1), custom = even)]
    amount: u32,
    #[validate(nested)]
    lines: Vec<Line>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[validate(crate = platform)]
#[schemars(crate = "platform::schemars")]
struct Line {
    #[validate(length(max = 10), pattern = "^[a-z]*$")]
    article: String,
}

fn even(amount: &u32) -> Result<(), &'static str> {
    if amount.is_multiple_of(2) { Ok(()) } else { Err("even") }
}

#[derive(Debug, Clone, Event)]
#[event(domain = "order", crate = crate::platform)]
enum OrderEvent {
    Placed(Placed),
}

#[subscribe("order.*.placed", crate = platform)]
async fn ship(event: OrderEvent, _: &mut Tx, _: &Metadata, _: State<u8>) -> platform::Result<Placed> {
    let OrderEvent::Placed(event) = event;
    Ok(event)
}

#[derive(Debug, Serialize, Deserialize, Query)]
#[query(subject = "order.count", reply = u32, crate = platform)]
struct CountOrders {
    #[validate(length(max = 10))]
    article: String,
}

#[respond("order.count", crate = platform)]
async fn count(query: CountOrders, _: &mut Tx, _: State<u8>) -> platform::Result<u32> {
    Ok(query.article.len() as u32)
}

#[test]
fn what_is_generated_works() {
    assert_eq!(Placed::TYPE, "order.placed");
    assert_eq!(OrderEvent::SUBJECTS, ["order.{id}.placed"]);
    assert_eq!(platform::subscribers![ship][0].spec().pattern, "order.*.placed");
    assert_eq!(platform::responders![count][0].spec().subject, "order.count");
}
