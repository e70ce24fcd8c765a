//! How mistakes about the network read: authorities of a provider, keys of clients that send none.

use super::{page, read};

#[test]
fn network() {
    insta::assert_snapshot!(page(&[
        ("no such file", "[providers.openai]\nca_file = \"nowhere.pem\"\ncredential = \"client\""),
        ("a file of something else", "[providers.openai]\nca_file = \"key.txt\"\ncredential = \"client\""),
        (
            "authorities of a plain URL",
            "[providers.a]\nfamily = \"openai\"\nbase_url = \"http://a.example/v1\"\nca_file = \"key.txt\""
        ),
        ("a default key without a key", "[server]\ndefault_keys = [{ from = [\"127.0.0.1\"] }]"),
        ("a default key in clear text", "[server]\ndefault_keys = [{ key = \"sk-bursar-x\" }]"),
        (
            "a default key for a network",
            "[server]\ndefault_keys = [{ from = [\"127.0.0.1\", \"10.0.0.0/8\", \"0.0.0.0/0\"], key = { env = \"OTHER_KEY\" } }]"
        ),
        ("a default key that is no table", "[server]\ndefault_keys = { env = \"OTHER_KEY\" }"),
        ("no time at all", "[server]\nclient_timeout_s = 0"),
    ]));
}

#[test]
fn surfaces() {
    let declaring = |table: &str| format!("[providers.openai]\ncredential = \"client\"\nsurfaces = {table}");
    let pages = [
        ("a word that is none", declaring("{ image = \"0.25\" }")),
        ("a session", declaring("{ realtime = \"0.25\" }")),
        ("free", declaring("{ images = \"0\" }")),
        ("a number", declaring("{ images = 0.25 }")),
        ("no decimal", declaring("{ images = \"0.25 USD\" }")),
        ("no table", declaring("[\"images\"]")),
    ];
    let pages = pages.each_ref().map(|(name, text)| (*name, text.as_str()));
    insta::assert_snapshot!("surfaces", page(&pages), "surfaces");
    let config = read(&declaring("{ images = \"0.25\", audio = \"0.000001\" }")).unwrap().config;
    let declared = &config.provider("openai").unwrap().surfaces;
    let shown: Vec<&str> = declared.keys().map(|surface| surface.as_str()).collect();
    assert_eq!(shown, ["images", "audio"]);
}

#[test]
fn a_default_key_is_for_this_machine_unless_it_says_more() {
    let config = |from: &str| {
        let text = format!("[server]\ndefault_keys = [{{ key = {{ env = \"OTHER_KEY\" }}{from} }}]");
        read(&text).unwrap().config.server.default_keys[0]
            .from
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(config(""), ["127.0.0.0/8", "::1/128"]);
    assert_eq!(config(", from = [\"127.0.0.5\"]"), ["127.0.0.5/32"]);
    assert_eq!(config(", from = [\"10.0.0.0/8\"], beyond_loopback = true"), ["10.0.0.0/8"]);
}
