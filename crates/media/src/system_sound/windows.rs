//! Windows 10 2004 and later: what all programs play but ours and those that ours has started (the web view), added up by
//! Windows before it reaches a loudspeaker ("process loopback").

use std::mem::ManuallyDrop;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use windows::Win32::Foundation::{CloseHandle, E_FAIL, E_POINTER, HANDLE};
use windows::Win32::Media::Audio::{
    AUDCLNT_BUFFERFLAGS_SILENT, AUDCLNT_SHAREMODE_SHARED, AUDCLNT_STREAMFLAGS_AUTOCONVERTPCM,
    AUDCLNT_STREAMFLAGS_EVENTCALLBACK, AUDCLNT_STREAMFLAGS_LOOPBACK, AUDCLNT_STREAMFLAGS_SRC_DEFAULT_QUALITY,
    AUDIOCLIENT_ACTIVATION_PARAMS, AUDIOCLIENT_ACTIVATION_PARAMS_0, AUDIOCLIENT_ACTIVATION_TYPE_PROCESS_LOOPBACK,
    AUDIOCLIENT_PROCESS_LOOPBACK_PARAMS, ActivateAudioInterfaceAsync, IActivateAudioInterfaceAsyncOperation,
    IActivateAudioInterfaceCompletionHandler, IActivateAudioInterfaceCompletionHandler_Impl, IAudioCaptureClient,
    IAudioClient, PROCESS_LOOPBACK_MODE_EXCLUDE_TARGET_PROCESS_TREE, VIRTUAL_AUDIO_DEVICE_PROCESS_LOOPBACK,
    WAVEFORMATEX,
};
use windows::Win32::System::Com::StructuredStorage::{PROPVARIANT, PROPVARIANT_0, PROPVARIANT_0_0, PROPVARIANT_0_0_0};
use windows::Win32::System::Com::{BLOB, CoIncrementMTAUsage};
use windows::Win32::System::Threading::{CreateEventW, WaitForSingleObject};
use windows::Win32::System::Variant::VT_BLOB;
use windows::core::{Error, HRESULT, IUnknown, Interface, Ref, Result, implement};

use super::blend::Blend;
use super::listening;
use crate::frame::SAMPLE_RATE;
use crate::source::{AudioSink, RunningSource, SourceError};

/// All other programs together are one stream.
const ALL: u32 = 0;
const CHANNELS: u16 = 2;
/// `WAVE_FORMAT_IEEE_FLOAT` (mmreg.h).
const FLOATS: u16 = 3;
/// What Windows keeps while we do not look, in 100 ns.
const BUFFER: i64 = 2_000_000;
/// Windows answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this Windows lets us listen.
pub(super) fn available() -> bool {
    Listener::begin().map_err(|error| tracing::debug!(%error, "the computer's sound cannot be shared")).is_ok()
}

/// Listens on a thread of its own.
pub(super) fn start(mut out: AudioSink) -> std::result::Result<RunningSource, SourceError> {
    let refused = |error: Error| SourceError::NotSupported {
        what: "sharing the computer's sound".to_owned(),
        reason: format!("it needs Windows 10 2004 or later ({error})"),
    };
    // What listens stays on the thread that made it, so whether it can is found out before.
    Listener::begin().map_err(refused)?;
    RunningSource::spawn("system-sound", move |control| {
        let first = Listener::begin().map_err(refused)?;
        listening::run(control, first, &mut out);
        Ok(())
    })
}

/// Tells that Windows has answered.
#[implement(IActivateAudioInterfaceCompletionHandler)]
struct Answered(Sender<()>);

impl IActivateAudioInterfaceCompletionHandler_Impl for Answered_Impl {
    fn ActivateCompleted(&self, _: Ref<'_, IActivateAudioInterfaceAsyncOperation>) -> Result<()> {
        // Nobody may wait any more.
        let _ = self.0.send(());
        Ok(())
    }
}

/// An event of Windows.
struct Event(HANDLE);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made by us, and closed once.
        let _ = unsafe { CloseHandle(self.0) };
    }
}

struct Listener {
    client: IAudioClient,
    capture: IAudioCaptureClient,
    /// Something has come.
    event: Event,
}

