//! A whole Bursar over a fake provider: what every story of a governed request needs.

use bursar::config::{Config, Environment, Surroundings};
use bursar::serve::{self, Running};
use bursar_core::Timestamp;
use bursar_core::{Family, Rate};
use bursar_govern::ports::Clock;
use bursar_mock::{Mock, Price, Script};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The credential towards the fake provider.
pub(crate) const UPSTREAM_SECRET: &str = "sk-upstream-secret-0123456789";

/// Another one, for those that take several.
pub(crate) const OTHER_SECRET: &str = "sk-upstream-other-9876543210";

/// Bursar, a fake provider behind it, and a key of the project `alpha`.
pub(crate) struct House {
    pub(crate) mock: Mock,
    pub(crate) base: String,
    /// Where the admin API is.
    pub(crate) admin_base: String,
    pub(crate) key: String,
    token: String,
    running: Option<Running>,
    text: String,
    clock: Arc<dyn Clock>,
    /// Kept until the story ends.
    data: TempDir,
    pub(crate) http: reqwest_lite::Client,
}

impl House {
    /// A Bursar with these budgets in front of a fake provider that follows `script`.
    pub(crate) async fn with(script: Script, budgets: &str) -> Self {
        Self::configured(script, budgets, "durability = \"fast\"").await
    }

    pub(crate) async fn configured(script: Script, budgets: &str, ledger: &str) -> Self {
        Self::with_all(script, budgets, ledger, "").await
    }

    /// As [`House::with`], with lines of its own in `[server]`.
    pub(crate) async fn served(script: Script, budgets: &str, server: &str) -> Self {
        Self::with_all(script, budgets, "durability = \"fast\"", server).await
    }

    /// As [`House::with`], by a clock that the story moves.
    pub(crate) async fn at(clock: &Arc<Hand>, script: Script, budgets: &str) -> Self {
        let clock: Arc<dyn Clock> = Arc::<Hand>::clone(clock);
        Self::by(clock, script, budgets, "durability = \"fast\"", "").await
    }

    async fn with_all(script: Script, budgets: &str, ledger: &str, server: &str) -> Self {
        Self::by(Arc::new(serve::SystemClock), script, budgets, ledger, server).await
    }

    async fn by(clock: Arc<dyn Clock>, script: Script, budgets: &str, ledger: &str, server: &str) -> Self {
        let mock = Mock::start(script).await.expect("the mock starts");
        let data = TempDir::new().expect("a folder");
        // What a story adds may speak of the fake provider's address.
        let budgets = budgets.replace("{fake}", &mock.base_url(Family::OpenAi));
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {:?}\nthreads = 2\n{server}\n[ledger]\n{ledger}\n\
             [providers.fake]\nfamily = \"openai\"\nbase_url = \"{}\"\ncredential = {{ env = \"FAKE_KEY\" }}\nprices = \"fake\"\n\
             first_byte_timeout_s = 2\nidle_timeout_s = 2\nconnect_timeout_s = 2\n\
             [models.\"small\"]\ndeployments = [{{ provider = \"fake\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}]\n\
             [projects.alpha]\n{budgets}",
            data.path().join("data"),
            mock.base_url(Family::OpenAi),
        )
        .replace("MOCK_ROOT", &mock.base_url(Family::Anthropic));
        let running = start(&text, &clock);
        let token = std::fs::read_to_string(data.path().join("data/admin-token")).expect("an admin token");
        let mut house = Self {
            mock,
            base: format!("http://{}", running.address),
            admin_base: format!("http://{}", running.admin_address.unwrap_or(running.address)),
            key: String::new(),
            token: token.trim().to_owned(),
            running: Some(running),
            text,
            clock,
            data,
            http: reqwest_lite::Client::new(),
        };
        let made = house.admin("POST", "/keys", &json!({"project": "alpha", "user": "ann"})).await;
        house.key = made["key"].as_str().expect("a key").to_owned();
        house
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/admin/v1{path}", self.admin_base);
        let headers = [
            ("authorization", format!("Bearer {}", self.token)),
            ("content-type", "application/json".into()),
        ];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.http.send(method, &url, &headers, bytes).await.expect("an answer");
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    pub(crate) async fn chat(&self, body: &Value) -> reqwest_lite::Answer {
        self.try_chat(body).await.expect("an answer")
    }

