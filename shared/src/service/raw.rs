//! Subscribers of events that have no Rust type, made of closures.

use std::marker::PhantomData;
use std::sync::Arc;

use super::extract::{Call, transaction};
use super::subscriber::{BoxFuture, Handler, Outcome, Prepared, Subscriber, SubscriberSpec};
use crate::db::Tx;
use crate::error::Result;
use crate::event::{Draft, EventSet, Incoming, Metadata, RawEvent};

/// A closure, and what it returns.
struct Raw<F, O>(Arc<F>, PhantomData<fn() -> O>);

struct RawPrepared<F, O>(Arc<F>, RawEvent, PhantomData<fn() -> O>);

impl Subscriber {
    #[track_caller]
    pub(crate) fn raw<F, O>(name: &'static str, pattern: &'static str, handler: F) -> Self
    where
        F: for<'a> Fn(RawEvent, &'a mut Tx, &'a Metadata) -> BoxFuture<'a, Result<O>> + Send + Sync + 'static,
        O: Outcome + 'static,
    {
        Self {
            spec: SubscriberSpec::new(name, pattern).transactional(),
            events: &[],
            publishes: O::PUBLISHES,
            check: |_| Ok(()),
            handler: Arc::new(Raw(Arc::new(handler), PhantomData)),
        }
    }
}

impl<F, O> Handler for Raw<F, O>
where
    F: for<'a> Fn(RawEvent, &'a mut Tx, &'a Metadata) -> BoxFuture<'a, Result<O>> + Send + Sync + 'static,
    O: Outcome + 'static,
{
    fn prepare(&self, incoming: &Incoming) -> Result<Box<dyn Prepared>> {
        let metadata = &incoming.metadata;
        let event = RawEvent::decode_as(&metadata.event_type, metadata.version, &incoming.data)?;
        Ok(Box::new(RawPrepared(Arc::clone(&self.0), event, PhantomData)))
    }
}

impl<F, O> Prepared for RawPrepared<F, O>
where
    F: for<'a> Fn(RawEvent, &'a mut Tx, &'a Metadata) -> BoxFuture<'a, Result<O>> + Send + Sync + 'static,
    O: Outcome + 'static,
{
    fn call<'a>(self: Box<Self>, call: Call<'a>) -> BoxFuture<'a, Result<Vec<Draft>>> {
        let (tx, parts) = call.split();
        Box::pin(async move { (self.0)(self.1, transaction(tx)?, parts.metadata).await.into_drafts() })
    }
}
