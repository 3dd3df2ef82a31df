//! The screen we share: chosen by the person, shared until they stop it or until it is gone. It never comes back by
//! itself: what was private meanwhile must not be shown because a window was opened again.

use beckon_protocol::Code;

use super::input::{Effect, ScreenNews};
use crate::error::SessionError;
use crate::request::ScreenShare;
use crate::view::ScreenView;

#[derive(Debug, Clone, PartialEq)]
enum State {
    Off,
    Opening { share: ScreenShare, minimised: bool },
    Running { share: ScreenShare, minimised: bool, sound: bool, published: bool },
}

/// The state machine of our screen.
#[derive(Debug)]
pub(crate) struct ScreenState {
    state: State,
    /// The person is choosing what to share.
    chooses: bool,
    /// The network is being tried for what is to come.
    expected: bool,
    /// Why it ended by itself.
    ended: Option<Code>,
    troubles: Troubles,
    /// Numbers the shares, so that news of one that was stopped are told apart.
    generation: u32,
}

/// What is wrong with one share that goes on all the same.
#[derive(Debug, Default)]
struct Troubles {
    /// It is sent smaller or with fewer pictures than it could be, for want of computing time.
    busy: bool,
    /// Why none of its pictures can be coded.
    uncoded: Option<SessionError>,
    /// Why its sound cannot be coded.
    sound_uncoded: Option<SessionError>,
}

impl ScreenState {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Off,
            chooses: false,
            expected: false,
            ended: None,
            troubles: Troubles::default(),
            generation: 0,
        }
    }

    /// Others get it, as far as is known.
    pub(crate) fn is_sent(&self) -> bool {
        self.is_running() && self.troubles.uncoded.is_none()
    }

    /// Less of it is sent than could be, as this machine has too much to do.
    pub(crate) fn is_busy(&self) -> bool {
        self.troubles.busy
    }

    /// What keeps others from seeing or hearing it.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &SessionError> {
        self.troubles.uncoded.iter().chain(&self.troubles.sound_uncoded)
    }

    /// Pictures are taken.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// Something is shared, or about to be.
    pub(crate) fn is_on(&self) -> bool {
        self.state != State::Off
    }

    /// The person is choosing what to share, or is not any more. What the network carries is found out meanwhile.
    pub(crate) fn choose(&mut self, chooses: bool) {
        self.chooses = chooses;
    }

    /// The person chose something to share, in place of what is shared now.
    pub(crate) fn start(&mut self, share: ScreenShare, out: &mut Vec<Effect>) {
        self.stop(out);
        self.generation += 1;
        out.push(Effect::OpenScreen { generation: self.generation, share: share.clone() });
        self.state = State::Opening { share, minimised: false };
    }

    /// Nothing is shared any more; that it ended before is known.
    pub(crate) fn stop(&mut self, out: &mut Vec<Effect>) {
        (self.ended, self.troubles) = (None, Troubles::default());
        if self.state != State::Off {
            self.state = State::Off;
            out.push(Effect::CloseScreen);
        }
    }

    /// Nothing is shared, and this is why.
    pub(crate) fn refuse(&mut self, why: Code, out: &mut Vec<Effect>) {
        self.stop(out);
        self.ended = Some(why);
    }

    /// Publishes it where it runs and is not published yet, and says beforehand that it will be, if we `may` publish at all. To be called
    /// once we are in the room.
    pub(crate) fn publish(&mut self, may: bool, out: &mut Vec<Effect>) {
        if let State::Running { published, sound, .. } = &mut self.state
            && !std::mem::replace(published, true)
        {
            out.push(Effect::PublishScreen { generation: self.generation, sound: *sound });
        }
        let expected = match &self.state {
            State::Off => self.chooses && may,
            State::Opening { .. } => true,
            State::Running { .. } => false,
        };
        if std::mem::replace(&mut self.expected, expected) != expected {
            out.push(Effect::ExpectScreen(expected));
        }
    }

    /// The room is lost: what was published is not any more, and what was expected is not known.
    pub(crate) fn unpublished(&mut self) {
        self.expected = false;
        if let State::Running { published, .. } = &mut self.state {
            *published = false;
        }
    }

    /// Returns what the person is to be told: why it ended, if it did, or why others cannot get it.
    pub(crate) fn news(&mut self, generation: u32, news: ScreenNews, out: &mut Vec<Effect>) -> Option<SessionError> {
        if generation != self.generation {
            return None;
        }
        match (news, &mut self.state) {
            (_, State::Off) => None,
            (ScreenNews::Opened { sound }, State::Opening { share, minimised }) => {
                let (share, minimised) = (share.clone(), *minimised);
                self.state = State::Running { share, minimised, sound, published: false };
                None
            }
            // It may come first: pictures are taken before the sound that goes with them.
            (ScreenNews::Minimised(now), State::Opening { minimised, .. } | State::Running { minimised, .. }) => {
                *minimised = now;
                None
            }
            // It is published again at once; where it went with the connection, once there is another.
            (ScreenNews::Unpublished, State::Running { published, .. }) => {
                *published = false;
                None
            }
            // Its track goes with the connection, and comes back with it.
            (ScreenNews::Failed(error), _) if error.code == Code::ConnectionLost => None,
            (ScreenNews::Failed(error), _) => {
                self.refuse(error.code, out);
                Some(error)
            }
            (ScreenNews::Busy(now), _) => {
                self.troubles.busy = now;
                None
            }
            (ScreenNews::Coded(failed), _) => worse(&mut self.troubles.uncoded, failed),
            (ScreenNews::SoundCoded(failed), _) => worse(&mut self.troubles.sound_uncoded, failed),
            (ScreenNews::Opened { .. } | ScreenNews::Unpublished, _) => None,
        }
    }

    pub(crate) fn view(&self) -> ScreenView {
        match &self.state {
            State::Off => ScreenView { ended: self.ended, ..ScreenView::default() },
            State::Opening { share, .. } => {
                ScreenView { on: true, label: share.label.clone(), ..ScreenView::default() }
            }
            State::Running { share, minimised, sound, .. } => ScreenView {
                on: true,
                running: true,
                label: share.label.clone(),
                minimised: *minimised,
                sound: *sound && self.troubles.sound_uncoded.is_none(),
                ended: None,
            },
        }
    }
}

