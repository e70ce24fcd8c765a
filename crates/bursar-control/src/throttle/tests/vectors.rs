//! The worked examples of the specification about throttles, read from `vectors.json`.

use super::{Story, at, budget, usd};
use crate::throttle::{Projection, Rules};
use bursar_core::{ApiFormat, Family, Multiplier, RequestId, Value};
use bursar_govern::directory::{
    Credentials, Directory, Key, KeyKind, MaySet, Model, ModelAt, Project, Provider, Timeouts,
};
use bursar_govern::route::{NoRoute, Route, RouteAsk, route};
use bursar_govern::{Throttled, Why};
use bursar_pricing::{Billing, UnknownModel};
use bursar_store::settings::ThrottleEventKind;
use bursar_wire::Needs;
use serde_json::Value as Json;
use std::path::PathBuf;
use std::sync::Arc;

/// The example of that name, where the specification is there.
fn vector(id: &str) -> Option<Json> {
    let place = std::env::var_os("BURSAR_SPEC").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec"),
        PathBuf::from,
    );
    let path = place.join("vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is not there; set BURSAR_SPEC", path.display());
        return None;
    };
    let all: Vec<Json> = serde_json::from_str(&text).unwrap();
    Some(all.into_iter().find(|vector| vector["id"] == id).unwrap())
}

/// The rules that an example gives; what it does not is as configured without a word.
fn rules(given: &Json) -> Rules {
    let ratio = |name: &str, default| match given[name].as_str() {
        Some(text) => Multiplier::parse(text).unwrap(),
        None => default,
    };
    let default = Rules::default();
    let days = given["min_elapsed_days"].as_u64().map_or(3, |days| u32::try_from(days).unwrap());
    Rules {
        enabled: true,
        shadow: false,
        engage_ratio: ratio("engage_ratio", default.engage_ratio),
        release_ratio: ratio("release_ratio", default.release_ratio),
        projection: match given["projection"].as_str() {
            Some("elapsed_fraction") => Projection::ElapsedFraction,
            Some("calendar_day") | None => Projection::CalendarDay,
            Some(other) => panic!("{other}"),
        },
        min_elapsed_days: days,
        // Who lets the first days count lets small amounts count, as the configuration does.
        min_spend_pct: if days == 0 { 0 } else { 10 },
        ..default
    }
}

fn instant(given: &Json) -> String {
    let day = given["as_of_local_date"].as_str().map(|date| format!("{date}T12:00:00Z"));
    day.unwrap_or_else(|| given["as_of"].as_str().unwrap().to_owned())
}

/// Evaluates what an example gives, and compares with what it expects.
fn check(id: &str) {
    let Some(vector) = vector(id) else { return };
    let (given, then) = (&vector["given"], &vector["then"]);
    let budget = budget("claude", given["month_budget_usd"].as_str());
    let mut story = Story::new(rules(given));
    let now = instant(given);
    let stored = given["stored_state_durable"]["claude"]["throttled"] == true;
    if given["previously_throttled"] == true || stored {
        story = story.throttled(&budget, &now);
    }
    let spend = usd(given["month_to_date_spend_usd"].as_str().unwrap());
    story.evaluate(&[(&budget, spend)], &now);
    let subject = &story.last.subjects[0];
    let verdict = &subject.windows[0].1;
    assert_eq!(Json::from(subject.row.acting), then["throttled"], "{id}");
    let shown = |shown: Option<crate::throttle::Shown>| shown.map(|shown| shown.to_string());
    for (field, own) in [("projected_usd", shown(verdict.projected)), ("ratio", shown(verdict.ratio))] {
        if let Some(expected) = then[field].as_str() {
            assert_eq!(own.as_deref(), Some(expected), "{id} {field}");
        }
    }
    if let Some(expected) = then["reason"].as_str() {
        assert_eq!(verdict.status.as_str(), expected, "{id}");
        assert_eq!(story.told[0].1, expected, "{id}");
    }
    if let Some(transition) = then.get("transition") {
        let told = story.told.first().map(|(kind, _, _)| kind.as_str());
        assert_eq!(told, transition.as_str(), "{id}");
    }
}

