//! What was typed, as far as the terminal shows it: a password is typed without echo and is never kept.

use std::collections::VecDeque;

/// Characters that may wait for their echo. More at once is a paste into a program that does not echo.
const MAX_WAITING: usize = 4 << 10;

/// Typed characters that wait for their echo.
#[derive(Debug, Default)]
pub(super) struct Echo {
    waiting: VecDeque<char>,
}

impl Echo {
    /// Takes what was typed.
    pub(super) fn typed(&mut self, text: &str) {
        self.waiting.extend(text.chars());
        if self.waiting.len() > MAX_WAITING {
            self.waiting.clear();
        }
    }

    /// Takes what the target wrote and gives what it echoed of the typed.
    ///
    /// Echo comes first in what follows the typing. A character that is not answered by itself, or an end of line that is
    /// answered while characters before it were not, means that echo is off: all that waits is forgotten.
    pub(super) fn seen(&mut self, output: &str) -> Option<String> {
        if self.waiting.is_empty() {
            return None;
        }
        let mut echoed = String::new();
        let mut shown = output.chars().peekable();
        while let Some(typed) = self.waiting.front().copied() {
            let Some(seen) = shown.peek().copied() else { break };
            let is_end = typed == '\r' || typed == '\n';
            if is_end && seen == '\r' {
                shown.next();
                shown.next_if_eq(&'\n');
            } else if is_end && seen == '\n' || typed == seen {
                shown.next();
            } else if typed.is_control() {
                // Keys that move or erase are answered by sequences, not by themselves: they are neither kept nor waited for.
                self.waiting.pop_front();
                continue;
            } else {
                self.waiting.clear();
                break;
            }
            echoed.push(typed);
            self.waiting.pop_front();
        }
        if echoed.is_empty() { None } else { Some(echoed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(parts: &[(&str, &str)]) -> String {
        let mut echo = Echo::default();
        let mut kept = String::new();
        for (typed, output) in parts {
            echo.typed(typed);
            kept.extend(echo.seen(output));
        }
        kept
    }

    #[test]
    fn what_is_echoed_is_kept() {
        assert_eq!(session(&[("l", "l"), ("s", "s"), ("\r", "\r\nfile\r\n$ ")]), "ls\r");
        assert_eq!(session(&[("ls -l\n", "ls -l\r\ntotal 0\r\n")]), "ls -l\n");
        assert_eq!(session(&[("ab", "a"), ("", "b")]), "ab");
    }

    #[test]
    fn a_password_is_not_kept() {
        assert_eq!(session(&[("su\r", "su\r\nPassword: "), ("s", ""), ("e", ""), ("c\r", "\r\n# ")]), "su\r");
        assert_eq!(session(&[("sorry\r", "\r\nSorry, try again.\r\nsorry")]), "");
        assert_eq!(session(&[("hunter2\r", "\r\n"), ("ls\r", "ls\r\n")]), "ls\r");
        assert_eq!(session(&[("abc\r", "*"), ("", "*"), ("", "*\r\n")]), "");
    }

    #[test]
    fn what_nobody_answers_does_not_pile_up() {
        let mut echo = Echo::default();
        for _ in 0..100 {
            echo.typed(&"x".repeat(1_000));
        }
        assert!(echo.waiting.len() <= MAX_WAITING);
    }
}
