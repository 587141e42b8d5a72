//! From the checked model to the type beside the function. Nothing here can fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

use super::check::{Argument, Model, Output};
use super::input::Target;
use crate::spans::{at, generated, judged};

pub(crate) fn expand(krate: &Path, model: &Model) -> TokenStream {
    let Target { cfgs, ident, .. } = &model.target;
    let declaration = declaration(&model.target);
    let event = judged(&model.event, &generated!(#krate::__private::Handled));
    let spec = spec(krate, model);
    let check = check(krate, model, &event);
    let call = call(krate, model, &event);
    let pattern = &model.pattern;
    let on_unknown = on_unknown(krate, model);
    let place = pattern.span();
    let proof = quote_spanned!(place=> const _: () = #krate::__private::check_subscription::<#event>(#pattern, #on_unknown););
    generated! {
        #declaration
        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::service::Subscribe for #ident {
            type Event = #event;
            const SPEC: #krate::service::SubscriberSpec = #spec;
            #check
            #call
        }
        #(#cfgs)*
        #proof
    }
}

/// The type that the function is registered by: of the same name, which types and functions may share.
pub(crate) fn declaration(target: &Target) -> TokenStream {
    let Target { cfgs, vis, ident } = target;
    generated! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(
            dead_code, non_camel_case_types, missing_copy_implementations, missing_debug_implementations, unreachable_pub,
            clippy::empty_structs_with_brackets
        )]
        #vis struct #ident {}
    }
}

fn spec(krate: &Path, model: &Model) -> TokenStream {
    let (pattern, spec) = (&model.pattern, &model.spec);
    let (name, tries, concurrency) = (&spec.name, spec.tries, spec.concurrency as usize);
    let transactional = model.arguments.iter().any(|argument| matches!(argument, Argument::Transaction(_)));
    let on_unknown = on_unknown(krate, model);
    let [base, cap, timeout] =
        [spec.base, spec.cap, spec.timeout].map(|millis| generated!(::core::time::Duration::from_millis(#millis)));
    let place = model.target.ident.span();
    let (file, line) = (quote_spanned!(place=> ::core::file!()), quote_spanned!(place=> ::core::line!()));
    generated! {
        #krate::service::SubscriberSpec {
            name: #name,
            pattern: #pattern,
            module: ::core::module_path!(),
            file: #file,
            line: #line,
            transactional: #transactional,
            concurrency: #concurrency,
            retry: #krate::service::Retry { max: #tries, base: #base, cap: #cap },
            on_unknown: #on_unknown,
            timeout: #timeout,
        }
    }
}

fn on_unknown(krate: &Path, model: &Model) -> TokenStream {
    let variant = Ident::new(if model.spec.skip_unknown { "Skip" } else { "Park" }, Span::call_site());
    generated!(#krate::service::OnUnknown::#variant)
}

fn extractor(krate: &Path, ty: &syn::Type, event: &TokenStream) -> TokenStream {
    let ty = judged(ty, &generated!(#krate::__private::Extractor<'_, #event>));
    generated!(<#ty as #krate::service::FromDelivery<'_>>)
}

fn check(krate: &Path, model: &Model, event: &TokenStream) -> TokenStream {
    let checks: Vec<TokenStream> = model
        .arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Extractor(ty) => {
                let extractor = extractor(krate, ty, event);
                Some(generated!(#extractor::check(states)?;))
            }
            Argument::Transaction(_) => None,
        })
        .collect();
    let parameter = if checks.is_empty() { generated!(_) } else { generated!(states) };
    generated! {
        fn check(#parameter: &#krate::service::States) -> #krate::Result<()> {
            #(#checks)*
            ::core::result::Result::Ok(())
        }
    }
}

fn call(krate: &Path, model: &Model, event: &TokenStream) -> TokenStream {
    let ident = &model.target.ident;
    let arguments: Vec<Ident> =
        (0..model.arguments.len()).map(|index| Ident::new(&format!("argument{index}"), Span::mixed_site())).collect();
    let made = model.arguments.iter().zip(&arguments).map(|(argument, name)| match argument {
        Argument::Transaction(ty) => {
            generated!(let #name = <#ty as #krate::__private::Mutable<#event>>::borrow(tx)?;)
        }
        Argument::Extractor(ty) => {
            let extractor = extractor(krate, ty, event);
            generated!(let #name = #extractor::from_delivery(parts)?;)
        }
    });
    let used = |wanted: fn(&Argument) -> bool, name: &TokenStream| {
        if model.arguments.iter().any(wanted) { name.clone() } else { generated!(_) }
    };
    let tx = used(|argument| matches!(argument, Argument::Transaction(_)), &generated!(tx));
    let parts = used(|argument| matches!(argument, Argument::Extractor(_)), &generated!(parts));
    let outcome = outcome(krate, model, event);
    let place = at(ident.span());
    let body = generated! {{
        #(#made)*
        #outcome(#ident(event, #(#arguments),*).await)
    }};
    let future = quote_spanned!(place=> ::std::boxed::Box::pin(async move #body));
    generated! {
        fn call<'a>(
            event: #event,
            call: #krate::service::Call<'a>,
        ) -> #krate::service::BoxFuture<'a, #krate::Result<::std::vec::Vec<#krate::event::Draft>>> {
            let (#tx, #parts) = #krate::service::Call::split(call);
            #future
        }
    }
}

/// The function that makes drafts of what the handler returned.
fn outcome(krate: &Path, model: &Model, event: &TokenStream) -> TokenStream {
    let returned = generated!(#krate::__private::Returned<#event>);
    let ty = match &model.output {
        Output::Unit => judged(&quote!(()), &returned),
        Output::Type(ty) => judged(ty, &returned),
        Output::Unnamed => return generated!(#krate::service::Outcome::into_drafts),
    };
    generated!(<#ty as #krate::service::Outcome>::into_drafts)
}