/// Rules: S0-06, S0-08, V T01.
#[test]
fn t01_a_pace_of_120_percent_engages() {
    check("T01");
}

/// Rules: S0-08, V T02.
#[test]
fn t02_exactly_the_engaging_ratio_engages() {
    check("T02");
}

/// Rules: S0-09, V T04.
#[test]
fn t04_inside_the_band_it_stays() {
    check("T04");
}

/// Rules: S0-09, V T05.
#[test]
fn t05_exactly_the_releasing_ratio_stays() {
    check("T05");
}

/// Rules: S0-08, V T07.
#[test]
fn t07_over_budget_but_below_the_ratio_is_the_hard_budgets_business() {
    check("T07");
}

/// Rules: S0-08, S0-09, S0-13, V T08.
#[test]
fn t08_five_evaluations_tell_three_transitions() {
    let Some(vector) = vector("T08") else { return };
    let (given, then) = (&vector["given"], &vector["then"]);
    let budget = budget("claude", given["month_budget_usd"].as_str());
    let mut story = Story::new(rules(given));
    let mut alerts = 0;
    for step in then["steps"].as_array().unwrap() {
        let spend = usd(step["spend_usd"].as_str().unwrap());
        story.evaluate(&[(&budget, spend)], &format!("{}T18:00:00Z", step["date"].as_str().unwrap()));
        let (_, verdict) = &story.last.subjects[0].windows[0];
        assert_eq!(verdict.projected.unwrap().to_string(), step["projected_usd"], "{step}");
        assert_eq!(verdict.ratio.unwrap().to_string(), step["ratio"], "{step}");
        assert_eq!(Json::from(story.acting()), step["throttled"], "{step}");
        let told = story.kinds();
        assert_eq!(told.first().copied(), step["transition"].as_str(), "{step}");
        alerts += told.len();
    }
    assert_eq!(Json::from(alerts), then["alerts_sent"]);
}

/// Rules: S0-07, V T10.
#[test]
fn t10_half_a_day_counts_as_half_a_day() {
    check("T10");
}

/// Rules: S0-10, V T11.
#[test]
fn t11_who_has_overspent_is_throttled_at_any_ratio() {
    check("T11");
}

/// Rules: S0-11, V T13.
#[test]
fn t13_a_budget_of_nothing_throttles_and_divides_by_nothing() {
    check("T13");
}

/// Rules: S0-05, V T19.
#[test]
fn t19_a_restart_keeps_the_hysteresis() {
    check("T19");
}

/// Rules: S0-02, S0-04, V T14.
#[test]
fn t14_with_the_flag_off_nobody_is_throttled_whatever_was_stored() {
    let Some(vector) = vector("T14") else { return };
    let budget = budget("claude", Some("100"));
    let mut story = Story::live().throttled(&budget, "2026-04-15");
    assert!(story.acting());
    story.rules.enabled = vector["given"]["throttle_enabled"].as_bool().unwrap();
    story.evaluate(&[(&budget, usd("50"))], "2026-04-15");
    assert_eq!(Json::from(story.acting()), vector["then"]["throttled"]);
}

/// Rules: S0-13, V T20.
#[test]
fn t20_a_provider_whose_budget_is_gone_is_released_aloud() {
    let Some(vector) = vector("T20") else { return };
    let then = &vector["then"];
    let mut story = Story::live().throttled(&budget("claude", Some("100")), "2026-04-15");
    story.evaluate(&[], "2026-04-15");
    assert_eq!(Json::from(!story.rows.is_empty()), then["claude_in_state"]);
    assert_eq!(story.told.len(), 1);
    let (kind, reason, _) = &story.told[0];
    assert_eq!(*kind, ThrottleEventKind::Released);
    assert_eq!((kind.as_str(), reason.as_str()), ("released", then["reason"].as_str().unwrap()));
}

