//! Cameras through Media Foundation: a source reader in its simple form, one call for each picture.
//!
//! Everything here stays on the thread that opened the camera, and is let go of there in the reverse order.

use std::marker::PhantomData;
use std::ptr;
use std::time::Duration;

use windows::Win32::Foundation::{E_POINTER, RPC_E_CHANGED_MODE};
use windows::Win32::Media::MediaFoundation::{
    IMFActivate, IMFAttributes, IMFMediaBuffer, IMFMediaSource, IMFMediaType, IMFSample, IMFSourceReader,
    MF_DEVSOURCE_ATTRIBUTE_FRIENDLY_NAME, MF_DEVSOURCE_ATTRIBUTE_SOURCE_TYPE,
    MF_DEVSOURCE_ATTRIBUTE_SOURCE_TYPE_VIDCAP_GUID, MF_DEVSOURCE_ATTRIBUTE_SOURCE_TYPE_VIDCAP_SYMBOLIC_LINK,
    MF_E_NO_MORE_TYPES, MF_MT_DEFAULT_STRIDE, MF_MT_FRAME_RATE, MF_MT_FRAME_RATE_RANGE_MAX, MF_MT_FRAME_SIZE,
    MF_MT_SUBTYPE, MF_READWRITE_DISABLE_CONVERTERS, MF_SOURCE_READER_ALL_STREAMS, MF_SOURCE_READER_FIRST_VIDEO_STREAM,
    MF_SOURCE_READER_FLAG, MF_SOURCE_READERF_CURRENTMEDIATYPECHANGED, MF_SOURCE_READERF_ENDOFSTREAM,
    MF_SOURCE_READERF_ERROR, MF_SOURCE_READERF_NATIVEMEDIATYPECHANGED, MF_VERSION, MFCreateAttributes,
    MFCreateSourceReaderFromMediaSource, MFEnumDeviceSources, MFGetSystemTime, MFSTARTUP_LITE,
    MFSampleExtension_DeviceTimestamp, MFShutdown, MFStartup,
};
use windows::Win32::System::Com::{COINIT_MULTITHREADED, CoInitializeEx, CoTaskMemFree, CoUninitialize};
use windows::core::{Error, GUID, Result as Answer};

use super::media_foundation::{Offer, captured, failure, packed};
use super::{Failure, Format, Listed, Picture};
use crate::camera::CameraInfo;
use crate::clock::MediaTime;

const VIDEO: u32 = MF_SOURCE_READER_FIRST_VIDEO_STREAM.0 as u32;
const ALL: u32 = MF_SOURCE_READER_ALL_STREAMS.0 as u32;
/// A reader that had no picture is asked again after this. It waits for the next one by itself, so this is for a driver
/// that does not.
const PAUSE: Duration = Duration::from_millis(5);

// What is tested on every system has no names of Windows: they are the same numbers.
const _: () = {
    use super::media_foundation as ours;
    use windows::Win32::{Foundation as system, Media::MediaFoundation as media};
    use windows::core::HRESULT;

    assert!(ours::E_ACCESSDENIED == system::E_ACCESSDENIED.0 as u32);
    assert!(ours::MF_E_HW_MFT_FAILED_START_STREAMING == media::MF_E_HW_MFT_FAILED_START_STREAMING.0 as u32);
    assert!(ours::MF_E_VIDEO_RECORDING_DEVICE_INVALIDATED == media::MF_E_VIDEO_RECORDING_DEVICE_INVALIDATED.0 as u32);
    assert!(ours::MF_E_VIDEO_RECORDING_DEVICE_PREEMPTED == media::MF_E_VIDEO_RECORDING_DEVICE_PREEMPTED.0 as u32);
    assert!(ours::ERROR_SHARING_VIOLATION == HRESULT::from_win32(system::ERROR_SHARING_VIOLATION.0).0 as u32);
    assert!(ours::ERROR_BUSY == HRESULT::from_win32(system::ERROR_BUSY.0).0 as u32);
    assert!(ours::ERROR_NO_SUCH_DEVICE == HRESULT::from_win32(system::ERROR_NO_SUCH_DEVICE.0).0 as u32);
    assert!(ours::ERROR_DEVICE_NOT_CONNECTED == HRESULT::from_win32(system::ERROR_DEVICE_NOT_CONNECTED.0).0 as u32);
    assert!(ours::ERROR_DEVICE_REMOVED == HRESULT::from_win32(system::ERROR_DEVICE_REMOVED.0).0 as u32);
    assert!(ours::NV12 == media::MFVideoFormat_NV12.to_u128());
    assert!(ours::YUY2 == media::MFVideoFormat_YUY2.to_u128());
    assert!(ours::MJPG == media::MFVideoFormat_MJPG.to_u128());
};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // Where the number has a meaning, it is told nowhere else.
        tracing::debug!(%error, "Media Foundation refuses");
        failure(error.code().0 as u32).unwrap_or_else(|| Self::Other(error.to_string()))
    }
}

