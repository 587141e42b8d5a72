//! `#[subscribe]`: input (attribute and signature as written) -> check (one checked model) -> expand.
//!
//! The function itself is emitted as it came, whatever is wrong with its declaration: it stays callable, and a body
//! that is being typed does not disturb the editor.

mod check;
mod duration;
mod expand;
mod fallback;
mod input;

use proc_macro2::TokenStream;

pub(crate) use self::duration::millis;
use crate::diagnostics::Errors;
use crate::handler::Function;
use crate::spans::generated;

pub(crate) fn expand_subscribe(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let input = input::Input::read(attribute, item.clone(), &mut errors);
    let (krate, target) = (input.krate.clone(), input.function.as_ref().and_then(Function::target));
    let model = check::check(input, &mut errors);
    let beside = match errors.finish(model) {
        Ok(model) => expand::expand(&krate, &model),
        Err(mut tokens) => {
            tokens.extend(target.map(|target| fallback::fallback(&krate, &target)));
            tokens
        }
    };
    generated!(#item #beside)
}

#[cfg(test)]
mod tests;
