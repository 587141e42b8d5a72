//! `#[derive(Entity)]`, `#[derive(EntityEnum)]`, `#[derive(EntityValue)]` and `#[derive(Projection)]`: input (attributes as written) -> check
//! (one checked model) -> expand, and a fallback.

mod check;
mod emits;
mod enumeration;
mod expand;
mod fallback;
mod flatten;
mod input;
mod key;
mod name;
mod newtype;
mod projection;
mod sql;
mod surface;

use proc_macro2::TokenStream;

pub(crate) use self::enumeration::expand_entity_enum;
pub(crate) use self::newtype::expand_entity_value;
pub(crate) use self::projection::expand_projection;
use crate::diagnostics::Errors;

pub(crate) fn expand_entity(input: TokenStream) -> TokenStream {
    let item = match syn::parse2(input) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let input = input::Input::read(&item, &mut errors);
    let krate = input.krate.clone();
    let model = check::check(input, &mut errors);
    match errors.finish(Some(())) {
        Ok(()) => expand::expand(&krate, &model),
        Err(mut tokens) => {
            if item.generics.params.is_empty() {
                tokens.extend(fallback::fallback(&krate, &model));
            }
            tokens
        }
    }
}

#[cfg(test)]
mod tests;
