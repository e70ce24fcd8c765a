//! Which route of the admin API needs which role, and whose data it is about: one table.
//!
//! A route that is not here is served to nobody. Admins may do everything; the table says who else may, and how far: a
//! token that is bound to a project or a user is served only what the last column finds within its bounds.

mod guard;
mod reach;

pub(crate) use guard::guard;
pub(crate) use reach::Reach;

use axum::http::Method;
use bursar_store::settings::Role;

/// Whose data a route is about, and so how a bound token is kept within its bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    /// Nobody's: the same for every caller.
    Nobody,
    /// The whole platform's: no bound token is served.
    Platform,
    /// Those whom `?project=` and `?user=` name: both are forced to the token's own.
    Filter,
    /// The project whose name is in the path.
    Project,
    /// The user whose name is in the path.
    User,
    /// The key whose id is in the path.
    Key,
    /// The request whose id is in the path.
    Request,
    /// The budget whose name is in the path: the token's where it matches the token's project and no other.
    Budget,
    /// The project that the body's `project` names.
    Body,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Who beside admins.
    pub(crate) roles: &'static [Role],
    pub(crate) about: About,
}

const NOBODY_ELSE: &[Role] = &[];
const VIEWERS: &[Role] = &[Role::Viewer];
const USERS: &[Role] = &[Role::Viewer, Role::Member];
const PROJECT: &[Role] = &[Role::ProjectAdmin];
const LOOKERS: &[Role] = &[Role::Viewer, Role::ProjectAdmin];
const EVERYONE: &[Role] = &[Role::Viewer, Role::ProjectAdmin, Role::Member];

const fn get(path: &'static str, roles: &'static [Role], about: About) -> Rule {
    Rule { method: Method::GET, path, roles, about }
}
const fn post(path: &'static str, roles: &'static [Role], about: About) -> Rule {
    Rule { method: Method::POST, path, roles, about }
}
const fn patch(path: &'static str, roles: &'static [Role], about: About) -> Rule {
    Rule { method: Method::PATCH, path, roles, about }
}
const fn delete(path: &'static str, roles: &'static [Role], about: About) -> Rule {
    Rule { method: Method::DELETE, path, roles, about }
}

