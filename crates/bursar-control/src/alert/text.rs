//! What people read: one template for each event and language, filled with the alert's figures.
//!
//! Money is shown with as many places as its size needs: a small amount is never shown as nothing.

use super::channel::{Channel, Language};
use crate::throttle::Moved;
use bursar_core::{Timestamp, Usd, text::money};
use bursar_store::settings::{Alert, AlertEvent};
use serde_json::{Value, json};

/// A message for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// One line.
    pub(super) title: String,
    /// One line for each alert.
    pub(super) body: String,
}

/// Title and sentence of an event. `{name}` stands for a figure.
type Template = (&'static str, &'static str);

/// The message that tells of these alerts.
pub(super) fn of(alerts: &[Alert], channel: &Channel) -> Text {
    match alerts {
        [one] => single(one, channel),
        several => {
            let title = match channel.language {
                Language::English => format!("{} alerts", several.len()),
                Language::TraditionalChinese => format!("{} 則警示", several.len()),
            };
            let line = |alert: &Alert| {
                let Text { title, body } = single(alert, channel);
                format!("- {title}: {body}")
            };
            Text { title, body: several.iter().map(line).collect::<Vec<_>>().join("\n") }
        }
    }
}

/// An alert that shows whether a channel works. It is told and not kept.
pub(crate) fn sample(now: Timestamp) -> Alert {
    Alert {
        id: 0,
        dedup_key: format!("test:{now}"),
        at: now,
        event: AlertEvent::Threshold,
        scope: "project=example".to_owned(),
        document: json!({
            "test": true, "budget": "example", "measure": "usd", "threshold": "80%", "spent": "0.004",
            "limit": "0.005", "resets_at": null,
        }),
    }
}

fn single(alert: &Alert, channel: &Channel) -> Text {
    let by_hand = alert.document.get("spent").is_none();
    let (title, sentence) = match (alert.event, channel.language) {
        (AlertEvent::ThrottleEngaged | AlertEvent::ThrottleReleased, language) if by_hand => {
            forced(alert.event, language)
        }
        (_, Language::English) => english(alert),
        (_, Language::TraditionalChinese) => chinese(alert),
    };
    let title = fill(title, alert, channel);
    let test = alert.document.get("test").is_some();
    let title = match (test, channel.language) {
        (false, _) => title,
        (true, Language::English) => format!("Test, not real: {title}"),
        (true, Language::TraditionalChinese) => format!("測試，並非真實事件：{title}"),
    };
    Text { title, body: fill(sentence, alert, channel) }
}

/// A throttle that no figure decided.
fn forced(event: AlertEvent, language: Language) -> Template {
    match (event == AlertEvent::ThrottleEngaged, language) {
        (true, Language::English) => (
            "Provider {provider} is throttled",
            "Requests go to other deployments. By {actor}: {reason}. It ends {until}.",
        ),
        (false, Language::English) => ("Provider {provider} is no longer throttled", "By {actor}: {reason}."),
        (true, Language::TraditionalChinese) => {
            ("供應商 {provider} 已被節流", "請求改送其他部署。由 {actor} 執行：{reason}。結束時間：{until}。")
        }
        (false, Language::TraditionalChinese) => {
            ("供應商 {provider} 已解除節流", "由 {actor} 執行：{reason}。")
        }
    }
}

