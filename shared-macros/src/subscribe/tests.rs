use proc_macro2::TokenStream;
use quote::quote;

use super::expand_subscribe;
use crate::pretty::{lines, pretty};

fn function() -> TokenStream {
    quote! {
        /// Keeps one reminder per appointment.
        async fn remind(event: AppointmentEvent, tx: &mut Tx, meta: &Metadata, State(mailer): State<Mailer>) -> Result<()> {
            body
        }
    }
}

/// What is generated beside the function.
fn beside(attribute: TokenStream, function: &TokenStream) -> String {
    let expansion = expand_subscribe(attribute, function.clone()).to_string();
    let rest = expansion.strip_prefix(&function.to_string()).expect("the function comes first, as it was");
    rest.to_owned()
}

#[test]
fn a_subscriber_is_a_type_beside_the_function() {
    let attribute = quote!("appointment.*", retry(max = 3, backoff = "1s..2m"), on_unknown = "skip", name = "re-mind");
    let expected = quote! {
        #[doc(hidden)]
        #[allow(dead_code, missing_copy_implementations, missing_debug_implementations)]
        #[allow(non_camel_case_types, unreachable_pub, clippy::empty_structs_with_brackets)]
        struct remind {}
        #[allow(deprecated, unused_qualifications)]
        const _: () = {
            use ::shared::__private as __shared;
            type __Gate = <<AppointmentEvent as __shared::Handled>::This as __shared::Gated>::Gate;
            #[automatically_derived]
            impl __shared::Subscribe for remind {
                type Event = <AppointmentEvent as __shared::Handled>::This;
                const SPEC: __shared::SubscriberSpec = __shared::SubscriberSpec::new("re-mind", "appointment.*")
                    .docs("Keeps one reminder per appointment.")
                    .transactional()
                    .retry(__shared::retry(3u32, 1000u64, 120000u64))
                    .skip_unknown()
                    .declared_at(::core::file!(), ::core::line!());
                const PUBLISHES: __shared::Events = <Result<()> as __shared::Returned<__Gate>>::PUBLISHES;
                fn check(__states: &__shared::States) -> __shared::Result<()> {
                    <&Metadata as __shared::Extractor<'_, __Gate>>::check(__states)?;
                    <State<Mailer> as __shared::Extractor<'_, __Gate>>::check(__states)?;
                    ::core::result::Result::Ok(())
                }
                fn call<'a>(
                    __message: <AppointmentEvent as __shared::Handled>::This,
                    __call: __shared::Call<'a>
                ) -> __shared::Drafts<'a> {
                    let (__tx, __parts) = __call.split();
                    ::std::boxed::Box::pin(async move {
                        let __argument0 = <Tx as __shared::Mutable<__Gate>>::borrow(__tx)?;
                        let __argument1 = <&Metadata as __shared::Extractor<'_, __Gate>>::extract(__parts)?;
                        let __argument2 = <State<Mailer> as __shared::Extractor<'_, __Gate>>::extract(__parts)?;
                        <Result<()> as __shared::Returned<__Gate>>::into_drafts(
                            remind(__message, __argument0, __argument1, __argument2).await
                        )
                    })
                }
            }
            #[allow(unused_qualifications)]
            const _: () = __shared::check_captures::<remind>(
                <State<Mailer> as __shared::Extractor<'_, __Gate>>::CAPTURES
            );
        };
        #[allow(unused_qualifications)]
        const _: () = ::shared::__private::check_subscription(
            "appointment.*",
            <<AppointmentEvent as ::shared::__private::Handled>::This as ::shared::__private::Gated>::SET,
            ::shared::__private::OnUnknown::Skip
        );
    };
    let beside: TokenStream = beside(attribute, &function()).parse().expect("it was tokens");
    assert_eq!(pretty(&beside), pretty(&expected));
}

#[test]
fn how_replicas_share_is_part_of_the_description() {
    let unordered = beside(quote!("appointment.*", unordered), &function());
    assert!(unordered.contains(". unordered ()") && !unordered.contains("check_partitions"), "{unordered}");
    let parted = beside(quote!("appointment.*", partitions = 4), &function());
    assert!(parted.contains(". partitions (4u32)") && parted.contains("check_partitions"), "{parted}");
}

#[test]
fn what_goes_without_the_inbox_says_so() {
    let function = quote! { async fn show(event: Vitals) {} };
    let without = beside(quote!("vitals.*", no_inbox), &function);
    assert!(without.contains(". without_inbox ()"), "{without}");
    let with = beside(quote!("vitals.*"), &function);
    assert!(!with.contains("without_inbox"), "{with}");
}

#[test]
fn a_batch_is_taken_by_a_call_of_its_own() {
    let function = quote! { async fn store(events: Batch<Vitals>, db: &Db, tx: &mut Tx) {} };
    let beside = beside(quote!("vitals.*", batch(max = 500, wait = "50ms")), &function);
    for part in [
        ". batch (__shared :: batch (500usize , 50u64))",
        "type Event = < Vitals as __shared :: Handled > :: This",
        "fn call_batch < 'a > (__message : __shared :: Batch <",
        "check_beside_batch",
    ] {
        assert!(beside.contains(part), "{part}: {beside}");
    }
}

#[test]
fn a_subscriber_expands_to_at_most_60_lines_beside_its_function() {
    let attribute = quote!("appointment.*", retry(max = 8, backoff = "200ms..1m"), concurrency = 32, partitions = 4);
    let beside: TokenStream = beside(attribute, &function()).parse().expect("it was tokens");
    let lines = lines(&beside);
    assert!(lines <= 60, "{lines} lines");
}

#[test]
fn a_body_that_is_being_typed_stays_as_it_is() {
    let half = quote! { async fn remind(event: AppointmentEvent) { let reminder = event. } };
    let beside = beside(quote!("appointment.*"), &half);
    assert!(beside.contains("struct remind") && !beside.contains("compile_error"), "{beside}");
}

#[test]
fn the_function_survives_every_mistake_and_can_be_registered() {
    for attribute in [quote!(), quote!("a..b"), quote!("a", retry = 5), quote!(= ), quote!("a", name = "")] {
        let beside = beside(attribute, &function());
        assert!(beside.contains("compile_error") && beside.contains("struct remind"), "{beside}");
        assert_eq!(beside.matches("compile_error").count(), 1, "{beside}");
    }
}

#[test]
fn what_is_no_function_is_emitted_as_it_is() {
    let item = quote! { pub struct Remind { event: AppointmentEvent } };
    let beside = beside(quote!("appointment.*"), &item);
    assert!(beside.contains("`#[subscribe]` belongs on a free async fn"), "{beside}");
}

#[test]
fn what_is_generated_is_there_when_the_function_is() {
    let item = quote! {
        #[cfg(feature = "mail")]
        #[doc = "x"]
        async fn remind(event: AppointmentEvent) {}
    };
    for attribute in [quote!("appointment.*"), quote!("appointment..*")] {
        let beside = beside(attribute, &item);
        let items = beside.matches("struct remind").count() + beside.matches("const _ : () =").count();
        assert_eq!(beside.matches("# [cfg (feature = \"mail\")]").count(), items, "{beside}");
        assert!(!beside.contains("doc = \"x\""), "{beside}");
    }
}

#[test]
fn a_renamed_crate_is_the_only_one_that_is_named() {
    for attribute in [quote!("a.*", crate = ::platform), quote!("a..b", crate = ::platform)] {
        let beside = beside(attribute, &function());
        assert!(beside.contains(":: platform ::") && !beside.contains(":: shared"), "{beside}");
    }
}