/// Paths are those of the OpenAPI document, below `/admin/v1`.
const TABLE: &[Rule] = &[
    get("/alerts", VIEWERS, About::Platform),
    get("/alerts/secrets", VIEWERS, About::Platform),
    post("/alerts/secrets", NOBODY_ELSE, About::Platform),
    delete("/alerts/secrets/{name}", NOBODY_ELSE, About::Platform),
    post("/alerts/test", NOBODY_ELSE, About::Platform),
    get("/audit", VIEWERS, About::Platform),
    post("/backups", NOBODY_ELSE, About::Platform),
    get("/budgets", VIEWERS, About::Platform),
    post("/budgets", NOBODY_ELSE, About::Platform),
    get("/budgets/{name}", LOOKERS, About::Budget),
    patch("/budgets/{name}", NOBODY_ELSE, About::Platform),
    delete("/budgets/{name}", NOBODY_ELSE, About::Platform),
    get("/budgets/{name}/windows", LOOKERS, About::Budget),
    post("/check", NOBODY_ELSE, About::Platform),
    get("/export/{format}", EVERYONE, About::Filter),
    get("/keys", EVERYONE, About::Filter),
    post("/keys", PROJECT, About::Body),
    get("/keys/{id}", EVERYONE, About::Key),
    patch("/keys/{id}", PROJECT, About::Key),
    delete("/keys/{id}", PROJECT, About::Key),
    post("/keys/{id}/block", PROJECT, About::Key),
    post("/keys/{id}/rotate", PROJECT, About::Key),
    post("/keys/{id}/top-up", NOBODY_ELSE, About::Platform),
    post("/keys/{id}/unblock", PROJECT, About::Key),
    get("/kill", VIEWERS, About::Platform),
    post("/kill", NOBODY_ELSE, About::Platform),
    get("/kill/history", VIEWERS, About::Platform),
    delete("/kill/{scope}", NOBODY_ELSE, About::Platform),
    post("/ledger/adjust", NOBODY_ELSE, About::Platform),
    get("/ledger/suspense", VIEWERS, About::Platform),
    post("/ledger/suspense/{id}/forgive", NOBODY_ELSE, About::Platform),
    post("/ledger/suspense/{id}/settle", NOBODY_ELSE, About::Platform),
    get("/prices", EVERYONE, About::Nobody),
    get("/prices/overlay", VIEWERS, About::Platform),
    post("/prices/overlay", NOBODY_ELSE, About::Platform),
    delete("/prices/overlay/{id}", NOBODY_ELSE, About::Platform),
    post("/prices/reprice", NOBODY_ELSE, About::Platform),
    get("/projects", VIEWERS, About::Platform),
    post("/projects", NOBODY_ELSE, About::Platform),
    get("/projects/{name}", EVERYONE, About::Project),
    patch("/projects/{name}", NOBODY_ELSE, About::Platform),
    get("/providers", VIEWERS, About::Platform),
    get("/providers/{name}/credentials", VIEWERS, About::Platform),
    post("/providers/{name}/credentials", NOBODY_ELSE, About::Platform),
    patch("/providers/{name}/credentials/{credential}", NOBODY_ELSE, About::Platform),
    delete("/providers/{name}/credentials/{credential}", NOBODY_ELSE, About::Platform),
    post("/providers/{name}/credentials/{credential}/rotate", NOBODY_ELSE, About::Platform),
    post("/providers/{name}/test", NOBODY_ELSE, About::Platform),
    post("/reload", NOBODY_ELSE, About::Platform),
    get("/requests/watch", EVERYONE, About::Filter),
    get("/requests", EVERYONE, About::Filter),
    get("/requests/{id}", EVERYONE, About::Request),
    get("/requests/{id}/body", NOBODY_ELSE, About::Platform),
    post("/reservations", NOBODY_ELSE, About::Platform),
    post("/reservations/{id}/extend", NOBODY_ELSE, About::Platform),
    post("/reservations/{id}/release", NOBODY_ELSE, About::Platform),
    post("/reservations/{id}/settle", NOBODY_ELSE, About::Platform),
    post("/simulate", NOBODY_ELSE, About::Platform),
    get("/throttle", VIEWERS, About::Platform),
    post("/throttle", NOBODY_ELSE, About::Platform),
    get("/throttle/history", VIEWERS, About::Platform),
    delete("/throttle/{provider}", NOBODY_ELSE, About::Platform),
    get("/tokens", NOBODY_ELSE, About::Platform),
    post("/tokens", NOBODY_ELSE, About::Platform),
    delete("/tokens/{id}", NOBODY_ELSE, About::Platform),
    get("/usage", EVERYONE, About::Filter),
    post("/usage", NOBODY_ELSE, About::Platform),
    get("/usage/active", EVERYONE, About::Filter),
    get("/usage/budgets", VIEWERS, About::Platform),
    get("/usage/cache", EVERYONE, About::Filter),
    get("/usage/errors", EVERYONE, About::Filter),
    get("/usage/heatmap", EVERYONE, About::Filter),
    get("/usage/latency", EVERYONE, About::Filter),
    get("/usage/report", EVERYONE, About::Filter),
    get("/usage/rollups", VIEWERS, About::Platform),
    post("/usage/rollups/rebuild", NOBODY_ELSE, About::Platform),
    get("/usage/timeline", EVERYONE, About::Filter),
    get("/usage/top", EVERYONE, About::Filter),
    get("/usage/ttl", EVERYONE, About::Filter),
    get("/users", VIEWERS, About::Platform),
    post("/users", NOBODY_ELSE, About::Platform),
    get("/users/{name}", USERS, About::User),
    patch("/users/{name}", NOBODY_ELSE, About::Platform),
];

/// Where the routes of the table are.
const BASE: &str = "/admin/v1";

/// The row of a route, by its method and the path as the router knows it.
fn rule(method: &Method, path: &str) -> Option<&'static Rule> {
    let path = path.strip_prefix(BASE)?;
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    TABLE.iter().find(|rule| rule.method == *method && rule.path == path)
}

/// The table in words: `get /admin/v1/keys` and the roles that are served, admins first.
#[must_use]
pub fn access() -> Vec<(String, Vec<Role>)> {
    let row = |rule: &Rule| {
        let route = format!("{} {BASE}{}", rule.method.as_str().to_ascii_lowercase(), rule.path);
        (route, std::iter::once(Role::Admin).chain(rule.roles.iter().copied()).collect())
    };
    TABLE.iter().map(row).collect()
}
