//! `docs/errors.md` as patterns: which errors it knows, and whether a message is one of them.
//!
//! Every row of a table with the columns `text`, `code`, `cause` and `cure` is a pattern. `<cause>` in it stands for another
//! error of the page, `<status>` for a number, any other `<placeholder>` for any text. A message is on the page where a row fits the whole of it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::LazyLock;

/// The head of a table of errors.
const ERRORS: &str = "| text | code | cause | cure |";

/// The head of the table of events.
const EVENTS: &str = "| type | reason | text | when |";

/// What STATUS answers, whatever the cause.
const NOT_AVAILABLE: u64 = 50;

/// The page of the repository.
pub static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let text = std::fs::read_to_string(&path);
    Page::parse(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
});

/// A page of errors.
#[derive(Debug)]
pub struct Page {
    rows: Vec<Row>,
    events: Vec<(String, Row)>,
}

/// One error, or one kind of event.
#[derive(Debug)]
pub struct Row {
    /// Its text, with placeholders.
    pub text: String,
    parts: Vec<Part>,
    codes: Codes,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Anything,
    Digits,
    /// Another error of the page.
    Cause,
}

#[derive(Debug)]
enum Codes {
    Own(BTreeSet<u64>),
    OfTheCause,
    OfThePlugin,
}

/// How a message is on the page.
#[derive(Debug, Clone, Default)]
pub struct Fit {
    /// The rows that fit it, and those that fit causes inside of it, by their place.
    pub rows: BTreeSet<usize>,
    /// The codes that it may have; `None` where a plugin chooses.
    codes: Option<BTreeSet<u64>>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let mut page = Self {
            rows: Vec::new(),
            events: Vec::new(),
        };
        let mut table = "";
        for line in text.lines() {
            if !line.starts_with('|') {
                table = "";
            } else if [ERRORS, EVENTS].contains(&line) {
                table = line;
            } else if !line.starts_with("|---") && !table.is_empty() {
                let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
                assert_eq!(cells.len(), 4, "not four cells: {line}");
                if table == ERRORS {
                    page.rows.push(Row::parse(cells[0], cells[1]));
                } else {
                    let head = format!("{} {}", cells[0], cells[1].trim_matches('`'));
                    page.events
                        .push((head, Row::parse(cells[2], "of the cause")));
                }
            }
        }
        page
    }

    /// All rows of errors.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How a message is on the page, if it is.
    pub fn fit(&self, message: &str) -> Option<Fit> {
        self.whole(message, &mut HashMap::new())
    }

    /// The message is on the page, and its code is one that stands there.
    #[track_caller]
    pub fn expect(&self, message: &str, code: Option<u64>) -> Fit {
        let fit = self
            .fit(message)
            .unwrap_or_else(|| panic!("not in docs/errors.md: {message:?}"));
        if let (Some(code), Some(codes)) = (code, &fit.codes) {
            assert!(
                code == NOT_AVAILABLE || codes.contains(&code),
                "docs/errors.md has the codes {codes:?}, not {code}, for {message:?}"
            );
        }
        fit
    }

    /// An event, as `Warning Reason text`, is on the page.
    #[track_caller]
    pub fn expect_event(&self, line: &str) {
        let known = self.events.iter().any(|(head, row)| {
            line.strip_prefix(head.as_str())
                .and_then(|text| text.strip_prefix(' '))
                .is_some_and(|text| self.row(row, text, &mut HashMap::new()).is_some())
        });
        assert!(known, "not among the events of docs/errors.md: {line:?}");
    }

    fn whole<'t>(&self, text: &'t str, known: &mut HashMap<&'t str, Option<Fit>>) -> Option<Fit> {
        if let Some(fit) = known.get(text) {
            return fit.clone();
        }
        // What asks for itself again has no answer.
        known.insert(text, None);
        let mut all: Option<Fit> = None;
        for (place, row) in self.rows.iter().enumerate() {
            if let Some(mut fit) = self.row(row, text, known) {
                fit.rows.insert(place);
                all = Some(match all {
                    None => fit,
                    Some(other) => other.or(fit),
                });
            }
        }
        known.insert(text, all.clone());
        all
    }

    fn row<'t>(
        &self,
        row: &Row,
        text: &'t str,
        known: &mut HashMap<&'t str, Option<Fit>>,
    ) -> Option<Fit> {
        let inside = self.parts(&row.parts, text, known)?;
        Some(Fit {
            codes: match &row.codes {
                Codes::Own(codes) => Some(codes.clone()),
                Codes::OfTheCause => inside.codes,
                Codes::OfThePlugin => None,
            },
            rows: inside.rows,
        })
    }

    fn parts<'t>(
        &self,
        parts: &[Part],
        text: &'t str,
        known: &mut HashMap<&'t str, Option<Fit>>,
    ) -> Option<Fit> {
        let Some((first, rest)) = parts.split_first() else {
            return text.is_empty().then(Fit::nothing);
        };
        if let Part::Literal(literal) = first {
            return self.parts(rest, text.strip_prefix(literal.as_str())?, known);
        }
        let ends: Vec<usize> = match rest.first() {
            None => vec![text.len()],
            Some(Part::Literal(next)) => text
                .match_indices(next.as_str())
                .map(|(at, _)| at)
                .collect(),
            Some(_) => panic!("two placeholders without text between them"),
        };
        ends.into_iter().find_map(|end| {
            let (held, behind) = text.split_at(end);
            let after = self.parts(rest, behind, known)?;
            match first {
                Part::Cause => self.whole(held, known).map(|cause| cause.and(after)),
                Part::Digits if !held.bytes().all(|byte| byte.is_ascii_digit()) => None,
                _ => Some(after),
            }
        })
    }
}

impl Row {
    fn parse(text: &str, codes: &str) -> Self {
        let text = text.trim_matches('`').to_owned();
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((literal, placeholder)) = rest.split_once('<') {
            let (name, behind) = placeholder.split_once('>').expect("a placeholder ends");
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(match name {
                "cause" => Part::Cause,
                "status" => Part::Digits,
                _ => Part::Anything,
            });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        let number = |code: &str| {
            code.parse()
                .unwrap_or_else(|_| panic!("{text}: code {codes:?}"))
        };
        let codes = match codes {
            "of the cause" => Codes::OfTheCause,
            "of the plugin" => Codes::OfThePlugin,
            own => Codes::Own(own.split(" or ").map(number).collect()),
        };
        Self { text, parts, codes }
    }
}

impl Fit {
    fn nothing() -> Self {
        Self {
            rows: BTreeSet::new(),
            codes: Some(BTreeSet::new()),
        }
    }

    /// Both hold.
    fn and(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self.codes = union(self.codes, other.codes);
        self
    }

    /// Either may be meant.
    fn or(self, other: Self) -> Self {
        self.and(other)
    }
}

fn union(one: Option<BTreeSet<u64>>, other: Option<BTreeSet<u64>>) -> Option<BTreeSet<u64>> {
    let mut all = one?;
    all.extend(other?);
    Some(all)
}
