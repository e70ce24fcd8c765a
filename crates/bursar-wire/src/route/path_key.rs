//! The key in a path: `/k/<key>/v1/…`, for clients that let only their base URL be set.

/// Splits `/k/<key>/rest` into the key and `/rest`. Any other path has no key.
#[must_use]
pub fn split_path_key(path: &str) -> (Option<&str>, &str) {
    let Some(tail) = path.strip_prefix("/k/") else {
        return (None, path);
    };
    let (key, rest) = tail.find('/').map_or((tail, "/"), |at| tail.split_at(at));
    if key.is_empty() { (None, path) } else { (Some(key), rest) }
}
