//! Every crate's licence must allow us to ship it.

use std::iter::Peekable;
use std::str::SplitWhitespace;

use anyhow::Result;

use crate::graph::{Graph, report};

/// Fails for every package whose licence expression the allowed licences do not satisfy.
pub(crate) fn check(graph: &Graph, allowed: &[String]) -> Result<()> {
    let mut wrong = Vec::new();
    for package in &graph.packages {
        let text = package.license.as_deref().unwrap_or_default();
        if !is_allowed(text, allowed) {
            wrong.push(format!("{} {} has the licence `{text}`", package.name, package.version));
        }
    }
    report("licences (deny.toml lists the allowed ones)", &wrong)
}

/// Evaluates an SPDX expression; the old `A/B` means `A OR B`.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut reader = Reader { words: text.split_whitespace().peekable(), allowed };
    reader.any() && reader.words.next().is_none()
}

struct Reader<'a> {
    words: Peekable<SplitWhitespace<'a>>,
    allowed: &'a [String],
}

// `|=` and `&=` instead of `||` and `&&`: the other half must be read in any case.
impl Reader<'_> {
    fn any(&mut self) -> bool {
        let mut good = self.all();
        while self.words.next_if_eq(&"OR").is_some() {
            good |= self.all();
        }
        good
    }

    fn all(&mut self) -> bool {
        let mut good = self.one();
        while self.words.next_if_eq(&"AND").is_some() {
            good &= self.one();
        }
        good
    }

    fn one(&mut self) -> bool {
        if self.words.next_if_eq(&"(").is_some() {
            let good = self.any();
            return self.words.next_if_eq(&")").is_some() && good;
        }
        let mut name = self.words.next().unwrap_or_default().to_owned();
        if self.words.next_if_eq(&"WITH").is_some() {
            name = format!("{name} WITH {}", self.words.next().unwrap_or_default());
        }
        self.allowed.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_expression_needs_one_of_either_and_all_of_both() {
        let allowed = ["Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC", "MIT"].map(str::to_owned);
        let is_allowed = |text| super::is_allowed(text, &allowed);
        for good in
            ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-2.0", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception"]
        {
            assert!(is_allowed(good), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "MIT WITH Foo", "MIT MIT", "AND"] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
