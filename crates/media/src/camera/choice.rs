//! Which of the formats a camera offers is taken.

use super::driver::{Format, Pixel};
use crate::frame::within;

/// The place of the one nearest to this size and rate; `None` when none is offered.
pub(super) fn best(offered: &[Format], wanted: (u32, u32), fps: u32) -> Option<usize> {
    (0..offered.len()).min_by_key(|n| misfit(&offered[*n], wanted, fps))
}

/// How badly a format fits what is wanted: too small and too slow weigh most, then what of it lies outside the wanted
/// shape, then too large, then the work of decoding.
fn misfit(format: &Format, wanted: (u32, u32), fps: u32) -> u64 {
    let (w, h) = (f64::from(wanted.0), f64::from(wanted.1));
    let area = |(w, h): (u32, u32)| f64::from(w) * f64::from(h);
    let whole = (format.width, format.height);
    let used = within(whole, wanted);
    let larger = (area(whole) / (w * h)).sqrt();
    let small = f64::max(0.0, 1.0 - f64::from(used.0) / w) + f64::max(0.0, 1.0 - f64::from(used.1) / h);
    let cut = 1.0 - area(used) / area(whole).max(1.0);
    let speed = f64::from(format.fps) / f64::from(fps);
    let work = match format.pixel {
        Pixel::Nv12 => 0.0,
        Pixel::Yuyv => 1.0,
        Pixel::Mjpeg => 20.0,
    };
    let cost = small * 1000.0
        + cut * 1000.0
        + f64::max(0.0, larger - 1.0) * 600.0
        + f64::max(0.0, 1.0 - speed) * 900.0
        + f64::max(0.0, speed - 1.0) * 10.0
        + work;
    (cost * 16.0) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    type Offer = (u32, u32, Pixel, u32);

    fn taken(offered: &[Offer], w: u32, h: u32, fps: u32) -> Offer {
        let format = |&(width, height, pixel, fps): &Offer| Format { width, height, fps, pixel };
        let formats: Vec<_> = offered.iter().map(format).collect();
        offered[best(&formats, (w, h), fps).unwrap()]
    }

    #[test]
    fn of_nothing_nothing_is_taken() {
        assert_eq!(best(&[], (1280, 720), 30), None);
    }

    #[test]
    fn the_format_that_fits_is_taken() {
        use Pixel::{Mjpeg, Yuyv};
        // What a common webcam offers.
        let offered = [
            (640, 480, Yuyv, 30),
            (640, 360, Yuyv, 30),
            (1280, 720, Yuyv, 10),
            (640, 480, Mjpeg, 30),
            (1280, 720, Mjpeg, 30),
            (1920, 1080, Mjpeg, 30),
        ];
        assert_eq!(taken(&offered, 1280, 720, 30), (1280, 720, Mjpeg, 30));
        assert_eq!(taken(&offered, 640, 360, 30), (640, 360, Yuyv, 30));
        assert_eq!(taken(&offered, 640, 480, 30), (640, 480, Yuyv, 30));
        assert_eq!(taken(&offered[..2], 1280, 720, 30), (640, 360, Yuyv, 30));
        assert_eq!(
            taken(&offered, 320, 180, 15),
            (640, 360, Yuyv, 30),
            "larger is scaled down, and as little as can be"
        );
        assert_eq!(taken(&offered, 1920, 1080, 30), (1920, 1080, Mjpeg, 30));
    }

    #[test]
    fn of_4_to_3_the_camera_gives_what_it_has_and_the_rest_is_cut_from_wider_pictures() {
        use Pixel::{Mjpeg, Yuyv};
        let offered = [
            (640, 480, Yuyv, 30),
            (640, 360, Yuyv, 30),
            (1280, 720, Mjpeg, 30),
            (1920, 1080, Mjpeg, 30),
            (3840, 2160, Mjpeg, 30),
        ];
        for (w, h) in [(240, 180), (480, 360), (640, 480), (720, 540)] {
            assert_eq!(taken(&offered, w, h, 30), (640, 480, Yuyv, 30), "{w} × {h}");
        }
        assert_eq!(taken(&offered, 960, 720, 30), (1280, 720, Mjpeg, 30));
        assert_eq!(taken(&offered, 1440, 1080, 30), (1920, 1080, Mjpeg, 30));
        assert_eq!(taken(&offered[1..], 480, 360, 30), (640, 360, Yuyv, 30));
    }
}
