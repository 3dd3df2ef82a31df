use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use nokhwa::utils::{ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Camera, NokhwaError};

use super::{convert, identity};
use crate::clock::{MediaTime, media_time_of_unix};
use crate::codec::{VideoCodec, VideoDecoder};
use crate::frame::{FramePool, VideoFrame, within};
use crate::latest::LatestSender;
use crate::source::{RunningSource, SourceControl, SourceError, SourceInfo, VideoSource};
use crate::urgency::Urgency;

const USABLE: [FrameFormat; 3] = [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::MJPEG];
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
    let failed = |reason: String| SourceError::Device { device: "camera list".to_owned(), reason };
    let found = catch_unwind(|| nokhwa::query(ApiBackend::Auto))
        .map_err(|_| failed("the driver's list cannot be read".to_owned()))?
        .map_err(|e| failed(e.to_string()))?;
    let mut cameras: Vec<_> = found.into_iter().filter(|camera| takes_pictures(camera.index())).collect();
    cameras.sort_by_key(|camera| (camera.index().as_index().unwrap_or(u32::MAX), camera.index().as_string()));
    let mut list: Vec<CameraInfo> = cameras
        .into_iter()
        .map(|camera| {
            let (index, label) = (camera.index().as_string(), camera.human_name());
            let told = camera.misc();
            // Elsewhere than on Linux the driver tells what a camera is known by.
            let id = if told.is_empty() { identity::of(&index, &label) } else { told };
            CameraInfo { id, label, index }
        })
        .collect();
    identity::tell_twins_apart(&mut list);
    Ok(list)
}

/// On Linux a camera has several nodes; those after its first carry no pictures.
fn takes_pictures(index: &CameraIndex) -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let path = format!("/sys/class/video4linux/video{}/index", index.as_string());
    std::fs::read_to_string(path).map_or(true, |number| number.trim() == "0")
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
    let mut camera = open(wanted, info)?;
    let mut converter = Converter::new();
    let mut bad = 0;
    let mut running = false;
    while !stop.load(Ordering::Relaxed) {
        let picture = camera.frame().map_err(|e| explain(info, &e, running))?;
        let now = MediaTime::now();
        let capture = picture
            .capture_timestamp()
            .map(|wall| media_time_of_unix(i64::try_from(wall.as_micros()).unwrap_or(0)))
            // A driver whose clock is another one tells nonsense.
            .filter(|t| *t <= now && now.saturating_since(*t) < Duration::from_secs(1))
            .unwrap_or(now);
        let size = picture.resolution();
        let format = picture.source_frame_format();
        match converter.convert(format, picture.buffer(), size.width(), size.height(), capture) {
            Some(frame) => {
                bad = 0;
                running = true;
                // The shape that is wanted, where the camera has none of it: a person who chose 4:3 sends 4:3.
                let frame = frame.in_shape_of((wanted.width, wanted.height));
                if out.send(frame).is_err() || beat.send(Beat::Picture).is_err() {
                    return Ok(());
                }
            }
            // A torn picture now and then is normal, above all after the start.
            None => bad += 1,
        }
        if bad >= MOST_BAD {
            let reason = format!("its {format} pictures cannot be decoded");
            return Err(SourceError::Device { device: info.label.clone(), reason });
        }
    }
    Ok(())
}

/// Opens the camera with the format that fits best.
fn open(wanted: &CameraSource, info: &CameraInfo) -> Result<Camera, SourceError> {
    let index = info.index.parse().map_or_else(|_| CameraIndex::String(info.index.clone()), CameraIndex::Index);
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &USABLE);
    let mut camera = Camera::new(index, any).map_err(|e| explain(info, &e, false))?;
    let offered = camera.compatible_camera_formats().map_err(|e| explain(info, &e, false))?;
    let best = offered.iter().filter(|f| USABLE.contains(&f.format())).min_by_key(|f| misfit(wanted, f));
    let Some(best) = best.copied() else {
        let names: Vec<_> = offered.iter().map(|f| f.to_string()).collect();
        return Err(SourceError::Unsupported { device: info.label.clone(), offered: names.join(", ") });
    };
    if best != camera.camera_format() {
        let exact = RequestedFormat::with_formats(RequestedFormatType::Exact(best), &USABLE);
        camera.set_camera_requset(exact).map_err(|e| explain(info, &e, false))?;
    }
    tracing::debug!(camera = info.label, format = %best, "camera opened");
    camera.open_stream().map_err(|e| explain(info, &e, false))?;
    Ok(camera)
}

/// How badly a format fits what is wanted: too small and too slow weigh most, then what of it lies outside the wanted
/// shape, then too large, then the work of decoding.
fn misfit(wanted: &CameraSource, format: &CameraFormat) -> u64 {
    let (w, h) = (f64::from(wanted.width), f64::from(wanted.height));
    let area = |(w, h): (u32, u32)| f64::from(w) * f64::from(h);
    let whole = (format.width(), format.height());
    let used = within(whole, (wanted.width, wanted.height));
    let larger = (area(whole) / (w * h)).sqrt();
    let small = f64::max(0.0, 1.0 - f64::from(used.0) / w) + f64::max(0.0, 1.0 - f64::from(used.1) / h);
    let cut = 1.0 - area(used) / area(whole).max(1.0);
    let speed = f64::from(format.frame_rate()) / f64::from(wanted.fps);
    let work = match format.format() {
        FrameFormat::NV12 => 0.0,
        FrameFormat::YUYV => 1.0,
        _ => 20.0,
    };
    let cost = small * 1000.0
        + cut * 1000.0
        + f64::max(0.0, larger - 1.0) * 600.0
        + f64::max(0.0, 1.0 - speed) * 900.0
        + f64::max(0.0, speed - 1.0) * 10.0
        + work;
    (cost * 16.0) as u64
}

