//! Lists of models, in the shape of the family that asks: what this key may ask for and a price is known for.

use crate::Gateway;
use crate::answer::{Answer, from_wire};
use crate::body::AnswerBody;
use crate::refusal;
use bursar_core::{ApiFormat, Family, Timestamp};
use bursar_govern::directory::{Directory, Key};
use bursar_govern::identify::Claims;
use bursar_pricing::PriceRow;
use bursar_wire::route::{ListedModel, ModelsRoute, model_entry, model_list};
use http::request::Parts;
use std::collections::BTreeSet;

/// Answers a list of models, or one of them.
#[must_use]
pub fn answer(gateway: &Gateway, route: &ModelsRoute, parts: &Parts) -> Answer {
    let governor = &gateway.governor;
    let request_id = governor.ports().request_id();
    let has = |name: &str| parts.headers.contains_key(name);
    let family = route.for_headers(has("anthropic-version"), has("x-goog-api-key"));
    let format = format_of(family);
    let keys = bursar_wire::client_keys(&parts.headers, parts.uri.path(), parts.uri.query());
    let presented = keys.first().map(|found| &*found.key);
    let caller = match governor.identify(request_id, presented, &Claims::default()) {
        Ok(caller) => caller,
        Err(no) => return refusal::plain(gateway, format, &no),
    };
    let names = names(&governor.directory(), &caller.key, family, governor.now());
    match &route.one {
        None => {
            let listed: Vec<ListedModel<'_>> = names.iter().map(|name| listed(name)).collect();
            json(model_list(family, &listed))
        }
        Some(one) if names.contains(&**one) => json(model_entry(family, &listed(one))),
        Some(one) => {
            let message = format!("the model {one} is not known here");
            from_wire(bursar_wire::not_found(family, 404, request_id, &message))
        }
    }
}

fn listed(name: &str) -> ListedModel<'_> {
    ListedModel { name, owner: "bursar", since: Timestamp::from_micros(0), embeds: name.contains("embed") }
}

fn json(body: Vec<u8>) -> Answer {
    let mut answer = http::Response::new(AnswerBody::whole(body));
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

fn names(directory: &Directory, key: &Key, family: Family, now: Timestamp) -> BTreeSet<String> {
    let allowed =
        |name: &str| key.models.is_empty() || key.models.iter().any(|pattern| pattern.matches(name));
    let rows = directory.prices.rows();
    let sold = |row: &PriceRow| {
        directory
            .providers
            .iter()
            .any(|provider| provider.family == family && &*provider.prices == row.provider())
            && row.effective_from().is_none_or(|from| from <= now)
            && row.effective_until().is_none_or(|until| now < until)
    };
    let priced = rows.iter().filter(|row| sold(row)).map(|row| row.model());
    let listed = directory
        .models
        .iter()
        .filter(|(_, model)| model.deployments.iter().any(|deployment| deployment.provider.family == family));
    let listed = listed.map(|(name, _)| &**name);
    // Rows for families of models have a pattern for a name: nobody can ask for that.
    listed.chain(priced).filter(|name| allowed(name) && !name.contains('*')).map(str::to_owned).collect()
}

const fn format_of(family: Family) -> ApiFormat {
    match family {
        Family::OpenAi => ApiFormat::OpenAiChat,
        Family::Anthropic => ApiFormat::AnthropicMessages,
        Family::Gemini => ApiFormat::GeminiGenerate,
        Family::Ollama => ApiFormat::OllamaChat,
    }
}
