//! The Markdown of the documentation as a manual page.

use std::mem;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};

/// A text of Markdown, as far as the documentation uses it; what it does not use is an error.
pub struct Markdown<'t> {
    text: &'t str,
}

/// Where a text goes that is being read.
#[derive(Default)]
struct Writer {
    inlines: Vec<Inline>,
    /// What surrounds what is written: in code and in headings nothing else can be.
    is_bold: bool,
    is_italic: bool,
    link: Option<String>,
    /// The titles of a table's columns.
    titles: Vec<String>,
    cells: Vec<Vec<Inline>>,
    is_in_code: bool,
    is_in_item: bool,
}

/// The title of a page, as clap_mangen has it.
pub fn titled(page: &mut Roff, name: &str, section: &str, version: &str) {
    page.control(
        "TH",
        [
            name,
            section,
            "\"\"",
            &format!("homelab {version}"),
            "homelab",
        ],
    );
}

impl<'t> Markdown<'t> {
    pub fn new(text: &'t str) -> Markdown<'t> {
        Markdown { text }
    }

    pub fn write(&self, page: &mut Roff) {
        let mut writer = Writer::default();
        for event in Parser::new_ext(self.text, Options::ENABLE_TABLES) {
            writer.take(event, page);
        }
    }
}

impl Writer {
    fn take(&mut self, event: Event<'_>, page: &mut Roff) {
        match event {
            Event::Start(tag) => self.begin(tag, page),
            Event::End(tag) => self.end(tag, page),
            Event::Text(text) if self.is_in_code => {
                for line in text.lines() {
                    page.text([roman(line)]);
                }
            }
            Event::Text(text) => self.say(&text),
            Event::Code(code) => self.inlines.push(bold(code.as_ref())),
            Event::SoftBreak => self.say(" "),
            other => panic!("nothing says how {other:?} looks in a manual page"),
        }
    }

    fn say(&mut self, text: &str) {
        self.inlines.push(match (self.is_bold, self.is_italic) {
            (true, _) => bold(text),
            (_, true) => italic(text),
            _ => roman(text),
        });
    }

    fn begin(&mut self, tag: Tag<'_>, page: &mut Roff) {
        match tag {
            Tag::Paragraph if self.is_in_item => {}
            Tag::Paragraph => {
                page.control("PP", []);
            }
            Tag::Heading { .. } | Tag::TableHead | Tag::TableRow | Tag::TableCell => {}
            Tag::Table(_) => self.titles.clear(),
            Tag::CodeBlock(CodeBlockKind::Fenced(_)) => {
                self.is_in_code = true;
                page.control("PP", []);
                page.control("RS", ["4"]);
                page.control("nf", []);
            }
            Tag::List(None) => {}
            Tag::Item => {
                self.is_in_item = true;
                page.control("IP", [r"\(bu", "2"]);
            }
            Tag::Strong => self.is_bold = true,
            Tag::Emphasis => self.is_italic = true,
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.into_string()),
            other => panic!("nothing says how {other:?} looks in a manual page"),
        }
    }

    fn end(&mut self, tag: TagEnd, page: &mut Roff) {
        match tag {
            TagEnd::Paragraph => {
                page.text(mem::take(&mut self.inlines));
            }
            TagEnd::Heading(level) => {
                let title = plain(&mem::take(&mut self.inlines));
                match level {
                    HeadingLevel::H2 => page.control("SH", [title.to_uppercase().as_str()]),
                    _ => page.control("SS", [title.as_str()]),
                };
            }
            TagEnd::TableCell => self.cells.push(mem::take(&mut self.inlines)),
            TagEnd::TableHead => self.head(page),
            TagEnd::TableRow => self.row(page),
            TagEnd::Table => {
                page.control("PP", []);
            }
            TagEnd::CodeBlock => {
                self.is_in_code = false;
                page.control("fi", []);
                page.control("RE", []);
            }
            TagEnd::Item => {
                self.is_in_item = false;
                if !self.inlines.is_empty() {
                    page.text(mem::take(&mut self.inlines));
                }
            }
            TagEnd::List(_) => {}
            TagEnd::Strong => self.is_bold = false,
            TagEnd::Emphasis => self.is_italic = false,
            TagEnd::Link => self.lead(),
            other => panic!("nothing says how {other:?} looks in a manual page"),
        }
    }

    /// The titles of two columns stand above all rows, as a row; of more, each stands before its cells.
    fn head(&mut self, page: &mut Roff) {
        let cells = mem::take(&mut self.cells);
        self.titles = cells.iter().map(|cell| plain(cell)).collect();
        if let [first, second] = self.titles.as_slice() {
            page.control("TP", []);
            page.text([italic(first)]);
            page.text([italic(second)]);
        }
    }

    /// A row as a paragraph below what stands in its first cell. Of several others each is behind its column's title.
    fn row(&mut self, page: &mut Roff) {
        let mut cells = mem::take(&mut self.cells).into_iter();
        page.control("TP", []);
        page.text(cells.next().unwrap_or_default());
        let cells: Vec<_> = cells.collect();
        let is_alone = cells.len() == 1;
        for (place, (mut cell, title)) in cells.into_iter().zip(&self.titles[1..]).enumerate() {
            if cell.is_empty() {
                continue;
            }
            if place > 0 {
                page.control("br", []);
            }
            if !is_alone {
                cell.insert(0, roman(format!("{title}: ")));
            }
            page.text(cell);
        }
    }

    /// Where a link leads to: to a page of the documentation, or into the web.
    fn lead(&mut self) {
        let to = self.link.take().expect("a link has begun");
        let (page, _) = to.split_once('#').unwrap_or((&to, ""));
        let said = match page {
            "" => return,
            url if url.starts_with("http") => format!(" ({to})"),
            page => format!(" (docs/{page})"),
        };
        self.inlines.push(roman(said));
    }
}

fn plain(inlines: &[Inline]) -> String {
    let words = inlines.iter().map(|inline| match inline {
        Inline::Roman(text) | Inline::Bold(text) | Inline::Italic(text) => text.as_str(),
        Inline::LineBreak => " ",
    });
    words.collect()
}
