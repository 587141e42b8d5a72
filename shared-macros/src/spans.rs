//! Where the compiler shall look when it has something to say about generated code.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::Path;

/// `quote!` with locals of the macro's own: no constant and no macro parameter of the user's can be taken for one.
macro_rules! generated {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}
pub(crate) use generated;

/// Items in a block of their own, where `shared::__private` has a short name.
pub(crate) fn in_block(krate: &Path, items: &TokenStream) -> TokenStream {
    // a deprecated type is still what it is, and a renamed crate may be written with more path than needed
    generated! {
        #[allow(deprecated, unused_qualifications)]
        const _: () = {
            use #krate::__private as __shared;
            #items
        };
    }
}

/// The place of a user's token with the hygiene of generated code: errors point there, while locals still are the
/// macro's own.
///
/// Not for what panics in a constant, nor for `line!()`: those take the place of the macro's call. They get the
/// span of the user's token itself.
pub(crate) fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// Tokens that all stand at one place, the interpolated ones too, which `quote_spanned!` leaves where they were.
pub(crate) fn respanned(tokens: TokenStream, place: Span) -> TokenStream {
    let respan = |token: TokenTree| match token {
        TokenTree::Group(group) => {
            let mut moved = Group::new(group.delimiter(), respanned(group.stream(), place));
            moved.set_span(place);
            TokenTree::Group(moved)
        }
        mut other => {
            other.set_span(place);
            other
        }
    };
    tokens.into_iter().map(respan).collect()
}

/// Tokens that stand at one place but for what is inside braces, which stays where it was.
pub(crate) fn respanned_outside(tokens: TokenStream, place: Span) -> TokenStream {
    let respan = |token: TokenTree| match token {
        TokenTree::Group(group) => {
            let inside = match group.delimiter() {
                Delimiter::Brace => group.stream(),
                _ => respanned_outside(group.stream(), place),
            };
            let mut moved = Group::new(group.delimiter(), inside);
            moved.set_span(place);
            TokenTree::Group(moved)
        }
        mut other => {
            other.set_span(place);
            other
        }
    };
    tokens.into_iter().map(respan).collect()
}

/// A check that runs while the program is compiled. When it panics, that is reported at `place`.
pub(crate) fn checked(function: TokenStream, arguments: &TokenStream, place: Span) -> TokenStream {
    let function = respanned(function, place);
    let call = quote_spanned!(place=> #function(#arguments));
    // the call stands at a token of the user's, so it is linted like one
    generated!(#[allow(unused_qualifications)] const _: () = #call;)
}

/// As [`checked`], with all of these tokens as the place.
pub(crate) fn checked_over(function: TokenStream, arguments: &TokenStream, place: &impl ToTokens) -> TokenStream {
    // a call reaches from where the function's name begins to where the parenthesis closes
    let (first, last) = ends(place);
    let function = respanned(function, first);
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments.clone());
    arguments.set_span(last);
    generated!(#[allow(unused_qualifications)] const _: () = #function #arguments;)
}

/// `<Type as Bound>::Name`, spanned over the whole of the user's type.
///
/// The compiler says the same thing at the same place only once. So a type that is wrong is reported once if everything
/// that is asked of it goes through one trait, and through a path like this one.
pub(crate) fn projected(ty: &impl ToTokens, bound: &TokenStream, name: &str) -> TokenStream {
    let (first, last) = ends(ty);
    let (open, name) = (quote_spanned!(first=> <), Ident::new(name, last));
    generated!(#open #ty as #bound>::#name)
}

/// The type itself, seen through a trait of `shared::__private` whose `This` it is. Of a type without the trait that is
/// nothing, and the compiler has nothing more to say about it than that.
pub(crate) fn judged(ty: &impl ToTokens, bound: &TokenStream) -> TokenStream {
    projected(ty, bound, "This")
}

/// The spans of the first and the last token. (Joining two spans is not stable.)
pub(crate) fn ends(tokens: &impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}
