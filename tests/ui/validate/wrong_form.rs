// mistakes: 13
use shared::prelude::*;

#[derive(Debug, Validate)]
pub struct Booking {
    #[validate(range = 5)]
    pub duration_minutes: u32,
    #[validate(email = true)]
    pub email: String,
    #[validate(custom = "is_mrn")]
    pub mrn: String,
    #[validate(pattern)]
    pub code: String,
    #[validate(length = 5)]
    pub reason: String,
    #[validate(length(bytes = 5))]
    pub note: String,
    #[validate(url = "https")]
    pub site: String,
    #[validate(past())]
    pub born_at: DateTime<Utc>,
    #[validate(future = true)]
    pub starts_at: DateTime<Utc>,
    #[validate(one_of = "phone")]
    pub channel: String,
    #[validate(each = 5)]
    pub tags: Vec<String>,
    #[validate(nested(deep))]
    pub lines: Vec<String>,
    #[validate(each(emial))]
    pub emails: Vec<String>,
}

fn main() {}
