//! What is emitted beside the errors: impls that say nothing, so that every other use of the type compiles and one
//! mistake gives one message.
//!
//! An empty subject marks them; the checks of `shared::__private` skip what carries one.

use proc_macro2::{Span, TokenStream};
use syn::{Data, DataEnum, DeriveInput, Fields, Ident, Path, Type, Variant};

use crate::attribute::plain_name;
use crate::spans::{generated, in_block};

pub(crate) fn fallback(krate: &Path, item: &DeriveInput) -> TokenStream {
    let impls = match &item.data {
        Data::Struct(_) => {
            let (base, event) = (base(item), event(item));
            generated!(#base #event)
        }
        Data::Enum(data) => {
            let (base, set, conversions) = (base(item), set(item), conversions(item, data));
            generated!(#base #set #conversions)
        }
        // serde does not derive for unions either
        Data::Union(_) => return TokenStream::new(),
    };
    in_block(krate, &impls)
}

/// What events and domains have in common.
fn base(item: &DeriveInput) -> TokenStream {
    let name = plain_name(&item.ident);
    let [validate, publish, handled] = ["Validate", "Publish", "Handled"].map(|name| header(item, name));
    generated! {
        #validate {
            const NAME: &'static str = #name;
            fn check(&self, _: &mut __shared::Checker) {}
        }
        #publish {
            fn draft(&self) -> __shared::Result<__shared::Draft> { __shared::refused() }
        }
        #handled {
            type This = Self;
        }
    }
}

fn event(item: &DeriveInput) -> TokenStream {
    let event = header(item, "Event");
    generated! {
        #event {
            const INFO: &'static __shared::EventInfo = __shared::NO_EVENT;
            const CODEC: __shared::Codec<Self> = __shared::Refused::<Self>::CODEC;
        }
    }
}

fn set(item: &DeriveInput) -> TokenStream {
    let [set, domain] = ["EventSet", "Domain"].map(|name| header(item, name));
    generated! {
        #set {
            const EVENTS: &'static [&'static __shared::EventInfo] = &[];
            const SUBJECTS: &'static [&'static str] = &[];
            const DOMAIN: ::core::option::Option<&'static str> = ::core::option::Option::None;
            const UNIVERSE: &'static [&'static __shared::EventInfo] = &[];
            fn decode_as(_: &str, _: ::core::option::Option<u32>, _: &[u8]) -> __shared::Result<Self> {
                __shared::refused()
            }
        }
        #domain {
            type This = Self;
        }
    }
}

/// From each event that a variant plainly wraps.
fn conversions(item: &DeriveInput, data: &DataEnum) -> TokenStream {
    let mut seen: Vec<&Type> = Vec::new();
    let mut conversion = |variant: &'_ Variant, ty| {
        let (ident, variant) = (&item.ident, &variant.ident);
        if seen.contains(&ty) || !item.generics.params.is_empty() {
            return None;
        }
        seen.push(ty);
        Some(generated! {
            #[automatically_derived]
            impl ::core::convert::From<#ty> for #ident {
                fn from(__event: #ty) -> Self { Self::#variant(__event) }
            }
        })
    };
    data.variants
        .iter()
        .filter_map(|variant| match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => conversion(variant, &fields.unnamed.first()?.ty),
            _ => None,
        })
        .collect()
}

/// `impl Trait for Type`. The generics of an event are a mistake, but a bound on `Self` lets them pass here.
fn header(item: &DeriveInput, name: &str) -> TokenStream {
    let (ident, name) = (&item.ident, Ident::new(name, Span::call_site()));
    let (generics, arguments, given) = item.generics.split_for_impl();
    let given =
        given.map(|clause| clause.predicates.iter().map(|predicate| generated!(#predicate,)).collect::<TokenStream>());
    let bounds = (!item.generics.params.is_empty())
        .then(|| generated!(where #given Self: ::core::marker::Send + ::core::marker::Sync + 'static));
    generated! {
        #[automatically_derived]
        impl #generics __shared::#name for #ident #arguments #bounds
    }
}
