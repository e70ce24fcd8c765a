//! How each mistake reads. Each snapshot is one page: the text, then what is said about it.

use super::{page, report};

#[test]
fn syntax_and_sections() {
    insta::assert_snapshot!(page(&[
        ("not TOML", "[server\nlisten = 1"),
        ("two syntax mistakes at once", "[server]\nlisten = \nadmin_listen = 'a\n"),
        ("a mistake behind wide characters", "[[budgets]]\nname = \"專案預算\" limt = 1"),
        ("wide characters are the mistake", "[[budgets]]\nname = \"alpha\"\nlimit = \"十 USD\""),
        ("the same field twice", "[server]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\""),
        ("unknown section", "[provider.openai]\ncredential = \"client\""),
        ("unknown section that resembles none", "[xyzzy]\na = 1"),
        ("section of the wrong type", "server = 5"),
        ("named section of the wrong type", "[providers]\nopenai = \"x\""),
        ("list of tables of the wrong type", "[budgets]\nname = \"x\""),
    ]));
}

#[test]
fn server_and_ledger() {
    insta::assert_snapshot!(page(&[
        ("unknown field, nearly right", "[server]\nlisten_address = \"127.0.0.1:1\""),
        ("unknown field, one letter", "[server]\nlisen = \"127.0.0.1:1\""),
        ("unknown field that resembles none", "[ledger]\nzzz = 1"),
        ("no address", "[server]\nlisten = \"8787\""),
        ("wrong type", "[server]\nlisten = 8787"),
        ("open to the network without a token", "[server]\nlisten = \"0.0.0.0:8787\""),
        ("the admin API open to the network", "[server]\nadmin_listen = \"[::]:8788\""),
        ("the same address twice", "[server]\nadmin_listen = \"127.0.0.1:8787\""),
        ("empty folder", "[server]\ndata_dir = \"\""),
        ("unknown word, nearly right", "[ledger]\ndurability = \"synced\""),
        ("a number instead of a word", "[server]\nrefusal_status = 402"),
        ("a number outside its range", "[server]\nthreads = 0\ndrain_s = 1_000_000"),
        ("a token from a variable that is not set", "[server]\nadmin_token = { env = \"NO_SUCH_TOKEN\" }"),
    ]));
}

#[test]
fn log_and_telemetry() {
    insta::assert_snapshot!(page(&[
        ("no filter", "[log]\nlevel = \"info,bursar_gateway=loud\""),
        ("unknown word, nearly right", "[log]\nformat = \"jsn\""),
        ("no URL", "[telemetry]\nendpoint = \"127.0.0.1:4318\""),
        ("a secret in the file", "[telemetry]\nauthorization = \"Bearer abc\""),
    ]));
}

#[test]
fn providers() {
    insta::assert_snapshot!(page(&[
        ("nothing said about an unknown vendor", "[providers.acme]\n"),
        ("a vendor's name misspelt", "[providers.opanai]\nfamily = \"openai\"\ncredential = \"client\""),
        ("no credential", "[providers.openai]\n"),
        ("unknown family", "[providers.openai]\nfamily = \"open-ai\"\ncredential = \"client\""),
        ("no URL", "[providers.openai]\nbase_url = \"api.openai.com/v1\"\ncredential = \"client\""),
        (
            "another scheme",
            "[providers.openai]\nbase_url = \"ftp://api.openai.com/v1\"\ncredential = \"client\""
        ),
        ("a query", "[providers.openai]\nbase_url = \"https://a.example/v1?x=1\"\ncredential = \"client\""),
        ("a variable that is not set", "[providers.openai]\ncredential = { env = \"OPENAI_KEY\" }"),
        ("a file that is not there", "[providers.openai]\ncredential = { file = \"nowhere.txt\" }"),
        ("a file that is empty", "[providers.openai]\ncredential = { file = \"empty.txt\" }"),
        (
            "both a variable and a file",
            "[providers.openai]\ncredential = { env = \"OPENAI_API_KEY\", file = \"key.txt\" }"
        ),
        ("neither a variable nor a file", "[providers.openai]\ncredential = {}"),
        ("a misspelt place of a secret", "[providers.openai]\ncredential = { envv = \"OPENAI_API_KEY\" }"),
        ("a word that is no credential", "[providers.openai]\ncredential = \"clients\""),
        ("one and several", "[providers.openai]\ncredential = \"client\"\ncredentials = []"),
        ("no credentials at all", "[providers.openai]\ncredentials = []"),
        (
            "credentials with mistakes",
            "[providers.openai]\ncredentials = [\n  { name = \"a\", secret = { env = \"OPENAI_API_KEY\" }, rate_multiplier = 1.2 },\n  { name = \"a\", secret = { env = \"OPENAI_API_KEY\" }, rate_multiplier = \"-1\" },\n  { secret = { env = \"OPENAI_API_KEY\" }, rate_multipliers = { openai_chats = \"1\", openai_chat = \"0.1234567\" } },\n]",
        ),
        (
            "weights of nothing",
            "[providers.openai]\ncredentials = [{ name = \"a\", secret = { env = \"OPENAI_API_KEY\" }, weight = 0 }]",
        ),
        ("unknown billing", "[providers.openai]\ncredential = \"client\"\nbilling = \"free\""),
        (
            "unknown fallback",
            "[providers.openai]\ncredential = \"client\"\nfallback = [\"gemin\"]\n[providers.gemini]\ncredential = \"client\""
        ),
        ("falling back to itself", "[providers.openai]\ncredential = \"client\"\nfallback = [\"openai\"]"),
        (
            "a circle of three",
            "[providers.openai]\ncredential = \"client\"\nfallback = [\"gemini\"]\n[providers.gemini]\ncredential = \"client\"\nfallback = [\"groq\"]\n[providers.groq]\ncredential = \"client\"\nfallback = [\"openai\"]",
        ),
        ("a timeout as text", "[providers.openai]\ncredential = \"client\"\nidle_timeout_s = \"5 min\""),
        (
            "lost before it is given up",
            "[providers.openai]\ncredential = \"client\"\nfirst_byte_timeout_s = 900\nstale_timeout_s = 600",
        ),
    ]));
}

