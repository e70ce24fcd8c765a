//! What alerts look like, and when they are sent.

use super::channel::{Channel, ChannelKind, Language, QuietHours};
use super::send::SecretText;
use super::{payload, text};
use bursar_core::{Pattern, Timestamp};
use bursar_ledger::Zone;
use bursar_store::settings::{Alert, AlertEvent, ThrottleEvent, ThrottleEventKind as Kind};
use serde_json::{Value, json};

const NOW: &str = "2026-11-23T14:30:00Z";

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

fn channel(language: Language) -> Channel {
    Channel {
        name: "ops".to_owned(),
        kind: ChannelKind::Slack { url: SecretText::new("http://127.0.0.1/") },
        language,
        events: Vec::new(),
        scopes: Vec::new(),
        digest_s: 0,
        quiet: None,
        zone: Zone::parse("Asia/Taipei").unwrap(),
        attempts: 3,
    }
}

fn alert(event: AlertEvent, document: Value) -> Alert {
    Alert { id: 7, dedup_key: "k".to_owned(), at: now(), event, scope: "project=alpha".to_owned(), document }
}

/// Rules: S0-09, S0-13, S0-21.
#[test]
fn figures_are_shown_as_precisely_as_they_need() {
    let figures = json!({
        "provider": "openai", "budget": "month", "measure": "usd", "spent": "0.004", "limit": "0.0045",
        "projected": "0.0051", "ratio": "1.1333", "engage_ratio": "1.05", "actor": "throttle", "reason": "over",
    });
    let shown = text::of(&[alert(AlertEvent::ThrottleEngaged, figures)], &channel(Language::English));
    assert_eq!(shown.title, "Provider openai is throttled");
    assert_eq!(
        shown.body,
        "Requests go to other deployments. $0.004 spent, $0.0051 projected of $0.0045 in month, ratio 1.1333 \
         (throttled at 1.05). By throttle: over."
    );
    let by_hand = json!({ "provider": "openai", "actor": "ann", "reason": "a bad day." });
    let shown = text::of(&[alert(AlertEvent::ThrottleEngaged, by_hand)], &channel(Language::English));
    assert_eq!(
        shown.body,
        "Requests go to other deployments. By ann: a bad day. It ends when somebody turns it off."
    );
    let until =
        json!({ "provider": "openai", "actor": "ann", "reason": "a", "until": "2026-11-23T15:00:00Z" });
    let shown = text::of(&[alert(AlertEvent::ThrottleEngaged, until)], &channel(Language::English));
    assert!(shown.body.ends_with("It ends 2026-11-23 23:00 Asia/Taipei."), "{}", shown.body);
    let tokens = json!({ "budget": "b", "measure": "tokens", "spent": "800", "limit": "1000", "threshold": "80%",
        "resets_at": "2026-11-30T16:00:00Z" });
    let shown = text::of(&[alert(AlertEvent::Threshold, tokens)], &channel(Language::TraditionalChinese));
    assert_eq!(shown.title, "預算 b 已達 80%");
    assert_eq!(
        shown.body,
        "預算 b（project=alpha）已使用 800 tokens，上限 1000 tokens；重新計算時間：2026-12-01 00:00 Asia/Taipei。"
    );
}

/// Rules: S0-04.
#[test]
fn the_end_of_a_dry_run_says_what_it_would_have_moved() {
    let figures = json!({
        "provider": "openai", "budget": "month", "measure": "usd", "spent": "4", "limit": "5", "projected": "4.5",
        "ratio": "0.9", "release_ratio": "0.95",
        "would_have_moved": {
            "requests": 3, "list_cost": "0.0054", "to": [{ "provider": "gemini", "requests": 2 }], "refused": 1,
        },
    });
    let body = |language| {
        text::of(&[alert(AlertEvent::ThrottleWouldRelease, figures.clone())], &channel(language)).body
    };
    let english = body(Language::English);
    let says = "in the dry run 3 requests that cost $0.0054 would have moved: 2 to `gemini`, 1 would have been refused.";
    assert!(english.contains(says), "{english}");
    let chinese = body(Language::TraditionalChinese);
    let says = "試行期間3 筆請求（費用 $0.0054）本應改送：2 筆至 gemini、1 筆會被拒絕。";
    assert!(chinese.contains(says), "{chinese}");
}

#[test]
fn every_event_has_a_text_in_every_language() {
    for event in AlertEvent::ALL {
        for language in [Language::English, Language::TraditionalChinese] {
            let shown = text::of(&[alert(*event, json!({}))], &channel(language));
            for part in [&shown.title, &shown.body] {
                assert!(!part.is_empty() && !part.contains(['{', '}']), "{event}: {part}");
            }
            let is_chinese = shown.title.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert_eq!(is_chinese, language == Language::TraditionalChinese, "{event}: {}", shown.title);
        }
    }
}

#[test]
fn a_digest_has_one_line_for_each() {
    let both = [alert(AlertEvent::Suspense, json!({})), alert(AlertEvent::LedgerTrouble, json!({}))];
    let shown = text::of(&both, &channel(Language::English));
    assert_eq!((shown.title.as_str(), shown.body.lines().count()), ("2 alerts", 2));
}

