//! What the tests of the mock share: one request at a time, and ways to read its answer.

use bursar_mock::load::{Plan, Seen, Shot, send};
use bursar_mock::{Bill, Mock, Script};
use serde_json::Value;

/// A mock and a client of it.
pub(crate) struct Desk {
    pub(crate) mock: Mock,
    pub(crate) http2: bool,
}

impl Desk {
    pub(crate) async fn open(script: Script) -> Self {
        Self { mock: Mock::start(script).await.unwrap(), http2: false }
    }
    pub(crate) async fn scripted(toml: &str) -> Self {
        Self::open(Script::from_toml(toml).unwrap()).await
    }
    pub(crate) async fn plain() -> Self {
        Self::open(Script::default()).await
    }
    pub(crate) async fn send(&self, shot: Shot) -> Seen {
        let mut plan = Plan::new(self.mock.addr(), 1).timeout(std::time::Duration::from_millis(800));
        plan.http2 = self.http2;
        send(&plan, shot).await
    }
    pub(crate) async fn post(&self, path: &str, body: &str) -> Seen {
        self.send(Shot::post(path, body.to_owned())).await
    }
    /// An OpenAI chat request with directives in its prompt.
    pub(crate) async fn chat(&self, words: &str, stream: bool) -> Seen {
        let body = format!(
            r#"{{"model":"gpt-4o-mini","stream":{stream},"messages":[{{"role":"user","content":"hi [[mock {words}]]"}}]}}"#
        );
        self.post("/v1/chat/completions", &body).await
    }
    /// The bill once nothing is in flight.
    pub(crate) async fn bill(&self) -> Bill {
        self.mock.idle().await;
        self.mock.bill()
    }
    pub(crate) async fn close(self) -> Bill {
        self.mock.shutdown().await
    }
}

pub(crate) fn json(seen: &Seen) -> Value {
    assert_eq!(seen.failure, None, "{seen:?}");
    serde_json::from_slice(&seen.body).unwrap_or_else(|error| panic!("{error}: {}", text(seen)))
}

pub(crate) fn text(seen: &Seen) -> String {
    String::from_utf8(seen.body.to_vec()).unwrap()
}

/// The `data:` payloads of an event stream, the end marker left out; each must be JSON.
pub(crate) fn events(seen: &Seen) -> Vec<Value> {
    assert_eq!(seen.failure, None, "{seen:?}");
    text(seen)
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}")))
        .collect()
}