#[test]
fn models_projects_and_users() {
    const OPENAI: &str = "[providers.openai]\ncredential = \"client\"\n";
    let model = |text: &str| report(&format!("{OPENAI}{text}"));
    let cases = [
        ("no deployments", "[models.a]\n"),
        ("empty deployments", "[models.a]\ndeployments = []"),
        ("a deployment without a provider", "[models.a]\ndeployments = [{ model = \"b\" }]"),
        ("an unknown provider", "[models.a]\ndeployments = [{ provider = \"opnai\" }]"),
        (
            "the same deployment twice",
            "[models.a]\ndeployments = [{ provider = \"openai\" }, { provider = \"openai\" }]",
        ),
        (
            "a price as a number",
            "[models.a]\ndeployments = [{ provider = \"openai\", price = { input = 0.15 } }]",
        ),
        (
            "a price without input",
            "[models.a]\ndeployments = [{ provider = \"openai\", price = { output = \"1\" } }]",
        ),
        (
            "a price with a currency",
            "[models.a]\ndeployments = [{ provider = \"openai\", price = { input = \"$1\" } }]",
        ),
        (
            "a circle of models",
            "[models.a]\ndeployments = [{ provider = \"openai\" }]\nfallback = [\"b\"]\n[models.b]\ndeployments = [{ provider = \"openai\" }]\nfallback = [\"a\"]",
        ),
        ("a city instead of a zone", "[projects.alpha]\ntime_zone = \"Taipei\""),
        ("a misspelt zone", "[projects.alpha]\ntime_zone = \"Europe/Berln\""),
        ("no zone at all", "[projects.alpha]\ntime_zone = \"+02:00\""),
        ("a policy that needs a price", "[projects.alpha]\nunknown_model_policy = \"fallback_price\""),
        ("a budget without a unit", "[projects.alpha]\ndefault_user_budget = \"10\""),
        ("truth as text", "[projects.alpha]\nrequire_budget = \"yes\""),
        ("a name with a space at its end", "[projects.\"alpha \"]\n"),
        ("no e-mail address", "[users.ann]\nemail = \"ann\""),
    ];
    let pages = cases.map(|(name, text)| format!("#### {name}\n\n{text}\n----\n{}\n", model(text)));
    insta::assert_snapshot!(pages.join("\n\n"));
}

