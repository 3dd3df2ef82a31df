//! What a test call has recorded: coded pictures and sound, as they would have gone to the others.

use std::time::Duration;

use beckon_media::MediaTime;
use bytes::Bytes;

/// Coded pictures and sound with their times of capture.
#[derive(Debug, Default)]
pub(super) struct Recording {
    pictures: Vec<(MediaTime, Bytes)>,
    sounds: Vec<(MediaTime, Bytes)>,
}

impl Recording {
    pub(super) fn picture(&mut self, captured: MediaTime, data: Bytes) {
        self.pictures.push((captured, data));
    }

    pub(super) fn sound(&mut self, captured: MediaTime, data: Bytes) {
        self.sounds.push((captured, data));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pictures.is_empty() && self.sounds.is_empty()
    }

    /// Where playing begins: with the first of everything.
    fn begin(&self) -> Option<MediaTime> {
        let first = |list: &[(MediaTime, Bytes)]| list.first().map(|(at, _)| *at);
        [first(&self.pictures), first(&self.sounds)].into_iter().flatten().min()
    }

    /// Takes it apart: each picture and each sound with when it is due after the beginning.
    pub(super) fn into_tracks(self) -> (Track, Track) {
        let begin = self.begin().unwrap_or(MediaTime(0));
        let track = |list: Vec<(MediaTime, Bytes)>| {
            list.into_iter().map(|(at, data)| (at.saturating_since(begin), data)).collect()
        };
        (track(self.pictures), track(self.sounds))
    }
}

/// When each packet is due after the beginning, in that order.
pub(super) type Track = Vec<(Duration, Bytes)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_sound_keep_their_distance() {
        let mut recording = Recording::default();
        assert!(recording.is_empty());
        recording.sound(MediaTime::from_millis(1020), Bytes::from_static(b"s"));
        recording.picture(MediaTime::from_millis(1000), Bytes::from_static(b"p"));
        recording.picture(MediaTime::from_millis(1033), Bytes::from_static(b"q"));
        let (pictures, sounds) = recording.into_tracks();
        let times = |track: &Track| track.iter().map(|(at, _)| at.as_millis()).collect::<Vec<_>>();
        assert_eq!((times(&pictures), times(&sounds)), (vec![0, 33], vec![20]));
    }
}
