//! Sums: summaries, reports of one name, rankings, the heat map.

use super::*;
use crate::reports::{ReportError, breakdown, entity, heatmap, summary, top};

fn summarise(world: &World, question: &str) -> summary::Summary {
    let query = ask(question);
    let zone = query.zone(None).unwrap();
    summary::summary(&world.records, &query, zone, world.now).unwrap()
}

fn report(world: &World, question: &str) -> entity::UsageReport {
    entity::report(&world.records, &ask(question), Zone::utc(), world.now).unwrap()
}

/// Rules: S2-01, S2-04, S2-09, S2-13, V U02.
#[test]
fn a_project_and_an_agent_by_model() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    let (a1, a2) = ("project=p1 agent=a1", "project=p1 agent=a2");
    let sonnet = "model=claude-sonnet-4-6";
    world.put("2026-03-15T10:00:00Z", &format!("{a1} {sonnet}"), used(1000, 500, "0.0105"));
    world.put("2026-03-15T10:01:00Z", &format!("{a2} {sonnet}"), used(2000, 100, "0.0075"));
    world.put("2026-03-15T11:00:00Z", &format!("{a1} model=gpt-4o-mini"), used(10_000, 1000, "0.0021"));
    let project = report(&world, "project=p1");
    assert_eq!((project.entity.as_str(), project.period.as_str()), ("project", "2026-03-15"));
    assert_eq!((project.total.requests, project.total.tokens.total), (3, 14_600));
    assert_eq!(project.total.list_cost, "0.0201");
    let told = |report: &entity::UsageReport, model: &str| {
        let totals = &report.by_model[model];
        let tokens = (totals.tokens.input, totals.tokens.output);
        (tokens, totals.requests, totals.list_cost.clone())
    };
    assert_eq!(told(&project, "claude-sonnet-4-6"), ((3000, 600), 2, "0.018".to_owned()));
    assert_eq!(told(&project, "gpt-4o-mini"), ((10_000, 1000), 1, "0.0021".to_owned()));
    let agent = report(&world, "project=p1&agent=a1&period=month");
    assert_eq!(
        (agent.entity.as_str(), agent.name.as_str(), agent.project.as_deref()),
        ("agent", "a1", Some("p1"))
    );
    assert_eq!((agent.period.as_str(), agent.total.requests), ("2026-03", 2));
    assert_eq!(agent.total.list_cost, "0.0126");
    assert_eq!(report(&world, "project=p1&at=2026-03-14").total.requests, 0);
}

/// Rules: S2-10, V U04.
#[test]
fn models_with_colons_and_one_named_total_are_models() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    for model in ["qwen3:8b", "ft:gpt-4o:acme::x1", "total"] {
        world.put("2026-03-15T10:00:00Z", &format!("project=p1 model={model}"), used(10, 1, "0.001"));
    }
    let report = report(&world, "project=p1");
    assert_eq!(report.by_model.keys().collect::<Vec<_>>(), ["ft:gpt-4o:acme::x1", "qwen3:8b", "total"]);
    assert_eq!((report.total.requests, report.total.list_cost.as_str()), (3, "0.003"));
    assert_eq!(report.by_model["total"].requests, 1);
}

/// Rules: S2-04, V U14.
#[test]
fn agents_of_two_projects_do_not_merge() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    world.put("2026-03-15T10:00:00Z", "project=p1 agent=coder", used(1, 1, "1"));
    world.put("2026-03-15T10:00:00Z", "project=p2 agent=coder", used(1, 1, "2"));
    assert_eq!(report(&world, "project=p1&agent=coder").total.list_cost, "1");
    let top = top::top(&world.records, &ask("by=agent"), Zone::utc(), world.now).unwrap();
    let ranked: Vec<_> =
        top.items.iter().map(|row| (row.names["project"].as_str(), row.totals.list_cost.as_str())).collect();
    assert_eq!(ranked, [("p2", "2"), ("p1", "1")]);
}