    /// As [`House::chat`], where the answer may break off.
    pub(crate) async fn try_chat(&self, body: &Value) -> Result<reqwest_lite::Answer, String> {
        self.send(&self.headers(), body.to_string()).await
    }

    /// A chat completion with headers and a body of the story's own.
    pub(crate) async fn send(
        &self,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<reqwest_lite::Answer, String> {
        self.post("/v1/chat/completions", headers, body).await
    }

    /// A request on any provider's path.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<reqwest_lite::Answer, String> {
        self.http.send("POST", &format!("{}{path}", self.base), headers, body.into_bytes()).await
    }

    /// The usual headers and one more.
    pub(crate) fn headers_with(&self, name: &'static str, value: &str) -> Vec<(&'static str, String)> {
        let mut headers = self.headers();
        headers.push((name, value.to_owned()));
        headers
    }

    /// Begins a chat completion and gives its body as it comes: dropping it is a client that leaves.
    pub(crate) async fn begin(&self, body: &Value) -> hyper::body::Incoming {
        let url = format!("{}/v1/chat/completions", self.base);
        let body = body.to_string().into_bytes();
        self.http.open("POST", &url, &self.headers(), body).await.expect("an answer").into_body()
    }

    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("Bearer {}", self.key)), ("content-type", "application/json".into())]
    }

    /// Waits until what the admin API shows at a path is so, then that.
    pub(crate) async fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_500 {
            let shown = self.admin("GET", path, &Value::Null).await;
            if holds(&shown) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never came about: {}", self.admin("GET", path, &Value::Null).await);
    }

    /// The first window of a budget.
    pub(crate) async fn window(&self, budget: &str) -> Value {
        let shown =
            self.admin("GET", &format!("/budgets/{}", budget.replace(' ', "%20")), &Value::Null).await;
        shown["windows"][0].clone()
    }

    /// Waits until nothing is held in a budget any more, then its window.
    pub(crate) async fn settled(&self, budget: &str) -> Value {
        for _ in 0..200 {
            let window = self.window(budget).await;
            if window["held"] == "0" {
                return window;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("something is still held in {budget}: {}", self.window(budget).await);
    }

    /// The record of a request, once it is drained.
    pub(crate) async fn record(&self, id: &str) -> Value {
        for _ in 0..200 {
            let record = self.admin("GET", &format!("/requests/{id}"), &Value::Null).await;
            if record["finalized_at"].is_string() {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no record of {id}");
    }

    /// The latest record, once there are `count` and it is final.
    pub(crate) async fn latest(&self, count: usize) -> Value {
        for _ in 0..200 {
            let listed = self.admin("GET", "/requests?limit=100", &Value::Null).await;
            let items = listed["items"].as_array().cloned().unwrap_or_default();
            if items.len() == count && items[0]["finalized_at"].is_string() {
                return items[0].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no {count} records: {}", self.admin("GET", "/requests?limit=100", &Value::Null).await);
    }

    /// The governor of the running Bursar.
    pub(crate) fn governor(&self) -> &bursar_govern::Governor {
        &self.running.as_ref().expect("it runs").state.governor
    }

    /// The admin token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The data directory, while Bursar is stopped or not.
    pub(crate) fn data_dir(&self) -> std::path::PathBuf {
        self.data.path().join("data")
    }

    /// Changes the configuration of the next start.
    pub(crate) fn change(&mut self, change: impl FnOnce(String) -> String) {
        self.text = change(std::mem::take(&mut self.text));
    }

    /// Starts Bursar again on what the last one left.
    pub(crate) fn start_again(&mut self) {
        let running = start(&self.text, &self.clock);
        self.base = format!("http://{}", running.address);
        self.admin_base = format!("http://{}", running.admin_address.unwrap_or(running.address));
        self.running = Some(running);
    }

    /// Starts Bursar on another data directory, such as a restored one, with the token that it makes there.
    pub(crate) fn start_on(&mut self, data_dir: &Path) {
        let other = format!("data_dir = {data_dir:?}");
        let lines = self.text.lines().map(|line| if line.starts_with("data_dir") { &other } else { line });
        let running = start(&lines.collect::<Vec<_>>().join("\n"), &self.clock);
        self.base = format!("http://{}", running.address);
        self.admin_base = format!("http://{}", running.admin_address.unwrap_or(running.address));
        self.running = Some(running);
        let token = std::fs::read_to_string(data_dir.join("admin-token")).expect("an admin token");
        token.trim().clone_into(&mut self.token);
    }

    /// Changes the configuration for the next start.
    pub(crate) fn reword(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "`{from}` is not in the configuration");
        self.text = self.text.replace(from, to);
    }

    /// Stops Bursar in order.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            tokio::task::block_in_place(|| running.shutdown());
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A clock that stands still until it is moved.
pub(crate) struct Hand(AtomicI64);

impl Hand {
    pub(crate) fn at(text: &str) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(instant(text).micros())))
    }
    pub(crate) fn set(&self, text: &str) {
        self.0.store(instant(text).micros(), Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("`{text}` is no time"))
}

/// Starts it on a configuration, whose comments `# variable NAME=value` are its environment.
fn start(text: &str, clock: &Arc<dyn Clock>) -> Running {
    let own = text.lines().filter_map(|line| line.strip_prefix("# variable ")?.split_once('='));
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secret = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let secrets = [secret("FAKE_KEY", UPSTREAM_SECRET), secret("OTHER_KEY", OTHER_SECRET)];
    let environment = Environment::new(own.chain(secrets));
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| error.to_string());
    let surroundings = Surroundings { environment: &environment, read_file: &read };
    let checked = Config::read(text, Path::new("bursar.toml"), &surroundings);
    let config = checked.unwrap_or_else(|report| panic!("{report:#?}")).config;
    let clock = Arc::clone(clock);
    tokio::task::block_in_place(|| serve::start_at(&config, &surroundings, clock)).expect("Bursar starts")
}

/// A request that is answered in `out` tokens.
pub(crate) fn chat(out: u32, stream: bool) -> Value {
    asking(&format!("out={out} in=10"), stream)
}

/// A request that tells the fake provider how to answer it.
pub(crate) fn asking(directives: &str, stream: bool) -> Value {
    json!({
        "model": "small", "stream": stream, "max_tokens": 1000,
        "messages": [{"role": "user", "content": format!("hello [[mock {directives}]]")}],
    })
}

/// A fake provider that bills the model `small` at the prices that Bursar is configured with.
pub(crate) fn priced() -> Script {
    let rate = |text| Rate::parse_per_million(text).expect("a rate");
    Script::default().price("small", Price { input: rate("1"), output: rate("2"), ..Price::default() })
}

/// Waits until `ready` says so, for a minute at the most.
pub(crate) async fn until(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if ready().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

/// USD of a decimal text as nano-USD.
pub(crate) fn nanos(text: &Value) -> i64 {
    bursar_core::Usd::parse(text.as_str().expect("a decimal")).expect("USD").nanos()
}

/// A small HTTP client over hyper: whole bodies, no redirects, no retries.
pub(crate) mod reqwest_lite {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use hyper_util::client::legacy::Client as Pool;
    use hyper_util::client::legacy::connect::HttpConnector;
    use hyper_util::rt::TokioExecutor;

    pub(crate) struct Client(Pool<HttpConnector, Full<Bytes>>);

    pub(crate) struct Answer {
        pub(crate) status: u16,
        pub(crate) headers: http::HeaderMap,
        pub(crate) body: Bytes,
    }

    impl Answer {
        pub(crate) fn json(&self) -> serde_json::Value {
            serde_json::from_slice(&self.body).unwrap_or_default()
        }
        pub(crate) fn header(&self, name: &str) -> &str {
            self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
        }
    }

    impl Client {
        pub(crate) fn new() -> Self {
            Self(Pool::builder(TokioExecutor::new()).build_http())
        }
        pub(crate) async fn send(
            &self,
            method: &str,
            url: &str,
            headers: &[(&'static str, String)],
            body: Vec<u8>,
        ) -> Result<Answer, String> {
            let (head, body) = self.open(method, url, headers, body).await?.into_parts();
            let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        }

        /// Sends a request and waits for no more than the head of the answer.
        pub(crate) async fn open(
            &self,
            method: &str,
            url: &str,
            headers: &[(&'static str, String)],
            body: Vec<u8>,
        ) -> Result<http::Response<hyper::body::Incoming>, String> {
            let mut request = http::Request::builder().method(method).uri(url);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
            self.0.request(request).await.map_err(|error| format!("{error:?}"))
        }
    }
}
