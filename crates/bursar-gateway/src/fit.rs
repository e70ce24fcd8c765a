//! `x-bursar-fit`: what a client allows when its request does not fit.

use bursar_core::{Code, Refusal, RequestId};
use bursar_govern::fit::Wish;
use http::HeaderMap;

/// Reads the header; absent: budgets and key decide.
///
/// # Errors
/// E-INPUT-001 for another word than the three.
pub fn wish(headers: &HeaderMap, request_id: RequestId) -> Result<Wish, Refusal> {
    let mut values = headers.get_all("x-bursar-fit").iter();
    let Some(value) = values.next() else { return Ok(Wish::Unsaid) };
    let word = value.to_str().unwrap_or_default();
    match Wish::parse(word) {
        Some(wish) if values.next().is_none() => Ok(wish),
        Some(_) => Err(Refusal::new(Code::BadInput, request_id, "x-bursar-fit is given more than once")),
        None => {
            let words = Wish::WORDS.join(", ");
            let message = format!("x-bursar-fit is `{}`; it takes one of {words}", word.escape_debug());
            Err(Refusal::new(Code::BadInput, request_id, message))
        }
    }
}
