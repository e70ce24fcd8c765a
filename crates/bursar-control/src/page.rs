//! Pages of lists: `?limit=&cursor=` in, `{items, next_cursor}` out.

use bursar_store::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Rows of the page: 1 to 500, 20 unless asked otherwise.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The store's request.
    #[must_use]
    pub(crate) fn request(&self) -> PageRequest {
        let default = PageRequest::default();
        PageRequest { cursor: self.cursor.clone(), limit: self.limit.unwrap_or(default.limit) }
    }
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to ask for to go on; null on the last page.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// Shows each row.
    pub(crate) fn of<R>(page: Page<R>, show: impl FnMut(R) -> T) -> Self {
        Self { items: page.items.into_iter().map(show).collect(), next_cursor: page.next_cursor }
    }
}
