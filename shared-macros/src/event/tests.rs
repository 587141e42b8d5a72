use proc_macro2::TokenStream;
use quote::quote;

use super::expand_event;
use crate::pretty::{lines, pretty};

fn appointment_scheduled() -> TokenStream {
    quote! {
        #[event(subject = "appointment.scheduled", key = appointment_id)]
        pub struct AppointmentScheduled {
            pub appointment_id: Uuid,
            pub patient_id: Uuid,
            pub doctor_id: Uuid,
            pub appointment_time: DateTime<Utc>,
            #[validate(range(min = 5, max = 480))]
            pub duration_minutes: u32,
            #[validate(length(max = 500))]
            pub reason: Option<Phi<String>>,
        }
    }
}

/// The messages of the errors in an expansion, in order.
fn messages(expansion: &TokenStream) -> Vec<String> {
    let file: syn::File = syn::parse2(expansion.clone()).expect("an expansion is items");
    let of_error = |item: syn::Item| match item {
        syn::Item::Macro(item) if item.mac.path.segments.last()?.ident == "compile_error" => {
            Some(item.mac.parse_body::<syn::LitStr>().expect("compile_error! takes a text").value())
        }
        _ => None,
    };
    file.items.into_iter().filter_map(of_error).collect()
}

fn same(expansion: &TokenStream, expected: &TokenStream) {
    assert_eq!(pretty(expansion), pretty(expected));
}

#[test]
fn an_event_is_constants_and_calls() {
    let expansion = expand_event(quote! {
        /// A clinic opened.
        #[event(subject = "clinic.{clinic_id}.opened", key = clinic_id, version = 2)]
        #[serde(rename_all = "camelCase")]
        struct ClinicOpened {
            #[validate(range(min = 1))]
            clinic_id: u32,
        }
    });
    let expected = quote! {
        #[allow(deprecated, unused_qualifications)]
        const _: () = {
            use ::shared::__private as __shared;
            const __FIELDS: &[__shared::FieldSchema] =
                &[__shared::FieldSchema::new("clinicId", <u32 as __shared::Typed>::TYPE)];
            #[automatically_derived]
            impl __shared::Validate for ClinicOpened {
                const NAME: &'static str = "ClinicOpened";
                const RULES: &'static [__shared::FieldRules] =
                    &[__shared::FieldRules::of("clinicId", &[__shared::at_least::<1>()])];
                fn check(&self, __c: &mut __shared::Checker) {
                    __c.field("clinicId", |__c| {
                        <u32 as __shared::RangeRule<_>>::at_least(&self.clinic_id, __c, 1);
                    });
                }
            }
            #[automatically_derived]
            impl __shared::Event for ClinicOpened {
                const INFO: &'static __shared::EventInfo = &__shared::EventInfo::new(
                    "ClinicOpened",
                    "clinic.opened",
                    "clinic.{clinic_id}.opened",
                )
                    .with_version(2u32)
                    .with_schema(&__shared::EventSchema::new(__FIELDS).docs("A clinic opened.").rules(<Self as __shared::Validate>::RULES).key("clinicId").slots(&["clinicId"]))
                    .with_slots(&[<u32 as __shared::Slot>::FORM])
                    .decoded_by(__shared::decodes::<Self>)
                    .declared_at(::core::file!(), ::core::line!());
                const CODEC: __shared::Codec<Self> = <ClinicOpened as __shared::Wire>::CLOSED;
                fn subject(&self) -> ::std::borrow::Cow<'static, str> {
                    ::std::borrow::Cow::Owned(::std::format!(
                        "clinic.{}.opened",
                        <u32 as __shared::Slot>::token(&self.clinic_id)
                    ))
                }
                fn key(&self) -> ::core::option::Option<::std::string::String> {
                    ::core::option::Option::Some(<u32 as __shared::Key>::key(&self.clinic_id))
                }
            }
            #[automatically_derived]
            impl __shared::Publish for ClinicOpened {
                const PUBLISHES: __shared::Events = &[<Self as __shared::Event>::INFO];
                fn draft(&self) -> __shared::Result<__shared::Draft> {
                    __shared::draft_event(self)
                }
            }
            #[automatically_derived]
            impl __shared::Handled for ClinicOpened {
                type This = Self;
            }
        };
    };
    same(&expansion, &expected);
}

