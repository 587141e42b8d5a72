//! From the checked model to the impls. Nothing here can fail.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Ident, Path, Type};

use super::check::{DomainModel, EventModel, Member, Model};
use crate::attribute::plain_name;
use crate::spans::{generated, judged};
use crate::validate::implementation;

pub(crate) fn expand(krate: &Path, model: &Model) -> TokenStream {
    match model {
        Model::Event(model) => event(krate, model),
        Model::Domain(model) => domain(krate, model),
    }
}

fn event(krate: &Path, model: &EventModel) -> TokenStream {
    let EventModel { ident, subject, event_type, version, names, fields, .. } = model;
    let name = plain_name(ident);
    let validate = implementation(krate, ident, fields);
    let wire = judged(ident, &generated!(#krate::__private::Wire));
    let place = ident.span();
    let (file, line) = (quote_spanned!(place=> ::core::file!()), quote_spanned!(place=> ::core::line!()));
    let subject_of = subject_of(krate, model);
    let handled = handled(krate, ident);
    let key_of = model.key.as_ref().map(|key| {
        let (field, key) = (&key.ident, judged(&key.ty, &generated!(#krate::__private::KeyField)));
        generated! {
            fn key(&self) -> ::core::option::Option<::std::string::String> {
                ::core::option::Option::Some(<#key as #krate::event::subject::OrderingKey>::key(&self.#field))
            }
        }
    });
    generated! {
        #validate
        #[automatically_derived]
        impl #krate::event::Event for #ident {
            const SUBJECT: &'static str = #subject;
            const TYPE: &'static str = #event_type;
            const VERSION: u32 = #version;
            const INFO: &'static #krate::event::EventInfo = &#krate::event::EventInfo {
                name: #name,
                event_type: #event_type,
                subject: #subject,
                version: #version,
                fields: &[#(#names),*],
                file: #file,
                line: #line,
            };
            #subject_of
            #key_of
            fn encode_payload(&self) -> #krate::Result<::std::vec::Vec<u8>> {
                #krate::__private::encode_payload::<#wire>(#name, self)
            }
            fn decode_payload(payload: &[u8]) -> #krate::Result<Self> {
                #krate::__private::decode_payload::<#wire>(<Self as #krate::event::Event>::INFO, payload)
            }
        }
        #[automatically_derived]
        impl #krate::event::EventSet for #ident {
            const EVENTS: &'static [&'static #krate::event::EventInfo] = &[<#ident as #krate::event::Event>::INFO];
            const SUBJECTS: &'static [&'static str] = &[#subject];
            const DOMAIN: ::core::option::Option<&'static str> = ::core::option::Option::None;
            const UNIVERSE: &'static [&'static #krate::event::EventInfo] = <#ident as #krate::event::EventSet>::EVENTS;
            fn decode_as(
                event_type: &str,
                version: ::core::option::Option<u32>,
                payload: &[u8],
            ) -> #krate::Result<Self> {
                #krate::__private::decode_single(event_type, version, payload)
            }
        }
        #[automatically_derived]
        impl #krate::event::Publish for #ident {
            fn draft(&self) -> #krate::Result<#krate::event::Draft> {
                #krate::event::draft_event(self)
            }
        }
        #handled
    }
}

/// What makes a type the first argument of a subscriber.
pub(super) fn handled(krate: &Path, ident: &Ident) -> TokenStream {
    generated! {
        #[automatically_derived]
        impl #krate::__private::Handled for #ident {
            type This = Self;
        }
    }
}

