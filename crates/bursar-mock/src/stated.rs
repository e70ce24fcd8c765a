//! What an answer itself says it costs, as the providers do that say so.

use crate::json::Out;
use bursar_core::Rate;

/// A cost that stands in the `usage` of an answer in one of OpenAI's formats, and on the bill of a complete answer in
/// place of tokens times prices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatedCost {
    /// The whole request.
    pub cost: Rate,
    /// Which provider's fields say it.
    pub shape: CostShape,
}

/// How a provider says what it bills.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CostShape {
    /// `usage.cost` in USD, as OpenRouter.
    #[default]
    OpenRouter,
    /// `usage.cost_in_usd_ticks`, 1e-10 USD each, as xAI.
    Xai,
    /// `usage.cost.total_cost` in USD beside its parts, as Perplexity.
    Perplexity,
}

impl StatedCost {
    /// Reads `0.0000123` or `0.0000123@xai`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (cost, shape) = match text.split_once('@') {
            None => (text, CostShape::default()),
            Some((cost, "openrouter")) => (cost, CostShape::OpenRouter),
            Some((cost, "xai")) => (cost, CostShape::Xai),
            Some((cost, "perplexity")) => (cost, CostShape::Perplexity),
            Some(_) => return None,
        };
        Some(Self { cost: Rate::parse_per_unit(cost).ok()?, shape })
    }
    /// Writes the fields, a comma before them, into a `usage` object.
    pub(crate) fn write(self, out: &mut Out) {
        let usd = self.cost.per_unit();
        match self.shape {
            CostShape::OpenRouter => {
                out.raw(r#","cost":"#).raw(&usd).raw(r#","is_byok":false,"cost_details":"#);
                out.raw(r#"{"upstream_inference_cost":null}"#);
            }
            CostShape::Xai => {
                out.raw(r#","cost_in_usd_ticks":"#).num(self.cost.pico().div_ceil(100));
            }
            CostShape::Perplexity => {
                out.raw(
                    r#","search_context_size":"low","cost":{"input_tokens_cost":0,"output_tokens_cost":0,"#,
                );
                out.raw(r#""request_cost":"#).raw(&usd).raw(r#","total_cost":"#).raw(&usd).raw("}");
            }
        }
    }
}
