//! What people do with settings.

use super::*;

#[test]
fn a_row_comes_back_as_it_was_written() {
    let world = World::with_alpha();
    let mut project = world.settings.project("alpha").unwrap();
    project.time_zone = "Asia/Taipei".to_owned();
    project.require_budget = true;
    project.unknown_model_policy = UnknownModelPolicy::FallbackPrice;
    project.default_user_budget =
        Some(DefaultUserBudget { measure: bursar_core::Measure::Usd, limit: 10_000_000_000 });
    let written = world.change(|change| change.update_project(&project)).unwrap();
    let world = world.reopened();
    assert_eq!(world.settings.project("alpha").unwrap(), written);
    assert_eq!(written.revision, Revision { version: 2, created_at: at(1), updated_at: at(1) });
    let (found, totals) = world.settings.key(key_id(1)).unwrap();
    assert_eq!(found, Key { revision: found.revision, ..key(1) });
    assert_eq!(totals, KeyTotals::default());
    insta::assert_json_snapshot!("key_as_json", found);
    insta::assert_json_snapshot!("project_as_json", written);
}

#[test]
fn names_are_taken_once_and_missing_ones_are_named() {
    let world = World::with_alpha();
    let error = world.change(|change| change.create_project(&Project::new("alpha", ManagedBy::Api)));
    assert_eq!(error.unwrap_err().to_string(), "project `alpha` exists already");
    let mut stranger = key(2);
    stranger.project = "beta".to_owned();
    let error = world.change(|change| change.create_key(&stranger));
    assert_eq!(error.unwrap_err().to_string(), "no project `beta`");
    let mut twin = key(2);
    twin.hash = Some(hash(1));
    let error = world.change(|change| change.create_key(&twin));
    assert!(matches!(error, Err(SettingsError::Duplicate { object: Object::Key, .. })), "{error:?}");
    let error = world.change(|change| change.create_user(&User::new(" eve", ManagedBy::Api)));
    let text = "user ` eve`: name has a control character or a space at an end";
    assert_eq!(error.unwrap_err().to_string(), text);
}

#[test]
fn two_editors_do_not_overwrite_each_other() {
    let world = World::with_alpha();
    let (mine, theirs) = (world.settings.project("alpha").unwrap(), world.settings.project("alpha").unwrap());
    world.change(|change| change.update_project(&Project { active: false, ..mine })).unwrap();
    let error = world
        .change(|change| change.update_project(&Project { require_budget: true, ..theirs }))
        .unwrap_err();
    assert_eq!(error.to_string(), "project `alpha` has version 2, not 1: read it again");
}

#[test]
fn a_change_that_changes_nothing_is_not_audited() {
    let world = World::with_alpha();
    let before = world.audit().len();
    let project = world.settings.project("alpha").unwrap();
    let same = world.change(|change| change.update_project(&project)).unwrap();
    assert_eq!(same, project);
    assert_eq!(world.audit().len(), before);
}

#[test]
fn a_transaction_that_fails_half_way_changes_nothing() {
    let world = World::with_alpha();
    let (entries, generation) = (world.audit().len(), world.settings.generation());
    let error = world.change(|change| {
        change.create_project(&Project::new("beta", ManagedBy::File))?;
        change.create_project(&Project::new("alpha", ManagedBy::File))
    });
    assert!(matches!(error, Err(SettingsError::Duplicate { .. })));
    assert!(matches!(world.settings.project("beta"), Err(SettingsError::NotFound { .. })));
    assert_eq!((world.audit().len(), world.settings.generation()), (entries, generation));
}

#[test]
fn a_rotated_key_works_with_both_secrets_for_a_while_and_a_deleted_one_with_none() {
    let world = World::with_alpha();
    let rotated =
        world.change(|change| change.rotate_key(key_id(1), "bk-new", hash(9), Some(at(60)))).unwrap();
    assert_eq!(rotated.hash, Some(hash(9)));
    assert_eq!(rotated.previous, Some(PreviousHash { hash: hash(1), until: at(60) }));
    let deleted = world.change(|change| change.delete_key(key_id(1))).unwrap();
    assert_eq!((deleted.hash, deleted.previous, deleted.deleted_at), (None, None, Some(at(1))));
    assert_eq!(world.settings.key(key_id(1)).unwrap().0, deleted, "records may still name it");
    assert!(world.settings.snapshot().unwrap().keys.is_empty());
    let again = world.change(|change| change.update_key(&deleted));
    assert!(matches!(again, Err(SettingsError::NotFound { .. })));
}

