//! Draws the picture area.
