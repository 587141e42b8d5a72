// mistakes: 4
use shared::prelude::*;

mod hex {
    pub fn serialize<S: serde::Serializer>(_: &[u8; 4], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("")
    }
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<[u8; 4], D::Error> {
        Ok([0; 4])
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "image.stored")]
pub struct ImageStored {
    #[serde(with = "hex")]
    pub digest: [u8; 4],
    #[serde(rename(serialize = "taken", deserialize = "at"))]
    pub at: DateTime<Utc>,
    #[event(json = String)]
    pub by: Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "image.dropped")]
#[serde(transparent)]
pub struct ImageDropped {
    pub id: Uuid,
}

fn main() {}