#[test]
fn an_event_expands_to_at_most_60_lines() {
    let lines = lines(&expand_event(appointment_scheduled()));
    assert!(lines <= 60, "{lines} lines");
}

#[test]
fn a_domain_expands_to_at_most_60_lines_and_15_for_each_event() {
    let of_two = lines(&expand_event(quote! {
        #[event(domain = "appointment")]
        pub enum AppointmentEvent {
            Scheduled(AppointmentScheduled),
            Cancelled(AppointmentCancelled),
        }
    }));
    assert!(of_two <= 60 + 2 * 15, "{of_two} lines");
}

#[test]
fn a_renamed_crate_is_the_only_one_that_is_named() {
    for item in [
        quote! {
            #[event(subject = "a.{id}", key = id, crate = ::platform)]
            struct A {
                #[validate(range(max = LIMIT, min = 1), pattern = "a", custom = rule)]
                id: u32,
            }
        },
        quote! { #[event(subject = "a..b", crate = ::platform)] struct A {} },
        quote! { #[event(domain = "a", crate = ::platform)] enum A { B(B) } },
        quote! { #[event(domain = "a", subset_of = A, crate = ::platform)] enum C { B(B) } },
        quote! { #[event(domain = "a", crate = ::platform)] enum A { B } },
    ] {
        let expansion = pretty(&expand_event(item));
        assert!(expansion.contains("::platform::") && !expansion.contains("::shared"), "{expansion}");
    }
}

#[test]
fn every_mistake_is_reported_and_the_type_still_is_an_event() {
    let expansion = expand_event(quote! {
        #[event(subject = "appointment..scheduled", key = appointment, versoin = 2)]
        struct AppointmentScheduled {
            #[validate(range(min = 10, max = 3))]
            duration_minutes: u32,
            #[validate(emial)]
            email: String,
        }
    });
    assert_eq!(
        messages(&expansion),
        [
            "unknown `event` key `versoin`; did you mean `version`?",
            "empty token in subject\n    appointment..scheduled\n                ^",
            "the ordering key `appointment` names no field",
            "`min` (10) is greater than `max` (3)",
            "unknown `validate` rule `emial`; did you mean `email`?",
        ]
    );
    let expansion = pretty(&expansion);
    for name in ["Validate", "Event", "Publish", "Handled"] {
        assert!(expansion.contains(&format!("impl __shared::{name} for AppointmentScheduled")), "{name}: {expansion}");
    }
}

#[test]
fn a_refused_domain_still_takes_its_events() {
    let expansion = expand_event(quote! {
        #[event(domain = "appointment.*")]
        enum AppointmentEvent {
            Scheduled(AppointmentScheduled),
            Cancelled,
        }
    });
    assert_eq!(
        messages(&expansion),
        [
            "a domain is the start of its events' subjects; wildcards belong in `#[subscribe]`\n    appointment.*\n                ^",
            "each variant of a domain wraps one event: `Scheduled(AppointmentScheduled)`",
        ]
    );
    let expansion = pretty(&expansion);
    for name in ["__shared::EventSet", "__shared::Domain", "::core::convert::From<AppointmentScheduled>"] {
        assert!(expansion.contains(&format!("impl {name} for AppointmentEvent")), "{name}: {expansion}");
    }
}

#[test]
fn an_event_with_generics_is_refused_once() {
    let expansion = expand_event(quote! {
        #[event(subject = "a.b")]
        struct Page<'a, T: Clone> where T: Send {
            items: &'a [T],
        }
    });
    assert_eq!(messages(&expansion).len(), 1);
    assert!(pretty(&expansion).contains("impl<'a, T: Clone> __shared::Event for Page<'a, T>"));
}
