//! Where a window goes: into the middle of the screen, and never larger than the screen has room for.

use tauri::{LogicalSize, PhysicalPosition, PhysicalRect, PhysicalSize};

/// What systems draw around a page, the title bar before all, logical pixels. A window that has not been shown does not
/// know it on every system; this is what Windows draws, and the others draw about as much or less.
pub const FRAME: LogicalSize<f64> = LogicalSize::new(16.0, 40.0);

/// What Tauri must be told to leave free beside the page when it makes a window. On Windows it counts the title bar by
/// itself, and the rest is shadow.
pub const LEFT_FREE: LogicalSize<f64> = if cfg!(windows) { LogicalSize::new(0.0, 0.0) } else { FRAME };

/// The window of a page of this size, in the middle of a screen's work area: where its corner lies, and the page's size
/// where it fits. A window that is larger all the same, as none may be smaller than its least size, begins at the
/// area's corner: its title bar can be reached.
pub fn in_the_middle(
    area: &PhysicalRect<i32, u32>,
    page: PhysicalSize<u32>,
    frame: PhysicalSize<u32>,
) -> (PhysicalPosition<i32>, PhysicalSize<u32>) {
    let (x, width) = along(area.position.x, area.size.width, page.width, frame.width);
    let (y, height) = along(area.position.y, area.size.height, page.height, frame.height);
    (PhysicalPosition::new(x, y), PhysicalSize::new(width, height))
}

/// The same in one direction.
fn along(start: i32, room: u32, page: u32, frame: u32) -> (i32, u32) {
    let page = page.min(room.saturating_sub(frame));
    let free = room.saturating_sub(page.saturating_add(frame));
    (start.saturating_add_unsigned(free / 2), page)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AROUND: PhysicalSize<u32> = PhysicalSize::new(16, 40);

    fn placed(area: (i32, i32, u32, u32), page: (u32, u32)) -> ((i32, i32), (u32, u32)) {
        let (x, y, width, height) = area;
        let area = PhysicalRect { position: PhysicalPosition::new(x, y), size: PhysicalSize::new(width, height) };
        let (at, size) = in_the_middle(&area, PhysicalSize::new(page.0, page.1), AROUND);
        ((at.x, at.y), (size.width, size.height))
    }

    #[test]
    fn where_there_is_room_it_lies_in_the_middle_in_full_size() {
        assert_eq!(placed((0, 0, 1920, 1040), (1280, 700)), ((312, 150), (1280, 700)));
        assert_eq!(
            placed((-1920, 30, 1920, 1040), (1280, 700)),
            ((-1608, 180), (1280, 700)),
            "left of the first screen"
        );
    }

    #[test]
    fn a_small_screen_shows_all_of_it_with_its_title_bar() {
        let ((x, y), (width, height)) = placed((0, 0, 1280, 672), (1280, 700));
        assert_eq!(((x, y), (width, height)), ((0, 0), (1264, 632)));
        // At 150 %, where the page wants one and a half times as many pixels.
        assert_eq!(placed((0, 40, 1366, 728), (1920, 1050)), ((0, 40), (1350, 688)));
    }

    #[test]
    fn a_screen_of_next_to_nothing_hides_no_corner() {
        assert_eq!(placed((5, 7, 10, 20), (1280, 700)), ((5, 7), (0, 0)));
        assert_eq!(placed((0, 0, 1366, 728), (u32::MAX, u32::MAX)), ((0, 0), (1350, 688)));
    }
}
