//! A table in Markdown whose columns line up.

/// A table under a heading.
#[derive(Debug)]
pub(super) struct Table {
    heading: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heading: &str, columns: &[&str]) -> Self {
        Self {
            heading: heading.to_owned(),
            rows: vec![columns.iter().map(|name| (*name).to_owned()).collect()],
        }
    }

    pub(super) fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    /// Nothing where there is no row.
    pub(super) fn text(&self) -> String {
        let [head, body @ ..] = self.rows.as_slice() else {
            return String::new();
        };
        if body.is_empty() {
            return String::new();
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let rule: Vec<String> = widths
            .iter()
            .map(|width| format!("{}:", "-".repeat(width.saturating_sub(1).max(2))))
            .collect();
        let mut text = format!("\n## {}\n\n", self.heading);
        for row in [head, &rule].into_iter().chain(body) {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:>width$}"))
                .collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_an_empty_table_is_nothing() {
        let mut table = Table::new("Times", &["what", "ms"]);
        assert_eq!(table.text(), "");
        table.row(&["a".to_owned(), "12.34".to_owned()]);
        assert_eq!(
            table.text(),
            "\n## Times\n\n| what |    ms |\n| ---: | ----: |\n|    a | 12.34 |\n"
        );
    }
}
