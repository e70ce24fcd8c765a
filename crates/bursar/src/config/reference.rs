//! The reference of the configuration, written from the same fields that the reader checks.

use super::SECTIONS;
use super::field::{Field, Takes};
use std::fmt::Write as _;

/// `docs/reference/configuration.md`. A test compares it with the file.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(HEAD);
    for section in SECTIONS {
        let title = match section.takes {
            Takes::Named(_) => format!("[{}.NAME]", section.name),
            Takes::Tables(_) => format!("[[{}]]", section.name),
            _ => format!("[{}]", section.name),
        };
        write_section(&title, section.about, section.inner(), &mut out);
    }
    out.push_str(TAIL);
    out
}

fn write_section(title: &str, about: &str, fields: &'static [Field], out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\n## `{title}`\n\n{about}\n\n");
    write_rows(fields, out);
    write_inner(&format!("`{title}`"), fields, out);
}

/// The tables inside: prices stand inside deployments, which stand inside models.
fn write_inner(outer: &str, fields: &'static [Field], out: &mut String) {
    for field in fields.iter().filter(|field| !field.inner().is_empty()) {
        let each = if matches!(field.takes, Takes::Tables(_)) { "Each of " } else { "" };
        let name = format!("`{}` of {outer}", field.name);
        let _ = write!(out, "\n{each}{name}:\n\n");
        write_rows(field.inner(), out);
        write_inner(&name, field.inner(), out);
    }
}

fn write_rows(fields: &'static [Field], out: &mut String) {
    out.push_str("| field | takes | default | meaning |\n|---|---|---|---|\n");
    for field in fields {
        let default = match field.default {
            // What is written as in the file stands in code, what is said in words does not.
            text if text.starts_with(['"', '[', '{'])
                || text.parse::<i64>().is_ok()
                || matches!(text, "true" | "false") =>
            {
                format!("`{text}`")
            }
            text => text.to_owned(),
        };
        let _ = writeln!(out, "| `{}` | {} | {default} | {} |", field.name, takes(field), field.about);
    }
}

fn takes(field: &Field) -> String {
    match field.takes {
        Takes::Text(meaning) | Takes::Other(meaning) => meaning.to_owned(),
        Takes::Word(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Takes::Integer(least, most) => format!("a whole number from {least} to {most}"),
        Takes::Boolean => "`true` or `false`".to_owned(),
        Takes::Decimal => "a decimal number in quotes".to_owned(),
        Takes::Secret => "`{ env = \"NAME\" }` or `{ file = \"path\" }`".to_owned(),
        Takes::List(meaning) => format!("a list of {meaning}"),
        Takes::Table(_) => "a table, below".to_owned(),
        Takes::Named(_) => "named tables, below".to_owned(),
        Takes::Tables(_) => "a list of tables, below".to_owned(),
    }
}

const HEAD: &str = r#"# Configuration

<!-- Written from the code by `UPDATE_DOCS=1 cargo test -p bursar --test reference`; a test fails where they differ. -->

`bursar serve`, and every command that asks a server on the same machine, reads one TOML file: the one that `--config` names, else
`BURSAR_CONFIG`, else `bursar.toml` in the working directory. `bursar init` writes one, `bursar check` names every mistake in it at once.

- An unknown field is a mistake, and so is a reference to something that is not declared.
- A relative path starts at the folder of the file.
- Money is decimal text: `"100 USD"`. A number with a point never stands without quotes.
- A limit is a number and what it counts: `"100 USD"`, `"2M tokens"`, `"5000 requests"`. `k`, `M` and `B` multiply, `_` may stand between digits.
- A duration is a number and `s`, `m`, `h`, `d` or `w`. An instant is RFC 3339, or a date for its midnight in UTC.
- A secret never stands in the file. `{ env = "NAME" }` reads an environment variable, `{ file = "path" }` a file. Either must be there.

## Environment variables

`BURSAR_SECTION__FIELD=value` overrides any field, also where the file does not have it. Names are written in capitals, with `_` for every
other sign:

```sh
BURSAR_SERVER__LISTEN=127.0.0.1:9000
BURSAR_THROTTLE__ENABLED=true
BURSAR_PROVIDERS__OPENAI__BASE_URL=https://gateway.example/v1
BURSAR_BUDGETS__PLATFORM_DAILY__LIMIT="50 USD"     # the budget named "platform daily"
BURSAR_PROVIDERS__OPENAI__CREDENTIAL='{ file = "/run/secrets/openai" }'
```

Others that Bursar reads:

| variable | what for |
|---|---|
| `BURSAR_CONFIG` | the configuration file |
| `BURSAR_URL` | the server that commands speak to |
| `BURSAR_ADMIN_TOKEN` | the admin token, for the server and for commands |
| `NO_COLOR` | no colour, wherever it would be |
| `OPENAI_API_KEY` and the like | without a configuration file: which providers there are |
"#;

const TAIL: &str = r#"
## Without a file

Where there is no file, every provider whose usual variable is set is there: `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY` or
`GOOGLE_API_KEY`, `MISTRAL_API_KEY`, `DEEPSEEK_API_KEY`, `XAI_API_KEY`, `GROQ_API_KEY`, `OPENROUTER_API_KEY`, `TOGETHER_API_KEY`,
`FIREWORKS_API_KEY`, `PERPLEXITY_API_KEY`, and `OLLAMA_HOST` for a local Ollama. There is one project, `default`, and one budget, `daily`: 10
USD a day in mode `shadow`, which records what it would have refused. Overrides apply as they do to a file.
"#;