impl Listener {
    fn begin() -> Result<Self> {
        let client = activate()?;
        let format = WAVEFORMATEX {
            wFormatTag: FLOATS,
            nChannels: CHANNELS,
            nSamplesPerSec: SAMPLE_RATE,
            nAvgBytesPerSec: SAMPLE_RATE * u32::from(CHANNELS) * 4,
            nBlockAlign: CHANNELS * 4,
            wBitsPerSample: 32,
            cbSize: 0,
        };
        let how = AUDCLNT_STREAMFLAGS_LOOPBACK
            | AUDCLNT_STREAMFLAGS_EVENTCALLBACK
            | AUDCLNT_STREAMFLAGS_AUTOCONVERTPCM
            | AUDCLNT_STREAMFLAGS_SRC_DEFAULT_QUALITY;
        // SAFETY: the format lives as long as the call, and the event as long as the client, which is dropped first.
        unsafe {
            client.Initialize(AUDCLNT_SHAREMODE_SHARED, how, BUFFER, 0, &format, None)?;
            let event = Event(CreateEventW(None, false, false, None)?);
            client.SetEventHandle(event.0)?;
            let capture = client.GetService()?;
            client.Start()?;
            Ok(Self { client, capture, event })
        }
    }

    /// Takes everything that has come.
    fn take(&mut self, blend: &mut Blend) -> Result<()> {
        // SAFETY: returns a plain value.
        while unsafe { self.capture.GetNextPacketSize()? } > 0 {
            let (mut data, mut frames, mut flags) = (std::ptr::null_mut(), 0, 0);
            // SAFETY: the places live as long as the call.
            unsafe { self.capture.GetBuffer(&mut data, &mut frames, &mut flags, None, None)? };
            if flags & AUDCLNT_BUFFERFLAGS_SILENT.0 as u32 != 0 || data.is_null() {
                blend.push(ALL, std::iter::repeat_n([0.0; 2], frames as usize));
            } else {
                // SAFETY: Windows gives that many frames of the format we asked for, until they are given back below.
                let samples = unsafe { std::slice::from_raw_parts(data.cast::<[f32; 2]>(), frames as usize) };
                blend.push(ALL, samples.iter().copied());
            }
            // SAFETY: got above, and not used any more.
            unsafe { self.capture.ReleaseBuffer(frames)? };
        }
        Ok(())
    }
}

impl listening::Listener for Listener {
    type Error = Error;

    fn open() -> Result<Self> {
        Self::begin()
    }

    fn listen(&mut self, patience: Duration, blend: &mut Blend) -> Result<()> {
        // Rounded up: with a patience of less than a millisecond there would be no pause at all.
        let patience = patience.as_micros().div_ceil(1000) as u32;
        // SAFETY: an event of ours. Whether it was time or the event is seen by what has come.
        unsafe { WaitForSingleObject(self.event.0, patience) };
        self.take(blend)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // SAFETY: takes nothing; what does not run cannot be stopped, and need not.
        let _ = unsafe { self.client.Stop() };
    }
}

/// Asks Windows for the sound of all programs but this one and its children.
fn activate() -> Result<IAudioClient> {
    let mut wanted = AUDIOCLIENT_ACTIVATION_PARAMS {
        ActivationType: AUDIOCLIENT_ACTIVATION_TYPE_PROCESS_LOOPBACK,
        Anonymous: AUDIOCLIENT_ACTIVATION_PARAMS_0 {
            ProcessLoopbackParams: AUDIOCLIENT_PROCESS_LOOPBACK_PARAMS {
                TargetProcessId: std::process::id(),
                ProcessLoopbackMode: PROCESS_LOOPBACK_MODE_EXCLUDE_TARGET_PROCESS_TREE,
            },
        },
    };
    let blob = BLOB { cbSize: size_of::<AUDIOCLIENT_ACTIVATION_PARAMS>() as u32, pBlobData: (&raw mut wanted).cast() };
    // Dropped, it would free `wanted`, which is no memory of Windows.
    let wanted = ManuallyDrop::new(PROPVARIANT {
        Anonymous: PROPVARIANT_0 {
            Anonymous: ManuallyDrop::new(PROPVARIANT_0_0 {
                vt: VT_BLOB,
                Anonymous: PROPVARIANT_0_0_0 { blob },
                ..Default::default()
            }),
        },
    });
    let (tell, answered) = channel();
    let handler: IActivateAudioInterfaceCompletionHandler = Answered(tell).into();
    let (mut result, mut made) = (HRESULT(0), None::<IUnknown>);
    // SAFETY: all places live until Windows has answered, or this has given up and Windows has copied them at the call. The
    // threads of this process may use COM from here on, whether they have said so or not.
    unsafe {
        CoIncrementMTAUsage()?;
        let device = VIRTUAL_AUDIO_DEVICE_PROCESS_LOOPBACK;
        let operation = ActivateAudioInterfaceAsync(device, &IAudioClient::IID, Some(&*wanted), &handler)?;
        answered.recv_timeout(PATIENCE).map_err(|_| Error::new(E_FAIL, "Windows does not answer"))?;
        operation.GetActivateResult(&mut result, &mut made)?;
    }
    result.ok()?;
    made.ok_or_else(|| Error::from(E_POINTER))?.cast()
}
