//! From the checked model to the type beside the function. Nothing here can fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{Path, Type};

use super::check::{DEFAULT_BACKOFF, DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT, DEFAULT_TRIES, Model, Output, Spec, Spread};
use crate::attribute::Count;
use crate::handler::{self, Argument, Method, Target};
use crate::spans::{checked, checked_over, ends, generated, in_block, judged, projected, respanned};

pub(crate) fn expand(krate: &Path, model: &Model) -> TokenStream {
    let Target { cfgs, ident, .. } = &model.target;
    let declaration = handler::declaration(&model.target);
    let event = judged(&model.event, &generated!(__shared::Handled));
    let (alias, gate) = gate(&model.event);
    let check = handler::check(&model.arguments, |ty| extractor(ty, &gate));
    let (spec, call) = (spec(model), call(model, &event, &gate));
    let (captures, publishes) = (captures(model, &gate), publishes(model, &gate));
    let beside_batch = beside_batch(model, &gate);
    let unnoted = unnoted(model, &gate);
    let subscribe = generated! {
        #alias
        #[automatically_derived]
        impl __shared::Subscribe for #ident {
            type Event = #event;
            const SPEC: __shared::SubscriberSpec = #spec;
            #publishes
            #check
            #call
        }
        #captures
        #beside_batch
        #unnoted
    };
    let subscribe = in_block(krate, &subscribe);
    let proofs = proofs(krate, model).into_iter().map(|proof| generated!(#(#cfgs)* #proof));
    generated! {
        #declaration
        #(#cfgs)*
        #subscribe
        #(#proofs)*
    }
}

/// The gate of the event, see `shared::__private::Open`: with a short name, unless that could not be spanned over the
/// whole of the event's type.
fn gate(event: &Type) -> (Option<TokenStream>, TokenStream) {
    let this = judged(event, &generated!(__shared::Handled));
    let gate = projected(&this, &generated!(__shared::Gated), "Gate");
    let mut tokens = event.to_token_stream().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(only), None) => {
            let name = Ident::new("__Gate", only.span());
            (Some(generated!(type #name = #gate;)), generated!(#name))
        }
        _ => (None, gate),
    }
}

/// The checks that the pattern and the event fit, run while the program is compiled.
fn proofs(krate: &Path, model: &Model) -> Vec<TokenStream> {
    let pattern = &model.pattern;
    let this = judged(&model.event, &generated!(#krate::__private::Handled));
    let set = projected(&this, &generated!(#krate::__private::Gated), "SET");
    let on_unknown = on_unknown(&generated!(#krate::__private), model);
    let check = generated!(#krate::__private::check_subscription);
    let subscription = checked(check, &generated!(#pattern, #set, #on_unknown), pattern.span());
    let partitions = match model.spec.spread {
        Spread::Partitions(count) => {
            Some(checked(generated!(#krate::__private::check_partitions), &generated!(#set), count.span))
        }
        Spread::ByOrder | Spread::Unordered => None,
    };
    std::iter::once(subscription).chain(partitions).collect()
}

/// The checks that the pattern and the event have what the arguments capture. Which argument captures is known to its type alone, but
/// a reference does not.
fn captures(model: &Model, gate: &TokenStream) -> TokenStream {
    let ident = &model.target.ident;
    let check = |argument: &Argument| match argument {
        Argument::Extractor(ty) if !matches!(ty, Type::Reference(_)) => {
            let extractor = extractor(ty, gate);
            let wanted = generated!(#extractor::CAPTURES);
            Some(checked_over(generated!(__shared::check_captures::<#ident>), &wanted, ty))
        }
        _ => None,
    };
    model.arguments.iter().filter_map(check).collect()
}

/// The checks that no argument beside a batch is of one event.
fn beside_batch(model: &Model, gate: &TokenStream) -> TokenStream {
    let check = |argument: &Argument| match argument {
        Argument::Extractor(ty) if model.batch.is_some() => {
            let extractor = extractor(ty, gate);
            let of_one = generated!(#extractor::OF_ONE_EVENT);
            Some(checked_over(generated!(__shared::check_beside_batch), &of_one, ty))
        }
        _ => None,
    };
    model.arguments.iter().filter_map(check).collect()
}

/// The description of the subscriber: what is not said is as `SubscriberSpec::new` has it.
fn spec(model: &Model) -> TokenStream {
    let (pattern, name) = (&model.pattern, &model.spec.name);
    let Spec { tries, base, cap, concurrency, no_inbox, skip_unknown, timeout, .. } = model.spec;
    let spread = match model.spec.spread {
        Spread::ByOrder => None,
        Spread::Unordered => Some(generated!(.unordered())),
        Spread::Partitions(Count { value, .. }) => Some(generated!(.partitions(#value))),
    };
    let [docs, transactional, declared_at] = handler::description(&model.target, &model.arguments);
    let concurrency = (concurrency != DEFAULT_CONCURRENCY).then(|| {
        let concurrency = concurrency as usize;
        generated!(.concurrency(#concurrency))
    });
    let retry = ((tries, (base, cap)) != (DEFAULT_TRIES, DEFAULT_BACKOFF))
        .then(|| generated!(.retry(__shared::retry(#tries, #base, #cap))));
    let no_inbox = no_inbox.then(|| generated!(.without_inbox()));
    let skip_unknown = skip_unknown.then(|| generated!(.skip_unknown()));
    let timeout = (timeout != DEFAULT_TIMEOUT).then(|| generated!(.timeout(__shared::Duration::from_millis(#timeout))));
    let batch = model.batch.map(|(max, wait)| {
        let max = max as usize;
        generated!(.batch(__shared::batch(#max, #wait)))
    });
    generated! {
        __shared::SubscriberSpec::new(#name, #pattern)
            #docs #transactional #concurrency #spread #batch #retry #no_inbox #skip_unknown #timeout
            #declared_at
    }
}

fn on_unknown(private: &TokenStream, model: &Model) -> TokenStream {
    let variant = Ident::new(if model.spec.skip_unknown { "Skip" } else { "Park" }, Span::call_site());
    generated!(#private::OnUnknown::#variant)
}

fn extractor(ty: &Type, gate: &TokenStream) -> TokenStream {
    generated!(<#ty as __shared::Extractor<'_, #gate>>)
}

fn call(model: &Model, event: &TokenStream, gate: &TokenStream) -> TokenStream {
    let (name, takes) = match model.batch {
        None => (generated!(call), event.clone()),
        Some(_) => {
            let (first, last) = ends(&model.event);
            let (batch, close) = (respanned(generated!(__shared::Batch<), first), quote_spanned!(last=> >));
            (generated!(call_batch), generated!(#batch #event #close))
        }
    };
    let method = Method {
        name,
        function: &model.target.ident,
        written: &model.event,
        takes,
        returns: generated!(__shared::Drafts<'a),
        into: into_drafts(model, gate),
    };
    let transaction = |ty: &Type| generated!(<#ty as __shared::Mutable<#gate>>::borrow(__tx));
    let extract = |ty: &Type| {
        let extractor = extractor(ty, gate);
        generated!(#extractor::extract(__parts))
    };
    handler::call(method, &model.arguments, transaction, extract)
}

/// The events that the handler may return.
fn publishes(model: &Model, gate: &TokenStream) -> Option<TokenStream> {
    let Output::Type(ty) = &model.output else { return None };
    let returned = generated!(<#ty as __shared::Returned<#gate>>::PUBLISHES);
    Some(generated!(const PUBLISHES: __shared::Events = #returned;))
}

/// The check that a handler whose events are not noted returns none.
fn unnoted(model: &Model, gate: &TokenStream) -> Option<TokenStream> {
    match &model.output {
        Output::Type(ty) if model.spec.no_inbox => {
            let publishes = generated!(<#ty as __shared::Returned<#gate>>::PUBLISHES);
            Some(checked_over(generated!(__shared::check_unnoted), &publishes, ty))
        }
        _ => None,
    }
}

/// The function that makes drafts of what the handler returned.
fn into_drafts(model: &Model, gate: &TokenStream) -> TokenStream {
    let ty = match &model.output {
        Output::Unit => generated!(()),
        Output::Type(ty) => generated!(#ty),
        Output::Unnamed => return generated!(__shared::Outcome::into_drafts),
    };
    generated!(<#ty as __shared::Returned<#gate>>::into_drafts)
}
