//! Who gets what of the bandwidth there is: sound first, then the pictures of screen and camera.

use beckon_rtc::{SCREEN_SOUND_BITRATE_BPS, SOUND_OVERHEAD_BPS, VOICE_BITRATE_BPS};

/// Of the bandwidth for pictures, a screen that changes gets this share where the camera has use for the rest: percent.
const SCREEN_PERCENT: u64 = 70;
/// A still screen still needs something, for when it changes: percent.
const STILL_PERCENT: u64 = 10;
/// Sound gets at least one part in so many of the bandwidth …
const SOUND_PART: u64 = 16;

/// What is sent now. What is muted is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sending {
    /// Bitrate of the voice, bit/s.
    pub(crate) voice: Option<u32>,
    /// Bitrate of the sound that is shared with the screen, bit/s.
    pub(crate) screen_sound: Option<u32>,
    /// The most that the camera has use for, in all layers that are watched, bit/s.
    pub(crate) camera: Option<u64>,
    /// The screen.
    pub(crate) screen: Option<ScreenNeeds>,
}

/// What a shared screen has use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScreenNeeds {
    /// The most, at its size of now, bit/s.
    pub(crate) most: u64,
    /// It has changed lately.
    pub(crate) moves: bool,
}

/// Who may take how much, bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) voice: u64,
    pub(crate) screen_sound: u64,
    pub(crate) camera: u64,
    pub(crate) screen: u64,
}

/// Shares out `total` bit/s.
pub(crate) fn share(total: u64, sending: &Sending) -> Shares {
    let cost = |bps: u32| u64::from(bps) + SOUND_OVERHEAD_BPS;
    let most_pictures = sending.camera.unwrap_or(0) + sending.screen.map_or(0, |needs| needs.most);
    // … and what nobody else has use for.
    let sound = |other: Option<u32>| {
        let others = most_pictures + other.map_or(0, cost) + SOUND_OVERHEAD_BPS;
        (total / SOUND_PART).max(total.saturating_sub(others))
    };
    let voice = sound(sending.screen_sound.and(Some(SCREEN_SOUND_BITRATE_BPS)));
    let screen_sound = sound(sending.voice.and(Some(VOICE_BITRATE_BPS)));

    let sounds = [sending.voice, sending.screen_sound].into_iter().flatten();
    let pictures = total.saturating_sub(sounds.map(cost).sum());
    let Some(needs) = sending.screen else { return Shares { voice, screen_sound, camera: pictures, screen: 0 } };
    // What the camera has no use for is the screen's too.
    let left_by_camera = pictures.saturating_sub(sending.camera.unwrap_or(0));
    let screen = (pictures / 100 * SCREEN_PERCENT).max(left_by_camera).min(needs.most);
    // What a still screen does not use is the camera's; when it changes, the next estimate takes it back.
    let taken = if needs.moves { screen } else { pictures / 100 * STILL_PERCENT };
    Shares { voice, screen_sound, camera: pictures.saturating_sub(taken), screen }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVING: ScreenNeeds = ScreenNeeds { most: 3_500_000, moves: true };

    fn shares(total: u64, sending: Sending) -> (u64, u64) {
        let Shares { camera, screen, .. } = share(total, &sending);
        (camera, screen)
    }

    #[test]
    fn sound_is_served_first_and_the_camera_alone_gets_the_rest() {
        let camera = Sending { camera: Some(2_000_000), ..Sending::default() };
        assert_eq!(shares(1_000_000, camera), (1_000_000, 0));
        let talks = Sending { voice: Some(32_000), ..camera };
        assert_eq!(shares(1_000_000, talks), (944_000, 0));
        assert_eq!(shares(40_000, talks), (0, 0));
    }

    #[test]
    fn a_screen_gets_everything_while_no_camera_is_sent() {
        let screen = Sending { screen: Some(MOVING), ..Sending::default() };
        assert_eq!(shares(1_000_000, screen).1, 1_000_000);
        assert_eq!(shares(9_000_000, screen).1, 3_500_000, "what it has use for");
        let heard = Sending { voice: Some(32_000), screen_sound: Some(48_000), ..screen };
        assert_eq!(shares(1_000_000, heard).1, 872_000);
    }

    #[test]
    fn a_screen_that_changes_has_most_and_the_camera_the_rest() {
        let both = Sending { screen: Some(MOVING), camera: Some(2_000_000), ..Sending::default() };
        assert_eq!(shares(1_000_000, both), (300_000, 700_000));
        assert_eq!(shares(9_000_000, both), (5_500_000, 3_500_000));
        let small = Sending { camera: Some(180_000), ..both };
        assert_eq!(shares(1_000_000, small), (180_000, 820_000), "a small camera takes no more than it has use for");
    }

    #[test]
    fn what_a_still_screen_does_not_use_is_the_cameras() {
        let still = ScreenNeeds { moves: false, ..MOVING };
        let both = Sending { screen: Some(still), camera: Some(2_000_000), ..Sending::default() };
        assert_eq!(shares(1_000_000, both), (900_000, 700_000));
    }

    #[test]
    fn sound_gets_its_part_or_what_pictures_have_no_use_for() {
        let voice = |total, sending| share(total, &sending).voice;
        let talks = Sending { voice: Some(32_000), ..Sending::default() };
        assert_eq!(voice(100_000, talks), 76_000, "nothing else is sent");
        let small = Sending { camera: Some(180_000), ..talks };
        assert_eq!(voice(268_000, small), 64_000, "on any network that carries both");
        let large = Sending { camera: Some(2_000_000), ..talks };
        assert_eq!(voice(1_600_000, large), 100_000);
        let both = Sending { screen_sound: Some(24_000), ..small };
        let Shares { voice, screen_sound, .. } = share(400_000, &both);
        assert_eq!((voice, screen_sound), (76_000, 108_000), "each leaves the other its most");
    }
}