/// COM on this thread.
struct Com {
    /// False where the thread had it already in another form, which serves as well: that is not ours to end.
    ours: bool,
    /// For this thread only.
    _thread: PhantomData<*const ()>,
}

impl Com {
    fn begin() -> Answer<Self> {
        // SAFETY: ended once by `drop`, on this thread.
        let begun = unsafe { CoInitializeEx(None, COINIT_MULTITHREADED) };
        if begun != RPC_E_CHANGED_MODE {
            begun.ok()?;
        }
        Ok(Self { ours: begun.is_ok(), _thread: PhantomData })
    }
}

impl Drop for Com {
    fn drop(&mut self) {
        if self.ours {
            // SAFETY: begun in `begin`, on this thread; what needed it is gone.
            unsafe { CoUninitialize() };
        }
    }
}

/// Media Foundation, as long as this lives. Windows counts who uses it, so a list may be read while a camera runs.
struct System {
    _com: Com,
}

impl System {
    fn start() -> Answer<Self> {
        let com = Com::begin()?;
        // SAFETY: ended once by `drop`.
        unsafe { MFStartup(MF_VERSION, MFSTARTUP_LITE)? };
        Ok(Self { _com: com })
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // SAFETY: started in `start`; what was made with it is gone. What it says helps nobody any more.
        let _ = unsafe { MFShutdown() };
    }
}

/// The cameras that are plugged in, in Windows' order. Opens none of them.
pub(in crate::camera) fn list() -> Result<Vec<Listed>, Failure> {
    listed().map_err(|error| Failure::Other(error.to_string()))
}

fn listed() -> Answer<Vec<Listed>> {
    let _system = System::start()?;
    Ok(devices()?.into_iter().map(|(listed, _)| listed).collect())
}

/// The cameras, with what opens each.
fn devices() -> Answer<Vec<(Listed, IMFActivate)>> {
    let wanted = attributes()?;
    let (mut array, mut count) = (ptr::null_mut(), 0);
    // SAFETY: the keys, and the places for array and count, live as long as the call.
    unsafe {
        wanted.SetGUID(&MF_DEVSOURCE_ATTRIBUTE_SOURCE_TYPE, &MF_DEVSOURCE_ATTRIBUTE_SOURCE_TYPE_VIDCAP_GUID)?;
        MFEnumDeviceSources(&wanted, &mut array, &mut count)?;
    }
    // With no camera there need not be an array.
    let length = if array.is_null() { 0 } else { count as usize };
    // SAFETY: `array` has as many places. Each is read once, and what was in it is ours from then on.
    let found: Vec<Option<IMFActivate>> = (0..length).map(|n| unsafe { array.add(n).read() }).collect();
    // SAFETY: the array was made for us to free; what was in it has moved out. Null is no array.
    unsafe { CoTaskMemFree(Some(array.cast_const().cast())) };
    let listed = found.into_iter().enumerate().filter_map(|(index, activate)| {
        let activate = activate?;
        // One that was unplugged meanwhile knows nothing of itself.
        let label = string(&activate, &MF_DEVSOURCE_ATTRIBUTE_FRIENDLY_NAME).ok()?;
        let told = string(&activate, &MF_DEVSOURCE_ATTRIBUTE_SOURCE_TYPE_VIDCAP_SYMBOLIC_LINK).unwrap_or_default();
        Some((Listed { index: index.to_string(), label, told }, activate))
    });
    Ok(listed.collect())
}

/// Room for one attribute.
fn attributes() -> Answer<IMFAttributes> {
    let mut made = None;
    // SAFETY: `made` lives as long as the call.
    unsafe { MFCreateAttributes(&mut made, 1)? };
    made.ok_or_else(|| E_POINTER.into())
}

fn string(of: &IMFAttributes, key: &GUID) -> Answer<String> {
    // SAFETY: the key lives as long as the calls, and the text has room for what is said and the null after it.
    unsafe {
        let mut text = vec![0_u16; of.GetStringLength(key)? as usize + 1];
        of.GetString(key, &mut text, None)?;
        text.pop();
        Ok(String::from_utf16_lossy(&text))
    }
}

/// An opened device. Shut down when dropped: only then does its light go out.
struct Source(IMFMediaSource);

