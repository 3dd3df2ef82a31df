// Colours of the windows, by which a walk sees what they show (ui/design/tokens.css).

// Light: --notice-soft, --alert-soft, --accent-soft, --accent, --danger, --primary.
export const NOTICE = [0xfd, 0xf1, 0xd6];
export const ALERT = [0xfd, 0xe7, 0xe5];
export const OPEN = [0xdd, 0xf3, 0xec];
export const ACCENT = [0x10, 0xa8, 0x7c];
export const LEAVE = [0xd0, 0x36, 0x2c];
export const CLOSE = [0x1f, 0x6f, 0xd6];
// --notice-soft, dark.
export const WORDS = [0x37, 0x2b, 0x12];
