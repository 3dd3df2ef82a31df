//! A layer that is given up hands its viewers over to the largest one left.
//!
//! Those who forward our pictures notice that a layer ended only by its silence, and can go on with another layer only at a
//! key frame: asked for then, it takes a round trip. So it is sent unasked, as soon as the silence can be told from a late picture.

/// So many pictures of the layers left go without the one given up before the key frame. Our server takes
/// three (`beckon-sfu`, `in_step.rs`) for the end of a layer; one may be late.
const AFTER: u32 = 3;

/// When the largest layer left needs a key frame.
#[derive(Debug, Default)]
pub(crate) struct HandOver {
    largest: Option<usize>,
    to_go: Option<u32>,
}

impl HandOver {
    /// A picture is about to be sent in layers up to `largest`; `wanted` tells whether somebody watches a layer. Gives the layer
    /// of which this picture is to be a key frame.
    pub(crate) fn picture(&mut self, largest: Option<usize>, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let before = std::mem::replace(&mut self.largest, largest);
        if largest < before {
            self.to_go = before.filter(|&given_up| wanted(given_up)).map(|_| AFTER);
        } else if largest > before {
            self.to_go = None;
        }
        match self.to_go.as_mut()? {
            0 => {
                self.to_go = None;
                largest
            }
            to_go => {
                *to_go -= 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(hand_over: &mut HandOver, largest: Option<usize>, pictures: usize, wanted: bool) -> Vec<Option<usize>> {
        (0..pictures).map(|_| hand_over.picture(largest, |_| wanted)).collect()
    }

    #[test]
    fn the_largest_layer_left_begins_anew_after_three_pictures() {
        let mut hand_over = HandOver::default();
        assert_eq!(keys(&mut hand_over, Some(2), 3, true), [None; 3]);
        assert_eq!(keys(&mut hand_over, Some(1), 5, true), [None, None, None, Some(1), None]);
    }

    #[test]
    fn a_layer_nobody_watched_leaves_nobody_behind() {
        let mut hand_over = HandOver::default();
        keys(&mut hand_over, Some(2), 3, true);
        assert_eq!(keys(&mut hand_over, Some(1), 5, false), [None; 5]);
    }

    #[test]
    fn a_layer_that_is_back_needs_no_other() {
        let mut hand_over = HandOver::default();
        keys(&mut hand_over, Some(2), 1, true);
        keys(&mut hand_over, Some(1), 2, true);
        assert_eq!(keys(&mut hand_over, Some(2), 5, true), [None; 5]);
    }

    #[test]
    fn the_last_of_two_given_up_counts() {
        let mut hand_over = HandOver::default();
        keys(&mut hand_over, Some(2), 1, true);
        keys(&mut hand_over, Some(1), 2, true);
        assert_eq!(keys(&mut hand_over, Some(0), 4, true), [None, None, None, Some(0)]);
        keys(&mut hand_over, Some(1), 1, true);
        assert_eq!(keys(&mut hand_over, None, 4, true), [None; 4], "there is none left");
    }
}
