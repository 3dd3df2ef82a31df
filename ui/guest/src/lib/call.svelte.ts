// The call: a LiveKit room as the state this page draws.
import { DisconnectReason, type Participant, Room, RoomEvent, Track, VideoPresets } from 'livekit-client';

import type { GuestEntrance } from '../../../protocol/index';
import { comeback } from './comeback';
import { type Device, type Trouble, type Wish, troubleOf } from './devices';
import { Refused, enter } from './entrance';

const CHAT_TOPIC = 'lk.chat';

/** Whether this browser can share a screen at all: phones cannot. */
export const canShareScreen = (): boolean => typeof navigator.mediaDevices?.getDisplayMedia === 'function';

/** Browsers call it the same whether the person closed the question or the system allows no page to ask it. */
export function changedTheirMind(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotAllowedError' && !/system/i.test(error.message);
}

/** Whether the room takes nothing from somebody; a server that says nothing of it takes all. */
const isAudience = (participant: Participant): boolean => participant.permissions?.canPublish === false;

export type Phase = 'lobby' | 'connecting' | 'connected' | 'reconnecting' | 'ended' | 'problem';
export type Ending = 'ended' | 'endedByHost' | 'endedElsewhere' | 'endedRemoved' | 'endedLost';

export interface Person {
  identity: string;
  name: string;
  local: boolean;
  /** Of a live room's audience: sees, hears and writes, and has no place among the pictures. */
  audience: boolean;
  muted: boolean;
  speaking: boolean;
  video: Track | undefined;
  screen: Track | undefined;
}

export interface Message {
  id: number;
  from: string;
  local: boolean;
  text: string;
  /** UNIX time in ms. */
  time: number;
}

export class Call {
  phase = $state<Phase>('lobby');
  ending = $state<Ending>('ended');
  refusal = $state<Refused | undefined>();
  people = $state.raw<Person[]>([]);
  messages = $state<Message[]>([]);
  microphone = $state(false);
  camera = $state(false);
  /** We are of a live room's audience: the room takes neither pictures nor sound from us. */
  audience = $state(false);
  /** Why a device that was wanted is not on, until it is or nobody wants to know any more. */
  troubles = $state<Partial<Record<Device, Trouble | undefined>>>({});
  sharing = $state(false);
  /** The browser would not let this page share the screen; until the next try. */
  shareFailed = $state(false);
  /** The browser plays no sound before a click. */
  silent = $state(false);
  title = $state('');
  /** What the guest said last of each device: who joins again finds both as they were. */
  wish: Wish = { camera: true, microphone: true };
  /** The room that is joined; none any more once the guest has left. */
  #room: Room | undefined;
  /** Counts each joining and leaving: a joining that another one has followed is not wanted any more. */
  #visit = 0;
  #count = 0;