#[test]
fn only_a_standalone_key_has_a_balance() {
    let world = World::with_alpha();
    let mut key = key(2);
    key.balance = Some(Usd::parse("5").unwrap());
    let error = world.change(|change| change.create_key(&key)).unwrap_err();
    assert!(error.to_string().ends_with("balance is for standalone keys only"), "{error}");
    key.kind = KeyKind::Standalone;
    assert_eq!(world.change(|change| change.create_key(&key)).unwrap().balance, key.balance);
}

#[test]
fn the_id_of_a_deleted_budget_is_never_given_again() {
    let world = World::new();
    let limit = |text: &str| json!({ "limit": text });
    let create = |name: &str| {
        world.change(|change| change.create_budget(name, &limit("1 USD"), ManagedBy::Api)).unwrap().id
    };
    let (first, second) = (create("daily"), create("monthly"));
    world.change(|change| change.delete_budget(second)).unwrap();
    let third = create("monthly");
    assert!(first < second && second < third);
    assert_eq!(world.settings.budget("monthly").unwrap().id, third);
    assert_eq!(world.settings.budget_by_id(second).unwrap().deleted_at, Some(at(1)));
    let mut renamed = world.settings.budget("monthly").unwrap();
    renamed.name = "daily".to_owned();
    let error = world.change(|change| change.update_budget(&renamed)).unwrap_err();
    assert_eq!(error.to_string(), "budget `daily` exists already");
}

#[test]
fn a_kill_switch_can_be_turned_on_twice_and_is_history_once_off() {
    let world = World::new();
    let on = |reason: &str, cut| {
        world.change(|change| change.turn_on_kill_switch(&platform(), reason, cut, None)).unwrap()
    };
    let first = on("runaway agent", false);
    let second = on("runaway agent, streams too", true);
    assert_eq!((first.id, second.cut_streams), (second.id, true));
    assert_eq!(world.settings.snapshot().unwrap().kill_switches, [second]);
    let off = world.change(|change| change.turn_off_kill_switch(&platform())).unwrap();
    assert_eq!((off.lifted_at, off.lifted_by.as_deref()), (Some(at(1)), Some("ada")));
    assert!(world.settings.snapshot().unwrap().kill_switches.is_empty());
    let error = world.change(|change| change.turn_off_kill_switch(&platform())).unwrap_err();
    assert_eq!(error.to_string(), "no kill_switch `platform`");
    assert_ne!(on("again", false).id, off.id);
    assert_eq!(world.settings.kill_switches(&PageRequest::default()).unwrap().items.len(), 2);
}

/// Rules: S1-25.
#[test]
fn a_kill_switch_that_ended_by_itself_is_not_taken_up_again() {
    let world = World::new();
    let on = |now: i64, until: Option<i64>| {
        let make =
            |change: &mut Change<'_>| change.turn_on_kill_switch(&platform(), "a test", false, until.map(at));
        world.settings.change(&Stamp::new("ada", at(now)), make).unwrap()
    };
    let first = on(1, Some(5));
    let second = on(9, None);
    assert_ne!(first.id, second.id, "what ended stays as history with its own times");
    assert_eq!((second.since, second.until), (at(9), None));
    assert_eq!(world.settings.kill_switches_on().unwrap(), [second]);
    let all = world.settings.kill_switches(&PageRequest::default()).unwrap().items;
    assert_eq!(all.last().unwrap().lifted_at, Some(at(9)));
}

