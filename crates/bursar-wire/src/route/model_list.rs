//! Lists of models in each family's shape, made from names: what a key may use, not what a provider offers.

use bursar_core::{Family, Timestamp};
use serde_json::{Value, json};

/// A model as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedModel<'a> {
    /// The name that clients ask for.
    pub name: &'a str,
    /// Who serves it.
    pub owner: &'a str,
    /// Since when it is known here.
    pub since: Timestamp,
    /// Whether it makes embeddings instead of text.
    pub embeds: bool,
}

/// The body that answers `GET /v1/models`, `/v1beta/models` or `/api/tags`.
#[must_use]
pub fn model_list(family: Family, models: &[ListedModel<'_>]) -> Vec<u8> {
    let entries: Vec<Value> = models.iter().map(|model| entry(family, model)).collect();
    let body = match family {
        Family::OpenAi => json!({"object": "list", "data": entries}),
        Family::Anthropic => json!({
            "data": entries,
            "has_more": false,
            "first_id": models.first().map(|model| model.name),
            "last_id": models.last().map(|model| model.name),
        }),
        Family::Gemini | Family::Ollama => json!({"models": entries}),
    };
    body.to_string().into_bytes()
}

/// The body that answers a request for one model.
#[must_use]
pub fn model_entry(family: Family, model: &ListedModel<'_>) -> Vec<u8> {
    entry(family, model).to_string().into_bytes()
}

fn entry(family: Family, model: &ListedModel<'_>) -> Value {
    let name = model.name;
    match family {
        Family::OpenAi => json!({
            "id": name, "object": "model", "created": model.since.seconds(), "owned_by": model.owner,
        }),
        Family::Anthropic => json!({
            "type": "model", "id": name, "display_name": name, "created_at": model.since.to_string(),
        }),
        Family::Gemini => {
            let methods: &[&str] = if model.embeds {
                &["embedContent", "batchEmbedContents"]
            } else {
                &["generateContent", "streamGenerateContent", "countTokens"]
            };
            json!({
                "name": format!("models/{name}"), "baseModelId": name, "displayName": name,
                "supportedGenerationMethods": methods,
            })
        }
        Family::Ollama => json!({
            "name": name, "model": name, "modified_at": model.since.to_string(), "size": 0, "digest": "",
            "details": {"format": "", "family": model.owner, "families": null, "parameter_size": "", "quantization_level": ""},
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_lists_models_in_its_own_shape() {
        let since = Timestamp::parse("2026-03-15").unwrap();
        let models = [
            ListedModel { name: "gpt-4o-mini", owner: "openai", since, embeds: false },
            ListedModel { name: "gemini-embedding-001", owner: "gemini", since, embeds: true },
        ];
        let mut shown = String::new();
        for family in Family::ALL {
            for body in
                [model_list(family, &models), model_list(family, &[]), model_entry(family, &models[0])]
            {
                let body: Value = serde_json::from_slice(&body).unwrap();
                shown.push_str(&format!("{family} {}\n", serde_json::to_string_pretty(&body).unwrap()));
            }
        }
        insta::assert_snapshot!("lists", shown);
    }
}
