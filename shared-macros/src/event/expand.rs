//! From the checked model to the impls. Nothing here can fail.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Ident, Path, PathSegment, Type};

use super::check::{DomainModel, EventModel, Member, Model};
use super::payload::{Payload, PayloadField};
use crate::attribute::plain_name;
use crate::spans::{checked, generated, in_block, judged, projected, respanned};
use crate::validate::{impl_of, orders};

pub(crate) fn expand(krate: &Path, model: &Model) -> TokenStream {
    match model {
        Model::Event(model) => event(krate, model),
        Model::Domain(model) => domain(krate, model),
    }
}

fn event(krate: &Path, model: &EventModel) -> TokenStream {
    let EventModel { ident, subject, event_type, version, fields, whole, .. } = model;
    let name = plain_name(ident);
    let place = ident.span();
    let (file, line) = (quote_spanned!(place=> ::core::file!()), quote_spanned!(place=> ::core::line!()));
    let (subject_of, key_of, (table, schema)) = (subject_of(model), key_of(model), schema(model));
    let (older, codec) = versions(model);
    let info = if *event_type == subject.value() {
        generated!(__shared::info(#name, #subject))
    } else {
        generated!(__shared::EventInfo::new(#name, #event_type, #subject))
    };
    let flattened = fields.iter().any(|field| field.flattened);
    let names = flattened.then(|| generated!(.with_fields(<Self as __shared::Validate>::FIELDS)));
    let version = (*version != 1).then(|| generated!(.with_version(#version)));
    let (validate, handled) = (impl_of(ident, fields, whole), handled(ident));
    let slots = slots(model);
    let impls = generated! {
        #table
        #validate
        #[automatically_derived]
        impl __shared::Event for #ident {
            const INFO: &'static __shared::EventInfo = &#info
                #version
                #names
                .with_schema(&#schema)
                #slots
                #older
                .decoded_by(__shared::decodes::<Self>)
                .declared_at(#file, #line);
            const CODEC: __shared::Codec<Self> = #codec;
            #subject_of
            #key_of
        }
        #[automatically_derived]
        impl __shared::Publish for #ident {
            const PUBLISHES: __shared::Events = &[<Self as __shared::Event>::INFO];
            fn draft(&self) -> __shared::Result<__shared::Draft> { __shared::draft_event(self) }
        }
        #handled
    };
    let (impls, orders) = (in_block(krate, &impls), orders(krate, fields));
    let one_event = model.upcast.as_ref().map(|older| {
        let check = generated!(#krate::__private::check_upcast);
        let older_info = projected(older, &generated!(#krate::__private::Older), "INFO");
        checked(check, &generated!(<#ident as #krate::event::Event>::INFO, #older_info), older.span())
    });
    generated!(#impls #orders #one_event)
}

/// The older version in the event's description, and the codec.
fn versions(model: &EventModel) -> (Option<TokenStream>, TokenStream) {
    let ident = &model.ident;
    let codec = Ident::new(if model.closed { "CLOSED" } else { "CODEC" }, Span::call_site());
    let codec = generated!(<#ident as __shared::Wire>::#codec);
    let Some(path) = &model.upcast else { return (None, codec) };
    let older = generated!(__shared::Older);
    let (info, conversion) = (projected(path, &older, "INFO"), projected(path, &older, "older"));
    (Some(generated!(.with_upcast(#info))), generated!(__shared::upcasting(#codec, #conversion)))
}

/// The table of the payload's fields, and what is made of it.
fn schema(model: &EventModel) -> (TokenStream, TokenStream) {
    let Payload { docs, closed, tag, fields } = &model.payload;
    let table = fields.iter().map(|PayloadField { name, ty, docs, defaulted, stated, flattened }| {
        let ty = projected(ty, &generated!(__shared::Typed), "TYPE");
        let defaulted = defaulted.then(|| generated!(.defaulted()));
        let stated = stated.then(|| generated!(.stated()));
        let flattened = flattened.then(|| generated!(.flattened()));
        let docs = (!docs.is_empty()).then(|| generated!(.docs(#docs)));
        generated!(__shared::FieldSchema::new(#name, #ty) #docs #defaulted #stated #flattened)
    });
    let in_json = |ident: &Ident| model.fields.iter().find(|field| field.ident == *ident).map(|field| &field.name);
    let key = model.key.as_ref().and_then(|key| in_json(&key.ident)).map(|name| generated!(.key(#name)));
    let slots: Vec<_> = model.slots.fields.iter().filter_map(|slot| in_json(&slot.ident)).collect();
    let slots = (!slots.is_empty()).then(|| generated!(.slots(&[#(#slots),*])));
    let closed = closed.then(|| generated!(.closed()));
    let tag = tag.as_ref().map(|(key, text)| generated!(.tagged(#key, #text)));
    let docs = (!docs.is_empty()).then(|| generated!(.docs(#docs)));
    let table = generated!(const __FIELDS: &[__shared::FieldSchema] = &[#(#table),*];);
    let rules = model.fields.iter().any(|field| !field.rules.is_empty());
    let rules = rules.then(|| generated!(.rules(<Self as __shared::Validate>::RULES)));
    (table, generated!(__shared::EventSchema::new(__FIELDS) #docs #rules #key #slots #closed #tag))
}

/// What the slots look like, in the event's description.
fn slots(model: &EventModel) -> Option<TokenStream> {
    let forms = model.slots.fields.iter().map(|slot| {
        let (ty, rule) = (&slot.ty, protected(&slot.ty, "Slot"));
        generated!(<#ty as __shared::#rule>::FORM)
    });
    (!model.slots.fields.is_empty()).then(|| generated!(.with_slots(&[#(#forms),*])))
}

fn subject_of(model: &EventModel) -> Option<TokenStream> {
    let slots = &model.slots;
    if slots.fields.is_empty() {
        return None;
    }
    let format = &slots.format;
    let values = slots.fields.iter().map(|slot| {
        let (field, ty, rule) = (&slot.ident, &slot.ty, protected(&slot.ty, "Slot"));
        generated!(<#ty as __shared::#rule>::token(&self.#field))
    });
    Some(generated! {
        fn subject(&self) -> ::std::borrow::Cow<'static, str> {
            ::std::borrow::Cow::Owned(::std::format!(#format, #(#values),*))
        }
    })
}

fn key_of(model: &EventModel) -> Option<TokenStream> {
    let key = model.key.as_ref()?;
    let (field, ty, rule) = (&key.ident, &key.ty, protected(&key.ty, "Key"));
    Some(generated! {
        fn key(&self) -> ::core::option::Option<::std::string::String> {
            ::core::option::Option::Some(<#ty as __shared::#rule>::key(&self.#field))
        }
    })
}

/// The trait that judges a slot or a key: by the same rule, with another message when the type is a `Phi`.
fn protected(ty: &Type, rule: &str) -> Ident {
    let is_phi = |segment: &PathSegment| segment.ident == "Phi";
    let protected = matches!(ty, Type::Path(path) if path.path.segments.iter().any(is_phi));
    Ident::new(&if protected { format!("Protected{rule}") } else { rule.to_owned() }, Span::call_site())
}

/// What makes a type the first argument of a subscriber.
fn handled(ident: &Ident) -> TokenStream {
    listed(
        ident,
        &generated!(__shared::Handled),
        generated!(
            type This = Self;
        ),
    )
}

/// An impl that the compiler shows where it says which types have a trait: at the type's name, not at the derive.
fn listed(ident: &Ident, name: &TokenStream, items: TokenStream) -> TokenStream {
    let header = respanned(generated!(impl #name for #ident), ident.span());
    let mut body = Group::new(Delimiter::Brace, items);
    body.set_span(ident.span());
    generated!(#[automatically_derived] #header #body)
}

fn domain(krate: &Path, model: &DomainModel) -> TokenStream {
    let DomainModel { ident, domain, subset_of, members } = model;
    let name = plain_name(ident);
    let variants: Vec<&Ident> = members.iter().map(|member| &member.ident).collect();
    // an event that is none is reported once, at the variant's type, because only this is ever asked of it
    let events: Vec<TokenStream> =
        members.iter().map(|Member { ty, .. }| generated!(<#ty as __shared::Member>)).collect();
    let (universe, whole) = match subset_of {
        Some(whole) => {
            let set = generated!(<#whole as __shared::Domain>::SET);
            (generated!(#set.universe), Some(generated!(const WHOLE: &'static str = #set.whole;)))
        }
        None => (generated!(<Self as __shared::EventSet>::EVENTS), None),
    };
    let (handled, conversions) = (handled(ident), conversions(model));
    let whole_domain = subset_of.is_none().then(|| {
        let this = generated!(
            type This = Self;
        );
        listed(ident, &generated!(__shared::Domain), this)
    });
    let impls = generated! {
        #[automatically_derived]
        impl __shared::Validate for #ident {
            const NAME: &'static str = #name;
            fn check(&self, __checker: &mut __shared::Checker) {
                match self { #(Self::#variants(__event) => #events::check(__event, __checker),)* }
            }
        }
        #[automatically_derived]
        impl __shared::EventSet for #ident {
            const EVENTS: &'static [&'static __shared::EventInfo] = &[#(#events::INFO),*];
            const SUBJECTS: &'static [&'static str] = &[#(#events::INFO.subject),*];
            const DOMAIN: ::core::option::Option<&'static str> = ::core::option::Option::Some(#domain);
            const UNIVERSE: &'static [&'static __shared::EventInfo] = #universe;
            #whole
            fn decode_as(
                __event_type: &str,
                __version: ::core::option::Option<u32>,
                __payload: &[u8],
            ) -> __shared::Result<Self> {
                let mut __decoding = __shared::Decoding::of(__event_type, __version, __payload);
                #(#events::decode(&mut __decoding, Self::#variants);)*
                __decoding.finish()
            }
        }
        #[automatically_derived]
        impl __shared::Publish for #ident {
            const PUBLISHES: __shared::Events = <Self as __shared::EventSet>::EVENTS;
            fn draft(&self) -> __shared::Result<__shared::Draft> {
                match self { #(Self::#variants(__event) => #events::draft(__event),)* }
            }
        }
        #handled
        #whole_domain
        #conversions
    };
    let (impls, checks) = (in_block(krate, &impls), checks(krate, model));
    generated!(#impls #checks)
}

fn conversions(model: &DomainModel) -> TokenStream {
    let DomainModel { ident, subset_of, members, .. } = model;
    let each = members.iter().map(|Member { ident: variant, ty }| {
        generated! {
            #[automatically_derived]
            impl ::core::convert::From<#ty> for #ident {
                fn from(__event: #ty) -> Self { Self::#variant(__event) }
            }
        }
    });
    let into_whole = subset_of.as_ref().map(|path| {
        let whole = judged(path, &generated!(__shared::Domain));
        let arms = members.iter().map(|Member { ident: variant, ty }| {
            generated!(#ident::#variant(__event) => <#ty as __shared::MemberOf<#whole>>::into_whole(__event),)
        });
        generated! {
            #[automatically_derived]
            impl ::core::convert::From<#ident> for #path {
                fn from(__event: #ident) -> Self { match __event { #(#arms)* } }
            }
        }
    });
    generated!(#(#each)* #into_whole)
}

/// What can only be seen with every member's constants at hand: is each subject of the domain, and only once. For a
/// subset the whole has been asked that.
fn checks(krate: &Path, model: &DomainModel) -> TokenStream {
    let DomainModel { ident, domain, subset_of, members } = model;
    if let Some(path) = subset_of {
        let name = plain_name(ident);
        let set = projected(path, &generated!(#krate::__private::Domain), "SET");
        let check = generated!(#krate::__private::check_subset);
        return checked(check, &generated!(#name, #domain, #set), path.span());
    }
    let check = |(index, member): (usize, &Member)| {
        let check = generated!(#krate::__private::check_member::<#ident>);
        checked(check, &generated!(#domain, #index), member.ident.span())
    };
    members.iter().enumerate().map(check).collect()
}
