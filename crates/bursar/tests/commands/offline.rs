//! Commands that need no server: each test is what a person types and sees.

use crate::common::Place;

/// Exit code, stdout and stderr of a command in an empty folder.
fn run(arguments: &[&str]) -> String {
    Place::new().run(arguments)
}

#[test]
fn a_command_line_that_is_not_understood_exits_with_64() {
    insta::assert_snapshot!("no_command", run(&[]));
    insta::assert_snapshot!("unknown_command", run(&["budgets"]));
    insta::assert_snapshot!("unknown_option", run(&["budget", "list", "--jsn"]));
    insta::assert_snapshot!("missing_argument", run(&["key", "create"]));
}

#[test]
fn help_is_data() {
    insta::assert_snapshot!("help", run(&["--help"]));
    insta::assert_snapshot!("help_budget_create", run(&["budget", "create", "--help"]));
    insta::assert_snapshot!("version", run(&["--version"]).replace(env!("CARGO_PKG_VERSION"), "[VERSION]"));
}

#[test]
fn init_writes_a_file_that_passes_check_and_never_over_another() {
    let place = Place::new().with("OPENAI_API_KEY", "sk-secret").with("OLLAMA_HOST", "gpu.internal:11434");
    insta::assert_snapshot!("init", place.run(&["init"]));
    insta::assert_snapshot!("init_file", place.read("bursar.toml"));
    insta::assert_snapshot!("init_check", place.run(&["check"]));
    insta::assert_snapshot!("init_again", place.run(&["init"]));
    insta::assert_snapshot!("init_elsewhere", place.run(&["init", "--config", "other.toml", "--json"]));
    insta::assert_snapshot!("init_without_keys", run(&["init"]));
}

const WRONG: &str =
    "[server]\nlisen = \"127.0.0.1:1\"\n\n[[budgets]]\nname = \"day\"\nlimit = \"10\"\nperiod = \"day\"\n";

#[test]
fn check_names_every_mistake() {
    let place = Place::new().file("bursar.toml", WRONG);
    insta::assert_snapshot!("check_wrong", place.run(&["check"]));
    insta::assert_snapshot!("check_wrong_json", place.run(&["check", "--json"]));
    insta::assert_snapshot!("check_absent", place.run(&["check", "--config", "nowhere.toml"]));
    insta::assert_snapshot!("check_no_file", run(&["check"]));
    let found = Place::new().with("ANTHROPIC_API_KEY", "sk-secret");
    insta::assert_snapshot!("check_environment", found.run(&["check"]));
    let warned = Place::new().file(
        "b.toml",
        "[projects.alpha]\n[[budgets]]\nname = \"d\"\nperiod = \"day\"\nmatch = { project = \"alfa\" }",
    );
    insta::assert_snapshot!("check_warning", warned.run(&["check", "--config", "b.toml"]));
    insta::assert_snapshot!("check_warning_json", warned.run(&["check", "--config", "b.toml", "--json"]));
}

/// Rules: S2-18.
#[test]
fn serve_refuses_a_configuration_with_mistakes() {
    let place = Place::new().file("bursar.toml", WRONG);
    let shown = place.run(&["serve"]);
    assert!(shown.starts_with("exit code: 1\n"), "{shown}");
    assert!(shown.contains("did you mean `listen`?"), "{shown}");
}

