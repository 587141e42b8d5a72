//! From the checked model to the type beside the function. Nothing here can fail.

use proc_macro2::TokenStream;
use syn::{Path, Type};

use super::check::Model;
use crate::attribute::plain_name;
use crate::handler::{self, Method, Target};
use crate::spans::{checked, generated, in_block, judged, projected};

pub(super) fn expand(krate: &Path, model: &Model) -> TokenStream {
    let Target { cfgs, ident, .. } = &model.target;
    let declaration = handler::declaration(&model.target);
    let query = judged(&model.query, &generated!(__shared::Asked));
    let check = handler::check(&model.arguments, |ty| generated!(<#ty as __shared::Argument<'_>>));
    let (spec, call) = (spec(model), call(model, &query));
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
    let declaration = handler::declaration(target);
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
    let (subject, name) = (&model.subject, plain_name(&model.target.ident));
    let [docs, transactional, declared_at] = handler::description(&model.target, &model.arguments);
    let concurrency = model.concurrency.map(|concurrency| {
        let concurrency = concurrency as usize;
        generated!(.concurrency(#concurrency))
    });
    let timeout = model.timeout.map(|timeout| generated!(.timeout(__shared::Duration::from_millis(#timeout))));
    generated! {
        __shared::ResponderSpec::new(#name, #subject) #docs #transactional #concurrency #timeout #declared_at
    }
}

fn call(model: &Model, query: &TokenStream) -> TokenStream {
    let output = &model.output;
    let reply = projected(query, &generated!(__shared::Query), "Reply");
    let method = Method {
        name: generated!(call),
        function: &model.target.ident,
        written: &model.query,
        takes: query.clone(),
        returns: generated!(__shared::Replies<'a, #reply),
        into: generated!(<#output as __shared::Replied<#reply>>::replied),
    };
    let transaction = |ty: &Type| generated!(<#ty as __shared::Mutable<__shared::Open>>::borrow(__tx));
    let extract = |ty: &Type| generated!(<#ty as __shared::Argument<'_>>::take(__parts));
    handler::call(method, &model.arguments, transaction, extract)
}
