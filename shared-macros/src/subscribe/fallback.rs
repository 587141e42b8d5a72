//! What is emitted beside the errors, so that `subscribers![..]` compiles and one mistake gives one message.

use proc_macro2::TokenStream;
use syn::Path;

use crate::handler::{Target, declaration};
use crate::spans::{generated, in_block};

pub(crate) fn fallback(krate: &Path, target: &Target) -> TokenStream {
    let Target { cfgs, ident, .. } = target;
    let declaration = declaration(target);
    let subscribe = generated! {
        #[automatically_derived]
        impl __shared::Subscribe for #ident {
            type Event = __shared::NoEvent;
            const SPEC: __shared::SubscriberSpec = __shared::NO_SPEC;
            fn check(_: &__shared::States) -> __shared::Result<()> { __shared::refused() }
            fn call<'a>(__event: __shared::NoEvent, _: __shared::Call<'a>) -> __shared::Drafts<'a> { match __event {} }
        }
    };
    let subscribe = in_block(krate, &subscribe);
    generated! {
        #declaration
        #(#cfgs)*
        #subscribe
    }
}
