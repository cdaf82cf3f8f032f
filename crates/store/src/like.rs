//! Patterns of `LIKE … ESCAPE '\\'`, in which what was typed is literal.

/// A pattern that finds a text anywhere. Fold the text as the column is.
pub fn contains(text: &str) -> String {
    format!("%{}%", literal(text))
}

/// A text in which nothing is a wildcard.
pub fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_the_text_are_literal() {
        assert_eq!(contains("50%_\\管"), "%50\\%\\_\\\\管%");
        assert_eq!(contains(""), "%%");
    }
}