  async join(room: string, invitation: string, name: string, wish: Wish) {
    this.#visit += 1;
    const visit = this.#visit;
    this.#letGo();
    this.wish = { ...wish };
    this.phase = 'connecting';
    this.refusal = undefined;
    this.messages = [];
    this.troubles = {};
    try {
      const entrance = await enter(room, invitation, name);
      if (visit === this.#visit) await this.#connect(entrance);
    } catch (error) {
      // Of a guest who has left nothing failed.
      if (visit !== this.#visit) return;
      const failed = this.#letGo();
      this.refusal = error instanceof Refused ? error : new Refused('unreachable', String(error));
      this.phase = 'problem';
      await failed?.disconnect();
    }
  }

  /** The room that was joined, if one was: what it tells from now on is of before. */
  #letGo(): Room | undefined {
    const room = this.#room;
    this.#room = undefined;
    return room;
  }

  async #connect(entrance: GuestEntrance) {
    const room = new Room({
      // In the display's own pixels: else small print in a shared screen is blurred where those are dense.
      adaptiveStream: { pixelDensity: 'screen' },
      dynacast: true,
      disconnectOnPageLeave: true,
      reconnectPolicy: comeback(),
      videoCaptureDefaults: { resolution: VideoPresets.h720.resolution },
      publishDefaults: { videoCodec: 'h264', simulcast: true },
    });
    this.#room = room;
    this.title = entrance.room.roomTitle || entrance.room.roomName || entrance.room.roomID;
    const redraw = () => this.#redraw();
    for (const event of [
      RoomEvent.ParticipantConnected,
      RoomEvent.ParticipantDisconnected,
      RoomEvent.ParticipantNameChanged,
      RoomEvent.ParticipantPermissionsChanged,
      RoomEvent.TrackSubscribed,
      RoomEvent.TrackUnsubscribed,
      RoomEvent.TrackMuted,
      RoomEvent.TrackUnmuted,
      RoomEvent.LocalTrackPublished,
      RoomEvent.LocalTrackUnpublished,
      RoomEvent.ActiveSpeakersChanged,
    ] as const) {
      room.on(event, redraw);
    }
    room
      .on(RoomEvent.SignalReconnecting, () => (this.phase = 'reconnecting'))
      .on(RoomEvent.Reconnecting, () => (this.phase = 'reconnecting'))
      .on(RoomEvent.Reconnected, () => {
        this.phase = 'connected';
        redraw();
      })
      .on(RoomEvent.AudioPlaybackStatusChanged, () => (this.silent = !room.canPlaybackAudio))
      .on(RoomEvent.TrackSubscribed, (track) => {
        if (track.kind !== Track.Kind.Audio) return;
        const element = track.attach();
        element.dataset['source'] = track.source;
        document.body.append(element);
      })
      .on(RoomEvent.TrackUnsubscribed, (track) => {
        if (track.kind === Track.Kind.Audio) for (const element of track.detach()) element.remove();
      })
      .on(RoomEvent.Disconnected, (reason) => this.#room === room && this.#over(reason));
    room.registerTextStreamHandler(CHAT_TOPIC, (reader, from) => {
      reader.readAll().then(
        (text) => {
          const person = room.remoteParticipants.get(from.identity);
          this.#write(person?.name || from.identity, false, text);
        },
        (error: unknown) => console.warn('a text did not come whole', error),
      );
    });

    await room.connect(entrance.url, entrance.token);
    // Who has left meanwhile opens no device, and stays in no room.
    if (this.#room !== room) return room.disconnect();
    this.phase = 'connected';
    this.silent = !room.canPlaybackAudio;
    redraw();
    if (this.audience) return;
    // A device that fails does not keep the guest out of the room.
    await Promise.all([
      this.wish.microphone ? this.setMicrophone(true) : undefined,
      this.wish.camera ? this.setCamera(true) : undefined,
    ]);
  }

  #redraw() {
    const room = this.#room;
    if (!room) return;
    this.microphone = room.localParticipant.isMicrophoneEnabled;
    this.camera = room.localParticipant.isCameraEnabled;
    this.sharing = room.localParticipant.isScreenShareEnabled;
    this.audience = isAudience(room.localParticipant);
    this.people = [...room.remoteParticipants.values(), room.localParticipant].map((one) => this.#person(one));
  }

  #person(participant: Participant): Person {
    const live = (source: Track.Source) => {
      const publication = participant.getTrackPublication(source);
      return publication && !publication.isMuted ? publication.track : undefined;
    };
    return {
      identity: participant.identity,
      name: participant.name || participant.identity,
      local: participant.isLocal,
      audience: isAudience(participant),
      muted: !participant.isMicrophoneEnabled,
      speaking: participant.isSpeaking,
      video: live(Track.Source.Camera),
      screen: live(Track.Source.ScreenShare),
    };
  }

  #over(reason: DisconnectReason | undefined) {
    const endings: Partial<Record<DisconnectReason, Ending>> = {
      [DisconnectReason.CLIENT_INITIATED]: 'ended',
      [DisconnectReason.ROOM_DELETED]: 'endedByHost',
      [DisconnectReason.ROOM_CLOSED]: 'endedByHost',
      [DisconnectReason.DUPLICATE_IDENTITY]: 'endedElsewhere',
      [DisconnectReason.PARTICIPANT_REMOVED]: 'endedRemoved',
    };
    this.ending = (reason !== undefined && endings[reason]) || 'endedLost';
    this.people = [];
    this.sharing = false;
    this.phase = 'ended';
  }

  #write(from: string, local: boolean, text: string) {
    this.#count += 1;
    this.messages.push({ id: this.#count, from, local, text, time: Date.now() });
  }

  async send(text: string) {
    const room = this.#room;
    if (!room) return;
    await room.localParticipant.sendText(text, { topic: CHAT_TOPIC });
    this.#write(room.localParticipant.name ?? '', true, text);
  }

  async setMicrophone(on: boolean): Promise<void> {
    if (this.audience) return;
    this.wish.microphone = on;
    await this.#turn('microphone', () => this.#room?.localParticipant.setMicrophoneEnabled(on));
  }

  async setCamera(on: boolean): Promise<void> {
    if (this.audience) return;
    this.wish.camera = on;
    await this.#turn('camera', () => this.#room?.localParticipant.setCameraEnabled(on));
  }

  async #turn(device: Device, turn: () => Promise<unknown> | undefined): Promise<void> {
    this.troubles[device] = undefined;
    try {
      await turn();
    } catch (error) {
      console.warn(`the ${device} does not go on`, error);
      this.troubles[device] = troubleOf(error);
    }
    this.#redraw();
  }

  /** Asks the browser for a screen, window or tab and shows it to the others; or stops that. */
  async setScreen(on: boolean): Promise<void> {
    if (this.audience) return;
    this.shareFailed = false;
    try {
      await this.#room?.localParticipant.setScreenShareEnabled(on, {
        // Of the whole computer's sound the call itself would be a part.
        audio: false,
        contentHint: 'detail',
        selfBrowserSurface: 'exclude',
        surfaceSwitching: 'include',
      });
    } catch (error) {
      this.shareFailed = !changedTheirMind(error);
    }
    this.#redraw();
  }

  /** Where the browser still plays none, the button stays for another click. */
  async playSound() {
    try {
      await this.#room?.startAudio();
    } catch (error) {
      console.warn('the browser plays no sound', error);
    }
  }

  /** Also while the call is being joined: then there may be no room yet that would say that it is over. */
  async leave() {
    this.#visit += 1;
    const room = this.#letGo();
    this.#over(DisconnectReason.CLIENT_INITIATED);
    await room?.disconnect();
  }
}