const fn english(alert: &Alert) -> Template {
    match alert.event {
        AlertEvent::Threshold => (
            "Budget {budget} crossed {threshold}",
            "{spent} of {limit} is spent in {budget} ({scope}); it starts afresh at {resets_at}.",
        ),
        AlertEvent::Exhausted => (
            "Budget {budget} is exhausted",
            "{spent} of {limit} is spent in {budget} ({scope}); what does not fit is refused where the budget is hard. It starts afresh at {resets_at}.",
        ),
        AlertEvent::Overage => (
            "A request cost more than was held",
            "{amount} instead of {held} in {budget} ({scope}), request {request_id}. The whole amount is booked.",
        ),
        AlertEvent::Projected => (
            "Budget {budget} is projected past its limit",
            "{spent} spent, {projected} projected of {limit} in {budget} ({scope}), ratio {ratio}.",
        ),
        AlertEvent::BurnSpike => (
            "{project} spends much faster than usual",
            "{spent} in the last hour; the most of the 24 hours before was {usual}.",
        ),
        AlertEvent::ThrottleEngaged => (
            "Provider {provider} is throttled",
            "Requests go to other deployments. {spent} spent, {projected} projected of {limit} in {budget}, ratio {ratio} (throttled at {engage_ratio}). By {actor}: {reason}.",
        ),
        AlertEvent::ThrottleReleased => (
            "Provider {provider} is no longer throttled",
            "{spent} spent, {projected} projected of {limit} in {budget}, ratio {ratio} (released below {release_ratio}). By {actor}: {reason}.",
        ),
        AlertEvent::ThrottleWouldEngage => (
            "Dry run: provider {provider} would be throttled",
            "Nothing was re-routed. {spent} spent, {projected} projected of {limit} in {budget}, ratio {ratio} (throttled at {engage_ratio}).",
        ),
        AlertEvent::ThrottleWouldRelease => (
            "Dry run: provider {provider} would no longer be throttled",
            "Nothing was re-routed; in the dry run {would_have_moved}. {spent} spent, {projected} projected of {limit} in {budget}, ratio {ratio} (released below {release_ratio}).",
        ),
        AlertEvent::ThrottleStale => (
            "Throttles are not evaluated",
            "Three evaluations were missed: who is throttled stays throttled until it works again.",
        ),
        AlertEvent::KillOn => {
            ("Kill switch on: {scope}", "{scope} is stopped by {actor}: {reason}. It ends {until}.")
        }
        AlertEvent::KillOff => ("Kill switch off: {scope}", "{scope} may spend again; by {actor}."),
        AlertEvent::KillExpiring => (
            "Kill switch ends soon: {scope}",
            "{scope} may spend again from {until}, unless the switch is prolonged. It was turned on by {actor}: {reason}.",
        ),
        AlertEvent::CircuitOpened => (
            "Provider {provider} fails",
            "Its circuit is open until {until}: requests go to other deployments, or are refused. Credential: {credential}.",
        ),
        AlertEvent::Suspense => (
            "Bills are unknown",
            "{count} requests are in suspense, charged at their holds: {amount}. `bursar ledger suspense` names them.",
        ),
        AlertEvent::StaleRequests => (
            "Requests hang",
            "{count} requests in flight have made no progress for longer than their providers may be silent. `bursar usage active` names them; what stays silent is given up and charged at its hold.",
        ),
        AlertEvent::PriceMissing => (
            "Model {model} has no price",
            "Its requests are refused ({scope}). Give it a price, or the project a fallback price.",
        ),
        AlertEvent::KeyExpiring => {
            ("A key of {project} ends soon", "Key {key} ({name}) of {project} stops working at {until}.")
        }
        AlertEvent::LedgerTrouble => {
            ("The ledger cannot write", "Every priced request is refused until it can: {why}.")
        }
        AlertEvent::LedgerDrift => (
            "Figures do not add up",
            "The daily recount found {count} differences, the first of them: {why}. `bursar ledger verify` names them.",
        ),
    }
}

const fn chinese(alert: &Alert) -> Template {
    match alert.event {
        AlertEvent::Threshold => (
            "預算 {budget} 已達 {threshold}",
            "預算 {budget}（{scope}）已使用 {spent}，上限 {limit}；重新計算時間：{resets_at}。",
        ),
        AlertEvent::Exhausted => (
            "預算 {budget} 已用盡",
            "預算 {budget}（{scope}）已使用 {spent}，上限 {limit}；若為硬性預算，超出的請求會被拒絕。重新計算時間：{resets_at}。",
        ),
        AlertEvent::Overage => (
            "請求的費用超過預留金額",
            "預算 {budget}（{scope}）：請求 {request_id} 實際費用 {amount}，預留 {held}，已全額入帳。",
        ),
        AlertEvent::Projected => (
            "預算 {budget} 預計將超出上限",
            "預算 {budget}（{scope}）已使用 {spent}，預計 {projected}，上限 {limit}，比率 {ratio}。",
        ),
        AlertEvent::BurnSpike => {
            ("專案 {project} 的支出速度異常", "過去一小時支出 {spent}；先前 24 小時內單小時最高為 {usual}。")
        }
        AlertEvent::ThrottleEngaged => (
            "供應商 {provider} 已被節流",
            "請求改送其他部署。預算 {budget} 已使用 {spent}，預計 {projected}，上限 {limit}，比率 {ratio}（節流門檻 {engage_ratio}）。由 {actor} 執行：{reason}。",
        ),
        AlertEvent::ThrottleReleased => (
            "供應商 {provider} 已解除節流",
            "預算 {budget} 已使用 {spent}，預計 {projected}，上限 {limit}，比率 {ratio}（低於 {release_ratio} 解除）。由 {actor} 執行：{reason}。",
        ),
        AlertEvent::ThrottleWouldEngage => (
            "試行：供應商 {provider} 本應被節流",
            "流量未變更。預算 {budget} 已使用 {spent}，預計 {projected}，上限 {limit}，比率 {ratio}（節流門檻 {engage_ratio}）。",
        ),
        AlertEvent::ThrottleWouldRelease => (
            "試行：供應商 {provider} 本應解除節流",
            "流量未變更；試行期間{would_have_moved}。預算 {budget} 已使用 {spent}，預計 {projected}，上限 {limit}，比率 {ratio}（低於 {release_ratio} 解除）。",
        ),
        AlertEvent::ThrottleStale => ("節流狀態未更新", "已錯過三次評估；恢復之前，節流狀態維持不變。"),
        AlertEvent::KillOn => {
            ("緊急停止已啟用：{scope}", "{actor} 已停止 {scope} 的支出：{reason}。結束時間：{until}。")
        }
        AlertEvent::KillOff => ("緊急停止已解除：{scope}", "{scope} 已可再次支出；由 {actor} 解除。"),
        AlertEvent::KillExpiring => (
            "緊急停止即將結束：{scope}",
            "若不延長，{scope} 將自 {until} 起恢復支出。當初由 {actor} 啟用：{reason}。",
        ),
        AlertEvent::CircuitOpened => (
            "供應商 {provider} 持續失敗",
            "斷路器開啟至 {until}：請求改送其他部署，或被拒絕。憑證：{credential}。",
        ),
        AlertEvent::Suspense => (
            "有請求的帳單不明",
            "{count} 筆請求待確認，暫以預留金額 {amount} 計費。可用 `bursar ledger suspense` 查看。",
        ),
        AlertEvent::StaleRequests => (
            "有請求停滯",
            "{count} 筆進行中的請求已超過供應商允許的時間沒有進展。可用 `bursar usage active` 查看；若持續沒有進展，將視為逾時並以預留金額計費。",
        ),
        AlertEvent::PriceMissing => {
            ("模型 {model} 沒有價格", "其請求會被拒絕（{scope}）。請設定價格，或為專案設定備用價格。")
        }
        AlertEvent::KeyExpiring => {
            ("專案 {project} 的金鑰即將到期", "金鑰 {key}（{name}，專案 {project}）將於 {until} 失效。")
        }
        AlertEvent::LedgerTrouble => ("帳本無法寫入", "恢復之前，所有計價請求都會被拒絕：{why}。"),
        AlertEvent::LedgerDrift => {
            ("帳目不符", "每日重算發現 {count} 處差異，第一處：{why}。可用 `bursar ledger verify` 查看。")
        }
    }
}

