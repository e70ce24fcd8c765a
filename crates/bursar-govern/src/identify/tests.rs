//! Stories of keys and claims.

use super::*;
use crate::directory::{KeyKind, Project};
use bursar_core::{IpRange, Pattern};

fn value(text: &str) -> Value {
    Value::new(text).unwrap()
}

fn key(change: impl FnOnce(&mut Key)) -> Directory {
    let project =
        Arc::new(Project { name: value("alpha"), require_budget: false, unknown_model: None, active: true });
    let bound = Attributes::new()
        .with(&Attribute::Project, value("alpha"))
        .with(&Attribute::Key, value("k1"))
        .with(&Attribute::User, value("ann"));
    let mut key = Key {
        prefix: "bsr_test".into(),
        id: value("k1"),
        project,
        kind: KeyKind::Member,
        bound,
        may_set: MaySet::DEFAULT,
        models: Vec::new(),
        providers: Vec::new(),
        api_formats: Vec::new(),
        limits: Arc::default(),
        allowed_ips: Vec::new(),
        expires_at: None,
        blocked: false,
        fit: false,
    };
    change(&mut key);
    let mut directory = Directory::default();
    directory.keys.insert(HashedSecret::of("sk-1"), Arc::new(key));
    directory
}

const ID: RequestId = RequestId::from_u128(1);
const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn ask(directory: &Directory, presented: Option<&str>, claims: &Claims<'_>) -> Result<Caller, Refusal> {
    identify(directory, NOW, ID, presented, claims)
}

#[test]
fn only_a_known_live_key_is_a_caller() {
    let refused = |directory: &Directory, presented: Option<&str>| {
        ask(directory, presented, &Claims::default()).unwrap_err().code
    };
    assert_eq!(refused(&key(|_| ()), None), Code::KeyUnknown);
    assert_eq!(refused(&key(|_| ()), Some("sk-2")), Code::KeyUnknown);
    assert_eq!(refused(&key(|k| k.blocked = true), Some("sk-1")), Code::KeyUnknown);
    assert_eq!(refused(&key(|k| k.expires_at = Some(NOW)), Some("sk-1")), Code::KeyUnknown);
    assert!(ask(&key(|_| ()), Some("sk-1"), &Claims::default()).is_ok());
}

#[test]
fn a_client_cannot_choose_who_pays() {
    let claims =
        Claims { user: Some("bob"), agent: Some("coder"), tags: Some("team=x, urgent"), ..Claims::default() };
    let caller = ask(&key(|_| ()), Some("sk-1"), &claims).unwrap();
    assert_eq!(caller.attributes.get(&Attribute::User), Some(&value("ann")));
    assert_eq!(caller.attributes.get(&Attribute::Agent), Some(&value("coder")));
    assert_eq!(caller.attributes.get(&Attribute::Tag(value("team"))), Some(&value("x")));
    assert_eq!(caller.attributes.get(&Attribute::Tag(value("urgent"))), Some(&value("true")));
    assert_eq!(caller.ignored, ["user: the key binds another value"]);
}

#[test]
fn what_the_key_may_not_set_is_ignored_and_said() {
    let directory = key(|k| k.may_set = MaySet::default());
    let caller = ask(&directory, Some("sk-1"), &Claims { run: Some("42"), ..Claims::default() }).unwrap();
    assert_eq!(caller.attributes.get(&Attribute::Run), None);
    assert_eq!(caller.ignored, ["run: the key may not set it"]);
}

#[test]
fn a_value_that_no_attribute_can_have_is_refused_by_name() {
    let refusal =
        ask(&key(|_| ()), Some("sk-1"), &Claims { run: Some("a\u{7}"), ..Claims::default() }).unwrap_err();
    assert_eq!(refusal.code, Code::BadInput);
    assert!(refusal.message.contains("run"), "{}", refusal.message);
}

#[test]
fn a_key_is_permitted_what_it_lists() {
    let directory = key(|k| k.models = vec![Pattern::new("gpt-4o*")]);
    let caller = ask(&directory, Some("sk-1"), &Claims::default()).unwrap();
    assert!(permit(&caller.key, ApiFormat::OpenAiChat, "gpt-4o-mini", ID).is_ok());
    assert_eq!(permit(&caller.key, ApiFormat::OpenAiChat, "o3", ID).unwrap_err().code, Code::KeyForbidden);
}

/// A key that names addresses is refused from everywhere else, and where the address is not known.
#[test]
fn a_key_is_used_only_from_where_it_may_be() {
    let directory = key(|key| {
        key.allowed_ips = vec![IpRange::parse("10.0.0.0/8").unwrap(), IpRange::parse("::1").unwrap()];
    });
    let caller = ask(&directory, Some("sk-1"), &Claims::default()).unwrap();
    let from = |text: &str| permit_address(&caller.key, text.parse().ok(), ID);
    assert!(from("10.1.2.3").is_ok() && from("::1").is_ok() && from("::ffff:10.1.2.3").is_ok());
    for other in ["192.0.2.1", "::2", "unknown"] {
        assert_eq!(from(other).unwrap_err().code, Code::KeyForbidden, "{other}");
    }
    let anywhere = key(|_| {});
    let caller = ask(&anywhere, Some("sk-1"), &Claims::default()).unwrap();
    assert!(permit_address(&caller.key, None, ID).is_ok());
}