#[test]
fn keys() {
    let key = |text: &str| report(&format!("[projects.alpha]\n[users.ann]\n[[keys]]\n{text}"));
    let cases = [
        ("nothing said", ""),
        ("no hash", "name = \"k\"\nproject = \"alpha\"\nhash = \"0123\""),
        ("a short hash", "name = \"k\"\nproject = \"alpha\"\nhash = \"sha256:0123\""),
        (
            "both",
            "name = \"k\"\nproject = \"alpha\"\nhash = \"sha256:0123\"\nsecret = { env = \"OTHER_KEY\" }",
        ),
        ("an unknown project", "name = \"k\"\nproject = \"alpah\"\nsecret = { env = \"OTHER_KEY\" }"),
        (
            "a member without a user",
            "name = \"k\"\nproject = \"alpha\"\nkind = \"member\"\nsecret = { env = \"OTHER_KEY\" }",
        ),
        (
            "an unknown user",
            "name = \"k\"\nproject = \"alpha\"\nuser = \"bob\"\nsecret = { env = \"OTHER_KEY\" }",
        ),
        (
            "what a client can never set",
            "name = \"k\"\nproject = \"alpha\"\nmay_set = [\"project\", \"sesion\"]\nsecret = { env = \"OTHER_KEY\" }",
        ),
        (
            "what a key cannot bind",
            "name = \"k\"\nproject = \"alpha\"\nattributes = { model = \"x\", agnet = \"y\", run = 1 }\nsecret = { env = \"OTHER_KEY\" }",
        ),
        (
            "a balance of a member",
            "name = \"k\"\nproject = \"alpha\"\nbalance = \"10 USD\"\nsecret = { env = \"OTHER_KEY\" }",
        ),
        (
            "an unknown format and no time",
            "name = \"k\"\nproject = \"alpha\"\napi_formats = [\"openai\"]\nexpires_at = \"soon\"\nsecret = { env = \"OTHER_KEY\" }",
        ),
        (
            "two of the same name",
            "name = \"k\"\nproject = \"alpha\"\nsecret = { env = \"OTHER_KEY\" }\n[[keys]]\nname = \"k\"\nproject = \"alpha\"\nsecret = { env = \"OTHER_KEY\" }",
        ),
    ];
    let pages = cases.map(|(name, text)| format!("#### {name}\n\n{text}\n----\n{}\n", key(text)));
    insta::assert_snapshot!(pages.join("\n\n"));
}

#[test]
fn budgets() {
    let budget = |text: &str| report(&format!("[[budgets]]\nname = \"b\"\n{text}"));
    let cases = [
        ("no period that is a text", "limit = \"1 USD\"\nperiod = 30"),
        ("no unit", "limit = \"100\"\nperiod = \"day\""),
        ("a currency sign", "limit = \"$100\"\nperiod = \"day\""),
        ("another currency", "limit = \"100 EUR\"\nperiod = \"day\""),
        ("a number instead of a text", "limit = 100\nperiod = \"day\""),
        ("below zero", "limit = \"-1 USD\"\nperiod = \"day\""),
        ("half a token", "limit = \"0.5 tokens\"\nperiod = \"day\""),
        ("too much", "limit = \"99999999999 USD\"\nperiod = \"day\""),
        ("a comma", "limit = \"1,000 USD\"\nperiod = \"day\""),
        ("unknown period", "limit = \"1 USD\"\nperiod = \"daily\""),
        ("a period in days without an anchor", "limit = \"1 USD\"\nperiod = \"30d\""),
        ("an anchor that nobody needs", "limit = \"1 USD\"\nperiod = \"day\"\nanchor = \"2026-01-01\""),
        ("no date", "limit = \"1 USD\"\nperiod = \"7d\"\nanchor = \"2026-02-30\""),
        (
            "a start of a week that nobody needs",
            "limit = \"1 USD\"\nperiod = \"day\"\nweek_start = \"sunday\"",
        ),
        ("unknown attribute", "limit = \"1 USD\"\nperiod = \"day\"\nmatch = { modle = \"gpt-*\" }"),
        ("unknown attribute in `per`", "limit = \"1 USD\"\nperiod = \"day\"\nper = [\"team\"]"),
        ("the same attribute twice", "limit = \"1 USD\"\nperiod = \"day\"\nper = [\"user\", \"user\"]"),
        ("a match of nothing", "limit = \"1 USD\"\nperiod = \"day\"\nmatch = { model = [] }"),
        ("a match of a number", "limit = \"1 USD\"\nperiod = \"day\"\nmatch = { run = 42, model = [1] }"),
        (
            "an unknown format",
            "limit = \"1 USD\"\nperiod = \"day\"\nmatch = { api_format = \"openai-chat\" }",
        ),
        (
            "a threshold of nothing",
            "limit = \"1 USD\"\nperiod = \"day\"\nthresholds = [0, 80, 80, \"5 tokens\", 0.8, \"0 USD\"]",
        ),
        ("another measure than the limit", "limit = \"1 USD\"\nmeasure = \"tokens\"\nperiod = \"day\""),
        ("a cost basis of tokens", "limit = \"1 tokens\"\ncost_basis = \"list\"\nperiod = \"day\""),
        ("unknown mode", "limit = \"1 USD\"\nperiod = \"day\"\nmode = \"strict\""),
        ("unknown hold", "limit = \"1 USD\"\nperiod = \"day\"\nhold = \"worst-case\""),
        (
            "a suspense without a unit",
            "limit = \"1 USD\"\nperiod = \"day\"\nsuspense = \"estimate_after 24\"",
        ),
        ("unknown suspense", "limit = \"1 USD\"\nperiod = \"day\"\nsuspense = \"release\""),
        (
            "a raise of another measure that never ends",
            "limit = \"1 USD\"\nperiod = \"day\"\nraise = { amount = \"5 tokens\", reason = \" \" }",
        ),
        (
            "a raise of no limit",
            "period = \"day\"\nraise = { amount = \"5 USD\", until = 2026-01-01, reason = \"x\" }",
        ),
        ("unknown fit", "limit = \"1 USD\"\nperiod = \"day\"\nfit = [\"clam\"]"),
        (
            "too long a wait and no window",
            "limit = \"1 USD\"\nperiod = \"day\"\nwait_ms = 100_000\nwindows_max = 0",
        ),
        ("no name", "limit = \"1 USD\"\nperiod = \"day\"\n[[budgets]]\nperiod = \"day\""),
        (
            "two of the same name",
            "limit = \"1 USD\"\nperiod = \"day\"\n[[budgets]]\nname = \"b\"\nperiod = \"day\"",
        ),
        (
            "a project that is probably a slip",
            "period = \"day\"\nmatch = { project = \"alfa\" }\n[projects.alpha]",
        ),
    ];
    let pages = cases.map(|(name, text)| format!("#### {name}\n\n{text}\n----\n{}\n", budget(text)));
    insta::assert_snapshot!(pages.join("\n\n"));
}