impl Source {
    /// Finds the camera by what Windows knows it by, and only where that is nothing by its place.
    fn open(info: &CameraInfo) -> Result<Self, Failure> {
        let devices = devices()?;
        let known = devices.iter().find(|(listed, _)| listed.told == info.id);
        let placed = || devices.iter().find(|(listed, _)| listed.told.is_empty() && listed.index == info.index);
        let (_, activate) = known.or_else(placed).ok_or(Failure::Gone)?;
        // SAFETY: no pointers besides the interfaces.
        Ok(Self(unsafe { activate.ActivateObject()? }))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: no pointers besides the interface. What a reader that is gone has shut down already, only says so.
        let _ = unsafe { self.0.Shutdown() };
    }
}

/// An open camera.
pub(in crate::camera) struct Camera {
    // Dropped from the top down: a reader that reads no more, the device, and what both needed.
    stream: Stream,
    _source: Source,
    _system: System,
    id: String,
}

impl Camera {
    /// Opens it with the one of its usable formats that `choose` takes.
    pub(in crate::camera) fn open(
        info: &CameraInfo,
        choose: impl FnOnce(&[Format]) -> Option<usize>,
    ) -> Result<Self, Failure> {
        let system = System::start()?;
        let source = Source::open(info)?;
        let plain = attributes()?;
        // SAFETY: the key lives as long as the call.
        let reader = unsafe {
            // Pictures as the camera makes them: what is to be made of them is our business.
            plain.SetUINT32(&MF_READWRITE_DISABLE_CONVERTERS, 1)?;
            MFCreateSourceReaderFromMediaSource(&source.0, &plain)?
        };
        let Offers { usable, foreign } = offers(&reader)?;
        let formats: Vec<_> = usable.iter().map(|(format, _)| *format).collect();
        let Some((format, kind)) = choose(&formats).and_then(|n| usable.get(n)) else {
            return Err(Failure::Unsupported(foreign.join(", ")));
        };
        // SAFETY: no pointers besides the interfaces.
        unsafe {
            // A camera may have a second stream, for photographs, which nobody would read.
            reader.SetStreamSelection(ALL, false)?;
            reader.SetStreamSelection(VIDEO, true)?;
            // The very type that was offered: one put together anew lacks what else the driver said of it, and may be
            // refused.
            reader.SetCurrentMediaType(VIDEO, None, kind)?;
        }
        tracing::debug!(camera = info.label, ?format, "camera opened");
        Ok(Self { stream: Stream::of(reader)?, _source: source, _system: system, id: info.id.clone() })
    }

    /// Waits for the next picture and gives it to `take`. `None` when none has come.
    pub(in crate::camera) fn read<T>(&mut self, take: impl FnOnce(Picture<'_>) -> T) -> Result<Option<T>, Failure> {
        self.stream.read(take).map_err(|failure| match failure {
            // Drivers say all sorts of things when their camera is pulled out.
            Failure::Other(_) if !self.is_there() => Failure::Gone,
            failure => failure,
        })
    }

    /// Whether Windows still lists it. One that it knows by nothing cannot be found, and counts as there.
    fn is_there(&self) -> bool {
        let it = |listed: &Listed| listed.told.is_empty() || listed.told == self.id;
        devices().map_or(true, |devices| devices.iter().any(|(listed, _)| it(listed)))
    }
}

/// What a reader's video stream can be.
struct Offers {
    /// What we can use, each with the type that sets it.
    usable: Vec<(Format, IMFMediaType)>,
    /// The names of the rest.
    foreign: Vec<String>,
}

fn offers(reader: &IMFSourceReader) -> Answer<Offers> {
    let (mut usable, mut foreign) = (Vec::new(), Vec::new());
    for n in 0.. {
        // SAFETY: takes plain values.
        let kind = match unsafe { reader.GetNativeMediaType(VIDEO, n) } {
            Ok(kind) => kind,
            Err(error) if error.code() == MF_E_NO_MORE_TYPES => break,
            Err(error) => return Err(error),
        };
        // One that does not say what it is, is none.
        let Ok(offer) = offer(&kind) else { continue };
        match offer.format() {
            Some(format) => usable.push((format, kind)),
            None => foreign.push(offer.title()),
        }
    }
    // The same at several rates.
    foreign.dedup();
    Ok(Offers { usable, foreign })
}

fn offer(kind: &IMFMediaType) -> Answer<Offer> {
    // SAFETY: the keys live as long as the calls.
    unsafe {
        let (subtype, size) = (kind.GetGUID(&MF_MT_SUBTYPE)?.to_u128(), kind.GetUINT64(&MF_MT_FRAME_SIZE)?);
        // A type that is set as it is runs at its rate. The range tells how it might be changed; it stands in where
        // there is no rate.
        let rate = kind.GetUINT64(&MF_MT_FRAME_RATE).ok().filter(|rate| *rate != 0);
        let rate = rate.or_else(|| kind.GetUINT64(&MF_MT_FRAME_RATE_RANGE_MAX).ok()).unwrap_or(0);
        Ok(Offer { subtype, size, rate })
    }
}

/// Pictures of a reader, whatever it reads from.
struct Stream {
    reader: IMFSourceReader,
    format: Format,
    /// What its type says of it, 0 where it says nothing.
    stride: i32,
    /// For pictures that must be copied together.
    room: Vec<u8>,
}

impl Stream {
    fn of(reader: IMFSourceReader) -> Result<Self, Failure> {
        let (format, stride) = current(&reader)?;
        Ok(Self { reader, format, stride, room: Vec::new() })
    }

