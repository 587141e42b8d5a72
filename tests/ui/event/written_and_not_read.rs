// mistakes: 4
use shared::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "image.stored")]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"))]
pub struct ImageStored {
    pub image_id: Uuid,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[serde(skip_serializing)]
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "image.dropped")]
#[serde(tag = "kind", deny_unknown_fields)]
pub struct ImageDropped {
    pub id: Uuid,
}

fn main() {}
