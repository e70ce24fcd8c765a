//! Every way a request can end, plain and streaming: the ledger says what the provider's bill says.

use crate::house::{House, chat, nanos};
use bursar_core::Rate;
use bursar_mock::{Price, Script};

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

fn priced() -> Script {
    let rate = |text| Rate::parse_per_million(text).unwrap();
    Script::default().price("small", Price { input: rate("1"), output: rate("2"), ..Price::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_usage_settles_at_the_bill() {
    for stream in [false, true] {
        let house = House::with(priced(), DAILY).await;
        let answer = house.chat(&chat(57, stream)).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let window = house.settled("daily").await;
        let bill = house.mock.total().nanos();
        assert!(bill > 0);
        assert_eq!(nanos(&window["settled"]), bill, "stream {stream}");
        assert_eq!(window["suspense"], "0");
        let record = house.record(answer.header("x-bursar-request-id")).await;
        assert_eq!(record["status"], "completed");
        assert_eq!(record["usage"]["output"], 57);
        assert_eq!(nanos(&record["list_cost"]), bill);
        if !stream {
            assert_eq!(answer.header("x-bursar-cost-usd"), record["list_cost"].as_str().unwrap());
        }
    }
}
