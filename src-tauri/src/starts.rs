//! Starts that come before the app can take them.
//!
//! Another start finds this app by its name, which it has before it has a shell; what it brought in between would be lost,
//! and the click with it.

use parking_lot::Mutex;

/// Keeps starts until somebody takes them; from then on gives him each at once.
pub struct Doorstep<T>(Mutex<State<T>>);

enum State<T> {
    /// In the order in which they came.
    Waiting(Vec<T>),
    Open(Box<dyn Fn(T) + Send>),
}

impl<T> Default for Doorstep<T> {
    fn default() -> Self {
        Self(Mutex::new(State::Waiting(Vec::new())))
    }
}

impl<T> Doorstep<T> {
    /// A start came.
    pub fn bring(&self, start: T) {
        // `take` is called under the lock, or what comes while the first are taken could get before them.
        match &mut *self.0.lock() {
            State::Waiting(starts) => starts.push(start),
            State::Open(take) => take(start),
        }
    }

    /// `take` gets those that wait, and all that come. It must be quick.
    pub fn open(&self, take: impl Fn(T) + Send + 'static) {
        let mut state = self.0.lock();
        if let State::Waiting(starts) = &mut *state {
            starts.drain(..).for_each(&take);
        }
        *state = State::Open(Box::new(take));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn what_came_before_and_what_comes_after_is_taken_in_order() {
        let doorstep = Doorstep::default();
        doorstep.bring(1);
        doorstep.bring(2);
        let (taken, list) = mpsc::channel();
        doorstep.open(move |start| taken.send(start).expect("the list is there"));
        assert_eq!(list.try_iter().collect::<Vec<_>>(), [1, 2]);
        doorstep.bring(3);
        assert_eq!(list.try_iter().collect::<Vec<_>>(), [3]);
    }
}
