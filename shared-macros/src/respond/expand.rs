//! From the checked model to the type beside the function. Nothing here can fail.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Path;

use super::Target;
use super::check::{Argument, Model};
use crate::attribute::plain_name;
use crate::spans::{at, checked, ends, generated, in_block, judged, projected, respanned_outside};

pub(super) fn expand(krate: &Path, model: &Model) -> TokenStream {
    let Target { cfgs, ident, .. } = &model.target;
    let declaration = declaration(&model.target);
    let query = judged(&model.query, &generated!(__shared::Asked));
    let (spec, check, call) = (spec(model), check(model), call(model, &query));
    let respond = generated! {
        #[automatically_derived]
        impl __shared::Respond for #ident {
            type Query = #query;
            const SPEC: __shared::ResponderSpec = #spec;
            #check
            #call
        }
    };
    let respond = in_block(krate, &respond);
    let proof = proof(krate, model);
    generated! {
        #declaration
        #(#cfgs)*
        #respond
        #(#cfgs)*
        #proof
    }
}

/// What is emitted beside the errors, so that `responders![..]` compiles and one mistake gives one message.
pub(super) fn fallback(krate: &Path, target: &Target) -> TokenStream {
    let Target { cfgs, ident, .. } = target;
    let declaration = declaration(target);
    let respond = generated! {
        #[automatically_derived]
        impl __shared::Respond for #ident {
            type Query = __shared::NoQuery;
            const SPEC: __shared::ResponderSpec = __shared::NO_RESPONDER;
            fn check(_: &__shared::States) -> __shared::Result<()> { __shared::refused() }
            fn call<'a>(__query: __shared::NoQuery, _: __shared::Call<'a>) -> __shared::Replies<'a, ()> { match __query {} }
        }
    };
    let respond = in_block(krate, &respond);
    generated! {
        #declaration
        #(#cfgs)*
        #respond
    }
}

/// The type that the function is registered by: of the same name, which types and functions may share.
fn declaration(target: &Target) -> TokenStream {
    let Target { cfgs, vis, ident, .. } = target;
    generated! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, missing_copy_implementations, missing_debug_implementations)]
        #[allow(non_camel_case_types, unreachable_pub, clippy::empty_structs_with_brackets)]
        #vis struct #ident {}
    }
}

/// The check that the subject is the query's, run while the program is compiled.
fn proof(krate: &Path, model: &Model) -> TokenStream {
    let subject = &model.subject;
    let this = judged(&model.query, &generated!(#krate::__private::Asked));
    let queried = generated!(#krate::__private::Queried);
    let [name, asked] = ["NAME", "SUBJECT"].map(|constant| projected(&this, &queried, constant));
    checked(generated!(#krate::__private::check_responder), &generated!(#subject, #name, #asked), subject.span())
}

/// The description of the responder: what is not said is as `ResponderSpec::new` has it.
fn spec(model: &Model) -> TokenStream {
    let (subject, docs, name) = (&model.subject, &model.target.docs, plain_name(&model.target.ident));
    let place = model.target.ident.span();
    let (file, line) = (quote_spanned!(place=> ::core::file!()), quote_spanned!(place=> ::core::line!()));
    let docs = (!docs.is_empty()).then(|| generated!(.docs(#docs)));
    let transactional = model.arguments.iter().any(|argument| matches!(argument, Argument::Transaction(_)));
    let transactional = transactional.then(|| generated!(.transactional()));
    let concurrency = model.concurrency.map(|concurrency| {
        let concurrency = concurrency as usize;
        generated!(.concurrency(#concurrency))
    });
    let timeout = model.timeout.map(|timeout| generated!(.timeout(__shared::Duration::from_millis(#timeout))));
    generated! {
        __shared::ResponderSpec::new(#name, #subject) #docs #transactional #concurrency #timeout.declared_at(#file, #line)
    }
}

fn check(model: &Model) -> TokenStream {
    let checks: Vec<TokenStream> = model
        .arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Extractor(ty) => Some(generated!(<#ty as __shared::Argument<'_>>)),
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

fn call(model: &Model, query: &TokenStream) -> TokenStream {
    let ident = &model.target.ident;
    let arguments: Vec<Ident> =
        (0..model.arguments.len()).map(|index| Ident::new(&format!("__argument{index}"), Span::mixed_site())).collect();
    let made = model.arguments.iter().zip(&arguments).map(|(argument, name)| match argument {
        Argument::Transaction(ty) => {
            generated!(let #name = <#ty as __shared::Mutable<__shared::Open>>::borrow(__tx)?;)
        }
        Argument::Extractor(ty) => generated!(let #name = <#ty as __shared::Argument<'_>>::take(__parts)?;),
    });
    let used = |wanted: fn(&Argument) -> bool, name: &TokenStream| {
        if model.arguments.iter().any(wanted) { name.clone() } else { generated!(_) }
    };
    let tx = used(|argument| matches!(argument, Argument::Transaction(_)), &generated!(__tx));
    let parts = used(|argument| matches!(argument, Argument::Extractor(_)), &generated!(__parts));
    let output = &model.output;
    let reply = projected(query, &generated!(__shared::Query), "Reply");
    // a future that is not `Send` is reported at the function's name
    let body = generated! {{
        #(#made)*
        <#output as __shared::Replied<#reply>>::replied(#ident(__query, #(#arguments),*).await)
    }};
    let future = respanned_outside(generated!(::std::boxed::Box::pin(async move #body)), at(ident.span()));
    // the compiler compares a method with the trait's at the place of the whole of it, which is where its first and
    // its last token stand: that shall be the query's type, see `projected`
    let (first, last) = ends(&model.query);
    let (keyword, close) = (quote_spanned!(first=> fn), quote_spanned!(last=> >));
    let mut block = Group::new(
        Delimiter::Brace,
        generated! {
            let (#tx, #parts) = __call.split();
            #future
        },
    );
    block.set_span(last);
    generated!(#keyword call<'a>(__query: #query, __call: __shared::Call<'a>) -> __shared::Replies<'a, #reply #close #block)
}
