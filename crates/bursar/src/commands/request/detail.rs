//! Headers and bodies of a request as a person reads them.

use crate::table::at;
use serde_json::Value;

/// The parts of what was said, each under a line of its own; what was not kept is left out.
pub(super) fn text(detail: &Value) -> String {
    let mut text = String::new();
    for side in ["request", "response"] {
        if let Some(headers) = detail.get(format!("{side}_headers")).and_then(Value::as_array) {
            text.push_str(&format!("{side} headers\n"));
            for header in headers {
                text.push_str(&format!("  {}: {}\n", at(header, "name"), at(header, "value")));
            }
        }
        if let Some(body) = detail.get(format!("{side}_body")).filter(|body| body.is_object()) {
            text.push_str(&format!("{side} body, {}\n", size(body)));
            text.push_str(&at(body, "content"));
            text.push('\n');
        }
    }
    text.trim_end().to_owned()
}

fn size(body: &Value) -> String {
    let (size, cut) = (at(body, "size"), at(body, "cut"));
    let cut = if cut == "0" { String::new() } else { format!(", the last {cut} not kept") };
    let encoding = if at(body, "encoding") == "base64" { ", in base64" } else { "" };
    format!("{size} bytes{cut}{encoding}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_has_what_was_kept_and_nothing_that_moves_the_cursor() {
        let detail = json!({
            "id": "01930000-0000-7000-8000-000000000000",
            "request_headers": [{"name": "user-agent", "value": "a\u{1b}[31m client"}],
            "request_body": {"size": 12, "truncated": true, "cut": 9, "encoding": "text", "content": "a\r\n\u{1b}b"},
            "response_headers": null,
            "response_body": {"size": 2, "truncated": false, "cut": 0, "encoding": "base64", "content": "//4="},
        });
        insta::assert_snapshot!(text(&detail), @r"
        request headers
          user-agent: a[31m client
        request body, 12 bytes, the last 9 not kept
        a
        b
        response body, 2 bytes, in base64
        //4=
        ");
    }
}
