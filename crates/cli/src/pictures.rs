//! What the others showed last, in files.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use beckon_media::layout::TileId;
use beckon_media::{ColorSpace, VideoFrame};
use beckon_session::SessionHandle;

/// Writes the last picture of each of the others' cameras and screens into `folder`, one file each: YUV4MPEG2 with one
/// picture, which players open and programs read easily.
pub(crate) fn write(session: &SessionHandle, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let members = session.view().borrow().members.clone();
    for member in members.iter().filter(|member| !member.is_local) {
        let tiles = [("camera", Some(member.tile_id())), ("screen", member.screen_tile.map(TileId))];
        for (kind, tile) in tiles {
            let Some(picture) = tile.and_then(|tile| session.video(tile).try_recv().ok()) else { continue };
            // User names come from others.
            let user: String = member.user_id.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
            let file = folder.join(format!("{user}-{kind}.y4m"));
            std::fs::write(&file, bytes(&picture)?).with_context(|| format!("{} cannot be written", file.display()))?;
        }
    }
    Ok(())
}

fn bytes(picture: &VideoFrame) -> std::io::Result<Vec<u8>> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    // FFmpeg's own addition to the format; who does not know it passes over it. For the matrix there is none.
    let range = match picture.color {
        ColorSpace::Bt709Limited | ColorSpace::Bt601Limited => "LIMITED",
        ColorSpace::Bt709Full | ColorSpace::Bt601Full => "FULL",
    };
    let mut bytes = Vec::with_capacity(width * height * 3 / 2 + 96);
    write!(bytes, "YUV4MPEG2 W{width} H{height} F1:1 Ip A1:1 C420mpeg2 XCOLORRANGE={range}\nFRAME\n")?;
    for ((plane, stride), half) in picture.planes().into_iter().zip([1, 2, 2]) {
        let (width, height) = (width.div_ceil(half), height.div_ceil(half));
        for row in plane.chunks(stride).take(height) {
            bytes.extend_from_slice(&row[..width]);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_media::{FramePool, MediaTime};

    #[test]
    fn a_picture_is_written_without_what_stands_beside_its_rows_and_with_the_range_of_its_colours() {
        let ranges = [
            (ColorSpace::Bt709Limited, "LIMITED"),
            (ColorSpace::Bt601Limited, "LIMITED"),
            (ColorSpace::Bt709Full, "FULL"),
            (ColorSpace::Bt601Full, "FULL"),
        ];
        let pool = FramePool::new();
        for (color, range) in ranges {
            let mut picture = pool.get(6, 4);
            picture.fill(50, 60, 70);
            picture.color = color;
            let written = bytes(&picture.freeze(MediaTime(0))).unwrap();
            let header = format!("YUV4MPEG2 W6 H4 F1:1 Ip A1:1 C420mpeg2 XCOLORRANGE={range}\nFRAME\n");
            assert_eq!(&written[..header.len()], header.as_bytes());
            let planes = [vec![50; 24], vec![60; 6], vec![70; 6]].concat();
            assert_eq!(&written[header.len()..], planes);
        }
    }
}
