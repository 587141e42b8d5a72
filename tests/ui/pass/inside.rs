//! The macros work inside functions and inside other macros.

use shared::prelude::*;

/// Declares an event, its domain and its subscriber, with every kind of fragment.
macro_rules! domain {
    (
        $(#[$meta:meta])* $domain:literal as $set:ident:
        $event:ident $subject:literal ($key:ident: $key_type:ty, $limit:expr, $rule:path) => $handler:ident $pattern:literal, $question:ident => $answer:ident
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Serialize, Deserialize, Event)]
        #[event(subject = $subject, key = $key)]
        pub struct $event {
            pub $key: $key_type,
            #[validate(range(min = 1, max = $limit), custom = $rule)]
            pub amount: u32,
            #[validate(length(max = $limit))]
            pub note: Option<$key_type>,
        }

        #[derive(Debug, Clone, Event)]
        #[event(domain = $domain)]
        pub enum $set {
            Only($event),
        }

        #[subscribe($pattern, concurrency = 2)]
        pub async fn $handler(event: $set, tx: &mut Tx, _: State<$key_type>) -> Result<()> {
            let $set::Only(event) = event;
            tx.publish(&event).await?;
            Ok(())
        }

        #[derive(Debug, Serialize, Deserialize, Query)]
        #[query(subject = $subject, reply = Vec<$key_type>)]
        pub struct $question {
            #[validate(range(min = 1, max = $limit), custom = $rule)]
            pub amount: u32,
            #[validate(length(max = $limit))]
            pub note: Option<$key_type>,
        }

        #[respond($subject, concurrency = 2)]
        pub async fn $answer(query: $question, _: &mut Tx, _: State<$key_type>) -> Result<Vec<$key_type>> {
            Ok(query.note.into_iter().collect())
        }
    };
}

mod rules {
    pub fn even(amount: &u32) -> Result<(), &'static str> {
        if amount.is_multiple_of(2) { Ok(()) } else { Err("even") }
    }
}

domain! {
    /// An order was placed.
    "order" as OrderEvent: Placed "order.placed" (number: String, 10, rules::even) => ship "order.*", Orders => orders
}

#[test]
fn inside_a_macro() {
    let placed = Placed { number: "1".into(), amount: 12, note: None };
    assert_eq!(placed.validate().unwrap_err().to_string(), "`Placed` is not valid: /amount must be 1 to 10 (range)");
    assert_eq!(Event::key(&placed).as_deref(), Some("1"));
    assert_eq!(shared::subscribers![ship][0].spec().concurrency, 2);
    let asked = Orders { amount: 13, note: None };
    assert_eq!(
        asked.validate().unwrap_err().to_string(),
        "`Orders` is not valid: /amount must be 1 to 10 (range); /amount must be even (custom)"
    );
    assert_eq!(shared::responders![orders][0].spec().concurrency, 2);
}

#[test]
fn inside_a_function() {
    const SHORTEST: u32 = 5;
    const LONGEST: u32 = 480;

    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(subject = "visit.ended")]
    struct VisitEnded {
        #[validate(range(min = SHORTEST, max = LONGEST))]
        minutes: u32,
    }

    #[derive(Debug, Clone, Event)]
    #[event(domain = "visit")]
    enum VisitEvent {
        Ended(VisitEnded),
    }

    #[subscribe("visit.*")]
    async fn bill(event: VisitEvent) -> Option<VisitEvent> {
        Some(event)
    }

    domain!("stock" as StockEvent: Counted "stock.counted" (shelf: String, 9, rules::even) => count "stock.>", Stocks => stocks);

    let error = VisitEvent::decode("visit.ended", b"{\"minutes\":1}").unwrap().validate().unwrap_err();
    assert_eq!(error.to_string(), "`VisitEvent` is not valid: /minutes must be 5 to 480 (range)");
    let specs = shared::subscribers![bill, count].map(|subscriber| *subscriber.spec());
    assert_eq!(specs.map(|spec| spec.pattern), ["visit.*", "stock.>"]);
    assert!(specs[0].file.ends_with("inside.rs"));
    let specs = shared::responders![stocks].map(|responder| *responder.spec());
    assert_eq!(specs.map(|spec| spec.subject), ["stock.counted"]);
    assert!(specs[0].file.ends_with("inside.rs"));
}
