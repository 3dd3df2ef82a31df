//! Where a page leaves room for the pictures.

use serde::Deserialize;
use ts_rs::TS;

/// The place of the stage in CSS pixels of the page. An empty rectangle hides the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, TS)]
pub struct StagePlace {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// The page is dark.
    pub dark: bool,
}