fn subject_of(krate: &Path, model: &EventModel) -> Option<TokenStream> {
    let slots = &model.slots;
    if slots.fields.is_empty() {
        return None;
    }
    let format = &slots.format;
    let values = slots.fields.iter().map(|slot| {
        let (field, token) = (&slot.ident, judged(&slot.ty, &generated!(#krate::__private::SlotField)));
        generated!(<#token as #krate::event::subject::SubjectToken>::token(&self.#field))
    });
    Some(generated! {
        fn subject(&self) -> ::std::borrow::Cow<'static, str> {
            ::std::borrow::Cow::Owned(::std::format!(#format, #(#values),*))
        }
    })
}

/// `<Type as Trait>`, to be judged at the type.
fn bounded(ty: &Type, bound: &TokenStream) -> TokenStream {
    generated!(<#ty as #bound>)
}

fn domain(krate: &Path, model: &DomainModel) -> TokenStream {
    let DomainModel { ident, domain, subset_of, members } = model;
    let name = plain_name(ident);
    let variants: Vec<&Ident> = members.iter().map(|member| &member.ident).collect();
    // an event that is none is reported once, at the variant's type: everything goes through this projection
    let events: Vec<TokenStream> =
        members.iter().map(|member| judged(&member.ty, &generated!(#krate::__private::DomainEvent))).collect();
    let whole = subset_of.as_ref().map(|whole| judged(whole, &generated!(#krate::__private::Domain)));
    let (universe, whole_name) = match &whole {
        Some(whole) => (
            generated!(<#whole as #krate::event::EventSet>::UNIVERSE),
            Some(generated!(const WHOLE: &'static str = <#whole as #krate::event::EventSet>::WHOLE;)),
        ),
        None => (generated!(<Self as #krate::event::EventSet>::EVENTS), None),
    };
    let conversions = members.iter().map(|member| conversion(ident, member));
    let checks = checks(krate, model, whole.as_ref());
    let handled = handled(krate, ident);
    let into_whole = subset_of.as_ref().map(|path| {
        let arms = members.iter().map(|Member { ident: variant, ty }| {
            let member = bounded(ty, &generated!(#krate::__private::MemberOf<#whole>));
            generated!(#ident::#variant(event) => #member::into_whole(event),)
        });
        generated! {
            #[automatically_derived]
            impl ::core::convert::From<#ident> for #path {
                fn from(event: #ident) -> Self { match event { #(#arms)* } }
            }
        }
    });
    generated! {
        #[automatically_derived]
        impl #krate::validate::Validate for #ident {
            const NAME: &'static str = #name;
            fn check(&self, checker: &mut #krate::validate::Checker) {
                match self { #(Self::#variants(event) => <#events as #krate::validate::Validate>::check(event, checker),)* }
            }
        }
        #[automatically_derived]
        impl #krate::event::EventSet for #ident {
            const EVENTS: &'static [&'static #krate::event::EventInfo] = &[#(<#events as #krate::event::Event>::INFO),*];
            const SUBJECTS: &'static [&'static str] = &[#(<#events as #krate::event::Event>::SUBJECT),*];
            const DOMAIN: ::core::option::Option<&'static str> = ::core::option::Option::Some(#domain);
            const UNIVERSE: &'static [&'static #krate::event::EventInfo] = #universe;
            #whole_name
            fn decode_as(
                event_type: &str,
                version: ::core::option::Option<u32>,
                payload: &[u8],
            ) -> #krate::Result<Self> {
                #(if event_type == <#events as #krate::event::Event>::TYPE {
                    return ::core::result::Result::map(#krate::event::decode_event::<#events>(version, payload), Self::#variants);
                })*
                ::core::result::Result::Err(::core::convert::Into::into(#krate::event::unknown_type()))
            }
        }
        #[automatically_derived]
        impl #krate::event::Publish for #ident {
            fn draft(&self) -> #krate::Result<#krate::event::Draft> {
                match self { #(Self::#variants(event) => #krate::event::draft_event::<#events>(event),)* }
            }
        }
        #handled
        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        impl #krate::__private::Domain for #ident {
            type This = Self;
        }
        #(#conversions)*
        #into_whole
        #checks
    }
}

fn conversion(ident: &Ident, member: &Member) -> TokenStream {
    let Member { ident: variant, ty } = member;
    generated! {
        #[automatically_derived]
        impl ::core::convert::From<#ty> for #ident {
            fn from(event: #ty) -> Self { Self::#variant(event) }
        }
    }
}

/// What can only be seen with every member's constants at hand: is each subject of the domain, and only once. For a
/// subset the whole has been asked that.
fn checks(krate: &Path, model: &DomainModel, whole: Option<&TokenStream>) -> TokenStream {
    let DomainModel { ident, domain, subset_of, members } = model;
    if let Some((path, whole)) = subset_of.as_ref().zip(whole) {
        let place = path.span();
        return quote_spanned!(place=> const _: () = #krate::__private::check_subset::<#ident, #whole>(););
    }
    let each = members.iter().enumerate().map(|(index, member)| {
        let place = member.ident.span();
        quote_spanned!(place=> const _: () = #krate::__private::check_member::<#ident>(#domain, #index);)
    });
    generated!(#(#each)*)
}