/// `nokhwa` tells in words what the system said in numbers.
fn explain(info: &CameraInfo, error: &NokhwaError, running: bool) -> SourceError {
    let reason = error.to_string();
    let device = info.label.clone();
    let says = |signs: &[&str]| signs.iter().any(|sign| reason.contains(sign));
    if says(&["(os error 16)", "0xC00D3704", "0xC00D3EA3", "in use"]) {
        SourceError::InUse { device }
    } else if says(&["(os error 13)", "(os error 1)", "0x80070005", "denied", "authoriz"]) {
        SourceError::Denied { device }
    } else if says(&["(os error 19)", "(os error 6)", "(os error 2)", "0xC00D3EA2"]) {
        if running { SourceError::Unplugged { device } } else { SourceError::Absent { device } }
    } else if says(&["Fufill", "Fulfill"]) {
        SourceError::Unsupported { device, offered: "none of NV12, YUYV, MJPEG".to_owned() }
    } else {
        SourceError::Device { device, reason }
    }
}

struct Converter {
    pool: FramePool,
    jpeg: Option<VideoDecoder>,
}

impl Converter {
    fn new() -> Self {
        Self { pool: FramePool::new(), jpeg: None }
    }

    /// `None` when the data is no whole picture.
    fn convert(
        &mut self,
        format: FrameFormat,
        data: &[u8],
        width: u32,
        height: u32,
        capture: MediaTime,
    ) -> Option<VideoFrame> {
        match format {
            FrameFormat::YUYV => convert::yuyv(&self.pool, data, width, height, capture),
            FrameFormat::NV12 => convert::nv12(&self.pool, data, width, height, capture),
            FrameFormat::MJPEG => {
                if self.jpeg.is_none() {
                    self.jpeg = VideoDecoder::new(VideoCodec::Mjpeg).ok();
                }
                self.jpeg.as_mut()?.decode(data, capture).ok().flatten()
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nokhwa::utils::Resolution;

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

    fn best(offered: &[(u32, u32, FrameFormat, u32)], w: u32, h: u32, fps: u32) -> (u32, u32, FrameFormat, u32) {
        let wanted = CameraSource::new(None, w, h, fps);
        let cost = |&(w, h, f, fps): &(u32, u32, FrameFormat, u32)| {
            misfit(&wanted, &CameraFormat::new(Resolution::new(w, h), f, fps))
        };
        offered.iter().min_by_key(|o| cost(o)).copied().unwrap_or((0, 0, FrameFormat::GRAY, 0))
    }

    #[test]
    fn the_format_that_fits_is_taken() {
        use FrameFormat::{MJPEG, YUYV};
        // What a common webcam offers.
        let offered = [
            (640, 480, YUYV, 30),
            (640, 360, YUYV, 30),
            (1280, 720, YUYV, 10),
            (640, 480, MJPEG, 30),
            (1280, 720, MJPEG, 30),
            (1920, 1080, MJPEG, 30),
        ];
        assert_eq!(best(&offered, 1280, 720, 30), (1280, 720, MJPEG, 30));
        assert_eq!(best(&offered, 640, 360, 30), (640, 360, YUYV, 30));
        assert_eq!(best(&offered, 640, 480, 30), (640, 480, YUYV, 30));
        assert_eq!(best(&offered[..2], 1280, 720, 30), (640, 360, YUYV, 30));
        assert_eq!(
            best(&offered, 320, 180, 15),
            (640, 360, YUYV, 30),
            "larger is scaled down, and as little as can be"
        );
        assert_eq!(best(&offered, 1920, 1080, 30), (1920, 1080, MJPEG, 30));
    }

    #[test]
    fn of_4_to_3_the_camera_gives_what_it_has_and_the_rest_is_cut_from_wider_pictures() {
        use FrameFormat::{MJPEG, YUYV};
        let offered = [
            (640, 480, YUYV, 30),
            (640, 360, YUYV, 30),
            (1280, 720, MJPEG, 30),
            (1920, 1080, MJPEG, 30),
            (3840, 2160, MJPEG, 30),
        ];
        for (w, h) in [(240, 180), (480, 360), (640, 480), (720, 540)] {
            assert_eq!(best(&offered, w, h, 30), (640, 480, YUYV, 30), "{w} × {h}");
        }
        assert_eq!(best(&offered, 960, 720, 30), (1280, 720, MJPEG, 30));
        assert_eq!(best(&offered, 1440, 1080, 30), (1920, 1080, MJPEG, 30));
        assert_eq!(best(&offered[1..], 480, 360, 30), (640, 360, YUYV, 30));
    }

    #[test]
    fn the_systems_numbers_become_typed_errors() {
        let info = camera("a", "0");
        let said = |text: &str, running| explain(&info, &NokhwaError::ReadFrameError(text.to_owned()), running);
        let device = || "Cam".to_owned();
        assert_eq!(said("Device or resource busy (os error 16)", false), SourceError::InUse { device: device() });
        assert_eq!(said("Permission denied (os error 13)", false), SourceError::Denied { device: device() });
        assert_eq!(said("No such device (os error 19)", true), SourceError::Unplugged { device: device() });
        assert_eq!(said("No such device (os error 19)", false), SourceError::Absent { device: device() });
        assert!(matches!(said("Input/output error (os error 5)", true), SourceError::Device { .. }));
    }
}
