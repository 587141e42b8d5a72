//! What is emitted beside the errors, so that `subscribers![..]` compiles and one mistake gives one message.

use proc_macro2::TokenStream;
use syn::Path;

use super::expand::declaration;
use super::input::Target;
use crate::spans::generated;

pub(crate) fn fallback(krate: &Path, target: &Target) -> TokenStream {
    let Target { cfgs, ident, .. } = target;
    let declaration = declaration(target);
    generated! {
        #declaration
        #(#cfgs)*
        #[automatically_derived]
        impl #krate::service::Subscribe for #ident {
            type Event = #krate::__private::NoEvent;
            const SPEC: #krate::service::SubscriberSpec = #krate::__private::NO_SPEC;
            fn check(_: &#krate::service::States) -> #krate::Result<()> {
                #krate::__private::refused()
            }
            fn call<'a>(
                event: Self::Event,
                _: #krate::service::Call<'a>,
            ) -> #krate::service::BoxFuture<'a, #krate::Result<::std::vec::Vec<#krate::event::Draft>>> {
                match event {}
            }
        }
    }
}
