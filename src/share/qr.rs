//! A QR code, for a terminal and as an SVG.

use qrcode::render::svg;
use qrcode::render::unicode::Dense1x2;
use qrcode::types::QrError;
use qrcode::{EcLevel, QrCode};

/// Light squares around it, without which readers do not find it (ISO/IEC 18004 §6.3.8). They are drawn with it.
const QUIET_ZONE: usize = 4;

pub(crate) struct Qr(QrCode);

impl Qr {
    /// The code that says `text`; an error where that is too long for any.
    pub(crate) fn new(text: &str) -> Result<Qr, QrError> {
        QrCode::with_error_correction_level(text, EcLevel::M).map(Qr)
    }

    /// How many squares, or columns of a terminal, it is wide with the quiet zone.
    pub(crate) fn width(&self) -> usize {
        self.0.width() + 2 * QUIET_ZONE
    }

    /// Lines of half blocks, two squares in each character, in which ink is dark.
    pub(crate) fn lines(&self) -> String {
        self.0.render::<Dense1x2>().module_dimensions(1, 1).build()
    }

    /// An SVG, black on white.
    pub(crate) fn svg(&self) -> String {
        self.0
            .render::<svg::Color>()
            .module_dimensions(8, 8)
            .build()
    }
}