/// The example of the specification of Standard Webhooks, checked with another implementation of HMAC.
#[test]
fn a_webhook_is_signed_as_the_standard_says() {
    let secret = SecretText::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let at = Timestamp::from_micros(1_614_265_330_000_000);
    let headers =
        payload::standard(Some(&secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
    let expected = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    let shown: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(shown, expected);
}

#[test]
fn names_cannot_mention_people_in_slack() {
    let figures = json!({ "budget": "<!channel>", "threshold": "80%" });
    let post = payload::post(&channel(Language::English), &[alert(AlertEvent::Threshold, figures)], now());
    let body = post.unwrap().body;
    assert!(body.contains("&lt;!channel&gt;") && !body.contains("<!channel>"), "{body}");
}

#[test]
fn quiet_hours_follow_the_channels_clock() {
    assert!(
        ["", "22:00", "22:00-22:00", "24:00-07:00", "9:00-10:00", "22:60-23:00"]
            .iter()
            .all(|text| QuietHours::parse(text).is_none())
    );
    // 22:30 in Taipei, 14:30 in UTC.
    let quiet = QuietHours::parse("22:00-07:00");
    let taipei = Channel { quiet, ..channel(Language::English) };
    assert!(taipei.is_quiet(now()));
    assert!(!Channel { zone: Zone::utc(), ..taipei.clone() }.is_quiet(now()));
    assert!(!taipei.is_quiet(now().plus_seconds(9 * 3_600)));
    assert!(!Channel { quiet: None, ..taipei }.is_quiet(now()));
}

#[test]
fn a_channel_is_told_what_it_asked_for() {
    let mine = Channel {
        events: vec![AlertEvent::KillOn],
        scopes: vec![Pattern::new("project=al*")],
        ..channel(Language::English)
    };
    assert!(mine.wants(&alert(AlertEvent::KillOn, json!({}))));
    assert!(!mine.wants(&alert(AlertEvent::KillOff, json!({}))));
    let other = Alert { scope: "platform".to_owned(), ..alert(AlertEvent::KillOn, json!({})) };
    assert!(!mine.wants(&other));
}

/// Rules: S0-20.
#[test]
fn what_failed_together_is_sent_together_again_and_a_digest_waits_for_the_first_that_is_due() {
    use super::desk::batch;
    let row = |id: i64, attempts: u32, due: i64| {
        (Alert { id, ..alert(AlertEvent::Threshold, json!({})) }, attempts, now().plus_seconds(due))
    };
    let sent = |digest_s: i64, rows: Vec<_>| {
        let channel = Channel { digest_s, ..channel(Language::English) };
        batch(&channel, rows, now()).0.iter().map(|alert| alert.id).collect::<Vec<_>>()
    };
    assert_eq!(sent(0, vec![row(1, 0, -1), row(2, 0, -1)]), [1]);
    assert_eq!(sent(60, vec![row(1, 0, -1), row(2, 0, 30)]), [1, 2]);
    assert!(sent(60, vec![row(1, 0, 1), row(2, 0, 30)]).is_empty());
    // Three and four failed together; five is new, and goes by itself.
    assert_eq!(sent(60, vec![row(4, 2, -2), row(3, 2, -2), row(5, 0, -1)]), [3, 4]);
}

/// Rules: S0-13, S0-14.
#[test]
fn every_transition_of_a_throttle_is_told_and_bookkeeping_is_not() {
    let told = |kind: Kind, provider: &str| {
        let event = ThrottleEvent {
            id: 9,
            at: now(),
            kind,
            provider: provider.to_owned(),
            project: None,
            model: None,
            dry_run: false,
            actor: "throttle".to_owned(),
            reason: "over".to_owned(),
            message: String::new(),
            document: json!({ "spent": "1" }),
        };
        super::sources::throttle(&event).map(|alert| (alert.event, alert.scope, alert.dedup_key))
    };
    let of = |event, scope: &str| Some((event, scope.to_owned(), "throttle:9".to_owned()));
    assert_eq!(told(Kind::Engaged, "p"), of(AlertEvent::ThrottleEngaged, "provider=p"));
    assert_eq!(told(Kind::Released, "p"), of(AlertEvent::ThrottleReleased, "provider=p"));
    assert_eq!(told(Kind::WouldEngage, "p"), of(AlertEvent::ThrottleWouldEngage, "provider=p"));
    assert_eq!(told(Kind::Stale, "*"), of(AlertEvent::ThrottleStale, "platform"));
    assert_eq!(told(Kind::Projected, "*"), of(AlertEvent::Projected, "platform"));
    assert_eq!(told(Kind::RulesChanged, "*"), None);
}

#[test]
fn a_spike_is_several_times_the_most_of_a_day_and_worth_a_dollar() {
    use super::sources::{Costs, spikes};
    const CENT: i64 = 10_000_000;
    let hour = |costs: &[(&str, i64)]| -> Costs {
        costs.iter().map(|(project, cents)| ((*project).to_owned(), cents * CENT)).collect()
    };
    let before = [hour(&[("steady", 100), ("small", 1)]), hour(&[("steady", 50), ("small", 2)])];
    let after = |last: &[(&str, i64)]| spikes(&[before[0].clone(), before[1].clone(), hour(last)]);
    assert_eq!(after(&[("steady", 301)]), [("steady".to_owned(), 301 * CENT, 100 * CENT)]);
    assert_eq!(after(&[("steady", 300), ("small", 99), ("new", 5_000)]), []);
    assert_eq!(after(&[("small", 100)]).len(), 1);
}
