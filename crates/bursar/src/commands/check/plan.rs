//! What a reload would change: the file's objects beside those that the server holds for the file.

use crate::client::Client;
use crate::config::Config;
use crate::exit::Failure;
use crate::table::{Table, at};
use serde_json::{Value, json};

/// One change that a reload would make.
pub(super) struct Step {
    action: &'static str,
    object: &'static str,
    name: String,
}

impl Step {
    pub(super) fn as_json(&self) -> Value {
        json!({ "action": self.action, "object": self.object, "name": self.name })
    }
}

/// Rows of one list that are read at most: a file that declares more is better kept as API objects.
const ROWS_MAX: usize = 100_000;

/// Compares names: what the file declares is made or kept, what it no longer declares is deactivated, never deleted.
pub(super) fn plan(config: &Config, client: &Client) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    let lists: [(&'static str, &str, Vec<&str>); 4] = [
        ("project", "/projects", config.projects.iter().map(|project| project.name.as_str()).collect()),
        ("user", "/users", config.users.iter().map(|user| user.name.as_str()).collect()),
        ("key", "/keys", config.keys.iter().map(|key| key.name.as_str()).collect()),
        ("budget", "/budgets", config.budgets.iter().map(|budget| budget.name.as_str()).collect()),
    ];
    for (object, path, declared) in lists {
        let rows = client.all(path, &[], ROWS_MAX)?;
        let of = |name: &str| rows.iter().find(|row| at(row, "name") == name);
        for name in &declared {
            let action = match of(name) {
                None => "create",
                Some(row) if at(row, "managed_by") == "api" => "take over",
                Some(row) if row.get("active") == Some(&Value::Bool(false)) => "activate",
                Some(_) => "keep",
            };
            steps.push(Step { action, object, name: (*name).to_owned() });
        }
        let gone = rows.iter().filter(|row| {
            at(row, "managed_by") == "file"
                && row.get("active") != Some(&Value::Bool(false))
                && !declared.contains(&at(row, "name").as_str())
        });
        steps.extend(gone.map(|row| Step { action: "deactivate", object, name: at(row, "name") }));
    }
    Ok(steps)
}

/// The plan for people: what stays as it is is only counted.
pub(super) fn text(steps: &[Step]) -> String {
    let mut table = Table::new(&["ACTION", "OBJECT", "NAME"]);
    for step in steps.iter().filter(|step| step.action != "keep") {
        table.row([step.action.to_owned(), step.object.to_owned(), step.name.clone()]);
    }
    let kept = steps.iter().filter(|step| step.action == "keep").count();
    let mut out = if table.is_empty() { String::new() } else { table.render() };
    out.push_str(&format!("{kept} kept or updated in place\n"));
    out
}