/// Rules: S2-12, V U15: a session is not forgotten after a day.
#[test]
fn a_session_has_its_requests_and_is_not_forgotten() {
    let mut world = World::at("2026-06-01T12:00:00Z");
    world.put("2026-03-15T10:00:00Z", "project=p1 session=s1 model=m1", used(100, 50, "0.001"));
    world.put("2026-03-15T23:00:00Z", "project=p1 session=s1 model=m1", used(200, 10, "0.0012"));
    world.put("2026-03-15T23:00:00Z", "project=p1 session=s2 model=m1", used(200, 10, "0.0012"));
    let session = report(&world, "session=s1&period=total");
    assert_eq!((session.total.tokens.total, session.total.requests), (360, 2));
    assert_eq!((session.total.list_cost.as_str(), session.starts_at), ("0.0022", None));
    let m1 = &session.by_model["m1"];
    assert_eq!((m1.tokens.input, m1.tokens.output, m1.requests), (300, 60, 2));
}

/// Rules: S2-06, V U11: the same request id again is the same record.
#[test]
fn a_record_that_comes_twice_counts_once() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    for _ in 0..2 {
        world.put = 0;
        world.put("2026-03-15T10:00:00Z", "project=p1", used(1000, 500, "0.0105"));
    }
    let total = report(&world, "project=p1").total;
    assert_eq!((total.requests, total.list_cost.as_str()), (1, "0.0105"));
}

/// Rules: S4-20, S4-45, V L04: caches are part of the total, once.
#[test]
fn every_token_is_in_the_total_once() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    world.put("2026-03-15T10:00:00Z", "project=p1", |record| {
        used(1000, 500, "0.1")(record);
        record.usage.set(UsageClass::CacheWrite5m, 200);
        record.usage.set(UsageClass::CacheRead, 300);
    });
    let tokens = report(&world, "project=p1").total.tokens;
    assert_eq!((tokens.input + tokens.output, tokens.total), (1500, 2000));
}

/// Rules: S4-41, C6-7, V A04.
#[test]
fn what_runs_does_not_count_and_what_failed_does() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    let pm = "provider=p model=m";
    let state = |status, cost: &'static str| {
        move |record: &mut Record| {
            used(10, 0, cost)(record);
            record.status = status;
        }
    };
    world.put("2026-03-01T10:00:00Z", pm, state(Status::Completed, "1"));
    world.put("2026-03-01T11:00:00Z", pm, state(Status::Pending, "0"));
    world.put("2026-03-01T11:30:00Z", pm, state(Status::Denied, "0"));
    world.put("2026-03-02T10:00:00Z", pm, state(Status::Failed, "0.5"));
    let summary = summarise(&world, "period=day&by=provider,model");
    let rows: Vec<_> = summary
        .items
        .iter()
        .map(|row| (row.period.as_deref().unwrap(), row.totals.requests, row.totals.list_cost.as_str()))
        .collect();
    assert_eq!(rows, [("2026-03-01", 1, "1"), ("2026-03-02", 1, "0.5")]);
    let total = &summary.total;
    assert_eq!((total.requests, total.completed, total.failed, total.refused), (2, 1, 1, 1));
    assert_eq!(total.failed_pct, "50");
}

/// Rules: S4-41, S4-71, S2-08.
#[test]
fn a_summary_comes_in_pages_of_any_period_and_filter() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    for day in 1..=14 {
        for user in ["ann", "bob", "cy"] {
            world.put(
                &format!("2026-03-{day:02}T10:00:00Z"),
                &format!("project=p1 user={user} model=m:1"),
                used(10, 1, "0.001"),
            );
        }
    }
    let mut question = "period=week&by=user&limit=4".to_owned();
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = summarise(&world, &question);
        pages += 1;
        seen.extend(page.items.iter().map(|row| {
            format!("{} {} {}", row.period.as_deref().unwrap(), row.names["user"], row.totals.requests)
        }));
        assert_eq!(page.total.requests, 42, "each page tells the whole");
        match page.next_cursor {
            Some(cursor) => question = format!("period=week&by=user&limit=4&cursor={cursor}"),
            None => break,
        }
    }
    let weeks = ["2026-W09 ann 1", "2026-W09 bob 1", "2026-W09 cy 1", "2026-W10 ann 7", "2026-W10 bob 7"];
    assert_eq!((pages, seen.len(), &seen[..5]), (3, 9, &weeks.map(str::to_owned)[..]));
    assert_eq!(summarise(&world, "user=ann&model=m:1").total.requests, 14);
    assert_eq!(summarise(&world, "user=ann&model=m").total.requests, 0);
    assert_eq!(summarise(&world, "from=2026-03-02&until=2026-03-04").total.requests, 6);
    for wrong in ["period=fortnight", "by=planet", "cursor=zz", "time_zone=Mars", "limit=0", "order=cost"] {
        let query = ask(wrong);
        let zone = query.zone(None);
        let error =
            zone.and_then(|zone| summary::summary(&world.records, &query, zone, world.now)).unwrap_err();
        assert!(matches!(error, ReportError::Input { .. }), "{wrong}: {error}");
    }
}

