//! Walks every mutating function: each is audited, and no secret is ever in the files in the clear.

use super::*;
use std::collections::BTreeSet;

/// The plain texts that a caller hashed or sealed; they must be nowhere.
const PLAIN: [&str; 3] = ["bk-secret-of-the-key", "sk-secret-of-openai", "bt-secret-of-the-token"];
/// What the caller sealed them into, which may be in its own column and nowhere else.
const SEALED: [&[u8]; 2] = [b"<sealed once>", b"<sealed twice>"];
const HASH: [u8; 32] = *b"<the hash of a key, 32 bytes...>";
const TOKEN_HASH: [u8; 32] = *b"<the hash of a token, 32 bytes.>";

type Step = (&'static str, fn(&mut Change<'_>) -> Result<(), SettingsError>);

/// Every mutating function once, in an order in which each succeeds.
const STEPS: &[Step] = &[
    ("create_project", |c| c.create_project(&Project::new("alpha", ManagedBy::Api)).map(drop)),
    ("update_project", |c| {
        let before = project::find(&c.transaction, "alpha")?;
        c.update_project(&Project { require_budget: true, ..before }).map(drop)
    }),
    ("create_user", |c| c.create_user(&User::new("bob", ManagedBy::Api)).map(drop)),
    ("update_user", |c| {
        let before = user::find(&c.transaction, "bob")?;
        c.update_user(&User { email: Some("bob@example.com".to_owned()), ..before }).map(drop)
    }),
    ("create_key", |c| c.create_key(&Key { hash: Some(KeyHash(HASH)), ..key(1) }).map(drop)),
    ("update_key", |c| {
        let before = key::find(&c.transaction, key_id(1))?;
        c.update_key(&Key { blocked: true, ..before }).map(drop)
    }),
    ("rotate_key", |c| c.rotate_key(key_id(1), "bk-two", hash(2), Some(at(60))).map(drop)),
    ("delete_key", |c| c.delete_key(key_id(1)).map(drop)),
    ("create_budget", |c| c.create_budget("daily", &json!({}), ManagedBy::File).map(drop)),
    ("update_budget", |c| {
        let before = budget::list(&c.transaction, None, 1)?.remove(0);
        c.update_budget(&BudgetRow { active: false, ..before }).map(drop)
    }),
    ("delete_budget", |c| c.delete_budget(1).map(drop)),
    ("create_document", |c| c.create_document(&provider()).map(drop)),
    ("update_document", |c| {
        let before = document::find(&c.transaction, DocumentKind::Provider, "openai")?;
        c.update_document(&Document { active: false, ..before }).map(drop)
    }),
    ("create_credential", |c| {
        c.create_credential(&Credential::new("openai", "main", Sealed(SEALED[0].to_vec()))).map(drop)
    }),
    ("update_credential", |c| {
        let before = credential::list(&c.transaction, None)?.remove(0);
        c.update_credential(&Credential { sealed: Sealed(SEALED[1].to_vec()), ..before }).map(drop)
    }),
    ("delete_credential", |c| c.delete_credential("openai", "main")),
    ("create_token", |c| {
        let id = TokenId::from_u128(7);
        c.create_token(&Token::new(id, "ci", "bt-", KeyHash(TOKEN_HASH), Role::Viewer)).map(drop)
    }),
    ("revoke_token", |c| c.revoke_token(TokenId::from_u128(7)).map(drop)),
    ("turn_on_kill_switch", |c| c.turn_on_kill_switch(&platform(), "test", false, None).map(drop)),
    ("turn_off_kill_switch", |c| c.turn_off_kill_switch(&platform()).map(drop)),
    ("put_throttle", |c| c.put_throttle(&Throttle::new("openai", None, None, at(1)), &[]).map(drop)),
    ("delete_throttle", |c| {
        let before = throttle::list(&c.transaction)?.remove(0);
        c.delete_throttle(&before, &[])
    }),
    ("put_throttle_rules", |c| c.put_throttle_rules(&json!({ "enabled": true }), &[])),
    ("note_kill_switch", |c| {
        let on = KillSwitch {
            id: 0,
            scope: platform(),
            reason: "a file".to_owned(),
            cut_streams: true,
            actor: "file KILL".to_owned(),
            since: at(1),
            until: None,
            lifted_at: None,
            lifted_by: None,
        };
        c.note_kill_switch("platform (file KILL)", None, Some(&on))
    }),
    ("put_meta", |c| {
        c.put_meta("salt", PLAIN[1].as_bytes().iter().rev().copied().collect::<Vec<_>>().as_slice())
    }),
    ("note_correction", |c| {
        c.note_correction("window w1", &json!({ "settled": "1" }), &json!({ "settled": "2" }))
    }),
    ("retain_audit", |c| c.retain_audit(at(30)).map(drop)),
];

fn provider() -> Document {
    Document::new(DocumentKind::Provider, "openai", json!({ "family": "openai" }), ManagedBy::Api)
}

