//! Numbers come back as they were. (Floats: `event/decode.rs`, in the crate itself.)

use serde_json::json;
use shared::event::decode_event;

use crate::vocabulary::FormFilled;

#[test]
fn whole_numbers_come_back_whole() {
    for number in [json!(u64::MAX), json!(i64::MIN), json!(9_007_199_254_740_993_u64)] {
        let payload = json!({ "form_id": 1, "signed": true, "number": number });
        let event: FormFilled = decode_event(None, payload.to_string().as_bytes()).expect("it is understood");
        assert_eq!(event.rest["number"], number);
    }
}
