//! A bad evening from beginning to end: one provider dies, one is throttled, one is stopped while 200 streams run, budgets
//! run out. In the morning every request has ended as the rules say, books and bills agree to the nano-dollar, and nobody
//! was told anything twice.

use crate::house::{UPSTREAM_SECRET, asking, nanos, priced, reqwest_lite, until};
use crate::process::Process;
use crate::receivers::Receiver;
use bursar_core::Family;
use bursar_mock::{Bill, BillLine, Mock};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Streams that run when their provider is stopped.
const STREAMS: usize = 200;
const PRICE: &str = "price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 }";

/// No budget ends within the evening but the month that throttles, so that no midnight changes the story.
const BUDGETS: &str = "\
[[budgets]]
name = \"all\"
limit = \"100 USD\"
period = \"total\"
[[budgets]]
name = \"each provider\"
period = \"total\"
per = [\"provider\"]
[[budgets]]
name = \"south month\"
limit = \"0.02 USD\"
period = \"month\"
mode = \"soft\"
thresholds = []
match = { provider = \"south\" }
[[budgets]]
name = \"beta\"
limit = \"0.01 USD\"
period = \"total\"
match = { project = \"beta\" }
[[budgets]]
name = \"each run\"
limit = \"0.004 USD\"
period = \"total\"
per = [\"run\"]
missing = \"skip\"
[throttle]
enabled = true
shadow = false
engage_ratio = \"0.9\"
release_ratio = \"0.4\"
min_elapsed_days = 0
";

/// Bursar, its three providers, and somebody who is told.
struct Evening {
    south: Mock,
    west: Mock,
    receiver: Receiver,
    process: Process,
    alpha: String,
    beta: String,
    /// Answers so far, by status and code.
    answers: Mutex<BTreeMap<(u16, String), usize>>,
}

impl Evening {
    async fn begin(north: &Mock) -> Self {
        let [south, west] = [Mock::start(priced()).await.unwrap(), Mock::start(priced()).await.unwrap()];
        let receiver = Receiver::start(&[]).await;
        let mut process = Process::new(north);
        let hook = process.folder.path().join("hook");
        std::fs::write(&hook, format!("{}/hook", receiver.base)).unwrap();
        let provider = |name: &str, mock: &Mock| {
            let base = mock.base_url(Family::OpenAi);
            format!(
                "[providers.{name}]\nfamily = \"openai\"\nbase_url = \"{base}\"\ncredential = {{ env = \"FAKE_KEY\" }}\n"
            )
        };
        let at = |name: &str| format!("{{ provider = \"{name}\", {PRICE} }}");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {:?}\nthreads = 2\n[ledger]\ndurability = \"fast\"\n{}{}{}\
             [models.small]\ndeployments = [{}, {}, {}]\n\
             [models.southern]\ndeployments = [{}, {}]\n\
             [projects.alpha]\n[projects.beta]\n{BUDGETS}\
             [alerts.ops]\ntype = \"webhook\"\nurl = {{ file = {hook:?} }}\n",
            process.data_dir(),
            provider("north", north),
            provider("south", &south),
            provider("west", &west),
            at("north"),
            at("south"),
            at("west"),
            at("south").replace("price", "model = \"small\", price"),
            at("west").replace("price", "model = \"small\", price"),
        );
        std::fs::write(process.config(), text).unwrap();
        process.start().await;
        let key = async |project: &str| {
            let made = process.admin("POST", "/keys", &json!({"project": project})).await;
            made["key"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
        };
        let (alpha, beta) = (key("alpha").await, key("beta").await);
        Self { south, west, receiver, process, alpha, beta, answers: Mutex::default() }
    }

    async fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        self.process.admin(method, path, body).await
    }

    fn note(&self, status: u16, code: &str) {
        *self.answers.lock().unwrap().entry((status, code.to_owned())).or_default() += 1;
    }

    fn url(&self) -> String {
        format!("{}/v1/chat/completions", self.process.base)
    }

    /// Asks with one more header; an answer is noted and tells its provider or its code.
    async fn ask(&self, key: &str, body: &Value, header: Option<(&'static str, &str)>) -> Ended {
        let mut headers =
            vec![("authorization", format!("Bearer {key}")), ("content-type", "application/json".into())];
        headers.extend(header.map(|(name, value)| (name, value.to_owned())));
        let body = body.to_string().into_bytes();
        let answer = self.process.http.send("POST", &self.url(), &headers, body).await.expect("an answer");
        let code = answer.json()["bursar"]["code"].as_str().unwrap_or_default().to_owned();
        self.note(answer.status, &code);
        Ended { code, answer }
    }

    async fn alpha(&self, directives: &str, stream: bool) -> Ended {
        self.ask(&self.alpha, &asking(directives, stream), None).await
    }

    /// Opens a stream that would go on for longer than the test, and reads its first piece.
    async fn stream(&self) -> hyper::body::Incoming {
        let headers = [
            ("authorization", format!("Bearer {}", self.alpha)),
            ("content-type", "application/json".to_owned()),
        ];
        let body = asking("out=900 in=10 chunk_ms=500 chunk_tokens=2", true).to_string().into_bytes();
        let answer = self.process.http.open("POST", &self.url(), &headers, body).await.expect("an answer");
        let by = answer.headers().get("x-bursar-provider").map(http::HeaderValue::as_bytes);
        assert_eq!((answer.status().as_u16(), by), (200, Some(&b"west"[..])));
        let mut body = answer.into_body();
        body.frame().await.expect("a first piece").expect("a piece");
        self.note(200, "");
        body
    }

    /// The windows of a budget by the value of its `per`, once nothing is held in them.
    async fn windows(&self, budget: &str) -> BTreeMap<String, Value> {
        let path = format!("/budgets/{}/windows?limit=100", budget.replace(' ', "%20"));
        let mut listed = Value::Null;
        for _ in 0..1_500 {
            listed = self.admin("GET", &path, &Value::Null).await;
            let items = listed["items"].as_array().unwrap_or_else(|| panic!("{listed}"));
            if items.iter().all(|window| window["held"] == "0") {
                let per = |window: &Value| {
                    let per = window["per"].as_object().and_then(|per| per.values().next()?.as_str());
                    per.unwrap_or_default().to_owned()
                };
                return items.iter().map(|window| (per(window), window.clone())).collect();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("something is still held in {budget}: {listed}");
    }

    async fn is_throttled(&self, provider: &str) -> bool {
        let status = self.admin("GET", "/throttle", &Value::Null).await;
        let items = status["items"].as_array().cloned().unwrap_or_default();
        items.iter().any(|item| item["provider"] == *provider && item["throttled"] == true)
    }

    /// Every record, once all of them are final.
    async fn records(&self) -> Vec<Value> {
        let asked: usize = self.answers.lock().unwrap().values().sum();
        let mut found = Vec::new();
        for _ in 0..500 {
            found.clear();
            let mut path = "/requests?limit=100".to_owned();
            loop {
                let page = self.admin("GET", &path, &Value::Null).await;
                found.extend(page["items"].as_array().cloned().unwrap_or_else(|| panic!("{page}")));
                let Some(cursor) = page["next_cursor"].as_str() else { break };
                path = format!("/requests?limit=100&cursor={cursor}");
            }
            if found.len() == asked && found.iter().all(|record| record["finalized_at"].is_string()) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} records of {asked} requests", found.len());
    }

    /// Runs a command against this server: how it ends, and what it says.
    fn bursar(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(arguments).env("BURSAR_URL", &self.process.base).env("NO_COLOR", "1");
        let output = command.env("BURSAR_ADMIN_TOKEN", self.process.token()).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// How a request ended.
struct Ended {
    code: String,
    answer: reqwest_lite::Answer,
}

impl Ended {
    #[track_caller]
    fn by(&self, provider: &str) {
        let answer = &self.answer;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(answer.header("x-bursar-provider"), provider, "{}", answer.header("x-bursar-fallback"));
    }
    #[track_caller]
    fn is(&self, status: u16, code: &str) {
        assert_eq!((self.answer.status, self.code.as_str()), (status, code), "{:?}", self.answer.body);
    }
}

/// So many of the same at once.
async fn at_once<T, F>(evening: &Arc<Evening>, count: usize, make: impl Fn(Arc<Evening>) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(make(Arc::clone(evening)))).collect();
    let mut ended = Vec::new();
    for task in tasks {
        ended.push(task.await.expect("it ends"));
    }
    ended
}

/// Keeps a port where nobody listens: a provider that is gone, and whose place nobody else takes.
fn empty(address: std::net::SocketAddr) -> tokio::net::TcpSocket {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("the port is free again");
    socket
}

/// Rules: S0-01, S0-03, S0-13, S0-15, S0-20, S0-24, S1-01, S1-09, S1-23, S3-16, S3-17.
#[tokio::test(flavor = "multi_thread")]
async fn an_evening_on_which_everything_goes_wrong_adds_up() {
    let north = Mock::start(priced()).await.unwrap();
    let evening = Arc::new(Evening::begin(&north).await);

    // All is well.
    for number in 0..20 {
        evening.alpha("out=20 in=10", number % 2 == 0).await.by("north");
    }

    // North dies: first it drops what it was asked, then it is not there any more. South goes on.
    for _ in 0..3 {
        evening.alpha("out=20 in=10 fault=drop", false).await.is(502, "E-ROUTE-003");
    }
    let address = north.addr();
    let north = north.shutdown().await;
    let _gone = empty(address);
    for number in 0..16 {
        let ended = evening.alpha("out=10 in=10", number % 2 == 0).await;
        ended.by("south");
        assert!(ended.answer.header("x-bursar-fallback").starts_with("north; "));
    }

    // South is on its way past its month: west goes on, and who wants south and nobody else is told when to come back.
    let mut served_by = String::new();
    until("south is throttled", async || {
        let ended = evening.alpha("out=900 in=10", false).await;
        assert_eq!(ended.answer.status, 200, "{:?}", ended.answer.body);
        ended.answer.header("x-bursar-provider").clone_into(&mut served_by);
        served_by == "west"
    })
    .await;
    assert!(evening.is_throttled("south").await);
    let mut southern = asking("out=10 in=10", false);
    southern["model"] = json!("southern");
    let alone = evening.ask(&evening.alpha, &southern, Some(("x-bursar-allow-fallback", "false"))).await;
    alone.is(429, "E-THROTTLE-001");
    evening.ask(&evening.alpha, &southern, None).await.by("west");

    // West is stopped while 200 streams run: each ends as its clients understand, and nobody is left to ask.
    let streams = at_once(&evening, STREAMS, |evening| async move { evening.stream().await }).await;
    assert_eq!(evening.west.in_flight(), STREAMS);
    let (code, said) =
        evening.bursar(&["kill", "on", "--scope", "provider=west", "--reason", "a runaway", "--cut"]);
    assert_eq!(code, Some(0), "{said}");
    for stream in streams {
        let bytes = stream.collect().await.expect("a proper end").to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("E-BUDGET-004") && text.ends_with("\n\ndata: [DONE]\n\n"), "{text}");
    }
    let received = evening.west.received();
    for number in 0..20 {
        evening.alpha("out=10 in=10", number % 2 == 0).await.is(403, "E-BUDGET-004");
    }
    assert_eq!(evening.west.received(), received, "nothing more is sent");
    evening.west.idle().await;
    let (code, said) = evening.bursar(&["kill", "off", "--scope", "provider=west"]);
    assert_eq!(code, Some(0), "{said}");
    evening.alpha("out=10 in=10", false).await.by("west");

    // More room for south: it is released, and first in line again.
    evening.admin("PATCH", "/budgets/south%20month", &json!({"limit": "100 USD"})).await;
    until("south is released", async || !evening.is_throttled("south").await).await;
    evening.alpha("out=10 in=10", true).await.by("south");

    // Budgets run out: a project's, and those of two runs. Who has another goes on.
    let dear = asking("out=900 in=10", false);
    for _ in 0..5 {
        evening.ask(&evening.beta, &dear, None).await.by("south");
    }
    for run in ["r1", "r2"] {
        for _ in 0..2 {
            evening.ask(&evening.alpha, &dear, Some(("x-bursar-run", run))).await.by("south");
        }
    }
    let received = evening.south.received();
    let asking_beta = |evening: Arc<Evening>| async move {
        evening.ask(&evening.beta, &asking("out=900 in=10", false), None).await
    };
    for ended in at_once(&evening, 20, asking_beta).await {
        ended.is(429, "E-BUDGET-002");
    }
    for run in ["r1", "r2", "r1", "r2"] {
        evening.ask(&evening.alpha, &dear, Some(("x-bursar-run", run))).await.is(429, "E-BUDGET-001");
    }
    assert_eq!(evening.south.received(), received, "nothing of it is sent");
    evening.alpha("out=10 in=10", false).await.by("south");

    everybody_was_told_once(&evening).await;
    the_books_agree(&evening, &north).await;
}

/// Each alert arrived exactly once at the receiver, and nothing is in the outbox that did not.
async fn everybody_was_told_once(evening: &Evening) {
    let once = [
        ("circuit_opened", "provider=north"),
        ("suspense", "platform"),
        ("throttle_engaged", "provider=south"),
        ("throttle_released", "provider=south"),
        ("kill_on", "provider=west"),
        ("kill_off", "provider=west"),
        ("threshold", "project=beta"),
        ("exhausted", "project=beta"),
        ("threshold", "run=r1"),
        ("exhausted", "run=r1"),
        ("threshold", "run=r2"),
        ("exhausted", "run=r2"),
    ];
    let told = || {
        let mut told: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for message in evening.receiver.got() {
            for alert in message.json()["data"]["alerts"].as_array().expect("alerts") {
                let word = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
                told.entry((word("event"), word("scope"))).or_default().push(word("dedup_key"));
            }
        }
        told
    };
    let has = |event: &str, scope: &str| told().contains_key(&(event.to_owned(), scope.to_owned()));
    until("everybody is told", async || once.iter().all(|(event, scope)| has(event, scope))).await;
    // Whatever would be told twice has been by the time something later arrives.
    evening.admin("POST", "/kill", &json!({"scope": "run=none", "reason": "a mark"})).await;
    until("the mark arrives", async || has("kill_on", "run=none")).await;
    let told = told();
    for ((event, scope), mut keys) in told.clone() {
        let expected = once.contains(&(event.as_str(), scope.as_str())) || scope == "run=none";
        assert!(expected, "nobody expects {event} of {scope}: {told:#?}");
        let times = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), times, "{event} of {scope} is told twice: {keys:?}");
        // These two are told once an hour, and an evening may see one end.
        let most = if matches!(event.as_str(), "suspense" | "circuit_opened") { 2 } else { 1 };
        assert!(times <= most, "{event} of {scope}: {keys:?}");
    }
    let listed = evening.admin("GET", "/alerts?limit=100", &Value::Null).await;
    let marked = |alert: &&Value| alert["scope"] == "run=none";
    for alert in listed["items"].as_array().expect("alerts").iter().filter(|alert| !marked(alert)) {
        let delivery = &alert["deliveries"][0];
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(1)), "{alert}");
    }
    let sent: usize = told.values().map(Vec::len).sum();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(sent), "{listed}");
}

/// Records, windows and bills: what is unknown or estimated is settled by the bills, and then nothing differs.
async fn the_books_agree(evening: &Evening, north: &Bill) {
    let bills: BTreeMap<&str, Bill> =
        [("north", north.clone()), ("south", evening.south.bill()), ("west", evening.west.bill())].into();

    // What clients were told is what is on record, request by request.
    let records = evening.records().await;
    let mut recorded: BTreeMap<(u16, String), usize> = BTreeMap::new();
    for record in &records {
        let code = record["code"].as_str().unwrap_or_default();
        let is_cut = record["status"] == "cancelled";
        let status = record["status_code"].as_u64().and_then(|status| u16::try_from(status).ok());
        let status = if is_cut { Some(200) } else { status };
        let code = if is_cut { "" } else { code };
        *recorded.entry((status.unwrap_or_default(), code.to_owned())).or_default() += 1;
    }
    assert_eq!(recorded, *evening.answers.lock().unwrap());
    let cut: Vec<&Value> = records.iter().filter(|record| record["status"] == "cancelled").collect();
    assert_eq!(cut.len(), STREAMS);
    assert!(cut.iter().all(|record| record["code"] == "E-BUDGET-004" && record["estimated"] == true));

    // What north dropped it billed all the same: three requests in suspense, settled at their lines of the bill.
    let suspense = evening.admin("GET", "/ledger/suspense", &Value::Null).await;
    let open = suspense["items"].as_array().expect("items").clone();
    assert_eq!(open.len(), 3, "{suspense}");
    let lines = north.lines().iter().rev().take(open.len());
    for (one, line) in open.iter().zip(lines) {
        assert!(line.amount.nanos() > 0 && line.amount.nanos() <= nanos(&one["hold_usd"]), "{line:?}: {one}");
        let path = format!("/ledger/suspense/{}/settle", one["id"].as_str().expect("an id"));
        let truth = json!({"list_usd": bursar_core::decimal::format(line.amount.nanos().into(), 9), "tokens": line.tally.prompt() + line.tally.output});
        assert_eq!(evening.admin("POST", &path, &truth).await["result"], "settled");
    }
    for provider in ["north", "south"] {
        let window = &evening.windows("each provider").await[provider];
        assert_eq!(nanos(&window["settled"]), bills[provider].total().nanos(), "{provider}: {window}");
    }

    // West's cut streams were estimated, never below the bill; its bill says by how much, and then that is corrected.
    let west = &bills["west"];
    let charged = |record: &&Value| nanos(&record["list_cost"]);
    let is_wests = |record: &&Value| record["attributes"]["provider"] == "west";
    let of_west = records.iter().filter(is_wests);
    let by_id: BTreeMap<&str, &Value> =
        of_west.filter_map(|record| Some((record["upstream_request_id"].as_str()?, record))).collect();
    for line in west.lines() {
        let record = by_id.get(&*answered_as(line)).unwrap_or_else(|| panic!("no record of {line:?}"));
        let is_estimate = record["estimated"] == true;
        assert!(charged(record) >= line.amount.nanos(), "{line:?}: {record}");
        assert!(is_estimate || charged(record) == line.amount.nanos(), "{line:?}: {record}");
    }
    let settled = nanos(&evening.windows("each provider").await["west"]["settled"]);
    let off = west.total().nanos() - settled;
    assert!(off <= 0, "an estimate is never below the bill: {off}");
    for more in [&["all"][..], &["each provider", "--per", "west"]] {
        let amount = bursar_core::decimal::format(off.into(), 9);
        let words =
            [&["ledger", "adjust"], more, &["--amount", &amount, "--reason", "the invoice of west"]].concat();
        let (code, said) = evening.bursar(&words);
        assert_eq!(code, Some(0), "{said}");
    }

    let windows = evening.windows("each provider").await;
    for (provider, bill) in &bills {
        let window = &windows[*provider];
        assert_eq!(nanos(&window["settled"]), bill.total().nanos(), "{provider}: {window}");
        assert_eq!(window["suspense"], "0", "{provider}: {window}");
    }
    let all = &evening.windows("all").await[""];
    let total: i64 = bills.values().map(|bill| bill.total().nanos()).sum();
    assert_eq!((nanos(&all["settled"]), &all["suspense"]), (total, &json!("0")), "{all}");
    for (budget, limit) in [("beta", 10_000_000), ("each run", 4_000_000)] {
        for window in evening.windows(budget).await.values() {
            assert!(nanos(&window["settled"]) <= limit && window["over_limit"] == "0", "{budget}: {window}");
        }
    }
    let secrets = [UPSTREAM_SECRET, evening.alpha.as_str(), evening.beta.as_str()];
    let got = evening.receiver.got();
    assert!(
        got.iter().all(|one| !secrets.iter().any(|secret| one.body.contains(secret))),
        "no alert has a secret"
    );
}

/// The id that the answer of a line of the bill carries.
fn answered_as(line: &BillLine) -> String {
    format!("chatcmpl-{}", line.id)
}