fn fill(template: &str, alert: &Alert, channel: &Channel) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, behind)) = after.split_once('}') else { break };
        text.push_str(&figure(name, alert, channel));
        rest = behind;
    }
    text.push_str(rest);
    text
}

fn figure(name: &str, alert: &Alert, channel: &Channel) -> String {
    let english = channel.language == Language::English;
    if name == "scope" {
        return match (alert.scope.as_str(), english) {
            ("platform", true) => "the whole platform".to_owned(),
            ("platform", false) => "整個平台".to_owned(),
            (scope, _) => scope.to_owned(),
        };
    }
    if name == Moved::FIELD {
        return moved(alert, english);
    }
    let text = match alert.document.get(name) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => {
            let absent = match (name, english) {
                ("limit", true) => "no limit",
                ("limit", false) => "無",
                ("until", true) => "when somebody turns it off",
                ("until", false) => "直到有人解除",
                ("resets_at", true) => "no time",
                ("resets_at", false) => "不會重新計算",
                _ => "–",
            };
            return absent.to_owned();
        }
    };
    match name {
        "spent" | "limit" | "projected" | "amount" | "held" | "usual" => amount(&text, alert),
        "until" | "resets_at" => Timestamp::parse(&text).map_or(text, |at| clock(at, channel)),
        "reason" => text.trim_end_matches(['.', '。']).to_owned(),
        _ => text,
    }
}

/// What a dry run would have done.
fn moved(alert: &Alert, english: bool) -> String {
    let told = alert.document.get(Moved::FIELD).cloned().unwrap_or_default();
    let Ok(moved) = serde_json::from_value::<Moved>(told) else { return "–".to_owned() };
    if english {
        return moved.sentence();
    }
    if moved.requests == 0 {
        return "沒有請求會改送".to_owned();
    }
    let to = moved.to.iter().map(|to| format!("{} 筆至 {}", to.requests, to.provider));
    let refused = (moved.refused > 0).then(|| format!("{} 筆會被拒絕", moved.refused));
    let parts: Vec<String> = to.chain(refused).collect();
    let cost = Usd::parse(&moved.list_cost).map_or_else(|_| moved.list_cost.clone(), money);
    format!("{} 筆請求（費用 {}）本應改送：{}", moved.requests, cost, parts.join("、"))
}

fn amount(text: &str, alert: &Alert) -> String {
    let measure = alert.document.get("measure").and_then(Value::as_str).unwrap_or("usd");
    match Usd::parse(text) {
        Ok(usd) if measure == "usd" => money(usd),
        Ok(_) | Err(_) if measure == "usd" => text.to_owned(),
        Ok(_) | Err(_) => format!("{text} {measure}"),
    }
}

/// A time by the channel's clock.
fn clock(at: Timestamp, channel: &Channel) -> String {
    let local = at.to_jiff().to_zoned(channel.zone.rules().clone());
    let (date, time) = (local.date(), local.time());
    format!("{date} {:02}:{:02} {}", time.hour(), time.minute(), channel.zone)
}