const PRICES: &str = "
[[price]]
provider = \"acme\"
model = \"large\"
effective_from = 2026-01-01
source = \"https://acme.example/prices\"
input = \"3\"
output = \"15\"
cache_read = \"0.3\"
request = \"0.001\"
context = 200000
tiers = [{ up_to = 1000, input = \"3\", output = \"15\" }, { input = \"6\", output = \"22.5\" }]
";

#[test]
fn cost_prices_a_usage_line_by_line() {
    let place = Place::new().file("acme.toml", PRICES);
    let cost = |usage: &str, more: &[&str]| {
        let mut arguments =
            vec!["cost", "--provider", "acme", "--model", "large", "--prices", "acme.toml", "--usage", usage];
        arguments.extend(more);
        place.run(&arguments)
    };
    insta::assert_snapshot!(
        "cost",
        cost(r#"{"model": "large", "input": 7, "cache_read": 100, "output": 3}"#, &["--at", "2026-06-01"])
    );
    insta::assert_snapshot!(
        "cost_tier",
        cost(r#"{"input": 1001, "output": 1}"#, &["--at", "2026-06-01", "--multiplier", "0.8"])
    );
    let anthropic = r#"{"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 2}"#;
    insta::assert_snapshot!(
        "cost_own_words",
        cost(anthropic, &["--at", "2026-06-01", "--api-format", "anthropic_messages"])
    );
    insta::assert_snapshot!("cost_before_its_price", cost("{}", &["--at", "2025-06-01"]));
    insta::assert_snapshot!("cost_unknown_class", cost(r#"{"inputs": 1}"#, &[]));
    insta::assert_snapshot!("cost_negative", cost(r#"{"input": -1}"#, &[]));
    insta::assert_snapshot!("cost_not_json", cost("input=1", &[]));
    insta::assert_snapshot!("cost_not_a_time", cost("{}", &["--at", "yesterday"]));
    insta::assert_snapshot!(
        "cost_unknown_model",
        run(&["cost", "--provider", "acme", "--model", "larg", "--at", "2026-06-01", "--usage", "{}"])
    );
}

#[test]
fn the_usual_provider_names_are_understood() {
    let shown = run(&[
        "cost",
        "--provider",
        "google",
        "--model",
        "gemini-2.5-flash",
        "--usage",
        "{\"input\":1000000}",
    ]);
    assert!(shown.contains("\"id\": \"gemini/gemini-2.5-flash"), "{shown}");
}

#[test]
fn meter_reads_an_answer_from_standard_input() {
    let meter = |arguments: &[&str], body: &str| {
        let mut all = vec!["meter", "--api-format"];
        all.extend(arguments);
        Place::new().run_with(&all, body)
    };
    let chat = r#"{"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"message":{"content":"hi"}}],
        "usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":4}}}"#;
    insta::assert_snapshot!("meter_chat", meter(&["openai_chat"], chat));
    let stream = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
    insta::assert_snapshot!("meter_stream", meter(&["openai_chat", "--stream"], stream));
    let messages = r#"{"type":"message","model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":5,"cache_creation_input_tokens":7,"output_tokens":2}}"#;
    insta::assert_snapshot!("meter_cache_write_without_a_time", meter(&["anthropic_messages"], messages));
    let silent = r#"{"object":"chat.completion","model":"m","choices":[{"message":{"content":"hi"}}]}"#;
    insta::assert_snapshot!("meter_no_usage", meter(&["openai_chat"], silent));
    insta::assert_snapshot!("meter_malformed", meter(&["openai_chat"], "{\"usage\": {\"prompt"));
    insta::assert_snapshot!("meter_unknown_format", meter(&["openai"], ""));
    for (format, body, hint) in [
        ("openai_chat", stream, "it looks like a stream: give `--stream`"),
        (
            "anthropic_messages",
            "event: message_start\ndata: {}\n\n",
            "it looks like a stream: give `--stream`",
        ),
        (
            "ollama_chat",
            "{\"done\":false}\n{\"done\":true,\"eval_count\":3}\n",
            "a stream of lines needs `--stream`",
        ),
        ("openai_chat", "\u{1f}\u{8b}", "no answer in `openai_chat`"),
        ("openai_chat", "HTTP/1.1 200 OK\r\n\r\n{}", "give the body alone"),
        ("openai_chat", "", "it is empty"),
    ] {
        let shown = meter(&[format], body);
        assert!(shown.starts_with("exit code: 1") && shown.contains(hint), "{format}: {shown}");
    }
    // A flag too many changes nothing, and a body in another format states nothing.
    assert_eq!(meter(&["openai_chat", "--stream"], chat), meter(&["openai_chat"], chat));
    assert!(meter(&["anthropic_messages"], chat).contains("exit code: 0\n----- stdout -----\n{}\n"));
}

/// What would keep `serve` from starting is a mistake of `check`: a deployment's price, and the operator's price file.
/// Rules: S4-08.
#[test]
fn check_reads_prices_too() {
    let config = |price: &str| {
        format!(
            "[server]\ndata_dir = \"data\"\n[providers.acme]\nfamily = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
             credential = \"client\"\n[models.\"m\"]\ndeployments = [{{ provider = \"acme\", price = {price} }}]\n"
        )
    };
    let absurd = config("{ input = \"200000\", output = \"1\" }");
    insta::assert_snapshot!("check_price_absurd", Place::new().file("bursar.toml", &absurd).run(&["check"]));
    let place = Place::new().file("bursar.toml", &config("{ input = \"1\" }"));
    std::fs::create_dir(place.path("data")).unwrap();
    let wrong = PRICES.replace("tiers", "teirs");
    let place = place.file("data/prices.toml", &format!("{PRICES}{wrong}"));
    insta::assert_snapshot!("check_price_file", place.run(&["check"]));
}

#[test]
fn prices_are_listed_shown_imported_and_compared() {
    let place = Place::new().file("acme.toml", PRICES);
    let with = |arguments: &[&str]| place.run(arguments);
    insta::assert_snapshot!(
        "price_list",
        with(&["price", "list", "--provider", "acme", "--prices", "acme.toml"])
    );
    insta::assert_snapshot!(
        "price_list_json",
        with(&["price", "list", "--provider", "acme", "--prices", "acme.toml", "--json"])
    );
    insta::assert_snapshot!("price_list_none", with(&["price", "list", "--provider", "nobody"]));
    insta::assert_snapshot!("price_show", with(&["price", "show", "acme/large", "--prices", "acme.toml"]));
    let then = |at: &str| with(&["price", "show", "acme/large", "--at", at, "--prices", "acme.toml"]);
    insta::assert_snapshot!("price_show_at", format!("{}\n{}", then("2026-06-01"), then("2025-06-01")));
    insta::assert_snapshot!("price_show_unknown", with(&["price", "show", "nonesuch"]));

    let litellm = r#"{"acme/large": {"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 0.000004, "output_cost_per_token": 0.000015}}"#;
    let place = Place::new().file("acme.toml", PRICES).file("list.json", litellm);
    insta::assert_snapshot!("price_import", place.run(&["price", "import", "list.json"]));
    insta::assert_snapshot!(
        "price_import_dry_run",
        place.run(&["price", "import", "list.json", "--dry-run"])
    );
    let diff = ["price", "diff", "list.json", "--prices", "acme.toml", "--at", "2026-06-01"];
    insta::assert_snapshot!("price_diff", place.run(&diff));
    insta::assert_snapshot!(
        "price_import_over",
        place.run(&["price", "import", "list.json", "-o", "acme.toml"])
    );
    insta::assert_snapshot!(
        "price_import_unknown",
        Place::new().file("x", "hello").run(&["price", "import", "x"])
    );
    let wrong = PRICES.replace("\"0.3\"", "0.3").replace("tiers", "teirs");
    let place = Place::new().file("acme.toml", &wrong);
    insta::assert_snapshot!("price_file_wrong", place.run(&["price", "list", "--prices", "acme.toml"]));
}

#[test]
fn ledger_verify_says_where_it_looked() {
    insta::assert_snapshot!("ledger_verify_nothing", run(&["ledger", "verify"]));
}

#[test]
fn completions_and_manual_are_generated() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Place::new().output(&["completions", shell], "");
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("reconcile"), "{shell}");
    }
    let page = String::from_utf8(Place::new().output(&["man"], "").stdout).unwrap();
    assert!(page.contains(".TH bursar 1"), "{page}");
    let place = Place::new();
    assert!(place.output(&["man", "--out", "pages"], "").status.success());
    assert!(crate::common::exists(&place.path("pages/bursar-budget-create.1")));
    assert!(!crate::common::exists(&place.path("bursar-data")), "a command without a server makes no data");
}

#[test]
fn no_colour_is_ever_written_to_a_pipe() {
    let output = Place::new().with("CLICOLOR_FORCE", "1").output(&["check"], "");
    assert!(!output.stderr.contains(&0x1b), "{}", String::from_utf8_lossy(&output.stderr));
}