/// Rules: S4-41, C6-4: bounded cost.
#[test]
fn a_question_that_no_roll_up_answers_is_bounded() {
    let world = World::at("2026-03-15T12:00:00Z");
    let refused =
        |question: &str| summary::summary(&world.records, &ask(question), Zone::utc(), world.now).is_err();
    assert!(refused("by=tag,model&days=32"));
    assert!(!refused("by=tag,model&days=31"));
    assert!(!refused("by=model&tag=team=x&days=365"), "one tag's requests are found by an index");
    assert!(!refused("by=project,tag&days=365"), "roll-ups answer");
    let told =
        |question: &str| entity::report(&world.records, &ask(question), Zone::utc(), world.now).is_err();
    assert!(told("user=ann&code=503&period=total"), "a code by model is in no roll-up");
    assert!(!told("user=ann&code=503&period=month") && !told("user=ann&period=total"));
    assert!(!told("session=s1&user=ann&period=total"), "one session's requests are found by an index");
    let query = |question: &str| {
        crate::reports::latency::latency(&world.records, &ask(question), Zone::utc(), world.now)
    };
    assert!(query("from=2026-02-12").is_err(), "32 days of records");
    assert!(query("from=2026-02-13").is_ok() && query("hours=720").is_ok());
}

/// Rules: S4-63, V A02.
#[test]
fn top_users_by_cost_tokens_and_requests() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    for (user, requests, tokens, cost) in [("u1", 5, 100, "3"), ("u2", 9, 50, "1"), ("u3", 1, 900, "2")] {
        world.put("2026-03-10T10:00:00Z", &format!("user={user}"), used(tokens, 0, cost));
        for n in 1..requests {
            world.put(&format!("2026-03-11T{n:02}:00:00Z"), &format!("user={user}"), used(0, 0, "0"));
        }
    }
    world.put("2026-03-10T10:00:00Z", "project=p", used(5, 0, "9"));
    let ranked = |order: &str| {
        let query = ask(&format!("order={order}&limit=2"));
        let top = top::top(&world.records, &query, Zone::utc(), world.now).unwrap();
        assert_eq!((top.of, top.without.list_cost.as_str()), (3, "9"), "what has no user is nobody's");
        top.items.iter().map(|row| row.names["user"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ranked("cost"), ["u1", "u3"]);
    assert_eq!(ranked("tokens"), ["u3", "u1"]);
    assert_eq!(ranked("requests"), ["u2", "u1"]);
}

fn heat(world: &World, question: &str) -> heatmap::Heatmap {
    let query = ask(question);
    let zone = query.zone(None).unwrap();
    heatmap::heatmap(&world.records, &query, zone, world.now).unwrap()
}

/// Rules: S4-43, S4-44, V H01.
#[test]
fn a_year_without_use_is_a_year_of_zeros() {
    let map = heat(&World::at("2026-03-15T12:00:00Z"), "");
    assert_eq!((map.start_date.as_str(), map.end_date.as_str()), ("2025-03-16", "2026-03-15"));
    assert_eq!((map.total_days, map.max_requests), (365, 0));
    assert!(map.days.iter().all(|day| day.requests == 0 && day.level == 0 && day.quantile == 0));
}

/// Rules: S4-43, S4-45, S4-46, V H02, V H03: history and today are counted alike, with the same tokens.
#[test]
fn each_day_has_its_requests_and_today_is_one_of_them() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    for (day, requests) in [("13", 4), ("14", 9), ("15", 2)] {
        for n in 0..requests {
            world.put(&format!("2026-03-{day}T0{n}:30:00Z"), "user=u", |record| {
                used(10, 5, "0.1")(record);
                record.usage.set(UsageClass::CacheRead, 3);
                record.usage.set(UsageClass::CacheWrite5m, 2);
            });
        }
    }
    world.put("2026-03-15T11:00:00Z", "user=u", |record| record.status = Status::Pending);
    let map = heat(&world, "days=5");
    let requests: Vec<i64> = map.days.iter().map(|day| day.requests).collect();
    assert_eq!((requests, map.max_requests), (vec![0, 0, 4, 9, 2], 9));
    assert_eq!(map.start_date, "2026-03-11");
    let today = map.days.last().unwrap();
    assert_eq!((today.tokens, today.list_cost.as_str(), today.level, today.quantile), (40, "0.2", 1, 2));
}

