//! The one place where the stage's colours live.
//!
//! A calm ink-blue room: tiles a shade above the ground, words in off-white, one green for "speaking", one coral
//! for "something is off" and one amber for "take note". Signs that lie on a picture (name plate, badges) are dark
//! in both themes, since a picture may be of any brightness; signs that lie on the ground follow the theme.

/// An opaque colour, sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// From `0xRRGGBB`.
    pub const fn hex(v: u32) -> Self {
        Self((v >> 16) as u8, (v >> 8) as u8, v as u8)
    }

    /// The pixel as it lies in a BGRA surface.
    pub(super) const fn bgra(self) -> [u8; 4] {
        [self.2, self.1, self.0, 255]
    }
}

/// Colours of the picture area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Theme {
    /// Between and around tiles.
    pub ground: Rgb,
    /// A tile without a picture; beside a camera's picture that does not fill its tile.
    pub tile: Rgb,
    /// Beside a shared screen that does not fill its tile.
    pub letterbox: Rgb,
    /// Edge of the picture in the picture.
    pub outline: Rgb,
    /// Behind words that lie on a picture.
    pub plate: Rgb,
    /// How much of a picture the plate hides: 0 nothing … 255 all.
    pub plate_alpha: u8,
    /// Words on a plate.
    pub plate_text: Rgb,
    /// Less important words and marks on a plate.
    pub plate_dim: Rgb,
    /// Behind "connecting", "reconnecting".
    pub pill: Rgb,
    /// Words on the pill.
    pub pill_text: Rgb,
    /// Words on a tile without a picture.
    pub text: Rgb,
    /// Frame of who speaks; good news.
    pub accent: Rgb,
    /// Muted, poor connection.
    pub alert: Rgb,
    /// Synthetic source, fair connection.
    pub notice: Rgb,
    /// Initial letter on an avatar's disc.
    pub avatar_text: Rgb,
    /// Discs of avatars; a person's is chosen by name.
    pub avatars: [Rgb; 8],
}

/// Eight quiet hues of like brightness, so that none shouts and white reads well on all.
const AVATARS: [Rgb; 8] = [
    Rgb::hex(0x4F7CAC),
    Rgb::hex(0x5B8E7D),
    Rgb::hex(0x8E6C8A),
    Rgb::hex(0xB0765A),
    Rgb::hex(0x6A76B5),
    Rgb::hex(0x7A8B52),
    Rgb::hex(0xA86274),
    Rgb::hex(0x3F8A99),
];

impl Theme {
    /// For dark surroundings; the default.
    pub const fn dark() -> Self {
        Self {
            ground: Rgb::hex(0x0E1116),
            tile: Rgb::hex(0x1B212A),
            letterbox: Rgb::hex(0x07090C),
            outline: Rgb::hex(0x3A4452),
            plate: Rgb::hex(0x0B0E13),
            plate_alpha: 168,
            plate_text: Rgb::hex(0xF4F6F8),
            plate_dim: Rgb::hex(0xB4BEC9),
            pill: Rgb::hex(0x2A323E),
            pill_text: Rgb::hex(0xE6EBF0),
            text: Rgb::hex(0xC3CCD6),
            accent: Rgb::hex(0x37D0A0),
            alert: Rgb::hex(0xFF746B),
            notice: Rgb::hex(0xF4B740),
            avatar_text: Rgb::hex(0xFFFFFF),
            avatars: AVATARS,
        }
    }

    /// For bright surroundings.
    pub const fn light() -> Self {
        Self {
            ground: Rgb::hex(0xEEF1F5),
            tile: Rgb::hex(0xDCE2EA),
            letterbox: Rgb::hex(0xC9D1DB),
            outline: Rgb::hex(0xFFFFFF),
            plate: Rgb::hex(0x10151C),
            plate_alpha: 158,
            plate_text: Rgb::hex(0xFFFFFF),
            plate_dim: Rgb::hex(0xC6CED8),
            pill: Rgb::hex(0xFFFFFF),
            pill_text: Rgb::hex(0x2A323D),
            text: Rgb::hex(0x4A5563),
            accent: Rgb::hex(0x10A87C),
            alert: Rgb::hex(0xFF746B),
            notice: Rgb::hex(0xF4B740),
            avatar_text: Rgb::hex(0xFFFFFF),
            avatars: AVATARS,
        }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::dark()
    }
}