/// Takes in what is wrong now; gives it where nothing was before.
fn worse(trouble: &mut Option<SessionError>, now: Option<SessionError>) -> Option<SessionError> {
    let before = std::mem::replace(trouble, now.clone());
    now.filter(|_| before.is_none())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_media::screen::ScreenChoice;

    fn share(label: &str) -> ScreenShare {
        ScreenShare {
            choice: ScreenChoice::Window(7),
            label: label.into(),
            width: 640,
            height: 480,
            motion: false,
            sound: true,
        }
    }

    fn gone() -> SessionError {
        SessionError::of(Code::ScreenGone)
    }

    #[test]
    fn it_is_published_once_it_runs_and_again_after_the_room_was_lost() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.start(share("a"), &mut out);
        assert_eq!(out, [Effect::OpenScreen { generation: 1, share: share("a") }]);
        out.clear();
        screen.publish(true, &mut out);
        assert_eq!(out, [Effect::ExpectScreen(true)]);
        assert!(screen.view().on && !screen.view().running);
        out.clear();
        assert_eq!(screen.news(1, ScreenNews::Opened { sound: true }, &mut out), None);
        screen.publish(true, &mut out);
        screen.publish(true, &mut out);
        assert_eq!(out, [Effect::PublishScreen { generation: 1, sound: true }, Effect::ExpectScreen(false)]);
        out.clear();
        screen.unpublished();
        screen.publish(true, &mut out);
        assert_eq!(out, [Effect::PublishScreen { generation: 1, sound: true }]);
    }

    #[test]
    fn while_somebody_chooses_a_screen_is_expected_in_each_room_that_takes_one() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.choose(true);
        screen.publish(false, &mut out);
        assert!(out.is_empty(), "the audience shares none");
        for _ in 0..2 {
            screen.publish(true, &mut out);
            screen.publish(true, &mut out);
            assert_eq!(out, [Effect::ExpectScreen(true)]);
            out.clear();
            screen.unpublished();
        }
        screen.publish(true, &mut out);
        screen.choose(false);
        screen.publish(true, &mut out);
        assert_eq!(out, [Effect::ExpectScreen(true), Effect::ExpectScreen(false)]);
    }

    #[test]
    fn sound_that_cannot_be_had_is_neither_published_nor_shown() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.start(share("a"), &mut out);
        assert!(!screen.view().sound, "not before it runs");
        screen.news(1, ScreenNews::Opened { sound: false }, &mut out);
        out.clear();
        screen.publish(true, &mut out);
        assert_eq!(out, [Effect::PublishScreen { generation: 1, sound: false }]);
        assert!(screen.view().running && !screen.view().sound);
    }

    #[test]
    fn a_closed_window_ends_it_for_good() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.start(share("a"), &mut out);
        screen.news(1, ScreenNews::Opened { sound: true }, &mut out);
        out.clear();
        assert_eq!(screen.news(1, ScreenNews::Failed(gone()), &mut out), Some(gone()));
        assert_eq!(out, [Effect::CloseScreen]);
        out.clear();
        assert_eq!(screen.news(1, ScreenNews::Opened { sound: true }, &mut out), None);
        screen.publish(true, &mut out);
        assert!(out.is_empty());
        assert_eq!(screen.view(), ScreenView { ended: Some(Code::ScreenGone), ..ScreenView::default() });
        screen.stop(&mut out);
        assert_eq!(screen.view(), ScreenView::default());
    }

    #[test]
    fn a_connection_that_dies_while_it_is_published_does_not_end_it() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.start(share("a"), &mut out);
        screen.news(1, ScreenNews::Opened { sound: true }, &mut out);
        screen.publish(true, &mut out);
        out.clear();
        let lost = ScreenNews::Failed(SessionError::of(Code::ConnectionLost));
        assert_eq!(screen.news(1, lost, &mut out), None);
        assert!(screen.is_running() && out.is_empty());
        screen.unpublished();
        screen.publish(true, &mut out);
        assert_eq!(out, [Effect::PublishScreen { generation: 1, sound: true }]);
    }

    #[test]
    fn what_the_server_takes_out_of_the_room_is_published_again() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.start(share("a"), &mut out);
        screen.news(1, ScreenNews::Unpublished, &mut out);
        screen.news(1, ScreenNews::Opened { sound: true }, &mut out);
        screen.publish(true, &mut out);
        out.clear();
        assert_eq!(screen.news(1, ScreenNews::Unpublished, &mut out), None);
        screen.publish(true, &mut out);
        screen.publish(true, &mut out);
        assert_eq!(out, [Effect::PublishScreen { generation: 1, sound: true }]);
        let refused = SessionError::of(Code::Forbidden);
        assert_eq!(screen.news(1, ScreenNews::Failed(refused.clone()), &mut out), Some(refused), "or it ends");
        assert!(!screen.is_on());
    }

    #[test]
    fn a_window_that_is_minimised_before_its_sound_is_there_is_known_to_be() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.start(share("a"), &mut out);
        screen.news(1, ScreenNews::Minimised(true), &mut out);
        screen.news(1, ScreenNews::Opened { sound: true }, &mut out);
        assert!(screen.view().minimised);
        screen.news(1, ScreenNews::Minimised(false), &mut out);
        assert!(!screen.view().minimised);
    }

    #[test]
    fn what_cannot_be_coded_is_told_once_and_known_while_it_lasts() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.start(share("a"), &mut out);
        screen.news(1, ScreenNews::Opened { sound: true }, &mut out);
        let codes = |screen: &ScreenState| screen.problems().map(|e| e.code).collect::<Vec<_>>();
        let failed = |code| Some(SessionError::of(code));
        let picture = || failed(Code::ScreenCodecUnavailable);
        let sound = || failed(Code::ScreenSoundCodecUnavailable);
        assert_eq!(screen.news(1, ScreenNews::Coded(picture()), &mut out), picture());
        assert_eq!(screen.news(1, ScreenNews::Coded(picture()), &mut out), None);
        assert_eq!(screen.news(1, ScreenNews::SoundCoded(sound()), &mut out), sound());
        assert!(screen.is_running() && !screen.is_sent() && !screen.view().sound);
        assert_eq!(codes(&screen), [Code::ScreenCodecUnavailable, Code::ScreenSoundCodecUnavailable]);
        screen.news(1, ScreenNews::Coded(None), &mut out);
        assert!(screen.is_sent());
        screen.start(share("b"), &mut out);
        assert_eq!(screen.news(1, ScreenNews::Coded(picture()), &mut out), None, "of the one before");
        assert!(codes(&screen).is_empty());
    }

    #[test]
    fn another_choice_takes_the_place_and_news_of_the_old_one_are_stale() {
        let (mut screen, mut out) = (ScreenState::new(), Vec::new());
        screen.start(share("a"), &mut out);
        screen.news(1, ScreenNews::Opened { sound: true }, &mut out);
        out.clear();
        screen.start(share("b"), &mut out);
        assert_eq!(out, [Effect::CloseScreen, Effect::OpenScreen { generation: 2, share: share("b") }]);
        assert_eq!(screen.news(1, ScreenNews::Failed(gone()), &mut out), None);
        screen.news(2, ScreenNews::Opened { sound: true }, &mut out);
        assert_eq!((screen.view().label.as_str(), screen.view().running), ("b", true));
        screen.news(2, ScreenNews::Minimised(true), &mut out);
        assert!(screen.view().minimised);
    }
}
