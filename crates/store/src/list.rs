//! Lists as one parameter: a JSON text, which SQLite reads with `json_each` and PostgreSQL with `json_array_elements_text`.

/// Writes ids as a JSON array.
pub(crate) fn json(ids: impl IntoIterator<Item = i64>) -> String {
    serde_json::Value::from_iter(ids).to_string()
}

/// Writes rows as a JSON array of arrays.
pub(crate) fn rows<T: serde::Serialize>(rows: &[T]) -> String {
    // Tuples of texts and numbers always serialise; an empty text would be refused by the statement.
    serde_json::to_string(rows).unwrap_or_default()
}

/// Writes texts as a JSON array.
pub(crate) fn texts(texts: &[impl AsRef<str>]) -> String {
    texts.iter().map(AsRef::as_ref).collect::<serde_json::Value>().to_string()
}
