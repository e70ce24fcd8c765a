//! Which headers are secret, and what is left of them.

/// Headers that are always masked.
const SECRET: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-bursar-key",
    "cookie",
    "set-cookie",
];
/// Parts of a header's name, between hyphens, that make it secret.
const SECRET_PARTS: &[&str] =
    &["secret", "password", "token", "auth", "authorization", "credential", "apikey", "signature", "cookie"];
/// Characters of a secret that may be left: enough to tell `Bear` from `sk-a`.
const SHOWN_MAX: usize = 4;

/// Whether the header of that name carries a secret; `more`: names in lower case that do too.
#[must_use]
pub fn is_secret(name: &str, more: &[String]) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    SECRET.iter().any(|secret| is(secret))
        || more.iter().any(|secret| is(secret))
        || name.split(['-', '_']).any(|part| SECRET_PARTS.iter().any(|word| part.eq_ignore_ascii_case(word)))
}

/// What is kept of a secret: at most its first four characters, never more than a quarter of it.
#[must_use]
pub fn mask(value: &str) -> String {
    let shown = SHOWN_MAX.min(value.chars().count() / 4);
    value.chars().take(shown).chain("***".chars()).collect()
}
