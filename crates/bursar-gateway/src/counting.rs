//! Prepares the count of what an answer may leave unstated, where the model's tokenizer is public.

use crate::exchange::Worker;
use bursar_core::ApiFormat;
use bursar_govern::reservation::Sent;
use bursar_govern::route::Deployment;
use bursar_wire::{Known, Meter, Prompt};
use bytes::Bytes;

/// A meter that counts the text of `model`'s answer, and an attempt that keeps its prompt, as far as both can be counted.
/// A vocabulary that was missed before is read now, beside everything else.
pub(crate) fn prepare(
    worker: &Worker,
    deployment: &Deployment,
    (model, format): (&str, ApiFormat),
    body: &Bytes,
    meter: Meter,
    sent: &mut Sent,
) -> Meter {
    // A deployment may have a name of the operator's; its price row then knows which model it is.
    let known = Known::of(model).or_else(|| Known::of(deployment.price.row.model()));
    let Some(Known { tokenizer, hides_reasoning }) = known else { return meter };
    if tokenizer.missed() {
        worker.tasks().spawn_blocking(move || tokenizer.load());
    }
    sent.keep(Prompt::new(tokenizer, format, body));
    if hides_reasoning { meter } else { meter.counting(tokenizer) }
}
