//! Where the compiler shall look when it has something to say about generated code.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};

/// `quote!` with locals of the macro's own: no constant and no macro parameter of the user's can be taken for one.
macro_rules! generated {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}
pub(crate) use generated;

/// The place of a user's token with the hygiene of generated code: errors point there, while locals still are the
/// macro's own.
///
/// Not for what panics in a constant, nor for `line!()`: those take the place of the macro's call. They get the
/// span of the user's token itself.
pub(crate) fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// A type seen through a trait of `shared::__private` whose `This` is the type itself:
/// `<Type as Bound>::This`, spanned over the whole of the user's type.
///
/// When the type does not implement the trait, the projection is an error of its own, and whatever is asked of it
/// afterwards is silent: the compiler says the same thing at the same place however often it occurs, and prints
/// it once.
pub(crate) fn judged(ty: &impl ToTokens, bound: &TokenStream) -> TokenStream {
    let (first, last) = ends(ty);
    let (open, this) = (quote_spanned!(first=> <), quote_spanned!(last=> This));
    generated!(#open #ty as #bound>::#this)
}

/// The spans of the first and the last token. (Joining two spans is not stable.)
fn ends(tokens: &impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}