    fn read<T>(&mut self, take: impl FnOnce(Picture<'_>) -> T) -> Result<Option<T>, Failure> {
        let (mut flags, mut time) = (0, 0);
        // Empty at each call: the reader writes over it without letting go of what was there.
        let mut sample: Option<IMFSample> = None;
        // SAFETY: all places live as long as the call, which writes an interface or nothing into the last.
        unsafe {
            let (flags, time, sample) = (&raw mut flags, &raw mut time, &raw mut sample);
            self.reader.ReadSample(VIDEO, 0, None, Some(flags), Some(time), Some(sample))?;
        }
        let now = MediaTime::now();
        // SAFETY: returns a plain value.
        let clock = unsafe { MFGetSystemTime() };
        let says = |flag: MF_SOURCE_READER_FLAG| flags & flag.0 as u32 != 0;
        if says(MF_SOURCE_READERF_ERROR) {
            return Err(Failure::Other("its stream broke off".to_owned()));
        }
        // A camera has no end of its own.
        if says(MF_SOURCE_READERF_ENDOFSTREAM) {
            return Err(Failure::Gone);
        }
        if says(MF_SOURCE_READERF_CURRENTMEDIATYPECHANGED) || says(MF_SOURCE_READERF_NATIVEMEDIATYPECHANGED) {
            (self.format, self.stride) = current(&self.reader)?;
            tracing::debug!(format = ?self.format, "the camera sends otherwise now");
        }
        // A gap in the stream, or news without a picture.
        let Some(sample) = sample else {
            std::thread::sleep(PAUSE);
            return Ok(None);
        };
        // SAFETY: the key lives as long as the call.
        let device = unsafe { sample.GetUINT64(&MFSampleExtension_DeviceTimestamp) }.ok();
        let device = device.and_then(|time| i64::try_from(time).ok());
        let capture = captured(now, clock, [device, Some(time)]);
        // Of a sample with one buffer this is that buffer as it is; several are copied together. It says nothing of
        // padding between rows. A 2-D buffer has none when it is locked like this: it copies its rows together if need
        // be. Of one that knows only bytes, as from most cameras, the rows are as long as the type says.
        // SAFETY: no pointers besides the interfaces.
        let buffer = unsafe { sample.ConvertToContiguousBuffer()? };
        let locked = Locked::lock(&buffer)?;
        let data = packed(self.format, self.stride, locked.bytes(), &mut self.room);
        let Format { width, height, pixel, .. } = self.format;
        Ok(Some(take(Picture { pixel, width, height, data, capture })))
    }
}

/// What a reader sends now: the format, and the stride its type says.
fn current(reader: &IMFSourceReader) -> Result<(Format, i32), Failure> {
    // SAFETY: takes a plain value; the key lives as long as the call.
    let (kind, stride) = unsafe {
        let kind = reader.GetCurrentMediaType(VIDEO)?;
        let stride = kind.GetUINT32(&MF_MT_DEFAULT_STRIDE);
        (kind, stride)
    };
    let offer = offer(&kind)?;
    let format = offer.format().ok_or_else(|| Failure::Unsupported(offer.title()))?;
    // Documented as a number with a sign in one without.
    Ok((format, stride.unwrap_or(0) as i32))
}

/// A buffer whose bytes may be read, until dropped.
struct Locked<'a> {
    buffer: &'a IMFMediaBuffer,
    start: *const u8,
    length: usize,
}

impl<'a> Locked<'a> {
    fn lock(buffer: &'a IMFMediaBuffer) -> Answer<Self> {
        let (mut start, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both places live as long as the call; unlocked once by `drop`.
        unsafe { buffer.Lock(&mut start, None, Some(&raw mut length))? };
        Ok(Self { buffer, start, length: length as usize })
    }

    fn bytes(&self) -> &[u8] {
        if self.start.is_null() {
            return &[];
        }
        // SAFETY: the buffer has that many bytes there, and nobody writes to a picture that was handed out.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: locked in `lock`, and unlocked only here.
        let _ = unsafe { self.buffer.Unlock() };
    }
}