/// Rules: S4-44, S4-45, V H06: a day is a day of the zone, east and west of UTC and across changes of the clock.
#[test]
fn a_day_is_the_day_of_the_zone() {
    let mut world = World::at("2026-03-30T12:00:00Z");
    world.put("2026-03-13T15:59:59Z", "user=u", used(1, 0, "0.1"));
    world.put("2026-03-13T16:00:00Z", "user=u", used(1, 0, "0.1"));
    world.put("2026-03-28T23:30:00Z", "user=u", used(1, 0, "0.1"));
    world.put("2026-03-29T21:59:59Z", "user=u", used(1, 0, "0.1"));
    let busy = |zone: &str| {
        let map = heat(&world, &format!("days=30&time_zone={zone}"));
        let busy = map.days.iter().filter(|day| day.requests > 0);
        busy.map(|day| format!("{} {}", &day.date[8..], day.requests)).collect::<Vec<_>>()
    };
    assert_eq!(busy("Asia/Taipei"), ["13 1", "14 1", "29 1", "30 1"]);
    assert_eq!(busy("UTC"), ["13 2", "28 1", "29 1"]);
    assert_eq!(busy("Europe/Berlin"), ["13 2", "29 2"], "a day of 23 hours");
    assert_eq!(busy("Asia/Kolkata"), ["13 2", "29 1", "30 1"], "half hours come from records");
}

/// Rules: S4-46, V H04: shades from the largest day, and by quarters.
#[test]
fn one_busy_day_does_not_flatten_the_year_by_quarters() {
    let levels = heatmap::levels(&[0, 1, 2, 3, 1000]);
    assert_eq!(levels.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [0, 1, 1, 1, 4]);
    assert_eq!(levels.iter().map(|(_, quantile)| *quantile).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(
        heatmap::levels(&[25, 50, 75, 100]).iter().map(|(level, _)| *level).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(heatmap::levels(&[0, 0]), [(0, 0), (0, 0)]);
}

/// Rules: S4-72: failures and refusals are countable, by code.
#[test]
fn what_went_wrong_is_told_by_code() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    for _ in 0..2 {
        world.put("2026-03-10T10:00:00Z", "project=p1", used(1, 1, "0.1"));
        world.put("2026-03-10T10:00:00Z", "project=p1", |record| {
            record.status = Status::Denied;
            record.code = bursar_core::Code::parse("E-BUDGET-002");
        });
    }
    world.put("2026-03-10T10:00:00Z", "project=p1", |record| {
        used(1, 0, "0.05")(record);
        record.status = Status::Failed;
        record.status_code = Some(503);
    });
    let told = breakdown::breakdown(&world.records, &ask("project=p1"), Zone::utc(), world.now).unwrap();
    let rows: Vec<_> = told
        .items
        .iter()
        .map(|row| {
            (
                row.code.as_str(),
                row.status.as_str(),
                row.requests,
                row.share_pct.as_str(),
                row.list_cost.as_str(),
            )
        })
        .collect();
    assert_eq!(rows, [("E-BUDGET-002", "denied", 2, "40", "0"), ("503", "failed", 1, "20", "0.05")]);
    assert_eq!(summarise(&world, "code=E-BUDGET-002").total.refused, 2);
}

/// Rules: S3-03: spend that no budget counted is seen.
#[test]
fn unbudgeted_spend_is_ranked() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    world.put("2026-03-10T10:00:00Z", "project=free", used(1, 1, "0.1"));
    world.put("2026-03-10T10:00:00Z", "project=kept", |record| {
        used(1, 1, "5")(record);
        let window = bursar_store::records::WindowUsed { budget: 1, starts_at: None, held: 0, charged: 0 };
        record.windows = vec![window];
    });
    let top = top::top(&world.records, &ask("by=project&order=unbudgeted"), Zone::utc(), world.now).unwrap();
    let rows: Vec<_> = top
        .items
        .iter()
        .map(|row| {
            (row.names["project"].as_str(), row.totals.unbudgeted_cost.as_str(), row.share_pct.as_str())
        })
        .collect();
    assert_eq!(rows, [("free", "0.1", "100"), ("kept", "0", "0")]);
}

