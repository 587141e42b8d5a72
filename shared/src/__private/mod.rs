//! What generated code may name. Nothing here is for anybody else, and any of it may change in any version.
#![allow(missing_docs)] // the documentation is that of the macros

mod entity;
mod event;
mod message;
mod subscribe;
mod validate;

pub use self::entity::*;
pub use self::event::*;
pub use self::subscribe::*;
pub use self::validate::*;
