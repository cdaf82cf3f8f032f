//! Which audit rows a search in the texts of the operation log means. The texts are made of action and object id when they
//! are shown, so a search becomes a set of actions and, if it names a number, a condition on the id.

use gatehouse_domain::bastion::log::Actions;

use crate::operation::{OPERATIONS, Operation};

/// A search, as the statement takes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Search {
    whole: String,
    by_id: String,
    id: String,
}

impl Search {
    /// A search for a part of the text; the empty part is in all.
    pub(super) fn new(part: &str) -> Self {
        let numbered = Numbered::of(part);
        let mut search = Self { whole: ",".to_owned(), by_id: ",".to_owned(), id: String::new() };
        for operation in OPERATIONS {
            let Operation { action, before, after } = operation;
            if before.contains(part) || after.is_some_and(|after| after.contains(part)) {
                search.whole.push_str(action);
                search.whole.push(',');
            } else if let (Some(after), Some(numbered)) = (after, &numbered)
                && before.ends_with(numbered.before)
                && after.starts_with(numbered.after)
            {
                search.by_id.push_str(action);
                search.by_id.push(',');
            }
        }
        if let Some(numbered) = numbered {
            search.id = numbered.pattern();
        }
        search
    }

    pub(super) fn actions(&self) -> Actions<'_> {
        Actions { whole: &self.whole, by_id: &self.by_id, id: &self.id }
    }
}

/// A part with digits in it, in one place.
struct Numbered<'a> {
    before: &'a str,
    digits: &'a str,
    after: &'a str,
}

impl<'a> Numbered<'a> {
    fn of(part: &'a str) -> Option<Self> {
        let start = part.find(|c: char| c.is_ascii_digit())?;
        let (before, rest) = part.split_at(start);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        Some(Self { before, digits, after })
    }

    /// Text before or after the digits means that the id begins or ends there.
    fn pattern(&self) -> String {
        let any = |is_open: bool| if is_open { "%" } else { "" };
        format!("{}{}{}", any(self.before.is_empty()), self.digits, any(self.after.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::text;

    /// What the statement does.
    fn finds(search: &Search, action: &str, id: i64) -> bool {
        let listed = |list: &str| list.contains(&format!(",{action},"));
        let id = id.to_string();
        let core = search.id.trim_matches('%');
        let fits = match (search.id.starts_with('%'), search.id.ends_with('%')) {
            (true, true) => id.contains(core),
            (true, false) => id.ends_with(core),
            (false, true) => id.starts_with(core),
            (false, false) => id == core,
        };
        listed(&search.whole) || (listed(&search.by_id) && fits)
    }

    #[test]
    fn a_search_finds_what_a_search_in_the_texts_would() {
        let parts = [
            "",
            "添加",
            "资源",
            "编辑用户",
            "1",
            "12",
            "用户1",
            "用户12角色",
            "2角色",
            "角色",
            "编辑角色3权",
            "x",
            "用户x",
            "1用户",
            "用户1 2",
            "%",
            "_",
            "户12",
            "资源组权限",
            "编辑用户2角色1",
        ];
        for part in parts {
            let search = Search::new(part);
            for operation in OPERATIONS {
                for id in [1, 2, 3, 12, 21, 112, 120] {
                    let shown = text(operation.action, Some(id)).unwrap();
                    assert_eq!(finds(&search, operation.action, id), shown.contains(part), "{part:?} in {shown}");
                }
            }
        }
    }
}
