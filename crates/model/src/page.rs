//! Which part of a list is asked for, and what is given.

/// A part of a list in order of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Most rows, at least 1.
    pub limit: i64,
    /// Rows skipped.
    pub offset: i64,
    /// Whether the highest id comes first.
    pub is_descending: bool,
}

/// The rows of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// Rows of the whole list.
    pub total: i64,
    /// The page.
    pub rows: Vec<T>,
}
