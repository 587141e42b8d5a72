//! What is emitted beside the errors: impls that say nothing, so that every other use of the type compiles and one
//! mistake gives one message.
//!
//! An empty subject marks them; the checks of `shared::__private` skip what carries one.

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Fields, Path, Type};

use crate::attribute::plain_name;
use crate::spans::generated;

pub(crate) fn fallback(krate: &Path, item: &DeriveInput) -> TokenStream {
    match &item.data {
        Data::Struct(_) => {
            let event = event(krate, item);
            let set = set(krate, item, &generated!(&[<Self as #krate::event::Event>::INFO]));
            generated!(#event #set)
        }
        Data::Enum(data) => {
            let set = set(krate, item, &generated!(&[]));
            let mut seen: Vec<&Type> = Vec::new();
            let conversions = data.variants.iter().filter_map(|variant| {
                let Fields::Unnamed(fields) = &variant.fields else { return None };
                let ty = &fields.unnamed.first().filter(|_| fields.unnamed.len() == 1)?.ty;
                if seen.contains(&ty) || !item.generics.params.is_empty() {
                    return None;
                }
                seen.push(ty);
                let (ident, variant) = (&item.ident, &variant.ident);
                Some(generated! {
                    #[automatically_derived]
                    impl ::core::convert::From<#ty> for #ident {
                        fn from(event: #ty) -> Self { Self::#variant(event) }
                    }
                })
            });
            let domain = domain(krate, item);
            generated!(#set #domain #(#conversions)*)
        }
        // serde does not derive for unions either
        Data::Union(_) => TokenStream::new(),
    }
}

fn event(krate: &Path, item: &DeriveInput) -> TokenStream {
    let (ident, name) = (&item.ident, plain_name(&item.ident));
    let (generics, arguments, bounds) = generics(item, &generated!(#krate::__private::Wire));
    generated! {
        #[automatically_derived]
        impl #generics #krate::event::Event for #ident #arguments #bounds {
            const SUBJECT: &'static str = "";
            const TYPE: &'static str = "";
            const VERSION: u32 = 1;
            const INFO: &'static #krate::event::EventInfo = &#krate::event::EventInfo {
                name: #name,
                event_type: "",
                subject: "",
                version: 1,
                fields: &[],
                file: "",
                line: 0,
            };
            fn encode_payload(&self) -> #krate::Result<::std::vec::Vec<u8>> {
                #krate::__private::refused()
            }
            fn decode_payload(_: &[u8]) -> #krate::Result<Self> {
                #krate::__private::refused()
            }
        }
    }
}

fn set(krate: &Path, item: &DeriveInput, events: &TokenStream) -> TokenStream {
    let (ident, name) = (&item.ident, plain_name(&item.ident));
    let extra = match item.data {
        Data::Struct(_) => generated!(#krate::__private::Wire),
        _ => generated!(::core::marker::Sized),
    };
    let (generics, arguments, bounds) = generics(item, &extra);
    generated! {
        #[automatically_derived]
        impl #generics #krate::validate::Validate for #ident #arguments #bounds {
            const NAME: &'static str = #name;
            fn check(&self, _: &mut #krate::validate::Checker) {}
        }
        #[automatically_derived]
        impl #generics #krate::event::EventSet for #ident #arguments #bounds {
            const EVENTS: &'static [&'static #krate::event::EventInfo] = #events;
            const SUBJECTS: &'static [&'static str] = &[];
            const DOMAIN: ::core::option::Option<&'static str> = ::core::option::Option::None;
            const UNIVERSE: &'static [&'static #krate::event::EventInfo] = &[];
            fn decode_as(_: &str, _: ::core::option::Option<u32>, _: &[u8]) -> #krate::Result<Self> {
                #krate::__private::refused()
            }
        }
        #[automatically_derived]
        impl #generics #krate::__private::Handled for #ident #arguments #bounds {
            type This = Self;
        }
        #[automatically_derived]
        impl #generics #krate::event::Publish for #ident #arguments #bounds {
            fn draft(&self) -> #krate::Result<#krate::event::Draft> {
                #krate::__private::refused()
            }
        }
    }
}

fn domain(krate: &Path, item: &DeriveInput) -> TokenStream {
    let ident = &item.ident;
    let (generics, arguments, bounds) = generics(item, &generated!(::core::marker::Sized));
    generated! {
        #[automatically_derived]
        impl #generics #krate::__private::Domain for #ident #arguments #bounds {
            type This = Self;
        }
    }
}

/// The generics of the impls. Those of an event are a mistake, but a bound on `Self` lets them pass here.
fn generics(item: &DeriveInput, extra: &TokenStream) -> (TokenStream, TokenStream, TokenStream) {
    if item.generics.params.is_empty() {
        return (TokenStream::new(), TokenStream::new(), TokenStream::new());
    }
    let (generics, arguments, given) = item.generics.split_for_impl();
    let given = given.map(|clause| clause.predicates.iter().map(|predicate| generated!(#predicate,)).collect::<TokenStream>());
    let bounds = generated!(where #given Self: #extra + ::core::marker::Send + ::core::marker::Sync + 'static);
    (generated!(#generics), generated!(#arguments), bounds)
}
