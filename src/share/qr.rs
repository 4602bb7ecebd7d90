//! A QR code, for a terminal and as an SVG.

use std::fmt::Write;

use qrcode::types::{Color, QrError};
use qrcode::{EcLevel, QrCode};

/// Light squares around it, without which readers do not find it (ISO/IEC 18004 §6.3.8).
const QUIET_ZONE: usize = 4;

/// A QR code.
#[derive(Debug)]
pub struct Qr {
    width: usize,
    dark: Vec<bool>,
}

impl Qr {
    /// The code that says `text`; an error where that is too long for any.
    pub fn new(text: &str) -> Result<Qr, QrError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
        let squares = code.to_colors();
        Ok(Qr {
            width: code.width(),
            dark: squares
                .iter()
                .map(|square| *square == Color::Dark)
                .collect(),
        })
    }

    /// How many squares, or columns of a terminal, it is wide with the quiet zone.
    pub fn width(&self) -> usize {
        self.width + 2 * QUIET_ZONE
    }

    /// Lines of half blocks, two squares in each character, in which ink is dark.
    pub fn lines(&self) -> Vec<String> {
        let rows = (0..self.width()).step_by(2);
        let line = |row| {
            let squares = (0..self.width()).map(move |column| {
                match (self.is_dark(row, column), self.is_dark(row + 1, column)) {
                    (false, false) => ' ',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (true, true) => '█',
                }
            });
            squares.collect()
        };
        rows.map(line).collect()
    }

    /// An SVG, black on white.
    pub fn svg(&self) -> String {
        let width = self.width();
        let mut path = String::new();
        for row in 0..width {
            for column in (0..width).filter(|column| self.is_dark(row, *column)) {
                write!(path, "M{column} {row}h1v1h-1z").expect("a String takes all");
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {width}\" width=\"{side}\" height=\"{side}\" shape-rendering=\"crispEdges\">\n\
             <rect width=\"{width}\" height=\"{width}\" fill=\"#fff\"/>\n\
             <path d=\"{path}\" fill=\"#000\"/>\n\
             </svg>\n",
            side = 8 * width,
        )
    }

    /// Whether the square is dark; around the code, none is.
    fn is_dark(&self, row: usize, column: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET_ZONE).filter(|at| *at < self.width);
        match (inside(row), inside(column)) {
            (Some(row), Some(column)) => self.dark[row * self.width + column],
            _ => false,
        }
    }
}
