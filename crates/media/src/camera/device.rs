use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::convert::Converter;
use super::driver::{self, Camera, Failure, Listed};
use super::{choice, identity};
use crate::frame::VideoFrame;
use crate::latest::LatestSender;
use crate::source::{RunningSource, SourceControl, SourceError, SourceInfo, VideoSource};
use crate::urgency::Urgency;

/// Some cameras take seconds from being opened to their first picture.
const FIRST_PICTURE: Duration = Duration::from_secs(10);
/// A camera that has sent nothing for this long hangs.
const STALLED: Duration = Duration::from_secs(5);
/// How long a stopped camera may take to let go of its device.
const RELEASE: Duration = Duration::from_secs(1);
/// Bad pictures in a row after which a camera is given up.
const MOST_BAD: u32 = 60;

/// A camera of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraInfo {
    /// Names it for [`CameraSource::new`]; stays the same when it is plugged in again or the program starts anew.
    pub id: String,
    /// Its name, for people.
    pub label: String,
    /// What the driver opens it by at present.
    pub(crate) index: String,
}

/// The cameras that are plugged in, in a fixed order. Opens none of them.
///
/// # Errors
/// [`SourceError::Device`] when the system does not tell.
pub fn list_cameras() -> Result<Vec<CameraInfo>, SourceError> {
    let failed = |failure| explain("camera list", failure, false);
    let listed = catch_unwind(driver::list)
        .map_err(|_| failed(Failure::Other("the driver's list cannot be read".to_owned())))?
        .map_err(failed)?;
    let mut list: Vec<CameraInfo> = listed
        .into_iter()
        .map(|Listed { index, label, told }| {
            // Elsewhere than on Linux the system tells what a camera is known by.
            let id = if told.is_empty() { identity::of(&index, &label) } else { told };
            CameraInfo { id, label, index }
        })
        .collect();
    identity::tell_twins_apart(&mut list);
    Ok(list)
}

/// A camera to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSource {
    id: Option<String>,
    width: u32,
    height: u32,
    fps: u32,
}

impl CameraSource {
    /// The camera of this ID ([`CameraInfo::id`], or the number of its node), while it is not there or without an ID the
    /// first there is; of its formats the one nearest to this size and rate is taken.
    pub fn new(id: Option<String>, width: u32, height: u32, fps: u32) -> Self {
        Self { id, width: width.max(2), height: height.max(2), fps: fps.max(1) }
    }

    /// The camera to open, and whether it is another than the chosen one.
    fn find(&self) -> Result<(CameraInfo, bool), SourceError> {
        pick(list_cameras()?, self.id.as_deref())
            .ok_or_else(|| SourceError::Absent { device: self.id.clone().unwrap_or_else(|| "camera".to_owned()) })
    }
}

/// The chosen one, else the first; with it, whether it stands in for the chosen one.
fn pick(cameras: Vec<CameraInfo>, id: Option<&str>) -> Option<(CameraInfo, bool)> {
    let chosen = id.and_then(|id| cameras.iter().position(|c| c.id == id || c.index == id));
    let camera = cameras.into_iter().nth(chosen.unwrap_or(0))?;
    Some((camera, id.is_some() && chosen.is_none()))
}

impl VideoSource for CameraSource {
    fn describe(&self) -> SourceInfo {
        let (label, stands_in) = match self.find() {
            Ok((camera, stands_in)) => (camera.label, stands_in),
            Err(_) => (self.id.clone().unwrap_or_else(|| "Camera".to_owned()), false),
        };
        SourceInfo { label, synthetic: false, stands_in }
    }

    fn start(self: Box<Self>, out: LatestSender<VideoFrame>) -> Result<RunningSource, SourceError> {
        let (camera, _) = self.find()?;
        let device = camera.label.clone();
        let (proven, proof) = mpsc::channel();
        let running = RunningSource::spawn("camera", move |control| watch(*self, camera, out, control, &proven))?;
        match proof.recv_timeout(FIRST_PICTURE) {
            Ok(Ok(())) => Ok(running),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SourceError::Device {
                device,
                reason: format!("no picture within {} s; unplug it and plug it in again", FIRST_PICTURE.as_secs()),
            }),
        }
    }
}

