//! `#[derive(Event)]`: input (attributes as written) -> check (one checked model) -> expand.

mod check;
mod closed;
mod expand;
mod fallback;
mod input;
mod payload;

use proc_macro2::TokenStream;

use crate::diagnostics::Errors;

pub(crate) fn expand_event(input: TokenStream) -> TokenStream {
    let item = match syn::parse2(input) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let input = input::Input::read(&item, &mut errors);
    let krate = input.krate.clone();
    let model = check::check(input, &mut errors);
    match errors.finish(model) {
        Ok(model) => expand::expand(&krate, &model),
        Err(mut tokens) => {
            tokens.extend(fallback::fallback(&krate, &item));
            tokens
        }
    }
}

#[cfg(test)]
mod tests;
