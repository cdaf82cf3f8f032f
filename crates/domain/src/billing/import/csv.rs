//! Comma- or semicolon-separated values, as spreadsheets write them (RFC 4180).

/// A file with its head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Names of the columns, lower-case.
    pub(super) head: Vec<String>,
    /// Lines with their numbers.
    pub(super) rows: Vec<Row>,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its number in the file, from 1; of one that goes over several, of the first.
    pub(super) line: u64,
    /// Its cells, without blanks around.
    cells: Vec<String>,
}

impl Table {
    /// A cell by the name of its column; none: the column is missing or the cell empty.
    pub(super) fn cell<'a>(&self, row: &'a Row, column: &str) -> Option<&'a str> {
        let index = self.head.iter().position(|name| name == column)?;
        row.cells.get(index).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    /// What is wrong with the form of a line.
    pub(super) fn fault(&self, row: &Row) -> Option<String> {
        let (has, wants) = (row.cells.len(), self.head.len());
        (has != wants).then(|| format!("has {has} cells, the head has {wants}"))
    }
}

/// Reads a file. The separator is the one that the head has more of.
pub(super) fn read(text: &str) -> Result<Table, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head = text.lines().next().unwrap_or_default();
    let separator = if head.matches(';').count() > head.matches(',').count() { ';' } else { ',' };
    let mut rows = split(text, separator)?.into_iter();
    let head = rows.next().ok_or("the file is empty")?;
    let head: Vec<String> = head.cells.into_iter().map(|name| name.to_lowercase()).collect();
    let mut names = head.clone();
    names.sort();
    names.dedup();
    if names.len() != head.len() {
        return Err("two columns of the head have the same name".to_owned());
    }
    Ok(Table { head, rows: rows.collect() })
}

fn split(text: &str, separator: char) -> Result<Vec<Row>, String> {
    let (mut rows, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut first) = (1_u64, 1_u64);
    // A quoted cell is taken as it is, another one without blanks around.
    let (mut is_open, mut is_quoted) = (false, false);
    let finish = |cell: &mut String, is_quoted: &mut bool| {
        let text = std::mem::take(cell);
        if std::mem::take(is_quoted) { text } else { text.trim().to_owned() }
    };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_open && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' if is_open => is_open = false,
            '"' if cell.trim().is_empty() && !is_quoted => {
                cell.clear();
                (is_open, is_quoted) = (true, true);
            }
            '\n' if !is_open => {
                cells.push(finish(&mut cell, &mut is_quoted));
                let row = Row { line: first, cells: std::mem::take(&mut cells) };
                if row.cells.iter().any(|cell| !cell.is_empty()) {
                    rows.push(row);
                }
                line += 1;
                first = line;
            }
            '\r' if !is_open && chars.peek() == Some(&'\n') => {}
            c if c == separator && !is_open => cells.push(finish(&mut cell, &mut is_quoted)),
            c if is_quoted && !is_open && c.is_whitespace() => {}
            c => {
                line += u64::from(c == '\n');
                cell.push(c);
            }
        }
    }
    if is_open {
        return Err(format!("a quotation mark of line {first} is never closed"));
    }
    cells.push(finish(&mut cell, &mut is_quoted));
    if cells.iter().any(|cell| !cell.is_empty()) {
        rows.push(Row { line: first, cells });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        read(text).unwrap().rows.into_iter().map(|row| (row.line, row.cells)).collect()
    }

    #[test]
    fn lines_are_read_as_spreadsheets_write_them() {
        let cells = |list: &[&str]| list.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        assert_eq!(rows("a,b\n1,2\n"), [(2, cells(&["1", "2"]))]);
        assert_eq!(rows("\u{feff}A;B\r\n 1 ;12,50\r\n\r\n3;4"), [(2, cells(&["1", "12,50"])), (4, cells(&["3", "4"]))]);
        let quoted = "a,b\n\"x, \"\"y\"\"\", \" z \"\n\"two\nlines\",1\nlast,\n";
        assert_eq!(
            rows(quoted),
            [(2, cells(&["x, \"y\"", " z "])), (3, cells(&["two\nlines", "1"])), (5, cells(&["last", ""]))]
        );
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(read("").is_err());
        assert!(read("a,A\n").unwrap_err().contains("same name"));
        assert!(read("a,b\n\"1,2\n").unwrap_err().contains("line 2"));
        let table = read("a,b\n1\n1,2\n").unwrap();
        let faults: Vec<_> = table.rows.iter().map(|row| table.fault(row).is_some()).collect();
        assert_eq!(faults, [true, false]);
        assert_eq!((table.cell(&table.rows[1], "b"), table.cell(&table.rows[1], "c")), (Some("2"), None));
    }

    proptest::proptest! {
        #[test]
        fn every_cell_survives_quotation(cells in proptest::collection::vec("[a\",;\n é]{0,6}", 1..4)) {
            let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let head: Vec<String> = (0..cells.len()).map(|n| format!("c{n}")).collect();
            let text = format!("{}\n{}\n", head.join(","), cells.iter().map(quote).collect::<Vec<_>>().join(","));
            let table = read(&text).unwrap();
            if cells.iter().any(|cell| !cell.is_empty()) {
                proptest::prop_assert_eq!(&table.rows[0].cells, &cells);
            } else {
                proptest::prop_assert!(table.rows.is_empty());
            }
        }
    }
}
