//! The story of a prompt bound that is learned: it makes room where no budget promises the worst case, and only there.

use crate::house::{House, nanos, priced};
use serde_json::{Value, json};

const LOOSE: &str =
    "[[budgets]]\nname = \"loose\"\nlimit = \"2 USD\"\nperiod = \"day\"\nhold = \"streaming\"\nwait_ms = 0\n";

/// 6,400 bytes of text that the provider counts as 1,000 tokens.
fn long() -> Value {
    let text = format!("[[mock out=1 in=1000]] {}", "x".repeat(6_400));
    json!({"model": "small", "max_tokens": 1, "messages": [{"role": "user", "content": text}]})
}

/// Leaves so much room in a budget, in USD.
async fn leave(house: &House, budget: &str, room: i64) {
    let left = 2_000_000_000 - nanos(&house.settled(budget).await["settled"]) - room;
    let amount = bursar_core::Usd::from_nanos(left).to_string();
    let body = json!({"budget": budget, "amount": amount, "reason": "a test"});
    assert_eq!(house.admin("POST", "/ledger/adjust", &body).await["result"], "adjusted");
}

/// Rules: S1-08, V K20.
#[tokio::test(flavor = "multi_thread")]
async fn a_learned_bound_makes_room_unless_a_budget_promises_the_worst_case() {
    let house = House::with(priced(), LOOSE).await;
    for _ in 0..1_000 {
        assert_eq!(house.chat(&long()).await.status, 200);
    }
    // One token a byte would be 0.0064 USD and more; what it really makes is a thousandth.
    leave(&house, "loose", 2_000_000).await;
    let answer = house.chat(&long()).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let record = house.record(answer.header("x-bursar-request-id")).await;
    assert!(record["notes"].to_string().contains("learned prompt bound"), "{record}");
    assert!(nanos(&record["hold_usd"]) < 2_000_000, "{record}");
    assert!(nanos(&record["hold_usd"]) >= nanos(&record["list_cost"]), "{record}");

    leave(&house, "loose", 2_000_000).await;
    let strict = json!({"name": "strict", "limit": "2 USD", "period": "day"});
    house.admin("POST", "/budgets", &strict).await;
    let refused = house.chat(&long()).await.json();
    assert_eq!(
        refused["bursar"]["budget"], "loose",
        "held in full beside a budget that must not be missed: {refused}"
    );
}
