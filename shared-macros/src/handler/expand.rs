//! The type beside the function, and the methods that check and call it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Type;

use super::{Argument, Target, takes_transaction};
use crate::spans::{at, ends, generated, respanned_outside};

/// The type that the function is registered by: of the same name, which types and functions may share.
pub(crate) fn declaration(target: &Target) -> TokenStream {
    let Target { cfgs, vis, ident, .. } = target;
    generated! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, missing_copy_implementations, missing_debug_implementations)]
        #[allow(non_camel_case_types, unreachable_pub, clippy::empty_structs_with_brackets)]
        #vis struct #ident {}
    }
}

/// What every description has: the documentation, whether there is a transaction, and in `declared_at` the place.
pub(crate) fn description(target: &Target, arguments: &[Argument]) -> [TokenStream; 3] {
    let docs = &target.docs;
    let docs = if docs.is_empty() { TokenStream::new() } else { generated!(.docs(#docs)) };
    let transactional = if takes_transaction(arguments) { generated!(.transactional()) } else { TokenStream::new() };
    let place = target.ident.span();
    let (file, line) = (quote_spanned!(place=> ::core::file!()), quote_spanned!(place=> ::core::line!()));
    [docs, transactional, generated!(.declared_at(#file, #line))]
}

/// The method that checks at start-up that the extractors can be made, which `extractor` gives the paths of.
pub(crate) fn check(arguments: &[Argument], extractor: impl Fn(&Type) -> TokenStream) -> TokenStream {
    let checks: Vec<TokenStream> = arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Extractor(ty) => Some(extractor(ty)),
            Argument::Transaction(_) => None,
        })
        .collect();
    let parameter = if checks.is_empty() { generated!(_) } else { generated!(__states) };
    generated! {
        fn check(#parameter: &__shared::States) -> __shared::Result<()> {
            #(#checks::check(__states)?;)*
            ::core::result::Result::Ok(())
        }
    }
}

/// The method that calls the function.
pub(crate) struct Method<'a> {
    pub(crate) name: TokenStream,
    pub(crate) function: &'a Ident,
    /// The type of the message as it was written.
    pub(crate) written: &'a Type,
    /// The type of the parameter.
    pub(crate) takes: TokenStream,
    /// The type that is returned, without the last `>`.
    pub(crate) returns: TokenStream,
    /// The function that makes it of what the function returns.
    pub(crate) into: TokenStream,
}

/// Makes the arguments as `transaction` and `extractor` say, of `__tx` and of `__parts`.
pub(crate) fn call(
    method: Method<'_>,
    arguments: &[Argument],
    transaction: impl Fn(&Type) -> TokenStream,
    extractor: impl Fn(&Type) -> TokenStream,
) -> TokenStream {
    let Method { name, function, written, takes, returns, into } = method;
    let names: Vec<Ident> =
        (0..arguments.len()).map(|index| Ident::new(&format!("__argument{index}"), Span::mixed_site())).collect();
    let made = arguments.iter().map(|argument| match argument {
        Argument::Transaction(ty) => transaction(ty),
        Argument::Extractor(ty) => extractor(ty),
    });
    let tx = if takes_transaction(arguments) { generated!(__tx) } else { generated!(_) };
    let extracts = arguments.iter().any(|argument| matches!(argument, Argument::Extractor(_)));
    let parts = if extracts { generated!(__parts) } else { generated!(_) };
    // a future that is not `Send` is reported at the function's name
    let body = generated! {{
        #(let #names = #made?;)*
        #into(#function(__message, #(#names),*).await)
    }};
    let future = respanned_outside(generated!(::std::boxed::Box::pin(async move #body)), at(function.span()));
    // the compiler compares a method with the trait's at the place of the whole of it, which is where its first and
    // its last token stand: that shall be the message's type, see `projected`
    let (first, last) = ends(written);
    let (keyword, close) = (quote_spanned!(first=> fn), quote_spanned!(last=> >));
    let mut block = Group::new(
        Delimiter::Brace,
        generated! {
            let (#tx, #parts) = __call.split();
            #future
        },
    );
    block.set_span(last);
    generated!(#keyword #name<'a>(__message: #takes, __call: __shared::Call<'a>) -> #returns #close #block)
}
