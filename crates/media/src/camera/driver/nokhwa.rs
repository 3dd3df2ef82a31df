//! Cameras through `nokhwa`.

use std::time::Duration;

use nokhwa::NokhwaError;
use nokhwa::utils::{ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};

use super::{Failure, Format, Listed, Picture, Pixel};
use crate::camera::CameraInfo;
use crate::clock::{MediaTime, media_time_of_unix};

const USABLE: [FrameFormat; 3] = [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::MJPEG];

/// The cameras that are plugged in, in a fixed order. Opens none of them.
pub(in crate::camera) fn list() -> Result<Vec<Listed>, Failure> {
    let found = nokhwa::query(ApiBackend::Auto).map_err(|e| Failure::Other(e.to_string()))?;
    let mut cameras: Vec<_> = found.into_iter().filter(|camera| takes_pictures(camera.index())).collect();
    cameras.sort_by_key(|camera| (camera.index().as_index().unwrap_or(u32::MAX), camera.index().as_string()));
    let listed = cameras.into_iter().map(|camera| Listed {
        index: camera.index().as_string(),
        label: camera.human_name(),
        told: camera.misc(),
    });
    Ok(listed.collect())
}

/// On Linux a camera has several nodes; those after its first carry no pictures.
fn takes_pictures(index: &CameraIndex) -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let path = format!("/sys/class/video4linux/video{}/index", index.as_string());
    std::fs::read_to_string(path).map_or(true, |number| number.trim() == "0")
}

/// An open camera.
pub(in crate::camera) struct Camera(nokhwa::Camera);

impl Camera {
    /// Opens it with the one of its usable formats that `choose` takes.
    pub(in crate::camera) fn open(
        info: &CameraInfo,
        choose: impl FnOnce(&[Format]) -> Option<usize>,
    ) -> Result<Self, Failure> {
        let index = info.index.parse().map_or_else(|_| CameraIndex::String(info.index.clone()), CameraIndex::Index);
        let any = RequestedFormat::with_formats(RequestedFormatType::None, &USABLE);
        let mut camera = nokhwa::Camera::new(index, any).map_err(|e| failure(&e))?;
        let offered = camera.compatible_camera_formats().map_err(|e| failure(&e))?;
        let (usable, formats): (Vec<_>, Vec<_>) = offered.iter().filter_map(|f| Some((*f, format(f)?))).unzip();
        let Some(best) = choose(&formats).and_then(|n| usable.get(n)).copied() else {
            let names: Vec<_> = offered.iter().map(|f| f.to_string()).collect();
            return Err(Failure::Unsupported(names.join(", ")));
        };
        if best != camera.camera_format() {
            let exact = RequestedFormat::with_formats(RequestedFormatType::Exact(best), &USABLE);
            camera.set_camera_requset(exact).map_err(|e| failure(&e))?;
        }
        tracing::debug!(camera = info.label, format = %best, "camera opened");
        camera.open_stream().map_err(|e| failure(&e))?;
        Ok(Self(camera))
    }

    /// Waits for the next picture and gives it to `take`. `None` where none has come: its twin's driver may say that.
    pub(in crate::camera) fn read<T>(&mut self, take: impl FnOnce(Picture<'_>) -> T) -> Result<Option<T>, Failure> {
        let picture = self.0.frame().map_err(|e| failure(&e))?;
        let now = MediaTime::now();
        let capture = picture
            .capture_timestamp()
            .map(|wall| media_time_of_unix(i64::try_from(wall.as_micros()).unwrap_or(0)))
            // A driver whose clock is another one tells nonsense.
            .filter(|t| *t <= now && now.saturating_since(*t) < Duration::from_secs(1))
            .unwrap_or(now);
        let size = picture.resolution();
        let format = picture.source_frame_format();
        let Some(pixel) = pixel(format) else {
            return Err(Failure::Other(format!("its {format} pictures cannot be decoded")));
        };
        let (width, height) = (size.width(), size.height());
        Ok(Some(take(Picture { pixel, width, height, data: picture.buffer(), capture })))
    }
}

/// A format in our terms; `None` when we cannot use it.
fn format(format: &CameraFormat) -> Option<Format> {
    let pixel = pixel(format.format())?;
    Some(Format { width: format.width(), height: format.height(), fps: format.frame_rate(), pixel })
}

fn pixel(format: FrameFormat) -> Option<Pixel> {
    match format {
        FrameFormat::NV12 => Some(Pixel::Nv12),
        FrameFormat::YUYV => Some(Pixel::Yuyv),
        FrameFormat::MJPEG => Some(Pixel::Mjpeg),
        _ => None,
    }
}

/// `nokhwa` tells in words what the system said in numbers.
fn failure(error: &NokhwaError) -> Failure {
    let reason = error.to_string();
    let says = |signs: &[&str]| signs.iter().any(|sign| reason.contains(sign));
    if says(&["(os error 16)", "in use"]) {
        Failure::InUse
    } else if says(&["(os error 13)", "(os error 1)", "denied", "authoriz"]) {
        Failure::Denied
    } else if says(&["(os error 19)", "(os error 6)", "(os error 2)"]) {
        Failure::Gone
    } else if says(&["Fufill", "Fulfill"]) {
        Failure::Unsupported("none of NV12, YUYV, MJPEG".to_owned())
    } else {
        Failure::Other(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_numbers_become_typed_failures() {
        let said = |text: &str| failure(&NokhwaError::ReadFrameError(text.to_owned()));
        assert_eq!(said("Device or resource busy (os error 16)"), Failure::InUse);
        assert_eq!(said("Permission denied (os error 13)"), Failure::Denied);
        assert_eq!(said("No such device (os error 19)"), Failure::Gone);
        assert!(matches!(said("Input/output error (os error 5)"), Failure::Other(_)));
    }

    #[test]
    fn formats_that_we_cannot_use_are_left_out() {
        let of = |pixel| format(&CameraFormat::new_from(640, 360, pixel, 30));
        let ours = |pixel| Some(Format { width: 640, height: 360, fps: 30, pixel });
        assert_eq!(of(FrameFormat::NV12), ours(Pixel::Nv12));
        assert_eq!(of(FrameFormat::YUYV), ours(Pixel::Yuyv));
        assert_eq!(of(FrameFormat::MJPEG), ours(Pixel::Mjpeg));
        assert_eq!(of(FrameFormat::GRAY), None);
    }
}
