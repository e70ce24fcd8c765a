//! Pages of a list: `{items, next_cursor}`.

use serde::Serialize;

use bursar_core::limits::PAGE_MAX;

/// Rows of a page unless asked otherwise: fits a terminal.
const PAGE_DEFAULT: u32 = 20;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to ask for to go on; absent on the last page.
    pub next_cursor: Option<String>,
}

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// `next_cursor` of the page before; absent for the first.
    pub cursor: Option<String>,
    /// Rows wanted, pinned to 1 ..= [`PAGE_MAX`].
    pub limit: u32,
}

/// A cursor that no list gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that this list gave out")]
pub struct PageError;

impl Default for PageRequest {
    fn default() -> Self {
        Self { cursor: None, limit: PAGE_DEFAULT }
    }
}

impl PageRequest {
    /// The first page of `limit` rows.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { cursor: None, limit }
    }
    /// The page after `page` with the same limit; `None` after the last.
    #[must_use]
    pub fn after<T>(&self, page: &Page<T>) -> Option<Self> {
        page.next_cursor.clone().map(|cursor| Self { cursor: Some(cursor), limit: self.limit })
    }
    /// Rows to fetch: one more than wanted, which tells whether there is a next page.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.rows()) + 1
    }
    pub(crate) fn rows(&self) -> u32 {
        self.limit.clamp(1, PAGE_MAX)
    }
    /// The position behind which the page starts, as the bytes that [`Page::cut`] was given.
    pub(crate) fn position(&self) -> Result<Option<Vec<u8>>, PageError> {
        self.cursor.as_deref().map(|text| unhex(text).ok_or(PageError)).transpose()
    }
    /// As [`Self::position`], for lists ordered by a text.
    pub(crate) fn position_text(&self) -> Result<Option<String>, PageError> {
        self.position()?.map(|bytes| String::from_utf8(bytes).map_err(|_| PageError)).transpose()
    }
    /// As [`Self::position`], for lists ordered by an integer.
    pub(crate) fn position_integer(&self) -> Result<Option<i64>, PageError> {
        let read = |bytes: Vec<u8>| bytes.try_into().map(i64::from_be_bytes).map_err(|_| PageError);
        self.position()?.map(read).transpose()
    }
}

impl<T> Page<T> {
    /// Makes a page of `items` that were fetched with [`PageRequest::fetch`].
    pub(crate) fn cut(mut items: Vec<T>, request: &PageRequest, position: impl Fn(&T) -> Vec<u8>) -> Self {
        let rows = usize::try_from(request.rows()).unwrap_or(usize::MAX);
        let more = items.len() > rows;
        items.truncate(rows);
        let next_cursor = items.last().filter(|_| more).map(|last| hex(&position(last)));
        Self { items, next_cursor }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_the_next_one_starts() {
        let mut request = PageRequest::first(2);
        let fetched = |from: i64| (from..=5).take(3).collect::<Vec<i64>>();
        let mut seen = Vec::new();
        loop {
            let from = request.position_integer().unwrap().map_or(1, |last| last + 1);
            let page = Page::cut(fetched(from), &request, |item| item.to_be_bytes().to_vec());
            seen.extend(page.items.iter().copied());
            match request.after(&page) {
                Some(next) => request = next,
                None => break,
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        for cursor in ["x", "0", "zz", "é!", "00"] {
            let request = PageRequest { cursor: Some(cursor.to_owned()), limit: 1 };
            assert_eq!(request.position_integer(), Err(PageError), "{cursor}");
        }
    }
}
