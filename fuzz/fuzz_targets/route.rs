//! Request lines and headers: a key that a client sends is found and never travels up, what goes up is a path of the
//! route's own, and a path that may be passed on as it stands leads nowhere else.

#![no_main]

use bursar_wire::route::{ClientCredentials, check_headers, upstream_headers, upstream_query};
use bursar_wire::{Route, Surface, client_keys, route, split_path_key};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let target = lines.next().unwrap_or_default();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.trim())) {
            headers.append(name, value);
        }
    }
    let _ = check_headers(&headers);
    let up = upstream_headers(&headers, ClientCredentials::TakeOff);
    assert!(up.keys().all(|name| !name.as_str().starts_with("x-bursar-") && name != "authorization"));
    let _ = client_keys(&headers, path, query);
    if let Some(query) = upstream_query(query) {
        assert!(query.split('&').all(|pair| !pair.starts_with("key=")), "{query}");
    }
    for method in ["GET", "POST"] {
        match route(method, path, query) {
            Route::Spend(found) | Route::CountTokens(found) => {
                let up = found.upstream_path(found.model.as_deref().unwrap_or("m"));
                assert!(up.starts_with('/') && !up.contains("/../") && !up.contains(['?', '#', ' ']), "{up}");
            }
            Route::Unmetered { surface } => {
                let (_, path) = split_path_key(path);
                let leads = Surface::of_path(path).is_none_or(|of| of == surface);
                assert!(leads || path.contains(':') || method == "GET", "{path}");
                if Surface::is_plain_path(path) {
                    assert!(!path.contains("..") || !path.split('/').any(|segment| segment == ".."), "{path}");
                }
            }
            Route::Models(_) | Route::BadQuery(_) | Route::WrongMethod { .. } | Route::Root | Route::Unknown => {}
        }
    }
});
