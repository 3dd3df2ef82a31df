//! What Linux says: `inotify` about the nodes of cameras and sound cards, PulseAudio about its sinks and sources.

use std::{
    ffi::CStr,
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use super::pulse::Subscription;

/// How often a sound server that is not there is looked for.
const LOOK_FOR_SERVER: Duration = Duration::from_secs(2);
/// Where nodes come and go. The first is there on every machine.
const FOLDERS: [&CStr; 2] = [c"/dev", c"/dev/snd"];

/// Wakes the thread that listens; dropping it ends that thread.
pub struct Bell(UnixStream);

impl Bell {
    /// Wakes it.
    pub fn ring(&self) {
        // It is full only when the thread has many rings to hear already.
        let _ = (&self.0).write(&[1]);
    }
}

/// Hears of changes.
pub struct Ear {
    bell: UnixStream,
    nodes: OwnedFd,
    sound: Option<Subscription>,
    look_again: Instant,
}

/// The two ends.
///
/// # Errors
/// What the system says.
pub fn bell() -> io::Result<(Bell, Ear)> {
    let (ring, bell) = UnixStream::pair()?;
    ring.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    let sound = Subscription::open();
    Ok((Bell(ring), Ear { bell, nodes: watch_nodes()?, sound, look_again: Instant::now() + LOOK_FOR_SERVER }))
}

fn watch_nodes() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers; the result is checked.
    let fd = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just made, is open, and nobody else has it.
    let nodes = unsafe { OwnedFd::from_raw_fd(fd) };
    for folder in FOLDERS {
        // A new node gets its rights a moment after its name.
        let mask = libc::IN_CREATE | libc::IN_DELETE | libc::IN_ATTRIB;
        // SAFETY: `folder` ends with a zero byte and lives as long as the call.
        if unsafe { libc::inotify_add_watch(nodes.as_raw_fd(), folder.as_ptr(), mask) } < 0 {
            tracing::debug!(?folder, error = %io::Error::last_os_error(), "not watched");
        }
    }
    Ok(nodes)
}

impl Ear {
    /// Waits for something to change. False when the bell is gone.
    pub fn wait(&mut self) -> bool {
        loop {
            let patience = self.sound.is_none().then(|| self.look_again.saturating_duration_since(Instant::now()));
            match self.listen(patience) {
                Heard::Something => return true,
                Heard::End => return false,
                Heard::Nothing => {
                    self.look_again = Instant::now() + LOOK_FOR_SERVER;
                    self.sound = Subscription::open();
                    if self.sound.is_some() {
                        return true;
                    }
                }
            }
        }
    }

    /// Whether something changes within this time.
    pub fn heard_within(&mut self, patience: Duration) -> bool {
        self.listen(Some(patience)) == Heard::Something
    }

    /// What is heard first; everything that has been said by then is taken in.
    fn listen(&mut self, patience: Option<Duration>) -> Heard {
        let until = patience.map(|p| Instant::now() + p);
        loop {
            let left = until.map(|u| u.saturating_duration_since(Instant::now()));
            let sound = self.sound.as_ref().map_or(-1, Subscription::fd);
            let ready = match poll([self.bell.as_raw_fd(), self.nodes.as_raw_fd(), sound], left) {
                Ok(ready) => ready,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "devices are not watched any more");
                    return Heard::End;
                }
            };
            let mut heard = false;
            if ready[0] {
                match drain(&self.bell) {
                    Drained::Open => heard = true,
                    Drained::Closed => return Heard::End,
                }
            }
            if ready[1] {
                heard |= self.camera_or_card();
            }
            if ready[2] {
                match self.sound.as_mut().map(Subscription::devices_changed) {
                    Some(Ok(changed)) => heard |= changed,
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the sound server is gone");
                        self.sound = None;
                        self.look_again = Instant::now() + LOOK_FOR_SERVER;
                        heard = true;
                    }
                    None => {}
                }
            }
            if heard {
                return Heard::Something;
            }
            if until.is_some_and(|u| Instant::now() >= u) {
                return Heard::Nothing;
            }
        }
    }

    /// Takes what `inotify` has to say. True if it is about a camera or a sound card: /dev has other nodes too.
    fn camera_or_card(&self) -> bool {
        let mut events = [0u8; 4096];
        let mut ours = false;
        loop {
            // SAFETY: the buffer is writable and as long as said.
            let n = unsafe { libc::read(self.nodes.as_raw_fd(), events.as_mut_ptr().cast(), events.len()) };
            let Ok(n @ 1..) = usize::try_from(n) else { return ours };
            ours |= names(&events[..n]).any(|name| [&b"video"[..], b"pcm", b"snd"].iter().any(|p| name.starts_with(p)));
        }
    }
}

/// The file names in a buffer of `inotify` events: after a head of 16 bytes, whose last four are the length of the name.
fn names(mut events: &[u8]) -> impl Iterator<Item = &[u8]> {
    const HEAD: usize = 16;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(events.get(HEAD - 4..HEAD)?.try_into().ok()?) as usize;
        let name = events.get(HEAD..HEAD.checked_add(length)?)?;
        events = &events[HEAD + length..];
        Some(name.split(|byte| *byte == 0).next().unwrap_or_default())
    })
}

#[derive(PartialEq, Eq)]
enum Heard {
    Something,
    Nothing,
    End,
}

enum Drained {
    Open,
    Closed,
}

fn drain(mut bell: &UnixStream) -> Drained {
    let mut rings = [0; 64];
    loop {
        match bell.read(&mut rings) {
            Ok(0) => return Drained::Closed,
            Ok(_) => {}
            Err(_) => return Drained::Open,
        }
    }
}

/// Waits until one of these (-1: none) can be read or is closed; for ever without a patience.
fn poll(fds: [RawFd; 3], patience: Option<Duration>) -> io::Result<[bool; 3]> {
    let mut polled = fds.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    // Rounded up: a wait that ends too early would spin.
    let ms = patience.map_or(-1, |p| libc::c_int::try_from(p.as_millis() + 1).unwrap_or(libc::c_int::MAX));
    // SAFETY: the array is writable and as long as said.
    let n = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, ms) };
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(polled.map(|p| p.revents != 0)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_bell_wakes_the_ear_and_its_end_ends_it() {
        let (bell, mut ear) = bell().unwrap();
        bell.ring();
        assert!(ear.wait());
        drop(bell);
        assert!(!ear.wait());
    }

    #[test]
    fn file_names_are_read_from_events_and_a_torn_one_is_none() {
        let mut events = Vec::new();
        for name in [&b"video0\0\0"[..], b"pcmC0D0p\0\0\0\0\0\0\0\0"] {
            events.extend([0; 12]);
            events.extend((name.len() as u32).to_ne_bytes());
            events.extend(name);
        }
        assert_eq!(names(&events).collect::<Vec<_>>(), [&b"video0"[..], b"pcmC0D0p"]);
        assert_eq!(names(&events[..30]).count(), 1);
        assert_eq!(names(&events[..10]).count(), 0);
    }
}