#[test]
fn totals_are_added_once_per_batch() {
    let world = World::with_alpha();
    let used = KeyUse {
        key: key_id(1),
        requests: 2,
        tokens: 500,
        list_cost: Usd::from_nanos(12),
        effective_cost: Usd::from_nanos(7),
        last_used_at: at(9),
    };
    let stranger = KeyUse { key: key_id(200), ..used };
    assert!(world.settings.add_totals(&[used, stranger], &[], &[], 10).unwrap());
    assert!(!world.settings.add_totals(&[used], &[], &[], 10).unwrap(), "the same batch again");
    assert!(!world.settings.add_totals(&[used], &[], &[], 9).unwrap(), "an older batch");
    let correction = KeyUse { requests: 0, list_cost: Usd::from_nanos(-2), last_used_at: at(3), ..used };
    assert!(world.settings.add_totals(&[correction], &[], &[], 11).unwrap());
    let (_, totals) = world.settings.key(key_id(1)).unwrap();
    assert_eq!((totals.requests, totals.tokens), (2, 1000));
    assert_eq!((totals.list_cost.nanos(), totals.last_used_at), (10, Some(at(9))));
    assert_eq!(world.reopened().settings.totals_floor().unwrap(), 11);
}

/// Rules: S0-04.
#[test]
fn what_a_dry_run_would_have_moved_is_added_up_until_the_next_one_begins() {
    let world = World::with_alpha();
    let moved = |to: Option<&str>, requests, nanos| ThrottleMoves {
        provider: "claude".to_owned(),
        project: Some("alpha".to_owned()),
        model: None,
        to: to.map(str::to_owned),
        requests,
        list_cost: Usd::from_nanos(nanos),
    };
    let (two, none) = (moved(Some("two"), 3, 30), moved(None, 1, 5));
    assert!(world.settings.add_totals(&[], &[], &[two.clone(), none.clone()], 10).unwrap());
    assert!(
        !world.settings.add_totals(&[], &[], std::slice::from_ref(&two), 10).unwrap(),
        "the same batch again"
    );
    assert!(world.settings.add_totals(&[], &[], &[two], 11).unwrap());
    let world = world.reopened();
    assert_eq!(world.settings.throttle_moves().unwrap(), [moved(Some("two"), 6, 60), none]);
    let event = |kind| ThrottleEvent {
        id: 0,
        at: at(9),
        kind,
        provider: "claude".to_owned(),
        project: Some("alpha".to_owned()),
        model: None,
        dry_run: true,
        actor: "throttle".to_owned(),
        reason: "over".to_owned(),
        message: "a pace".to_owned(),
        document: serde_json::json!({}),
    };
    let row = Throttle::new("claude", Some("alpha"), None, at(9));
    let row =
        world.change(|change| change.put_throttle(&row, &[event(ThrottleEventKind::WouldRelease)])).unwrap();
    assert_eq!(world.settings.throttle_moves().unwrap().len(), 2, "what was is told until the next one");
    let other = Throttle::new("claude", None, None, at(9));
    world.change(|change| change.put_throttle(&other, &[event(ThrottleEventKind::WouldEngage)])).unwrap();
    assert_eq!(world.settings.throttle_moves().unwrap().len(), 2, "another one's");
    world.change(|change| change.put_throttle(&row, &[event(ThrottleEventKind::WouldEngage)])).unwrap();
    assert_eq!(world.settings.throttle_moves().unwrap(), []);
}

#[test]
fn an_idempotency_key_belongs_to_who_used_it_until_it_expires() {
    let world = World::new();
    let (asked, other) = ("key:1", "key:2");
    let name = [5; 32];
    let begin = |scope: &str, n, now| {
        world.settings.begin_answer(scope, &name, (request(n), u64::MAX), (at(now), at(now + 100))).unwrap()
    };
    assert_eq!(begin(asked, 1, 0), Began::New);
    assert_eq!(begin(other, 2, 0), Began::New, "scoped to who asks");
    let Began::Used(running) = begin(asked, 3, 1) else { panic!("known") };
    assert_eq!((running.state, running.request_id), (AnswerState::InFlight, request(1)));
    assert_eq!(running.fingerprint, u64::MAX);
    assert!(!world.settings.finish_answer(asked, &name, request(3), Some(b"no")).unwrap(), "not its own");
    assert!(world.settings.finish_answer(asked, &name, request(1), Some(b"sealed")).unwrap());
    let Began::Used(done) = begin(asked, 3, 2) else { panic!("known") };
    assert_eq!((done.state, done.sealed.as_deref()), (AnswerState::Done, Some(&b"sealed"[..])));
    world.settings.forget_answer(other, &name, request(2)).unwrap();
    assert_eq!(begin(other, 4, 3), Began::New, "an unbilled failure is a new try");
    assert_eq!(begin(asked, 5, 100), Began::New, "expired");
    assert_eq!(world.settings.interrupt_answers().unwrap(), 2);
    let Began::Used(cut) = begin(asked, 6, 101) else { panic!("known") };
    assert_eq!((cut.state, cut.sealed), (AnswerState::Done, None));
}

