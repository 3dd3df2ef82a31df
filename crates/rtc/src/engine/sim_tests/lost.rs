//! Signalling that is lost with an offer or its answer on the way, and comes back.

use super::*;

impl World {
    /// What goes out next in signalling.
    fn offered(&mut self) -> (String, u32) {
        self.publisher.offer(self.now, &mut self.out).unwrap()
    }

    /// Signalling is there again; everything is agreed that is to be.
    fn resume(&mut self) {
        self.publisher.restart();
        self.negotiate();
        self.negotiate();
        assert!(self.publisher.offer(self.now, &mut self.out).is_none(), "nothing is left to agree on");
        self.run_for(Duration::from_secs(3));
        assert!(self.publisher.connected(), "{:?}", self.links);
    }
}

#[test]
fn an_offer_whose_answer_was_lost_goes_again_with_the_same_sections() {
    let mut w = World::new(false);
    w.connect();
    let sound = screen_sound();
    w.publisher.add_track(w.now, sound.clone(), "sound".into());
    let (offer, _) = w.offered();
    w.take(&offer);
    w.resume();
    assert!(sound.carrier.is_up());
    w.send(10);
    assert_eq!(w.frames.len(), 10);
}

#[test]
fn an_offer_that_may_not_have_come_goes_again_word_for_word_each_time_signalling_is_back() {
    let mut w = World::new(false);
    w.connect();
    w.publisher.add_track(w.now, screen_sound(), "sound".into());
    let offer = w.offered();
    for _ in 0..2 {
        assert!(w.publisher.offer(w.now, &mut w.out).is_none());
        w.publisher.restart();
        assert_eq!(w.offered(), offer);
    }
}

#[test]
fn a_first_offer_that_was_lost_goes_again_and_the_data_channels_open() {
    let mut w = World::new(false);
    w.offered();
    w.publish();
    w.resume();
    assert!(w.publisher.send_data(w.now, true, b"hello", &mut w.out));
    w.send(10);
    assert_eq!(w.frames.len(), 10);
}

#[test]
fn a_restart_of_ice_whose_answer_was_lost_is_not_followed_by_another() {
    let mut w = World::new(false);
    w.connect();
    w.publisher.restart();
    let (offer, id) = w.offered();
    w.take(&offer);
    w.publisher.restart();
    let again = w.offered();
    assert_eq!(again, (offer, id));
    let answer = w.take(&again.0);
    w.publisher.answer(w.now, &answer, id, &mut w.out).unwrap();
    assert!(w.publisher.offer(w.now, &mut w.out).is_none());
    w.run_for(Duration::from_secs(3));
    assert!(w.publisher.connected(), "{:?}", w.links);
    w.send(10);
    assert_eq!(w.frames.len(), 10);
}

#[test]
fn a_track_that_ended_before_its_offer_was_answered_is_told_to_have_ended() {
    let mut w = World::new(false);
    w.connect();
    w.publisher.add_track(w.now, screen_sound(), "sound".into());
    w.offered();
    w.publisher.remove_track(LocalKey(2));
    w.publisher.restart();
    w.negotiate();
    let (offer, _) = w.offered();
    let sound = offer.split("\r\nm=").find(|section| section.starts_with("audio")).unwrap();
    assert!(sound.lines().any(|line| line == "a=inactive"), "{offer}");
}