/// A model at these providers, in this order, free of charge.
fn served_by(providers: &[String]) -> Directory {
    let mut directory = Directory { unknown_model: UnknownModel::Free, ..Directory::default() };
    for name in providers {
        directory.providers.push(Arc::new(Provider {
            name: Value::new(name).unwrap(),
            family: Family::OpenAi,
            base_url: "http://127.0.0.1:1".into(),
            authorities: None,
            credentials: Credentials::None,
            prices: "nobody".into(),
            timeouts: Timeouts::default(),
            fallback: Vec::new(),
            bills_errors: false,
            surfaces: Default::default(),
            billing: Billing::default(),
            fallback_model: None,
            next_after_silence: false,
        }));
    }
    let at = |provider: &Arc<Provider>| {
        Arc::new(ModelAt {
            provider: Arc::clone(provider),
            upstream_model: None,
            price: None,
            prefers_billed: false,
        })
    };
    let deployments = directory.providers.iter().map(at).collect();
    directory.models.insert("m".into(), Arc::new(Model { deployments, fallback: Vec::new() }));
    directory
}

/// Routes by the chain of fallbacks that an example gives, each provider at most once.
fn routed(vector: &Json, first: &str) -> (Result<Route, Box<NoRoute>>, Vec<String>) {
    let given = &vector["given"];
    let mut chain = vec![first.to_owned()];
    while let Some(next) = given["fallback"][chain.last().unwrap()].as_str() {
        if chain.iter().any(|seen| seen == next) {
            break;
        }
        chain.push(next.to_owned());
    }
    let directory = served_by(&chain);
    let mut throttled = Throttled::default();
    for (provider, state) in given["stored_state"].as_object().unwrap() {
        if state["throttled"] == true {
            throttled.insert(provider, None, None, Why { reason: "over".to_owned(), until: None });
        }
    }
    let project = Project {
        name: Value::new("alpha").unwrap(),
        require_budget: false,
        unknown_model: None,
        active: true,
    };
    let key = Key {
        prefix: "bsr_test".into(),
        id: Value::new("k").unwrap(),
        project: Arc::new(project),
        kind: KeyKind::Member,
        bound: bursar_core::Attributes::new(),
        may_set: MaySet::DEFAULT,
        models: Vec::new(),
        providers: Vec::new(),
        api_formats: Vec::new(),
        expires_at: None,
        blocked: false,
        fit: false,
        limits: Arc::default(),
        allowed_ips: Vec::new(),
    };
    let asked = RouteAsk {
        now: at("2026-04-10"),
        key: &key,
        format: ApiFormat::OpenAiChat,
        model: "m",
        needs: Needs::default(),
        prompt_tokens: &|_| 0,
        may_fall_back: true,
        request_id: RequestId::from_u128(1),
    };
    (route(&directory, &throttled, &asked), chain)
}

/// Rules: S0-03, S0-23, S0-24, V T16.
#[test]
fn t16_routing_goes_past_the_throttled_to_the_next_in_the_chain() {
    let Some(vector) = vector("T16") else { return };
    let (found, _) = routed(&vector, "claude");
    let found = found.unwrap();
    assert_eq!(found.deployments[0].provider.name.as_str(), vector["then"]["routed_to"]);
    let skipped = found.skipped.iter();
    let skipped: Vec<Json> = skipped
        .map(|skipped| serde_json::json!({ "provider": skipped.provider, "reason": skipped.reason }))
        .collect();
    assert_eq!(Json::from(skipped), vector["then"]["skipped"]);
}

/// Rules: S0-03, V T17.
#[test]
fn t17_a_circle_of_throttled_providers_ends_in_a_refusal() {
    let Some(vector) = vector("T17") else { return };
    let (found, visited) = routed(&vector, "a");
    let refusal = found.err().unwrap().refusal;
    assert_eq!(refusal.code.as_str(), vector["then"]["error_code"]);
    assert_eq!(Json::from(refusal.code.status()), vector["then"]["http_status"]);
    assert_eq!(Json::from(visited), vector["then"]["visited"]);
}
