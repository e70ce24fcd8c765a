//! Alerts in the settings file: once per event, with their source's position, and every channel by itself.

use super::*;

fn alert(key: &str) -> NewAlert {
    NewAlert {
        dedup_key: key.to_owned(),
        at: at(1),
        event: AlertEvent::Threshold,
        scope: "project=alpha".to_owned(),
        document: json!({ "budget": "daily" }),
    }
}

fn ids(world: &World) -> Vec<i64> {
    world.settings.alerts_after(0, 100).unwrap().iter().map(|alert| alert.id).collect()
}

/// Rules: S0-20, S1-01, C1-19.
#[test]
fn an_event_is_written_once_and_its_source_is_not_read_twice() {
    let world = World::new();
    let source = AlertSource::Journal;
    assert_eq!(world.settings.note_alerts(&[alert("a"), alert("b")], Some((source, 7))).unwrap(), 2);
    let world = world.reopened();
    assert_eq!(world.settings.alert_cursor(source).unwrap(), 7);
    // The same event again, from a batch that was cut differently.
    assert_eq!(world.settings.note_alerts(&[alert("b"), alert("c")], Some((source, 5))).unwrap(), 1);
    assert_eq!(world.settings.alert_cursor(source).unwrap(), 7, "a position never goes back");
    assert_eq!(ids(&world).len(), 3);
    assert!(world.settings.alert_is_known("c").unwrap());
    assert!(!world.settings.alert_is_known("d").unwrap());
}

/// Rules: S0-20.
#[test]
fn each_channel_is_told_until_it_takes_it_or_is_given_up() {
    let world = World::new();
    world.settings.note_alerts(&[alert("a")], None).unwrap();
    let id = ids(&world)[0];
    let new = |channel: &str, urgent| NewDelivery {
        alert: id,
        channel: channel.to_owned(),
        urgent,
        due_at: at(10),
    };
    let planned = [new("good", true), new("dead", false), new("gone", false)];
    world.settings.plan_deliveries(&planned, id).unwrap();
    // Planned twice is planned once.
    world.settings.plan_deliveries(&planned, id).unwrap();
    let pending = |channel: &str, urgent_only| {
        world.settings.pending_deliveries(channel, urgent_only, 10).unwrap().len()
    };
    assert_eq!((pending("good", true), pending("dead", true), pending("dead", false)), (1, 0, 1));
    let tried = |channel: &str, tried: Tried| {
        world.settings.tried_deliveries(channel, &[id], &tried, at(11)).unwrap();
    };
    tried("good", Tried::Delivered);
    tried("dead", Tried::Again(at(20), "answered 500".to_owned()));
    tried("dead", Tried::GaveUp("answered 500".to_owned()));
    assert_eq!(world.settings.pending_channels().unwrap(), ["gone"]);
    assert_eq!(world.settings.abandon_deliveries("gone", "no such channel").unwrap(), 1);
    let log = world.settings.alert_deliveries(id).unwrap();
    let shown: Vec<_> =
        log.iter().map(|d| (d.channel.as_str(), d.state, d.attempts, d.problem.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("dead", DeliveryState::Failed, 2, "answered 500"),
            ("gone", DeliveryState::Failed, 0, "no such channel"),
            ("good", DeliveryState::Delivered, 1, ""),
        ]
    );
}

#[test]
fn old_alerts_go_with_their_deliveries() {
    let world = World::new();
    let many: Vec<NewAlert> = (0..=limits::ALERTS_MAX).map(|n| alert(&n.to_string())).collect();
    world.settings.note_alerts(&many[..1], None).unwrap();
    let delivery = NewDelivery { alert: 1, channel: "ops".to_owned(), urgent: false, due_at: at(1) };
    world.settings.plan_deliveries(&[delivery], 1).unwrap();
    world.settings.note_alerts(&many[1..], None).unwrap();
    assert!(world.settings.alert_deliveries(1).unwrap().is_empty());
    assert_eq!(ids(&world)[0], 2);
}
