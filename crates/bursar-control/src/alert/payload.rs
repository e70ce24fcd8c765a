//! What is sent to whom: the address, headers and JSON body of each service that takes a POST.

use super::channel::{Channel, ChannelKind};
use super::limits::CHAT_CHARS_MAX;
use super::send::SecretText;
use super::text::{self, Text};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bursar_core::Timestamp;
use bursar_store::settings::Alert;
use serde_json::{Value, json};

/// A POST.
pub(super) struct Post {
    /// Where; may hold a secret.
    pub(super) url: SecretText,
    /// Headers beside the content type.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(super) body: String,
}

/// The POST that tells a channel of these alerts; `None` for mail.
pub(super) fn post(channel: &Channel, alerts: &[Alert], now: Timestamp) -> Option<Post> {
    let text = text::of(alerts, channel);
    let plain = |url: &SecretText, body: Value| {
        Some(Post { url: url.clone(), headers: Vec::new(), body: body.to_string() })
    };
    match &channel.kind {
        ChannelKind::Webhook { url, secret } => {
            let body = webhook(alerts, &text, now).to_string();
            let headers = standard(secret.as_ref(), &message_id(alerts), now, &body);
            Some(Post { url: url.clone(), headers, body })
        }
        ChannelKind::Slack { url } => {
            // Names may hold what Slack would take for a mention.
            let text = chat(&text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            plain(url, json!({ "text": text }))
        }
        ChannelKind::Discord { url } => {
            plain(url, json!({ "content": chat(&text), "allowed_mentions": { "parse": [] } }))
        }
        ChannelKind::Teams { url } => plain(url, card(&text)),
        ChannelKind::Telegram { base_url, token, chat: to } => {
            let url = SecretText::new(&format!("{base_url}/bot{}/sendMessage", token.expose()));
            let body = json!({
                "chat_id": to, "text": chat(&text), "link_preview_options": { "is_disabled": true },
            });
            plain(&url, body)
        }
        ChannelKind::Email(_) => None,
    }
}

/// Tells this message from every other: the same at every try.
pub(super) fn message_id(alerts: &[Alert]) -> String {
    let (Some(first), Some(last)) = (alerts.first(), alerts.last()) else { return "msg_none".to_owned() };
    format!("msg_{}_{}_{}_{}", first.at.micros(), first.id, last.id, alerts.len())
}

fn webhook(alerts: &[Alert], text: &Text, now: Timestamp) -> Value {
    let kind = match alerts {
        [one] if one.document.get("test").is_some() => "alert.test".to_owned(),
        [one] => format!("alert.{}", one.event),
        _ => "alert.digest".to_owned(),
    };
    let one = |alert: &Alert| {
        json!({
            "id": alert.id, "dedup_key": alert.dedup_key, "at": alert.at.to_string(),
            "event": alert.event.as_str(), "urgent": alert.event.is_urgent(), "scope": alert.scope,
            "figures": alert.document,
        })
    };
    json!({
        "type": kind,
        "timestamp": now.to_string(),
        "data": {
            "title": text.title, "text": text.body,
            "alerts": alerts.iter().map(one).collect::<Vec<_>>(),
        },
    })
}

/// The headers of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, as the specification's section "Signature scheme"
/// says.
pub(super) fn standard(
    secret: Option<&SecretText>,
    id: &str,
    now: Timestamp,
    body: &str,
) -> Vec<(&'static str, String)> {
    let timestamp = now.seconds().to_string();
    let mut headers = vec![("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp.clone())];
    if let Some(secret) = secret {
        let decoded = secret.expose().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        let key = decoded.unwrap_or_else(|| secret.expose().as_bytes().to_vec());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
        headers.push(("webhook-signature", format!("v1,{}", STANDARD.encode(tag.as_ref()))));
    }
    headers
}

fn card(text: &Text) -> Value {
    let block = |text: &str, weight: &str| json!({ "type": "TextBlock", "text": text, "wrap": true, "weight": weight });
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [block(&text.title, "Bolder"), block(&text.body, "Default")],
            },
        }],
    })
}

/// Title and body as one chat message, cut where it would be refused.
fn chat(text: &Text) -> String {
    let whole = format!("{}\n{}", text.title, text.body);
    if whole.chars().count() <= CHAT_CHARS_MAX {
        return whole;
    }
    whole.chars().take(CHAT_CHARS_MAX).chain("…".chars()).collect()
}