#[test]
fn throttle() {
    insta::assert_snapshot!(page(&[
        ("ratios the wrong way round", "[throttle]\nengage_ratio = \"0.9\""),
        ("a ratio as a number", "[throttle]\nengage_ratio = 1.1"),
        ("unknown projection", "[throttle]\nprojection = \"calendar\""),
        ("too many percent", "[throttle]\nmin_spend_pct = 101"),
    ]));
}

#[test]
fn records_and_retention() {
    insta::assert_snapshot!(page(&[
        ("unknown level, nearly right", "[records]\nlevel = \"header\""),
        ("unknown field, nearly right", "[records]\nredact_field = [\"password\"]"),
        ("records switched off by a word", "[records]\nenabled = \"off\""),
        ("a project without its level", "[records]\nproject_levels = [\"alpha\"]"),
        ("a project with a level that there is not", "[records]\nproject_levels = [\"alpha=all\"]"),
        ("a body larger than is ever kept", "[records]\nmax_body_bytes = 100_000_000"),
        ("a pattern that takes out everything", "[records]\nredact_patterns = [\"cust-*\", \"**\"]"),
        ("a field without a name", "[records]\nredact_fields = [\"\"]"),
        ("days as text", "[retention]\nbodies_d = \"90 days\""),
        ("an audit trail that is gone at once", "[retention]\naudit_d = 1"),
        ("the retention of something else", "[retention]\nrollups_d = 30"),
    ]));
}

#[test]
fn more_windows_than_one_request_may_have() {
    let budget = |n: u32| {
        let project = if n.is_multiple_of(2) { "alpha" } else { "beta" };
        format!("[[budgets]]\nname = \"b{n}\"\nperiod = \"day\"\nmatch = {{ project = \"{project}\" }}\n")
    };
    let text: String = (0..34).map(budget).collect();
    insta::assert_snapshot!(report(&text));
    let text: String = (0..32).map(budget).collect();
    assert!(super::read(&text).unwrap().warnings.items.is_empty(), "sixteen of each project are allowed");
}

/// Rules: S2-18.
#[test]
fn every_mistake_is_named_at_once() {
    insta::assert_snapshot!(report(
        "[server]\nlisen = \"127.0.0.1:1\"\nlisten = 5\n\n[providers.openai]\ncredential = { env = \"NOT_SET\" }\n\n[[budgets]]\nname = \"a\"\nlimit = \"10\"\nperiod = \"daily\"\nper = [\"usr\"]\n"
    ));
}
