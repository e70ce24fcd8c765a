//! Every reason for which a deployment is passed over, each in front of a whole Bursar: the next one answers, the answer and
//! the record say why, and whoever was passed over was asked nothing. And who is asked how often among credentials.

use crate::house::{House, asking, nanos, priced, reqwest_lite::Answer};
use bursar_core::{Family, Rate};
use bursar_mock::{Mock, Price};
use serde_json::{Value, json};

const PRICE: &str = "price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 }";
const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

/// What a deployment at `picky` cannot do: its name there, what its price row says of it, and the word for it.
const LACKS: [(&str, &str, &str); 6] = [
    ("no-tools", r#"{"tools": false}"#, "tools"),
    ("no-vision", r#"{"vision": false}"#, "vision"),
    ("no-audio", r#"{"audio": false}"#, "audio"),
    ("no-schema", r#"{"structured_output": false}"#, "structured_output"),
    ("no-chat", r#"{"formats": ["openai_responses"]}"#, "api_format"),
    ("no-room", r#"{"context": 100}"#, "context"),
];

/// A provider `picky` that lacks something of every model, before one that lacks nothing.
struct World {
    house: House,
    picky: Mock,
}

impl World {
    async fn new(more: &str) -> Self {
        let rate = |text| Rate::parse_per_million(text).expect("a rate");
        let price = Price { input: rate("1"), output: rate("2"), ..Price::default() };
        let picky = Mock::start(priced().price("*", price)).await.expect("a mock");
        let claude = picky.base_url(Family::Anthropic);
        let mut text = format!(
            "{DAILY}[providers.picky]\nfamily = \"openai\"\nbase_url = \"{}\"\ncredential = {{ env = \"FAKE_KEY\" }}\nprices = \"picky\"\n\
             [providers.claude]\nfamily = \"anthropic\"\nbase_url = \"{claude}\"\ncredential = {{ env = \"FAKE_KEY\" }}\n\
             [models.\"first\"]\ndeployments = [{{ provider = \"picky\", model = \"small\", {PRICE} }}, {{ provider = \"fake\", model = \"small\", {PRICE} }}]\n\
             [models.\"other-family\"]\ndeployments = [{{ provider = \"claude\", {PRICE} }}, {{ provider = \"fake\", model = \"small\", {PRICE} }}]\n\
             [models.\"no-price\"]\ndeployments = [{{ provider = \"picky\" }}, {{ provider = \"fake\", model = \"small\", {PRICE} }}]\n{more}",
            picky.base_url(Family::OpenAi),
        );
        for (name, ..) in LACKS {
            text.push_str(&format!(
                "[models.\"{name}\"]\ndeployments = [{{ provider = \"picky\" }}, {{ provider = \"fake\", model = \"small\", {PRICE} }}]\n"
            ));
        }
        let house = House::with(priced(), &text).await;
        for (name, facts, _) in LACKS {
            let mut row = json!({"provider": "picky", "model": name, "effective_from": "2021-01-01", "source": "a test",
                "input": "1", "output": "2", "context": 200000, "max_output": 4096});
            let facts: Value = serde_json::from_str(facts).expect("JSON");
            row.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
            let given = house.admin("POST", "/prices/overlay", &row).await;
            assert_eq!(given["active"], true, "{given}");
        }
        Self { house, picky }
    }
    /// What `picky` was passed over for, by the answer and by the record; `fake` served it.
    async fn passed_over(&self, provider: &str, answer: &Answer, word: &str) {
        assert_eq!(answer.status, 200, "{word}: {:?}", answer.body);
        assert_eq!(answer.header("x-bursar-provider"), "fake", "{word}");
        assert_eq!(answer.header("x-bursar-fallback"), format!("{provider}; {word}"));
        let record = self.house.record(answer.header("x-bursar-request-id")).await;
        let skipped = &record["attempts"][0];
        assert_eq!(
            (&skipped["provider"], &skipped["outcome"], &skipped["reason"]),
            (&json!(provider), &json!("skipped"), &json!(word)),
            "{record}"
        );
    }
}

fn to(model: &str) -> Value {
    let mut body = asking("out=5 in=10", false);
    body["model"] = json!(model);
    body
}

/// A request that needs everything that there is to need.
fn demanding(model: &str) -> Value {
    let mut body = to(model);
    body["tools"] =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {}}});
    let words = body["messages"][0]["content"].clone();
    let pixel = "data:image/png;base64,iVBORw0KGgo=";
    body["messages"][0]["content"] = json!([
        {"type": "text", "text": words},
        {"type": "image_url", "image_url": {"url": pixel}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]);
    body
}

/// Rules: S0-03.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_deployment_lacks_is_named_and_the_next_one_answers() {
    let world = World::new("").await;
    for (model, _, word) in LACKS {
        let mut body = demanding(model);
        if word == "context" {
            body = to(model);
            let long = format!("{} [[mock out=5 in=10]]", "word ".repeat(1_000));
            body["messages"][0]["content"] = json!(long);
        }
        let answer = world.house.chat(&body).await;
        world.passed_over("picky", &answer, word).await;
        // Who needs nothing of it goes there: the row forbids no more than it says.
        if word != "api_format" {
            let plain = world.house.chat(&to(model)).await;
            assert_eq!(
                (plain.status, plain.header("x-bursar-provider")),
                (200, "picky"),
                "{word}: {:?}",
                plain.body
            );
        }
    }
    assert_eq!(usize::try_from(world.picky.received()).ok(), Some(LACKS.len() - 1));
    let answer = world.house.chat(&to("other-family")).await;
    world.passed_over("claude", &answer, "family").await;
    let answer = world.house.chat(&to("no-price")).await;
    world.passed_over("picky", &answer, "no_price").await;
    let window = world.house.settled("daily").await;
    let billed = [&world.house.mock, &world.picky].map(|mock| mock.total().nanos());
    assert_eq!(nanos(&window["settled"]), billed.iter().sum::<i64>(), "{window} {billed:?}");
}

/// Rules: S0-03.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_allowed_throttled_killed_spent_or_failing_is_named_and_the_next_one_answers() {
    let quota = "[[budgets]]\nname = \"quota\"\nlimit = \"1000 requests\"\nperiod = \"month\"\nmatch = { provider = \"picky\" }\n";
    let mut world = World::new(quota).await;
    let house = &world.house;
    assert_eq!(house.chat(&to("first")).await.header("x-bursar-provider"), "picky");
    let before = world.picky.received();

    let made = house.admin("POST", "/keys", &json!({"project": "alpha", "providers": ["fake"]})).await;
    let key = made["key"].as_str().expect("a key");
    let headers =
        [("authorization", format!("Bearer {key}")), ("content-type", "application/json".to_owned())];
    let answer = house.send(&headers, to("first").to_string()).await.expect("an answer");
    world.passed_over("picky", &answer, "not_allowed").await;

    house.admin("POST", "/throttle", &json!({"provider": "picky", "reason": "by hand"})).await;
    world.passed_over("picky", &house.chat(&to("first")).await, "throttled").await;
    house.admin("DELETE", "/throttle/picky", &Value::Null).await;

    house.admin("POST", "/kill", &json!({"scope": "provider=picky", "reason": "by hand"})).await;
    world.passed_over("picky", &house.chat(&to("first")).await, "killed").await;
    house.admin("DELETE", "/kill/provider%3Dpicky", &Value::Null).await;

    house.admin("PATCH", "/budgets/quota", &json!({"limit": "1 requests"})).await;
    world.passed_over("picky", &house.chat(&to("first")).await, "quota_exhausted").await;
    house.admin("PATCH", "/budgets/quota", &json!({"limit": "1000 requests"})).await;
    assert_eq!(world.picky.received(), before, "it was asked nothing of all this");

    // It fails until its circuit opens; from then on it is not asked any more.
    let failing = Mock::start(priced().always("status=500").expect("a script")).await.expect("a mock");
    let (gone, base) = (world.picky.base_url(Family::OpenAi), failing.base_url(Family::OpenAi));
    world.house.stop();
    world.house.reword(&gone, &base);
    world.house.start_again();
    let mut told = String::new();
    for _ in 0..40 {
        let answer = world.house.chat(&to("first")).await;
        assert_eq!((answer.status, answer.header("x-bursar-provider")), (200, "fake"), "{:?}", answer.body);
        answer.header("x-bursar-fallback").clone_into(&mut told);
        if told == "picky; circuit_open" {
            let asked = failing.received();
            world.passed_over("picky", &world.house.chat(&to("first")).await, "circuit_open").await;
            assert_eq!(failing.received(), asked);
            return;
        }
        assert_eq!(told, "picky; 500");
    }
    panic!("its circuit never opens: {told}");
}

/// Credentials are asked in proportion to their weights, and one of weight 0 never.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_asked_by_their_weights() {
    let text = format!(
        "{DAILY}[providers.trio]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\nprices = \"fake\"\n\
         credentials = [{{ name = \"heavy\", secret = {{ env = \"FAKE_KEY\" }}, weight = 9 }}, \
         {{ name = \"light\", secret = {{ env = \"OTHER_KEY\" }}, weight = 1 }}, \
         {{ name = \"spare\", secret = {{ env = \"FAKE_KEY\" }}, weight = 0 }}]\n\
         [models.\"three\"]\ndeployments = [{{ provider = \"trio\", model = \"small\", {PRICE} }}]\n"
    );
    let house = House::with(priced(), &text).await;
    for _ in 0..200 {
        assert_eq!(house.chat(&to("three")).await.status, 200);
    }
    let all = |listed: &Value| listed["items"].as_array().is_some_and(|items| items.len() == 200);
    let listed = house.until("/requests?limit=500&status=completed", all).await;
    let by = |name: &str| {
        let items = listed["items"].as_array().expect("records");
        items.iter().filter(|record| record["attributes"]["credential"] == *name).count()
    };
    assert_eq!((by("heavy") + by("light"), by("spare")), (200, 0), "{listed}");
    // Expected are 20 of 200; 3 and 50 are beyond four deviations.
    assert!((3..=50).contains(&by("light")), "{}", by("light"));
}

/// A model that costs nothing is let through by budgets of money, and counts in those of tokens and requests.
///
/// Rules: S1-10, V K15.
#[tokio::test(flavor = "multi_thread")]
async fn a_free_model_counts_in_budgets_of_tokens_and_requests() {
    let text = "[models.\"free\"]\ndeployments = [{ provider = \"fake\", model = \"small\", price = { input = \"0\", output = \"0\", context = 200000, max_output = 4096 } }]\n\
        [[budgets]]\nname = \"money\"\nlimit = \"0 USD\"\nperiod = \"total\"\n\
        [[budgets]]\nname = \"calls\"\nlimit = \"2 requests\"\nperiod = \"total\"\nmatch = { user = \"ann\" }\n\
        [[budgets]]\nname = \"tokens\"\nlimit = \"1M tokens\"\nperiod = \"total\"\n";
    let house = House::with(priced(), text).await;
    for _ in 0..2 {
        assert_eq!(house.chat(&to("free")).await.status, 200);
    }
    let refused = house.chat(&to("free")).await;
    assert_eq!(refused.json()["bursar"]["code"], "E-BUDGET-010", "{:?}", refused.body);
    let of = async |budget: &str| house.settled(budget).await["settled"].clone();
    assert_eq!(
        (of("calls").await, of("tokens").await, of("money").await),
        (json!("2"), json!("30"), json!("0"))
    );
    let priced = house.chat(&to("small")).await;
    assert_eq!(priced.status, 429, "what costs something is refused: {:?}", priced.body);
    assert_eq!(house.mock.received(), 2);
}

/// A provider that asked to be left alone for a while, and a credential that has had its requests of this minute, are not
/// asked again meanwhile.
///
/// Rules: S0-03.
#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_a_pause_or_had_its_share_is_named_and_the_next_one_answers() {
    let busy =
        Mock::start(priced().always("status=429 retry_after=30").expect("a script")).await.expect("a mock");
    let good = Mock::start(priced()).await.expect("a mock");
    let provider = |name: &str, mock: &Mock, limit: &str| {
        format!(
            "[providers.{name}]\nfamily = \"openai\"\nbase_url = \"{}\"\nprices = \"{name}\"\n\
             credentials = [{{ name = \"only\", secret = {{ env = \"FAKE_KEY\" }}{limit} }}]\n\
             [models.\"to-{name}\"]\ndeployments = [{{ provider = \"{name}\", model = \"small\", {PRICE} }}, {{ provider = \"fake\", model = \"small\", {PRICE} }}]\n",
            mock.base_url(Family::OpenAi),
        )
    };
    let text = format!(
        "{DAILY}{}{}",
        provider("busy", &busy, ""),
        provider("brief", &good, ", requests_per_minute = 1")
    );
    let house = House::with(priced(), &text).await;
    for (name, mock, first, then) in [
        ("busy", &busy, ("fake", "busy; 429"), "busy; retry_after"),
        ("brief", &good, ("brief", ""), "brief; rate"),
    ] {
        let body = to(&format!("to-{name}"));
        let answer = house.chat(&body).await;
        assert_eq!((answer.header("x-bursar-provider"), answer.header("x-bursar-fallback")), first);
        let asked = mock.received();
        let answer = house.chat(&body).await;
        assert_eq!((answer.status, answer.header("x-bursar-provider")), (200, "fake"), "{:?}", answer.body);
        assert_eq!((answer.header("x-bursar-fallback"), mock.received()), (then, asked));
    }
}