/// The names of the public functions that take `&mut self` of [`Change`], read from the sources.
fn mutating_functions() -> BTreeSet<String> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/settings");
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = std::fs::read_to_string(path).unwrap();
        for function in source.split("pub fn ").skip(1) {
            let (name, rest) = function.split_once('(').unwrap();
            if rest.trim_start().starts_with("&mut self") {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

/// Takes every step, each in a transaction of its own at a later second; the last a month later.
fn walk(world: &World) {
    for (second, (name, step)) in (1..).zip(STEPS) {
        let now = if *name == "retain_audit" { at(40 * 86_400) } else { at(second) };
        world.settings.change(&Stamp::new("ada", now), step).unwrap_or_else(|error| {
            panic!("{name}: {error}");
        });
    }
}

#[test]
fn every_mutating_function_writes_an_audit_entry() {
    let walked: BTreeSet<String> = STEPS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(walked, mutating_functions(), "the walk must take every step there is");
    let world = World::new();
    for (second, (name, step)) in (1..).zip(&STEPS[..STEPS.len() - 1]) {
        let before = world.audit().len();
        world.settings.change(&Stamp::new("ada", at(second)), step).unwrap();
        let entries = world.audit();
        assert_eq!(entries.len(), before + 1, "{name}");
        let entry = entries.last().unwrap();
        assert_eq!((entry.actor.as_str(), entry.at), ("ada", at(second)), "{name}");
        assert!(entry.before.is_some() || entry.after.is_some(), "{name}");
        assert_ne!(entry.before, entry.after, "{name}: a secret that changed shows as a new version");
    }
    let told: Vec<String> = world
        .audit()
        .iter()
        .map(|entry| {
            let json =
                |row: &Option<serde_json::Value>| row.as_ref().map_or("-".to_owned(), ToString::to_string);
            let (before, after) = (json(&entry.before), json(&entry.after));
            format!("{} {} {}\n  {before}\n  {after}", entry.action, entry.object, entry.name)
        })
        .collect();
    insta::assert_snapshot!("audit_of_the_walk", told.join("\n"));
}

#[test]
fn no_secret_is_in_the_files_or_in_the_audit() {
    let world = World::new();
    walk(&world);
    let audit = format!("{:?}", world.audit());
    world
        .settings
        .begin_answer("key:1", &[1; 32], (request(1), 1), (at(0), at(9)))
        .and_then(|_| world.settings.finish_answer("key:1", &[1; 32], request(1), Some(b"sealed answer")))
        .unwrap();
    let dir = world.dir.path().to_owned();
    let files = |when: &str| {
        let mut bytes = Vec::new();
        for file in std::fs::read_dir(&dir).unwrap() {
            bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
        }
        for plain in PLAIN {
            assert!(!contains(&bytes, plain.as_bytes()), "{plain} {when}");
        }
        bytes
    };
    files("while open");
    let World { settings, dir: _kept } = world;
    drop(settings);
    let bytes = files("after closing");
    // Deleted and revoked: not even the hash or the sealed bytes are left in a free page.
    for gone in [SEALED[0], SEALED[1], &HASH, &TOKEN_HASH, &hash(2).0] {
        assert!(!contains(&bytes, gone), "{}", String::from_utf8_lossy(gone));
    }
    for secret in SEALED.into_iter().chain([&HASH[..], &TOKEN_HASH]) {
        let as_list = format!("{secret:?}");
        let as_hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        for form in [String::from_utf8_lossy(secret).into_owned(), as_list, as_hex] {
            assert!(!audit.contains(&form), "{form}");
        }
    }
}

#[test]
fn secrets_are_not_shown() {
    let credential = Credential::new("openai", "main", Sealed(SEALED[0].to_vec()));
    let shown = format!("{credential:?} {:?}", Key { hash: Some(KeyHash(HASH)), ..key(1) });
    assert!(!contains(shown.as_bytes(), SEALED[0]) && !contains(shown.as_bytes(), &HASH), "{shown}");
    assert!(shown.contains("Sealed(13 bytes)") && shown.contains("KeyHash(…)"), "{shown}");
}

#[test]
fn the_audit_is_only_appended_to_and_young_entries_stay() {
    let world = World::with_alpha();
    let raw = |sql: &str| {
        let sql = sql.to_owned();
        world.settings.keep_books(move |db| Ok(db.execute(&sql, [])?))
    };
    assert!(raw("UPDATE audit SET actor = 'eve'").is_err());
    assert!(raw("DELETE FROM audit").is_err());
    let retain = |now: i64, before: i64| {
        world.settings.change(&Stamp::new("ada", at(now)), |change| change.retain_audit(at(before))).unwrap()
    };
    assert_eq!(retain(6 * 86_400, 6 * 86_400), 0, "younger than a week");
    assert_eq!(retain(9 * 86_400, 9 * 86_400), 3);
    let left = world.audit();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].action, Action::Retain);
    assert!(raw("DELETE FROM audit").is_err(), "the rest is still kept");
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
