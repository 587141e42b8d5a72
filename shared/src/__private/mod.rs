//! What generated code may name. Nothing here is for anybody else, and any of it may change in any version.
#![allow(missing_docs)] // the documentation is that of the macros

mod entity;
mod event;
mod subscribe;
mod message;

pub use self::entity::*;
pub use self::event::*;
pub use self::subscribe::*;
