//! What documents say of events is what serde and the rules do.

mod agreement;
mod cases;
mod documents;
mod mutation;
mod protection;
mod vocabulary;