#[test]
fn too_large_an_answer_is_not_kept_and_all_answers_are_counted() {
    let world = World::new();
    let large = vec![0; limits::ANSWER_BYTES_MAX + 1];
    for n in 0..3u8 {
        let (id, name) = (request(u128::from(n)), [n; 32]);
        world.settings.begin_answer("key:1", &name, (id, 0), (at(0), at(100))).unwrap();
        let sealed = if n == 0 { &large[..] } else { &large[..1000] };
        assert!(world.settings.finish_answer("key:1", &name, id, Some(sealed)).unwrap());
    }
    let kept = |world: &World| -> (i64, i64) {
        let row = |db: &Connection| {
            let sql = "SELECT answers, bytes FROM answers_kept";
            Ok(db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        };
        world.settings.read(row).unwrap()
    };
    assert_eq!(kept(&world), (3, 2000));
    world.settings.begin_answer("key:1", &[9; 32], (request(9), 0), (at(200), at(300))).unwrap();
    assert_eq!(kept(&world), (1, 0), "the old ones expired");
}

#[test]
fn lists_come_in_pages_that_miss_nothing() {
    let world = World::with_alpha();
    for n in 2..=25 {
        world.change(|change| change.create_key(&key(n))).unwrap();
    }
    let filter = KeyFilter { project: Some("alpha".to_owned()), ..KeyFilter::default() };
    let mut request = PageRequest::first(10);
    let mut seen = Vec::new();
    loop {
        let page = world.settings.keys(&filter, &request).unwrap();
        seen.extend(page.items.iter().map(|(key, _)| key.id));
        let Some(next) = request.after(&page) else { break };
        request = next;
    }
    assert_eq!(seen, (1..=25).map(key_id).collect::<Vec<_>>());
    let prefix = KeyFilter { prefix: Some("bk-002".to_owned()), ..KeyFilter::default() };
    assert_eq!(world.settings.keys(&prefix, &PageRequest::default()).unwrap().items.len(), 6);
    let error = world.settings.keys(&filter, &PageRequest { cursor: Some("?".to_owned()), limit: 1 });
    assert!(matches!(error, Err(SettingsError::Cursor(_))));
}

#[test]
fn the_snapshot_says_whether_it_is_still_the_newest() {
    let world = World::with_alpha();
    let snapshot = world.settings.snapshot().unwrap();
    assert_eq!(snapshot.generation, world.settings.generation());
    let counts = (snapshot.projects.len(), snapshot.users.len(), snapshot.keys.len());
    assert_eq!(counts, (1, 1, 1));
    world.change(|change| change.delete_key(key_id(1))).unwrap();
    assert_ne!(snapshot.generation, world.settings.generation());
}

#[test]
fn a_document_that_is_too_long_is_refused() {
    let world = World::new();
    let long = json!({ "x": "y".repeat(limits::DOCUMENT_BYTES_MAX) });
    let error = world.change(|change| change.create_budget("b", &long, ManagedBy::Api)).unwrap_err();
    assert!(matches!(error, SettingsError::Invalid { field: "document", .. }), "{error}");
}

#[test]
fn a_copy_of_the_file_opens_and_has_everything() {
    let world = World::with_alpha();
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("settings.db");
    world.settings.backup_to(&path).unwrap();
    world.change(|change| change.delete_key(key_id(1))).unwrap();
    let copy = Settings::open(&path, at(9)).unwrap();
    assert_eq!(copy.snapshot().unwrap().keys.len(), 1);
    assert!(matches!(world.settings.backup_to(&path), Err(crate::sqlite::BackupError::Target { .. })));
}
