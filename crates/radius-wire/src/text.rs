//! Text that fits an attribute.

/// Cuts text at a character boundary so that it takes at most so many bytes.
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

/// Joins as many items, in their order, as fit into so many bytes; one that is cut would be another name.
pub fn join<'a>(items: impl IntoIterator<Item = &'a str>, separator: &str, bytes: usize) -> String {
    let mut joined = String::new();
    for item in items {
        let gap = if joined.is_empty() { "" } else { separator };
        if joined.len() + gap.len() + item.len() > bytes {
            break;
        }
        joined.push_str(gap);
        joined.push_str(item);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_cut_inside_a_character_or_a_name() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("añb", 3), "añ");
        assert_eq!(cut("añb", 300), "añb");
        assert_eq!(join(["ops", "dev", "x"], ";", 7), "ops;dev");
        assert_eq!(join(["ops", "dev", "x"], ";", 6), "ops");
        assert_eq!(join(["operators"], ";", 6), "");
    }
}
