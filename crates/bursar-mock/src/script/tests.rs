//! Scripts as people write them.

use super::*;
use crate::behaviour::Fault;

fn decide(live: &Live, model: &str, body: &[u8]) -> Behaviour {
    let facts = Facts { model, path: "/v1/chat/completions", credential: "c", body };
    live.decide(&facts, Draw::new(0, body)).unwrap()
}

#[test]
fn a_script_in_toml_and_its_mistakes() {
    let script = Script::from_toml(
        r#"
        seed = 7
        [defaults]
        latency_ms = 5
        [[models]]
        name = "gpt-4o-mini"
        input = "0.15"
        output = "0.60"
        [[rules]]
        model = "gpt-*"
        every = 2
        then = { status = 503, retry_after = 2 }
        "#,
    )
    .unwrap();
    let live = Live::new(script);
    let faults: Vec<_> = (0..4).map(|_| decide(&live, "gpt-4o-mini", b"{}").fault).collect();
    assert_eq!(faults, [None, Some(Fault::Status(503)), None, Some(Fault::Status(503))]);
    assert_eq!(decide(&live, "other", b"{}").fault, None);
    assert_eq!(live.script.price_of("gpt-4o-mini").unwrap().cache_read, Rate::from_pico(150_000));

    let mistake = |text| Script::from_toml(text).unwrap_err();
    assert!(matches!(mistake("sed = 7"), ScriptError::Toml(_)));
    assert_eq!(mistake("[[rules]]\nthen = { outt = 1 }").to_string(), "in `rule 1`");
    assert_eq!(mistake("[[models]]\nname = \"m\"\ninput = \"1e3\"").to_string(), "the price of model `m`");
}

#[test]
fn json_says_the_same_and_later_rules_win() {
    let script = Script::from_json(
        r#"{"refuse_other_models":true,"models":[{"name":"m","input":"1"}],
            "rules":[{"then":{"out":5}},{"prompt":"long","then":{"out":50}}]}"#,
    )
    .unwrap();
    assert_eq!(script.price_of("n"), None);
    let live = Live::new(script);
    assert_eq!(decide(&live, "m", b"short").output, Some(5));
    assert_eq!(decide(&live, "m", b"a long one").output, Some(50));
}