/// Requests without a name are a row like others, on whichever page it lies.
///
/// Rules: S4-41.
#[test]
fn a_page_that_ends_with_requests_without_a_name_is_followed_by_the_next() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    for names in ["project=p1", "project=p1 agent=coder", "project=p1 agent=tester"] {
        world.put("2026-03-10T10:00:00Z", names, used(1, 1, "0.1"));
        world.put("2026-03-11T10:00:00Z", names, used(1, 1, "0.1"));
    }
    for (by, names) in
        [("agent", vec!["", "coder", "tester"]), ("session,agent", vec!["", "coder", "tester"])]
    {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = summarise(&world, &format!("period=day&by={by}&limit=1{cursor}"));
            seen.extend(page.items.iter().map(|row| row.names["agent"].clone()));
            assert!(seen.len() <= 6, "it goes in circles: {seen:?}");
            let Some(next) = page.next_cursor else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, [names.clone(), names].concat(), "{by}");
    }
}

/// Rules: S4-41, S4-72: of one state, and who is refused most.
#[test]
fn what_ended_in_one_way_is_told_by_itself() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    let ended = |status: Status, cost: &'static str| {
        move |record: &mut Record| {
            used(10, 0, cost)(record);
            record.status = status;
        }
    };
    world.put("2026-03-10T10:00:00Z", "project=p1 user=ann model=m", ended(Status::Completed, "1"));
    world.put("2026-03-10T11:00:00Z", "project=p1 user=ann model=m", ended(Status::Failed, "0.5"));
    world.put("2026-03-10T12:00:00Z", "project=p1 user=ann model=m", ended(Status::Denied, "0"));
    world.put("2026-03-10T13:00:00Z", "project=p1 user=bob model=m", ended(Status::Denied, "0"));
    world.put("2026-03-10T14:00:00Z", "project=p1 user=bob model=m", ended(Status::Denied, "0"));
    let told = |status: &str| {
        let total = summarise(&world, &format!("by=user&status={status}")).total;
        (total.requests, total.refused, total.list_cost)
    };
    assert_eq!(told("completed"), (1, 0, "1".to_owned()));
    assert_eq!(told("failed"), (1, 0, "0.5".to_owned()));
    assert_eq!(told("cancelled"), (0, 0, "0".to_owned()));
    assert_eq!(told("denied"), (0, 3, "0".to_owned()));
    let failed = report(&world, "project=p1&status=failed&period=month");
    assert_eq!((failed.total.list_cost.as_str(), failed.by_model["m"].requests), ("0.5", 1));
    let top = top::top(&world.records, &ask("order=refused"), Zone::utc(), world.now).unwrap();
    let ranked: Vec<_> =
        top.items.iter().map(|row| (row.names["user"].as_str(), row.share_pct.as_str())).collect();
    assert_eq!(ranked, [("bob", "66.67"), ("ann", "33.33")]);
    let refused = |status: &str| {
        summary::summary(&world.records, &ask(&format!("status={status}")), Zone::utc(), world.now)
            .unwrap_err()
            .to_string()
    };
    assert!(refused("pending").contains("completed, failed, cancelled, denied"), "{}", refused("pending"));
}

/// What is completed has no code, so that a question for both is a mistake and not an answer about everything.
///
/// Rules: S4-71.
#[test]
fn analyses_of_what_is_completed_take_no_code() {
    use crate::reports::{cache, latency, timeline, ttl};
    let world = World::at("2026-03-15T12:00:00Z");
    let (query, utc) = (ask("code=503"), Zone::utc);
    let answers = [
        cache::cache(&world.records, &query, utc(), world.now).map(drop),
        ttl::ttl(&world.records, &query, utc(), world.now).map(drop),
        timeline::timeline(&world.records, &query, utc(), world.now).map(drop),
        latency::latency(&world.records, &query, utc(), world.now).map(drop),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(ReportError::Input { field: "code", .. })), "{answer:?}");
    }
}