/// Runs the driver on a thread of its own and sees that pictures keep coming: a driver may wait for ever.
fn watch(
    wanted: CameraSource,
    info: CameraInfo,
    out: LatestSender<VideoFrame>,
    control: &SourceControl,
    proven: &mpsc::Sender<Result<(), SourceError>>,
) -> Result<(), SourceError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (beat, beats) = mpsc::channel();
    let (stop_driver, driver_info) = (stop.clone(), info.clone());
    // The driver's handle must stay on its thread, so it is opened there.
    let driver = std::thread::Builder::new()
        .name("camera-driver".to_owned())
        .spawn(move || {
            Urgency::Pictures.claim();
            let body = AssertUnwindSafe(|| drive(&wanted, &driver_info, &out, &stop_driver, &beat));
            let ended = catch_unwind(body).unwrap_or_else(|_| {
                Err(SourceError::Device { device: driver_info.label, reason: "its driver misbehaved".to_owned() })
            });
            let _ = beat.send(Beat::Ended(ended));
        })
        .map_err(|e| SourceError::Thread { source_name: info.label.clone(), reason: e.to_string() })?;
    let mut last = Instant::now();
    let mut first = true;
    let ended = loop {
        if control.stopping() {
            break Ok(());
        }
        match beats.recv_timeout(Duration::from_millis(50)) {
            Ok(Beat::Picture) => {
                last = Instant::now();
                if std::mem::take(&mut first) {
                    let _ = proven.send(Ok(()));
                }
            }
            Ok(Beat::Ended(ended)) => break ended,
            Err(mpsc::RecvTimeoutError::Timeout) if !first && last.elapsed() > STALLED => {
                let reason = format!("no picture for {} s; unplug it and plug it in again", STALLED.as_secs());
                break Err(SourceError::Device { device: info.label, reason });
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break Ok(()),
        }
    };
    stop.store(true, Ordering::Relaxed);
    let _ = proven.send(ended.clone());
    // Whoever stops a camera wants it free for the next one; a driver that hangs is left behind.
    let until = Instant::now() + RELEASE;
    while !driver.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    ended
}

/// What the driver's thread tells.
enum Beat {
    Picture,
    Ended(Result<(), SourceError>),
}

fn drive(
    wanted: &CameraSource,
    info: &CameraInfo,
    out: &LatestSender<VideoFrame>,
    stop: &AtomicBool,
    beat: &mpsc::Sender<Beat>,
) -> Result<(), SourceError> {
    let wanted_size = (wanted.width, wanted.height);
    let mut camera = Camera::open(info, |offered| choice::best(offered, wanted_size, wanted.fps))
        .map_err(|failure| explain(&info.label, failure, false))?;
    let mut converter = Converter::new();
    let mut bad = 0;
    let mut running = false;
    while !stop.load(Ordering::Relaxed) {
        let read = camera
            .read(|picture| (picture.pixel, converter.convert(&picture)))
            .map_err(|failure| explain(&info.label, failure, running))?;
        // Nothing yet. A camera that goes on like that is given up by whoever hears the beats.
        let Some((pixel, frame)) = read else { continue };
        match frame {
            Some(frame) => {
                bad = 0;
                running = true;
                // The shape that is wanted, where the camera has none of it: a person who chose 4:3 sends 4:3.
                let frame = frame.in_shape_of(wanted_size);
                if out.send(frame).is_err() || beat.send(Beat::Picture).is_err() {
                    return Ok(());
                }
            }
            // A torn picture now and then is normal, above all after the start.
            None => bad += 1,
        }
        if bad >= MOST_BAD {
            let reason = format!("its {pixel} pictures cannot be decoded");
            return Err(SourceError::Device { device: info.label.clone(), reason });
        }
    }
    Ok(())
}

/// A driver's failure with the device's name, for whoever started it. What was there before and is not now, was pulled
/// out.
fn explain(device: &str, failure: Failure, running: bool) -> SourceError {
    let device = device.to_owned();
    match failure {
        Failure::InUse => SourceError::InUse { device },
        Failure::Denied => SourceError::Denied { device },
        Failure::Gone if running => SourceError::Unplugged { device },
        Failure::Gone => SourceError::Absent { device },
        Failure::Unsupported(offered) => SourceError::Unsupported { device, offered },
        Failure::Other(reason) => SourceError::Device { device, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(id: &str, index: &str) -> CameraInfo {
        CameraInfo { id: id.into(), label: "Cam".into(), index: index.into() }
    }

    #[test]
    fn the_first_camera_stands_in_while_the_chosen_one_is_away() {
        let there = || vec![camera("a", "0"), camera("b", "2")];
        assert_eq!(pick(there(), Some("b")), Some((camera("b", "2"), false)));
        assert_eq!(pick(there(), Some("2")), Some((camera("b", "2"), false)), "by the number of its node");
        assert_eq!(pick(there(), Some("c")), Some((camera("a", "0"), true)));
        assert_eq!(pick(there(), None), Some((camera("a", "0"), false)));
        assert_eq!(pick(Vec::new(), Some("a")), None);
    }

    #[test]
    fn what_fails_says_which_camera() {
        let said = |failure, running| explain("Cam", failure, running);
        let device = || "Cam".to_owned();
        assert_eq!(said(Failure::InUse, false), SourceError::InUse { device: device() });
        assert_eq!(said(Failure::Denied, false), SourceError::Denied { device: device() });
        assert_eq!(said(Failure::Gone, true), SourceError::Unplugged { device: device() });
        assert_eq!(said(Failure::Gone, false), SourceError::Absent { device: device() });
        let (offered, reason) = ("H264".to_owned(), "Input/output error".to_owned());
        assert_eq!(
            said(Failure::Unsupported(offered.clone()), false),
            SourceError::Unsupported { device: device(), offered }
        );
        assert_eq!(said(Failure::Other(reason.clone()), true), SourceError::Device { device: device(), reason });
    }
}
